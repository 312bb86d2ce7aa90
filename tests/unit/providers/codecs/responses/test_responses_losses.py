"""What OpenAI's Responses ask that no other vendor can, and what they cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.providers.canonical import (
    Answer,
    Audio,
    Choice,
    Document,
    Image,
    Message,
    Opened,
    PartOpened,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.responses import CODEC
from resilient_ai.testing._server.items import check_responses
from tests.unit.providers.codecs.responses.test_responses_requests import Json, read, write

ASKED = Asked({"model": "m", "input": "hi"}, "m", stream=True)
ITEM: Json = {"role": "user", "content": "hello"}
FUNCTION: Json = {"type": "function", "name": "f"}

REFUSED: list[tuple[str, Json]] = [
    ("previous_response_id", {"previous_response_id": "resp_1"}),
    ("conversation", {"conversation": "conv_1"}),
    ("conversation", {"conversation": {"id": "conv_1"}}),
    ("prompt", {"prompt": {"id": "pmpt_1"}}),
    ("background", {"background": True}),
    ("input[0]", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    ("input[0]", {"input": [{"id": "msg_1"}]}),
    ("input[1]", {"input": [ITEM, {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}]}),
    (
        "input[0].content[1].file_id",
        {
            "input": [
                {
                    "role": "user",
                    "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "file_id": "file_1"}],
                }
            ]
        },
    ),
    (
        "input[0].content[0].file_id",
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
    ),
]


@pytest.mark.parametrize(("path", "given"), REFUSED, ids=[path for path, _ in REFUSED])
def test_what_is_kept_by_the_vendor_is_never_left_out(path: str, given: Json) -> None:
    noted = dropping()
    with pytest.raises(Untranslatable) as refused:
        read({"model": "m", "input": "hello", **given}, noted)
    assert refused.value.path == path
    assert noted.noted == []


LOST: list[tuple[str, Json]] = [
    ("store", {"store": True}),
    ("truncation", {"truncation": "auto"}),
    ("top_logprobs", {"top_logprobs": 2}),
    ("include", {"include": ["message.output_text.logprobs"]}),
    ("moderation", {"moderation": {"policy": {"input": {"mode": "block"}}}}),
    ("context_management", {"context_management": [{"type": "compaction"}]}),
    ("access_programs", {"access_programs": {"cyber": "standard"}}),
    ("image", {"image": {"context_compression": "disabled"}}),
    ("prompt_cache_options", {"prompt_cache_options": {"prewarm": True}}),
    ("something_new", {"something_new": 1}),
    ("reasoning.mode", {"reasoning": {"mode": "pro"}}),
    ("reasoning.new", {"reasoning": {"new": 1}}),
    ("text.format", {"text": {"format": {"type": "grammar"}}}),
    ("text.new", {"text": {"new": 1}}),
    ("tools[0]", {"tools": [{"type": "web_search"}, FUNCTION]}),
    ("tools[0]", {"tools": [{"type": "custom", "name": "c"}]}),
    ("tools[0].allowed_callers", {"tools": [{**FUNCTION, "allowed_callers": ["programmatic"]}]}),
    ("tool_choice", {"tools": [FUNCTION], "tool_choice": {"type": "file_search"}}),
    ("input[0]", {"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]}),
    ("input[0]", {"input": [{"type": "of_tomorrow"}]}),
    ("input[0].new", {"input": [{**ITEM, "new": 1}]}),
    ("input[0].content[0]", {"input": [{"role": "user", "content": [{"type": "input_smell"}]}]}),
    (
        "input[0].content[0].new",
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a", "new": 1}]}]},
    ),
    (
        "input[0].namespace",
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n"}]},
    ),
    ("input[0]", {"input": [{"role": "system", "content": [{"type": "input_image", "image_url": "https://a.b/c"}]}]}),
]


@pytest.mark.parametrize(("path", "given"), LOST, ids=[path for path, _ in LOST])
def test_what_is_lost_is_named(path: str, given: Json) -> None:
    body = {"model": "m", "input": "hello", **given}
    with pytest.raises(Untranslatable) as refused:
        read(body)
    assert refused.value.path == path
    noted = dropping()
    read(body, noted)
    assert noted.noted == [path]


HARMLESS: list[Json] = [
    {"store": None},
    {"background": False, "background_options": {"completion_window": "2h"}},
    {"include": ["reasoning.encrypted_content", "file_search_call.results"]},
    {"prompt_cache_options": {"mode": "explicit"}, "prompt_cache_retention": "24h"},
    {"image": {"context_compression": "auto"}},
    {"conversation": None, "prompt": None, "moderation": None, "new": None},
    {"text": {"format": {"type": "text"}}},
    {"tools": [], "tool_choice": "none"},
    {"context_management": []},
    {"reasoning": {"mode": "standard", "generate_summary": "auto", "new": None}},
    {"text": {"new": None}},
]


@pytest.mark.parametrize("given", HARMLESS, ids=lambda given: next(iter(given)))
def test_what_says_nothing_is_left_out(given: Json) -> None:
    """That a call's answer is stored where nothing is said of it is OpenAI's own way: nobody asked for it."""
    assert read({"model": "m", "input": "hello", **given}) == Request("m", [Message("user", [Text("hello")])])


def test_a_function_that_takes_nothing_is_one_however_it_says_so() -> None:
    nothings: list[Any] = [None, {}, {"type": "object", "properties": {}}]
    nothings.append({**nothings[-1], "additionalProperties": False})
    for nothing in nothings:
        request = read({"model": "m", "input": "hello", "tools": [{**FUNCTION, "parameters": nothing, "strict": True}]})
        assert request.tools == [Tool("f", strict=True)]
        assert write(request)["tools"] == [{**FUNCTION, "parameters": nothings[-1], "strict": True}]


def test_only_the_tools_that_are_allowed_are_there() -> None:
    tools = [{**FUNCTION, "name": name} for name in "abc"]
    choice = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]}
    request = read({"model": "m", "input": "hello", "tools": tools, "tool_choice": choice})
    assert request.tools == [Tool("b")]
    assert request.choice == Choice("any")


USER = [Message("user", [Text("hello")])]

UNSAID: list[tuple[str, Request]] = [
    ("top_k", Request("m", USER, top_k=3)),
    ("stop_sequences", Request("m", USER, stop=["END"], at={"stop": "stop_sequences"})),
    ("seed", Request("m", USER, seed=0)),
    ("presence_penalty", Request("m", USER, presence_penalty=0.5)),
    ("frequency_penalty", Request("m", USER, frequency_penalty=0.5)),
    ("max_completion_tokens", Request("m", USER, max_tokens=1, at={"max_tokens": "max_completion_tokens"})),
    ("thinking.budget_tokens", Request("m", USER, budget=2048, at={"budget": "thinking.budget_tokens"})),
    ("response_format", Request("m", USER, schema=Schema(None), at={"schema": "response_format"})),
    ("schema", Request("m", USER, schema=Schema({"type": "array"}))),
    ("schema", Request("m", USER, schema=Schema({"type": "object", "properties": {"a": {}}}, strict=True))),
    (
        "messages[0].content[1]",
        Request("m", [*USER, Message("user", [Audio("AA==", "audio/wav", "messages[0].content[1]")])]),
    ),
    ("messages[0]", Request("m", [*USER, Message("user", [Image("AA==", "image/heic", at="messages[0]")])])),
    ("messages[0]", Request("m", [*USER, Message("user", [Image(url="gs://a/b.png", at="messages[0]")])])),
    ("messages[0]", Request("m", [*USER, Message("user", [Document(url="gs://a/b.pdf", at="messages[0]")])])),
    ("messages[0]", Request("m", [*USER, Message("user", [Document("AA==", "video/mp4", at="messages[0]")])])),
    ("tools[0].name", Request("m", USER, tools=[Tool("a.b", at="tools[0]")])),
    ("tools[0]", Request("m", USER, tools=[Tool("a", parameters={"type": "string"}, at="tools[0]")])),
    (
        "tools[0]",
        Request("m", USER, tools=[Tool("a", parameters={"type": "object", "oneOf": []}, strict=True, at="tools[0]")]),
    ),
]


@pytest.mark.parametrize(("path", "request_"), UNSAID, ids=[path for path, _ in UNSAID])
def test_what_it_cannot_say_is_named_as_the_caller_does(path: str, request_: Request) -> None:
    with pytest.raises(Untranslatable) as refused:
        write(request_)
    assert refused.value.path == path
    noted = dropping()
    check_responses(write(request_, noted))
    assert noted.noted == [path]


def test_nothing_that_is_left_is_asked() -> None:
    with pytest.raises(Untranslatable, match="nothing"):
        write(Request("m", [Message("user", [Audio("AA==", "audio/wav")])]), dropping())


def test_more_than_the_model_can_say_is_not_asked_for() -> None:
    request = Request("m", USER, max_tokens=100_000)
    assert CODEC.write_request(request, refusing, 32_000).body["max_output_tokens"] == 32_000
    assert CODEC.write_request(request, refusing, 200_000).body["max_output_tokens"] == 100_000


def test_a_tool_that_must_be_called_is_not_left_out() -> None:
    request = Request("m", USER, tools=[Tool("a.b"), Tool("c")], choice=Choice("named", "a.b"))
    with pytest.raises(Untranslatable, match="tool to be called"):
        write(request, dropping())


@pytest.mark.parametrize("choice", ["any", "auto", "none"])
def test_a_choice_among_no_tools_is_none(choice: Any) -> None:
    body = write(Request("m", USER, tools=[Tool("a.b")], choice=Choice(choice)), dropping())
    assert body.keys() == {"model", "store", "input"}


def test_json_without_a_schema_wants_the_word() -> None:
    said = [Message("user", [Text("Answer in JSON.")])]
    assert write(Request("m", said, schema=Schema(None)))["text"] == {"format": {"type": "json_object"}}


def test_no_budget_is_no_thought() -> None:
    assert write(Request("m", USER, budget=0))["reasoning"] == {"effort": "none"}


def test_long_ids_stay_the_same_for_a_call_and_its_result() -> None:
    """OpenAI takes 64 characters; other vendors' are longer."""
    called = "toolu_" + "x" * 100
    messages = [
        *USER,
        Message("assistant", [ToolCall(called, "old.name", "{}")]),
        Message("tool", [ToolResult(called, "old.name", [])]),
    ]
    _, call, result = write(Request("m", messages))["input"]
    assert call["call_id"] == result["call_id"] != called
    assert len(call["call_id"]) <= 64
    assert (call["name"], result["output"]) == ("old_name", "")


def test_an_answer_s_long_ids_are_those_that_the_caller_s_vendor_takes_back() -> None:
    """Regression: the program's next request, back at OpenAI, was a 400."""
    called = "toolu_" + "x" * 100
    item = CODEC.write_answer(Answer("a", "m", [ToolCall(called, "look", "{}")], "tool_calls"), ASKED)["output"][0]
    assert len(item["call_id"]) <= 64
    writer = CODEC.writer(ASKED)
    writer.write(Opened("a", "m"))
    assert f'"call_id":"{item["call_id"]}"'.encode() in writer.write(PartOpened(0, "tool", called, "look"))


@pytest.mark.parametrize("choice", [Choice("any"), Choice("named", "look")])
def test_a_call_that_must_be_and_no_tools(choice: Choice) -> None:
    """Regression: that a tool had to be called was left out unsaid."""
    with pytest.raises(Untranslatable, match="no tools to be called"):
        write(Request("m", USER, choice=choice))
    assert write(Request("m", USER, choice=choice), noted := dropping()).keys() == {"model", "store", "input"}
    assert noted.noted == ["choice"]


def test_a_limit_that_is_too_low_is_the_lowest_if_losses_are_allowed() -> None:
    assert write(Request("m", USER, max_tokens=5), noted := dropping())["max_output_tokens"] == 16
    assert noted.noted == ["max_tokens"]
