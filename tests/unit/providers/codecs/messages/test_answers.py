"""Plain answers and errors, by the vendor's documentation and as the SDK's types have them."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types.shared import ErrorResponse
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.failures import FailureKind
from resilient_ai.providers.canonical import Answer, PartDelta, Refusal, Stop, Text, ToolCall, Usage
from resilient_ai.providers.codecs.base import Asked, Untranslatable
from resilient_ai.providers.codecs.messages import CODEC
from tests.unit.providers.codecs import made

Json = dict[str, Any]
ASKED = Asked({}, "claude-opus-5", stream=False)

WHOLE: Json = {
    "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-20260724",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "I'll look.", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}, "caller": {"type": "direct"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": None,
    "container": None,
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 12},
        "service_tier": "standard",
    },
}


def test_an_answer_is_read() -> None:
    assert CODEC.read_answer(WHOLE) == Answer(
        "msg_01XFDUDYJgAACzvnptvVoYEL",
        "claude-opus-5-20260724",
        [Text("I'll look."), ToolCall("toolu_1", "weather", '{"city":"Zürich"}'), ToolCall("toolu_2", "now", "{}")],
        "tool_calls",
        usage=Usage(330, 50, cached=300, written=20, reasoning=12),
    )


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ],
)
def test_why_it_ended(reason: str, stop: Stop) -> None:
    sequence = "END" if reason == "stop_sequence" else None
    found = CODEC.read_answer({**WHOLE, "stop_reason": reason, "stop_sequence": sequence})
    assert (found.stop, found.stop_sequence) == (stop, sequence)


_UNSAID: list[Json] = [
    {"stop_reason": "pause_turn"},
    {"stop_reason": None},
    {"stop_reason": "novelty"},
    {"content": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}]},
    {"content": [{"type": "web_search_tool_result", "tool_use_id": "s", "content": []}]},
    {"content": [{"type": "novelty"}]},
]


@pytest.mark.parametrize("changed", _UNSAID)
def test_what_no_other_dialect_says(changed: Json) -> None:
    with pytest.raises(Untranslatable):
        CODEC.read_answer({**WHOLE, **changed})


@pytest.mark.parametrize("missing", ["content", "stop_reason"])
def test_another_schema(missing: str) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        CODEC.read_answer({name: value for name, value in WHOLE.items() if name != missing})


def test_a_host_that_leaves_out_what_can_be_missed() -> None:
    found = CODEC.read_answer({"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})
    assert found == Answer(found.id, "", [Text("Hi")], "stop")
    assert found.id.startswith("msg_")
    assert CODEC.read_answer({**WHOLE, "usage": {"output_tokens": 3}}).usage == Usage(0, 3)


# Written. -------------------------------------------------------------------------------------------------------------


def test_an_answer_is_written() -> None:
    answer = Answer(
        "chatcmpl-1",
        "gpt-5.6",
        [Text("I'll look."), ToolCall("call_1", "weather", '{"city": "Zürich"}'), ToolCall("fc|1", "now", "")],
        "tool_calls",
        created=5,
        usage=Usage(330, 50, cached=300, reasoning=12),
    )
    found = CODEC.write_answer(answer, ASKED)
    assert found == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-5.6",
        "content": [
            {"type": "text", "text": "I'll look."},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Zürich"}},
            {"type": "tool_use", "id": found["content"][2]["id"], "name": "now", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 30,
            "cache_read_input_tokens": 300,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 12},
        },
    }
    assert found["content"][2]["id"].startswith("toolu_"), "Anthropic itself will be shown this id"


@pytest.mark.parametrize(
    ("parts", "stop", "sequence", "reason"),
    [
        ([Text("a")], "stop", None, "end_turn"),
        ([], "stop", None, "end_turn"),
        ([Text("a")], "stop", "END", "stop_sequence"),
        ([Text("a")], "length", None, "max_tokens"),
        ([ToolCall("c", "a", "{}")], "tool_calls", None, "tool_use"),
        ([ToolCall("c", "a", "{}")], "stop", None, "tool_use"),
        ([ToolCall("c", "a", "{}")], "length", None, "max_tokens"),
        ([Refusal("No.")], "stop", None, "refusal"),
        ([Text("a")], "content_filter", None, "refusal"),
    ],
)
def test_why_it_ended_is_written(parts: list[Any], stop: Stop, sequence: str | None, reason: str) -> None:
    found = CODEC.write_answer(Answer("i", "m", parts, stop, stop_sequence=sequence), ASKED)
    SdkMessage.model_validate(found)
    assert (found["stop_reason"], found["stop_sequence"]) == (reason, sequence)
    assert (found["stop_details"] is not None) == (reason == "refusal")
    assert found["usage"] == {"input_tokens": 0, "output_tokens": 0}


@given(made.answers(many=True, mixed=True, refusals=True, stop_sequences=True))
def test_the_sdk_s_types_take_every_answer(answer: Answer) -> None:
    found = SdkMessage.model_validate(CODEC.write_answer(answer, ASKED))
    assert [block.type for block in found.content] == [
        "tool_use" if isinstance(part, ToolCall) else "text" for part in answer.parts
    ]
    assert found.to_param()["role"] == "assistant"
    if answer.usage is not None:
        used = found.usage
        whole = used.input_tokens + (used.cache_read_input_tokens or 0) + (used.cache_creation_input_tokens or 0)
        assert whole == answer.usage.input


def test_counts_that_contradict_each_other_are_not_below_zero() -> None:
    found = CODEC.write_answer(Answer("i", "m", [], "stop", usage=Usage(5, 1, cached=9)), ASKED)
    assert found["usage"]["input_tokens"] == 0


@pytest.mark.parametrize("arguments", ["{", "[1]", "secret"])
def test_arguments_that_are_no_object(arguments: str) -> None:
    with pytest.raises(Untranslatable) as caught:
        CODEC.write_answer(Answer("i", "m", [ToolCall("c", "a", arguments)], "tool_calls"), ASKED)
    assert "secret" not in str(caught.value)


# Errors. --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}, "request_id": "r"}, "Busy"),
        ({"error": "busy"}, "busy"),
        ({"type": "error", "error": {}}, None),
        ({"type": "error"}, None),
        (None, None),
        ("<html>", None),
        ([], None),
    ],
)  # fmt: skip
def test_the_words_of_an_error(body: Any, words: str | None) -> None:
    assert CODEC.read_error(body) == words


@given(
    st.sampled_from([400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]),
    st.sampled_from(FailureKind),
)
def test_every_error_is_one_of_the_sdk_s(status: int, kind: FailureKind) -> None:
    body = CODEC.write_error(status, kind, "It broke.")
    assert CODEC.read_error(body) == "It broke."
    if body["error"]["type"] not in ("conflict_error", "request_too_large"):  # of the service, not of the SDK's types
        ErrorResponse.model_validate(body)


@pytest.mark.parametrize(
    ("status", "kind", "named"),
    [
        (503, FailureKind.OVERLOADED, "overloaded_error"),
        (500, FailureKind.TRANSIENT, "api_error"),
        (429, FailureKind.RATE_LIMITED, "rate_limit_error"),
        (429, FailureKind.QUOTA, "billing_error"),
        (400, FailureKind.TOO_LONG, "invalid_request_error"),
        (422, FailureKind.CALLER, "invalid_request_error"),
        (401, FailureKind.AUTH, "authentication_error"),
        (403, FailureKind.AUTH, "permission_error"),
        (404, FailureKind.GONE, "not_found_error"),
        (504, FailureKind.TRANSIENT, "timeout_error"),
    ],
)
def test_what_an_error_is_called(status: int, kind: FailureKind, named: str) -> None:
    assert CODEC.write_error(status, kind, "x")["error"]["type"] == named


def test_a_call_with_null_for_its_arguments_has_none() -> None:
    """As a compatible server has it."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": None}
    assert CODEC.read_answer({**WHOLE, "content": [block]}).parts == [ToolCall("toolu_1", "now", "{}")]
    reader = CODEC.reader()
    reader.read(b"", {"type": "message_start", "message": {**WHOLE, "content": []}})
    reader.read(b"", {"type": "content_block_start", "index": 0, "content_block": block})
    assert PartDelta(0, "{}") in reader.read(b"", {"type": "content_block_stop", "index": 0})
