"""Answers and streams of OpenAI's Responses, written by hand after the API reference, and what they say."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.providers.canonical import (
    Answer,
    Refusal,
    Text,
    ToolCall,
    Usage,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable
from resilient_ai.providers.codecs.responses import CODEC

Json = dict[str, Any]

WORDS: Json = {"type": "output_text", "text": "It is sunny.", "annotations": [], "logprobs": []}
MESSAGE: Json = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [WORDS]}
THOUGHT: Json = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
CALL: Json = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "look",
    "arguments": '{"city": "Porto"}',
}
USAGE: Json = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 123,
}
ANSWER: Json = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1741476777,
    "status": "completed",
    "completed_at": 1741476778,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "model": "gpt-5.6-2026-03-05",
    "output": [THOUGHT, MESSAGE],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": USAGE,
}
SPENT = Usage(36, 87, 4, 2, 3)


def test_an_answer_is_read() -> None:
    assert CODEC.read_answer(ANSWER) == Answer(
        "resp_1", "gpt-5.6-2026-03-05", [Text("It is sunny.")], "stop", 1741476777, usage=SPENT
    )


def test_calls_are_read_as_they_came() -> None:
    answer = CODEC.read_answer({**ANSWER, "output": [MESSAGE, CALL, {**CALL, "call_id": "call_2"}], "usage": None})
    assert answer.stop == "tool_calls"
    assert answer.parts[1:] == [
        ToolCall("call_1", "look", '{"city": "Porto"}'),
        ToolCall("call_2", "look", '{"city": "Porto"}'),
    ]
    assert answer.usage is None


def test_what_servers_leave_out() -> None:
    refusal = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    answer: Json = {"model": "m", "output": [refusal, {"type": "message", "content": []}], "status": "completed"}
    assert CODEC.read_answer(answer) == Answer("", "m", [Refusal("no")], "stop")
    used: Json = {**answer, "usage": {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": None}}
    assert CODEC.read_answer(used).usage == Usage(1, 2)
    nameless = {name: value for name, value in CALL.items() if name != "call_id"}
    assert CODEC.read_answer({**answer, "output": [nameless]}).parts == [ToolCall("fc_1", "look", CALL["arguments"])]


@pytest.mark.parametrize(("reason", "stop"), [("max_output_tokens", "length"), ("content_filter", "content_filter")])
def test_an_answer_that_is_cut_short(reason: str, stop: str) -> None:
    cut = {**ANSWER, "status": "incomplete", "incomplete_details": {"reason": reason}}
    assert CODEC.read_answer(cut).stop == stop


NOT_TOLD: list[tuple[str, Json]] = [
    ("status", {"status": "in_progress"}),
    ("status", {"status": "cancelled"}),
    ("status", {"status": None}),
    ("incomplete_details.reason", {"status": "incomplete", "incomplete_details": {"reason": "steered"}}),
    ("incomplete_details.reason", {"status": "incomplete", "incomplete_details": None}),
    ("output[1]", {"output": [MESSAGE, {"type": "web_search_call", "id": "ws_1", "status": "completed"}]}),
    ("output[0]", {"output": [{"type": "image_generation_call", "id": "ig_1", "result": "AA=="}]}),
    ("output[0]", {"output": [{"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "x"}]}),
    ("output[0].content", {"output": [{**MESSAGE, "content": [{"type": "output_audio", "data": "AA=="}]}]}),
]


@pytest.mark.parametrize(("path", "fields"), NOT_TOLD, ids=[path for path, _ in NOT_TOLD])
def test_an_answer_that_no_other_vendor_gives(path: str, fields: Json) -> None:
    with pytest.raises(Untranslatable) as refused:
        CODEC.read_answer({**ANSWER, **fields})
    assert refused.value.path == path


def test_an_answer_is_written() -> None:
    tools = [{"type": "function", "name": "look", "parameters": None, "strict": False}]
    asked = Asked(
        {"model": "gpt-5.6", "input": "hi", "instructions": "Be kind.", "tools": tools}, "gpt-5.6", stream=False
    )
    parts: list[Any] = [Text("I look."), Refusal("But"), ToolCall("toolu_1", "look", "{}"), Text("Wait")]
    answer = Answer("msg_01", "claude-sonnet-5", parts, "length", usage=Usage(10, 5, cached=4))
    body = CODEC.write_answer(answer, asked)
    ids = [item["id"] for item in body["output"]]
    assert [one.partition("_")[0] for one in ids] == ["msg", "fc", "msg"]
    assert len({*ids}) == 3
    assert all(len(one) <= 64 for one in ids)
    assert body["output"] == [
        {
            "id": ids[0],
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []},
                {"type": "refusal", "refusal": "But"},
            ],
        },
        {
            "id": ids[1],
            "type": "function_call",
            "status": "completed",
            "call_id": "toolu_1",
            "name": "look",
            "arguments": "{}",
        },
        {
            "id": ids[2],
            "type": "message",
            "status": "incomplete",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Wait", "annotations": [], "logprobs": []}],
        },
    ]
    assert body["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    told = {
        name: body[name] for name in ("id", "object", "model", "created_at", "status", "incomplete_details", "store")
    }
    assert told == {
        "id": "msg_01",
        "object": "response",
        "model": "claude-sonnet-5",
        "created_at": 0,
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "store": False,
    }
    assert (body["instructions"], body["tools"], body["temperature"]) == ("Be kind.", tools, None)


def test_ids_that_are_made_up_are_always_the_same() -> None:
    answer = Answer("", "m", [Text("a")], "stop")
    asked = Asked({"model": "m", "input": "hello"}, "m", stream=False)
    one, other = (CODEC.write_answer(answer, asked) for _ in range(2))
    assert one == other
    assert one["id"].startswith("resp_")
    assert CODEC.write_answer(answer, Asked({"model": "m", "input": "bye"}, "m", stream=False))["id"] != one["id"]


@pytest.mark.parametrize("tokens", ["9", 9.5, None, [9]])
def test_what_is_no_count_of_tokens_is_another_schema(tokens: Any) -> None:
    with pytest.raises(TypeError):
        CODEC.read_answer({**ANSWER, "usage": {"input_tokens": tokens, "output_tokens": 1}})
