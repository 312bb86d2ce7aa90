"""Requests as each generation of models takes them, by the vendor's documentation: as a whole, and their tools."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.providers.canonical import (
    Choice,
    Image,
    Message,
    Part,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from resilient_ai.providers.codecs.base import Untranslatable, Written, dropping
from resilient_ai.providers.codecs.messages import CODEC
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.messages.writing import (
    CLAUDE3,
    HAIKU4,
    HI,
    OPUS5,
    OPUS45,
    OPUS47,
    OPUS55,
    OTHER,
    SONNET46,
    Json,
    body,
    lost,
    request,
    say,
    written,
)

# Whole requests. ------------------------------------------------------------------------------------------------------


def test_a_plain_one() -> None:
    asked = request(
        say("system", "You are a poet."),
        say("user", "Hello."),
        say("assistant", "Hi!"),
        say("user", "Rhyme, ", "please."),
        model=OPUS45,
        max_tokens=100,
        temperature=0.5,
        top_k=10,
        stop=["END"],
        stream=True,
    )
    assert written(asked) == Written(
        "v1/messages",
        {
            "model": OPUS45,
            "max_tokens": 100,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hello."}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Hi!"}]},
                {"role": "user", "content": [{"type": "text", "text": "Rhyme, "}, {"type": "text", "text": "please."}]},
            ],
            "system": "You are a poet.",
            "temperature": 0.5,
            "top_k": 10,
            "stop_sequences": ["END"],
            "stream": True,
        },
        headers=(("anthropic-version", "2023-06-01"),),
    )


def test_the_version_is_the_one_that_the_model_s_parameters_need() -> None:
    versions = {
        model: written(request(model=model)).headers[0][1] for model in (HAIKU4, SONNET46, OPUS47, OPUS55, OTHER)
    }
    old, new = "2023-06-01", "2026-10-21"
    assert versions == {HAIKU4: old, SONNET46: old, OPUS47: new, OPUS55: new, OTHER: old}


@pytest.mark.parametrize(
    ("model", "asked", "most", "sent"),
    [
        (OPUS5, None, None, 128_000),
        (HAIKU4, None, None, 64_000),
        (SONNET46, None, None, 64_000),
        (SONNET46, 100_000, None, 100_000),
        (CLAUDE3, None, None, 4096),
        ("claude-sonnet-4-20250514", None, None, 8192),
        (OTHER, None, None, 8192),
        (OTHER, None, 131_072, 131_072),
        (HAIKU4, 100, None, 100),
        (HAIKU4, 100_000, None, 64_000),
        (OTHER, 100_000, None, 100_000),
        (OTHER, 100_000, 32_000, 32_000),
    ],
)
def test_max_tokens_is_always_said(model: str, asked: int | None, most: int | None, sent: int) -> None:
    assert written(request(model=model, max_tokens=asked), most).body["max_tokens"] == sent


def test_tools_their_calls_and_results() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    found = body(
        say("user", "Where is it warm?"),
        say(
            "assistant", "I'll look.", ToolCall("call_1", "weather", '{"city":"Zürich"}'), ToolCall("call_2", "now", "")
        ),
        Message(
            "tool",
            [
                ToolResult("call_1", "weather", [Text("12 degrees")]),
                ToolResult("call_2", "now", [Text("none"), Image(url="https://example.org/a.png")], failed=True),
            ],
        ),
        say("user", "And tomorrow?"),
        tools=[Tool("weather", "The weather", schema, strict=False), Tool("now")],
        choice=Choice("named", "weather"),
        parallel=False,
    )
    assert found["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I'll look."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Zürich"}},
                {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "12 degrees"},
                {
                    "type": "tool_result",
                    "tool_use_id": "call_2",
                    "content": [
                        {"type": "text", "text": "none"},
                        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                    ],
                    "is_error": True,
                },
                {"type": "text", "text": "And tomorrow?"},
            ],
        },
    ]
    assert found["tools"] == [
        {"name": "weather", "description": "The weather", "input_schema": schema},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert found["tool_choice"] == {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}


def test_tools_that_were_called_are_defined_where_none_may_be_called() -> None:
    calls = [ToolCall("a", "one", "{}"), ToolCall("b", "two", "{}"), ToolCall("c", "one", "{}")]
    results: list[Part] = [ToolResult(call.id, call.name, [Text("so")]) for call in calls]
    found = body(HI, say("assistant", *calls), Message("tool", results), say("user", "Sum up."))
    assert [tool["name"] for tool in found["tools"]] == ["one", "two"]
    assert found["tool_choice"] == {"type": "none"}
    assert "tools" not in body(HI)


@pytest.mark.parametrize(
    ("choice", "parallel", "said"),
    [
        (None, None, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, None),
        (Choice("auto"), None, {"type": "auto"}),
        (Choice("any"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (Choice("none"), False, {"type": "none"}),
        (Choice("named", "a"), None, {"type": "tool", "name": "a"}),
    ],
)
def test_choices(choice: Choice | None, parallel: bool | None, said: Json | None) -> None:
    assert body(tools=[Tool("a")], choice=choice, parallel=parallel).get("tool_choice") == said
    if choice is None or choice.kind in ("auto", "none"):
        assert "tool_choice" not in body(choice=choice, parallel=parallel)
    else:  # what must be called is not there
        assert lost(request(choice=choice, at={"choice": "tool_choice"}))[0] == ["tool_choice"]


def test_a_model_that_cannot_be_made_to_call_a_tool() -> None:
    asked = request(model=OPUS55, tools=[Tool("a")], choice=Choice("any"), at={"choice": "toolConfig"})
    paths, sent = lost(asked)
    assert paths == ["toolConfig"]
    assert "tool_choice" not in sent


FOREIGN = 'fc|call:1/ß "x"'


def test_ids_of_any_alphabet_become_ones_that_anthropic_takes() -> None:
    found = body(
        HI,
        say("assistant", ToolCall(FOREIGN, "a", "{}"), ToolCall("x" * 200, "a", "{}")),
        Message("tool", [ToolResult(FOREIGN, "a", []), ToolResult("x" * 200, "a", [])]),
        tools=[Tool("a")],
    )
    calls = [block["id"] for block in found["messages"][1]["content"]]
    assert calls == [block["tool_use_id"] for block in found["messages"][2]["content"]]
    assert len(set(calls)) == 2
    assert all(call.replace("_", "").isalnum() and call.isascii() and len(call) <= 64 for call in calls)


@given(st.lists(made.any_ids, unique=True, min_size=2))
def test_different_ids_stay_different(calls: list[str]) -> None:
    found = body(
        HI,
        say("assistant", *[ToolCall(call, "a", "{}") for call in calls]),
        Message("tool", [ToolResult(call, "a", []) for call in calls]),
        tools=[Tool("a")],
    )
    assert len({block["id"] for block in found["messages"][1]["content"]}) == len(calls)


@pytest.mark.parametrize("name", ["a.b", "ä", "a b", "", "x" * 129])
def test_a_tool_that_anthropic_cannot_call_so(name: str) -> None:
    history = [HI, say("assistant", ToolCall("c", name, "{}", at="here")), Message("tool", [ToolResult("c", name, [])])]
    for asked in (request(tools=[Tool(name, at="here")]), request(*history, tools=[Tool("a")])):
        with pytest.raises(Untranslatable, match=r"here: .*128 letters") as caught:
            CODEC.write_request(asked, dropping(), None)
        assert not name or name not in caught.value.why.replace("a tool", "")


@pytest.mark.parametrize("arguments", ["{", "[]", "5", "NaN?"])
def test_arguments_that_are_no_object(arguments: str) -> None:
    call = ToolCall("c", "a", arguments, at="messages[1].tool_calls[0]")
    asked = request(HI, say("assistant", call), Message("tool", [ToolResult("c", "a", [])]), tools=[Tool("a")])
    paths, sent = lost(asked)
    assert paths == ["messages[1].tool_calls[0]"]
    assert sent["messages"][1]["content"][0]["input"] == {}


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (None, {"type": "object", "properties": {}}),
        ({}, {"type": "object", "properties": {}}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
    ],
)
def test_parameters_are_an_object(parameters: Json | None, schema: Json) -> None:
    assert body(tools=[Tool("a", parameters=parameters)])["tools"] == [{"name": "a", "input_schema": schema}]


def test_strict_tools() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    tool = Tool("a", parameters=schema, strict=True, at="tools[0]")
    paths, sent = lost(request(tools=[tool]))
    assert paths == ["tools[0]"]
    assert sent["tools"][0] == {
        "name": "a",
        "strict": True,
        "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False},
    }
    paths, sent = lost(request(model=CLAUDE3, tools=[tool]))
    assert (paths, sent["tools"]) == (["tools[0]"], [{"name": "a", "input_schema": schema}])
    assert lost(request(tools=[Tool("a", parameters={"type": "object", "anyOf": []}, at="t")]))[0] == ["t"]


def test_more_strict_tools_than_anthropic_takes() -> None:
    many = [Tool(f"t{number}", strict=True, at=f"tools[{number}]") for number in range(22)]
    paths, sent = lost(request(tools=many))
    assert paths == ["tools[20]", "tools[21]"]
    assert [tool.get("strict", False) for tool in sent["tools"]] == [True] * 20 + [False] * 2
