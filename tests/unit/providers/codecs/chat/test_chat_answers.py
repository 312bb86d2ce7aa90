"""Plain answers: as OpenAI and the hosts have them, and as the SDK's types want them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion

from resilient_ai.failures import FailureKind
from resilient_ai.providers.canonical import Answer, Opened, PartOpened, Refusal, Text, ToolCall, Usage
from resilient_ai.providers.codecs.base import Asked, Untranslatable
from resilient_ai.providers.codecs.chat import CODEC
from resilient_ai.providers.kinds import classify, in_stream
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.sdk_types import unknown

Json = dict[str, Any]
ASKED = Asked({}, "m", False)
CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"a": 1}'}}
GOLDEN: Json = {
    "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    "object": "chat.completion",
    "created": 1741569952,
    "model": "gpt-5.6-2026-05-01",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!", "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 19,
        "completion_tokens": 10,
        "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0},
    },
    "service_tier": "default",
}


def answered(message: Json, finish: str | None = "stop", **fields: Any) -> Answer:
    return CODEC.read_answer({"choices": [{"message": message, "finish_reason": finish}], **fields})


def test_a_plain_answer() -> None:
    assert CODEC.read_answer(GOLDEN) == Answer(
        id="chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        model="gpt-5.6-2026-05-01",
        parts=[Text("Hello!")],
        stop="stop",
        created=1741569952,
        usage=Usage(19, 10, cached=4, written=3, reasoning=7),
    )


def test_it_is_written_as_the_vendor_has_it() -> None:
    written = CODEC.write_answer(CODEC.read_answer(GOLDEN), ASKED)
    golden: Json = {**GOLDEN, "usage": {**GOLDEN["usage"]}}
    golden["usage"]["prompt_tokens_details"] = {"cached_tokens": 4, "cache_write_tokens": 3}
    golden["usage"]["completion_tokens_details"] = {"reasoning_tokens": 7}
    del golden["service_tier"]
    assert written == golden


SAID: list[tuple[Json, list[Any]]] = [
    ({"content": None, "refusal": "No."}, [Refusal("No.")]),
    ({"content": ""}, []),
    ({"content": "a", "reasoning_content": "hm", "annotations": None, "audio": None}, [Text("a")]),
    ({"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}]}, [Text("a")]),
    ({"content": "a", "tool_calls": None}, [Text("a")]),
]


@pytest.mark.parametrize(("message", "parts"), SAID, ids=range(len(SAID)))
def test_what_is_said(message: Json, parts: list[Any]) -> None:
    assert answered(message).parts == parts


def test_tool_calls() -> None:
    answer = answered({"content": None, "tool_calls": [CALL, {**CALL, "id": "call_2"}]}, "tool_calls")
    assert answer.stop == "tool_calls"
    assert answer.parts == [
        ToolCall("call_1", "get_weather", '{"a": 1}'),
        ToolCall("call_2", "get_weather", '{"a": 1}'),
    ]


@pytest.mark.parametrize(
    ("finish", "calls", "stop"),
    [
        ("stop", True, "tool_calls"),
        ("length", True, "length"),
        ("function_call", True, "tool_calls"),
        ("tool_calls", False, "stop"),
        ("content_filter", False, "content_filter"),
        ("model_length", False, "length"),
        ("eos", False, "stop"),
    ],
)
def test_why_it_ended(finish: str, calls: bool, stop: str) -> None:
    assert answered({"content": "a", "tool_calls": [CALL] if calls else []}, finish).stop == stop


@pytest.mark.parametrize("finish", [None, "", "error", "insufficient_system_resource"])
def test_no_reason_is_made_up(finish: str | None) -> None:
    with pytest.raises(Untranslatable):
        answered({"content": "a"}, finish)


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "audio": {"id": "audio_1", "data": "aGk="}},
        {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"content": "a", "images": [{"type": "image_url"}]},
        {"content": [{"type": "image_url"}]},
        {"content": None, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
    ],
)
def test_what_cannot_be_told_is_refused(message: Json) -> None:
    with pytest.raises(Untranslatable):
        answered(message)


def test_a_host_that_leaves_things_out() -> None:
    message = {
        "content": None,
        "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "", "function": {"name": "f"}}],
    }
    answer = answered(message, "stop", usage=None, created=None)
    one, other = answer.parts
    assert isinstance(one, ToolCall)
    assert isinstance(other, ToolCall)
    assert (one.arguments, other.arguments) == ('{"a":1}', "{}")
    assert one.id != other.id
    assert one.id.startswith("call_")
    assert answer.id.startswith("chatcmpl-")
    assert (answer.model, answer.created, answer.usage) == ("", None, None)
    assert answered(message, "stop") == answer, "made up ids are the same for the same answer"


@pytest.mark.parametrize(("created", "told"), [(17.5, 17), (0, None), (float("inf"), None), (float("nan"), None)])
def test_when_it_was_made(created: float, told: int | None) -> None:
    assert answered({"content": "a"}, created=created).created == told


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({}, None),
        ({"prompt_tokens": 3, "completion_tokens": None, "total_tokens": 3}, None),
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(3, 2)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 9}, Usage(3, 6)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "prompt_cache_hit_tokens": 1}, Usage(3, 2, cached=1)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(3, 2)),
    ],
)
def test_usage(usage: Json, told: Usage | None) -> None:
    assert answered({"content": "a"}, usage=usage).usage == told


@given(made.answers(refusals=True, many=True, mixed=True))
def test_the_sdk_s_types_take_every_answer(answer: Answer) -> None:
    found = ChatCompletion.model_validate(CODEC.write_answer(answer, ASKED), strict=True)
    assert unknown(found) == []
    message = found.choices[0].message
    assert (message.content or "") == "".join(part.text for part in answer.parts if isinstance(part, Text))
    assert len(message.tool_calls or []) == len([part for part in answer.parts if isinstance(part, ToolCall)])


def test_an_answer_without_words_has_an_empty_text() -> None:
    empty = Answer("a", "m", [], "length")
    assert CODEC.write_answer(empty, ASKED)["choices"][0]["message"]["content"] == ""
    called = Answer("a", "m", [ToolCall("c", "f", "")], "tool_calls")
    message = CODEC.write_answer(called, ASKED)["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


def test_an_id_that_the_program_s_own_vendor_would_not_take_back() -> None:
    called = Answer("a", "m", [ToolCall("x" * 64, "f", "{}")], "tool_calls")
    made_up = CODEC.write_answer(called, ASKED)["choices"][0]["message"]["tool_calls"][0]["id"]
    assert len(made_up) <= 40
    writer = CODEC.writer(ASKED)
    writer.write(Opened("a", "m"))
    assert made_up.encode() in writer.write(PartOpened(0, "tool", "x" * 64, "f"))


STATUSES = {
    FailureKind.UNREACHABLE: 503,
    FailureKind.TRANSIENT: 500,
    FailureKind.OVERLOADED: 503,
    FailureKind.SILENT: 504,
    FailureKind.RATE_LIMITED: 429,
    FailureKind.QUOTA: 429,
    FailureKind.AUTH: 401,
    FailureKind.CALLER: 400,
    FailureKind.TOO_LONG: 400,
    FailureKind.REFUSED: 400,
    FailureKind.GONE: 404,
    FailureKind.BROKEN: 502,
}
OF_THE_SERVER = {FailureKind.UNREACHABLE, FailureKind.SILENT, FailureKind.BROKEN}


@pytest.mark.parametrize("kind", STATUSES)
def test_an_error_says_what_went_wrong(kind: FailureKind) -> None:
    body = CODEC.write_error(STATUSES[kind], kind, "words")
    assert CODEC.read_error(body) == "words"
    assert set(body["error"]) == {"message", "type", "param", "code"}
    if kind not in OF_THE_SERVER:
        assert classify(STATUSES[kind], body) is kind
        assert in_stream(json.dumps(body).encode()) is kind


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "no", "code": None}}, "no"),
        ({"object": "error", "message": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"error": {}}, None),
        ("no", None),
        (None, None),
    ],
)
def test_the_words_of_an_error(body: Any, words: str | None) -> None:
    assert CODEC.read_error(body) == words
