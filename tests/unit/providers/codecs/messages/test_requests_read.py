"""Requests of Anthropic programs, by the vendor's documentation, in the canonical form."""

from __future__ import annotations

import base64

import pytest

from resilient_ai.providers.canonical import (
    Choice,
    Document,
    Image,
    Message,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from tests.unit.providers.codecs.messages.reading import Json, read, user

# Whole requests. ------------------------------------------------------------------------------------------------------


def test_a_plain_one() -> None:
    asked: Json = {
        "model": "claude-opus-4-6",
        "max_tokens": 1024,
        "system": "You are a poet.",
        "messages": [
            {"role": "user", "content": "Hello there."},
            {"role": "assistant", "content": "Hi, I'm Claude."},
            {"role": "user", "content": [{"type": "text", "text": "Rhyme!", "cache_control": {"type": "ephemeral"}}]},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "stop_sequences": ["END"],
        "stream": True,
        "metadata": {"user_id": "u-1"},
        "service_tier": "auto",
        "cache_control": {"type": "ephemeral"},
        "speed": None,
    }
    assert read(asked) == Request(
        "claude-opus-4-6",
        [
            Message("system", [Text("You are a poet.")]),
            Message("user", [Text("Hello there.")]),
            Message("assistant", [Text("Hi, I'm Claude.")]),
            Message("user", [Text("Rhyme!")]),
        ],
        max_tokens=1024,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=["END"],
        stream=True,
    )


def test_tools_their_calls_and_results() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    asked: Json = {
        "tools": [
            {"name": "weather", "description": "The weather", "input_schema": schema, "strict": True},
            {"name": "now", "type": "custom", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "messages": [
            {"role": "user", "content": "Where is it warm?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Let me see", "signature": "c2ln"},
                    {"type": "text", "text": "I'll look."},
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich", "n": [1, 2]}},
                    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}, "caller": {"type": "direct"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12 degrees"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_2",
                        "is_error": True,
                        "content": [
                            {"type": "text", "text": "no clock"},
                            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                        ],
                    },
                    {"type": "text", "text": "And tomorrow?"},
                ],
            },
        ],
    }
    found = read(asked)
    assert found.tools == [
        Tool("weather", "The weather", schema, strict=True, at="tools[0]"),
        Tool("now", at="tools[1]"),
    ]
    assert (found.choice, found.parallel) == (Choice("any"), False)
    assert found.messages == [
        Message("user", [Text("Where is it warm?")]),
        Message(
            "assistant",
            [
                Text("I'll look."),
                ToolCall("toolu_1", "weather", '{"city":"Zürich","n":[1,2]}'),
                ToolCall("toolu_2", "now", "{}"),
            ],
        ),
        Message(
            "tool",
            [
                ToolResult("toolu_1", "weather", [Text("12 degrees")]),
                ToolResult("toolu_2", "now", [Text("no clock"), Image(url="https://example.org/a.png")], failed=True),
            ],
        ),
        Message("user", [Text("And tomorrow?")]),
    ]
    assert [
        part.at for message in found.messages for part in message.parts if isinstance(part, (ToolCall, ToolResult))
    ] == [
        "messages[1].content[2]",
        "messages[1].content[3]",
        "messages[2].content[0]",
        "messages[2].content[1]",
    ]


def test_pictures_and_documents() -> None:
    blocks: list[Json] = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}, "title": "a.txt"},
        {
            "type": "document",
            "source": {"type": "url", "url": "https://example.org/a.pdf"},
            "citations": {"enabled": False},
        },
    ]
    data = base64.b64encode("Grüße".encode()).decode()
    parts = read(user(*blocks)).messages[0].parts
    assert parts == [
        Image("iVBORw0KGgo=", "image/png"),
        Document("JVBERi0=", "application/pdf"),
        Document(data, "text/plain", name="a.txt"),
        Document(url="https://example.org/a.pdf", media_type="application/pdf"),
    ]
    assert [part.at for part in parts if isinstance(part, (Image, Document))] == [
        f"messages[0].content[{index}]" for index in range(4)
    ]


def test_the_system_speaks_in_the_middle() -> None:
    asked: Json = {
        "system": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two.", "cache_control": None}],
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "Three."},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "Hi again"},
            {"role": "system", "content": [{"type": "text", "text": "Four."}]},
        ],
    }
    found = read(asked).messages
    assert [(message.role, message.parts[0]) for message in found] == [
        ("system", Text("One.")),
        ("system", Text("Two.")),
        ("user", Text("Hi")),
        ("system", Text("Three.")),
        ("assistant", Text("Ho")),
        ("user", Text("Hi again")),
        ("system", Text("Four.")),
    ]
    assert found[1].at == "system[1]"
    assert found[3].at == "messages[1]"


def test_neighbours_of_one_role_are_one() -> None:
    asked = [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
        {"role": "user", "content": ""},
        {"role": "user", "content": "c"},
    ]
    assert read({"messages": asked}).messages == [Message("user", [Text("a"), Text("b"), Text("c")])]


@pytest.mark.parametrize(
    ("given", "effort", "budget"),
    [
        ({}, None, None),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, None, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, "xhigh", None),
        ({"output_config": {"effort": "low"}}, "low", None),
        ({"thinking": {"type": "disabled"}}, "none", None),
        ({"thinking": {"type": "between_tools"}, "output_config": {"effort": "low"}}, "none", None),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, None, 2048),
    ],
)
def test_how_much_it_is_to_think(given: Json, effort: str | None, budget: int | None) -> None:
    found = read(given)
    assert (found.effort, found.budget) == (effort, budget)


def test_fields_go_by_the_names_that_the_caller_knows() -> None:
    found = read({"output_config": {"effort": "low"}})
    names = ("effort", "budget", "schema", "stop", "choice", "parallel", "temperature")
    assert [found.path(name) for name in names] == [
        "output_config.effort",
        "thinking.budget_tokens",
        "output_config.format",
        "stop_sequences",
        "tool_choice",
        "tool_choice.disable_parallel_tool_use",
        "temperature",
    ]
    assert read({"thinking": {"type": "disabled"}}).path("effort") == "thinking"


def test_a_schema() -> None:
    schema: Json = {"type": "object", "properties": {}, "additionalProperties": False}
    form: Json = {"type": "json_schema", "schema": schema}
    assert read({"output_config": {"format": form}}).schema == Schema(schema, strict=True)
    beta = read({"output_format": form})
    assert beta.schema == Schema(schema, strict=True)
    assert beta.path("schema") == "output_format"


@pytest.mark.parametrize(
    ("given", "choice"),
    [
        ({"type": "auto"}, Choice("auto")),
        ({"type": "none"}, Choice("none")),
        ({"type": "tool", "name": "a", "disable_parallel_tool_use": False}, Choice("named", "a")),
    ],
)
def test_choices(given: Json, choice: Choice) -> None:
    found = read({"tool_choice": given})
    assert (found.choice, found.parallel) == (choice, None)
