"""Answers, streams and errors as Google's reference and guides have them (autumn 2026), read; and ours, written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai.failures import FailureKind
from resilient_ai.providers import gemini
from resilient_ai.providers.canonical import (
    Alive,
    Answer,
    Closed,
    Delta,
    Failed,
    Finished,
    Opened,
    PartClosed,
    PartDelta,
    PartOpened,
    Text,
    ToolCall,
    Usage,
    Used,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable
from resilient_ai.providers.codecs.content import CODEC

Json = dict[str, Any]
SIGNATURE = "skip_thought_signature_validator"
WEATHER: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


# Answers. -------------------------------------------------------------------------------------------------------------

ANSWER: Json = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "**Weather**", "thought": True},
                    {"text": "I "},
                    {"text": "look."},
                    {"functionCall": {"name": "weather", "args": {"city": "Ōsaka"}}, "thoughtSignature": "c2ln"},
                    {"functionCall": {"id": "fc2", "name": "look"}},
                    {"text": "", "thoughtSignature": "c2ln"},
                ],
                "role": "model",
            },
            "finishReason": "STOP",
            "index": 0,
            "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}],
            "citationMetadata": {},
            "avgLogprobs": -0.1,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 20,
        "cachedContentTokenCount": 8,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 32,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
    },
    "modelVersion": "gemini-3-pro-preview",
    "createTime": "2026-11-23T00:00:00.5Z",
    "responseId": "abc",
}


def test_an_answer() -> None:
    answer = CODEC.read_answer(ANSWER)
    made = answer.parts[1]
    assert isinstance(made, ToolCall)
    assert answer == Answer(
        "abc",
        "gemini-3-pro-preview",
        [Text("I look."), ToolCall(made.id, "weather", '{"city":"Ōsaka"}'), ToolCall("fc2", "look", "{}")],
        "tool_calls",
        created=1795392000,
        usage=Usage(20, 12, cached=8, reasoning=7),
    )
    assert made.id == CODEC.read_answer(ANSWER).parts[1].id  # type: ignore[union-attr]  # the part is known
    assert made.id != CODEC.read_answer({**ANSWER, "responseId": "abd"}).parts[1].id  # type: ignore[union-attr]  # the part is known


def candidate(reason: str | None = "STOP", *parts: Json) -> Json:
    found: Json = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    return {**found, "finishReason": reason} if reason else found


@pytest.mark.parametrize(
    ("reason", "stop"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), *((one, "content_filter") for one in (
        "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"))],
)  # fmt: skip
def test_why_it_ended(reason: str, stop: str) -> None:
    assert CODEC.read_answer({"candidates": [candidate(reason, {"text": "a"})]}).stop == stop
    answer = CODEC.read_answer({"candidates": [{"finishReason": reason}], "responseId": "r"})
    assert answer == Answer("r", "", [], stop)  # type: ignore[arg-type]  # parametrized with words


@pytest.mark.parametrize(
    "told",
    [
        candidate("OTHER", {"text": "a"}),
        candidate("MALFORMED_FUNCTION_CALL", {"text": "a"}),
        candidate("CONTINUATION", {"text": "a"}),
        candidate("A_NEW_ONE", {"text": "a"}),
        candidate("STOP", {"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
        candidate("STOP", {"text": "a"}, {"executableCode": {"code": "1"}}),
        candidate("STOP", {"functionCall": {"name": "a", "partialArgs": [{"jsonPath": "$.a"}]}}),
    ],
)
def test_what_no_other_dialect_can_say(told: Json) -> None:
    with pytest.raises(Untranslatable):
        CODEC.read_answer({"candidates": [told]})
    with pytest.raises(Untranslatable):
        CODEC.reader().read(b"", {"candidates": [told]})


OTHERS: list[Json] = [{}, {"candidates": [{}]}, {"candidates": 7}, {"candidates": [{"content": 7}]}]


@pytest.mark.parametrize("told", OTHERS)
def test_another_schema(told: Json) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        CODEC.read_answer(told)


def test_usage() -> None:
    def usage(**told: int) -> Usage | None:
        return CODEC.read_answer({"candidates": [candidate()], "usageMetadata": told}).usage

    assert usage() is None
    assert usage(totalTokenCount=7) is None
    assert usage(promptTokenCount=7, totalTokenCount=7) == Usage(7, 0)
    assert usage(promptTokenCount=7, toolUsePromptTokenCount=3, candidatesTokenCount=1) == Usage(10, 1)
    written = CODEC.write_answer(Answer("a", "b", [], "stop", usage=Usage(9, 5, 3, 2, 1)), Asked({}, "m", stream=False))
    assert written["usageMetadata"] == {
        "promptTokenCount": 9,
        "candidatesTokenCount": 4,
        "totalTokenCount": 14,
        "cachedContentTokenCount": 3,
        "thoughtsTokenCount": 1,
    }


def test_an_answer_as_it_is_written() -> None:
    answer = Answer(
        "msg_1", "claude-sonnet-5", [Text("Hm."), ToolCall("t", "a", "{}"), ToolCall("u", "b", "")], "tool_calls", 0
    )
    for model, first in (("gemini-3-pro", {"thoughtSignature": SIGNATURE}), ("gemini-2.5-pro", {})):
        assert CODEC.write_answer(answer, Asked({}, model, stream=False)) == {
            "candidates": [
                {
                    "content": {
                        "parts": [
                            {"text": "Hm."},
                            {"functionCall": {"name": "a", "args": {}}, **first},
                            {"functionCall": {"name": "b", "args": {}}},
                        ],
                        "role": "model",
                    },
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "modelVersion": "claude-sonnet-5",
            "createTime": "1970-01-01T00:00:00Z",
            "responseId": "msg_1",
        }
    with pytest.raises(Untranslatable):
        CODEC.write_answer(Answer("a", "b", [ToolCall("t", "a", '{"a"')], "length"), Asked({}, "m", stream=False))


# Streams. -------------------------------------------------------------------------------------------------------------


def heard(*events: Json) -> list[Delta]:
    reader = CODEC.reader()
    return [delta for event in events for delta in reader.read(b"", event)]


def test_a_stream() -> None:
    frame = {"modelVersion": "gemini-3-pro", "responseId": "abc"}
    usage = {"promptTokenCount": 3, "totalTokenCount": 3}
    found = heard(
        {"candidates": [candidate(None, {"text": "Hm", "thought": True})], "usageMetadata": usage, **frame},
        {"candidates": [candidate(None, {"text": "I "})], "usageMetadata": usage, **frame},
        {"candidates": [candidate(None, {"text": ""})], **frame},
        {
            "candidates": [
                candidate(None, {"text": "see."}, {"functionCall": {"id": "f", "name": "look", "args": {"a": 1}}})
            ]
        },
        {"candidates": [candidate(None, {"functionCall": {"id": "g", "name": "look"}})], **frame},
        {"usageMetadata": {**usage, "candidatesTokenCount": 4}},
        {"candidates": [candidate("STOP", {"text": ""})], **frame},
        {"usageMetadata": {**usage, "candidatesTokenCount": 5}},
    )
    assert found == [
        Opened("abc", "gemini-3-pro"),
        PartOpened(0, "text"),
        PartDelta(0, "I "),
        Alive(),
        PartDelta(0, "see."),
        PartClosed(0),
        PartOpened(1, "tool", "f", "look"),
        PartDelta(1, '{"a":1}'),
        PartClosed(1),
        PartOpened(2, "tool", "g", "look"),
        PartDelta(2, "{}"),
        PartClosed(2),
        Alive(),
        Finished("tool_calls"),
        Used(Usage(3, 4)),
        Closed(),
        Alive(),
    ]


def test_words_and_the_end_in_one_event() -> None:
    assert heard({"candidates": [candidate("MAX_TOKENS", {"text": "I"})], "responseId": "r"}) == [
        Opened("r", ""),
        PartOpened(0, "text"),
        PartDelta(0, "I"),
        PartClosed(0),
        Finished("length"),
        Closed(),
    ]


def test_nothing_ends_without_a_reason() -> None:
    told = heard({"candidates": [candidate(None, {"text": "I"})]}, {"candidates": [candidate("", {"text": "I"})]}, {})
    assert not any(isinstance(delta, Finished | Closed) for delta in told)


ERROR: Json = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
BLOCKED: Json = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}
MALFORMED: Json = {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ERROR, "The model is overloaded."),
        (BLOCKED, "The prompt was blocked: SAFETY"),
        (MALFORMED, "The model gave no answer: MALFORMED_FUNCTION_CALL"),
    ],
)
def test_a_stream_that_fails(event: Json, words: str) -> None:
    assert heard(event)[-1] == Failed(event)
    assert CODEC.read_error(event) == words


def test_a_stream_that_fails_later() -> None:
    begin = {"candidates": [candidate(None, {"text": "I"})]}
    assert heard(begin, ERROR)[-1] == Failed(ERROR)
    with pytest.raises(Untranslatable):
        heard(begin, MALFORMED)
    with pytest.raises(ValueError, match="behind the end"):
        heard({"candidates": [candidate("STOP", {"text": "I"})]}, begin)


def test_a_stream_as_it_is_written() -> None:
    writer = CODEC.writer(Asked({}, "gemini-3-pro", stream=True))
    deltas: list[Delta] = [
        Opened("msg_1", "claude-sonnet-5"),
        Alive(),
        Used(Usage(3, 1)),
        PartOpened(0, "text"),
        PartDelta(0, 'Hé "\n'),
        PartClosed(0),
        PartOpened(1, "tool", "toolu_1", "look"),
        PartDelta(1, '{"a"'),
        PartDelta(1, ":1}"),
        PartClosed(1),
        PartOpened(2, "tool", "toolu_2", "look"),
        PartClosed(2),
        Finished("tool_calls"),
        Used(Usage(3, 4, cached=2)),
        Closed(),
    ]
    events = [event for delta in deltas if (event := writer.write(delta))]
    assert all(event.startswith(b"data: {") and event.endswith(b"}\r\n\r\n") for event in events)
    frame = {"modelVersion": "claude-sonnet-5", "responseId": "msg_1"}
    calls: tuple[Json, ...] = (
        {"functionCall": {"name": "look", "args": {"a": 1}}, "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "look", "args": {}}},
    )
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7, "cachedContentTokenCount": 2}
    assert [json.loads(event[6:]) for event in events] == [
        {"candidates": [candidate(None, {"text": 'Hé "\n'})], **frame},
        {"candidates": [candidate("STOP", *calls)], "usageMetadata": counts, **frame},
    ]


# Errors. --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told", [None, [], 7, {}, {"error": {}}, {"error": {"message": 7}}, {"candidates": 7}, {"candidates": [7]}]
)
def test_no_error(told: Any) -> None:
    assert CODEC.read_error(told) is None


def test_an_error_in_a_list() -> None:
    assert CODEC.read_error([ERROR]) == "The model is overloaded."


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (400, FailureKind.CALLER, "INVALID_ARGUMENT"),
        (401, FailureKind.AUTH, "UNAUTHENTICATED"),
        (413, FailureKind.CALLER, "INVALID_ARGUMENT"),
        (429, FailureKind.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (500, FailureKind.TRANSIENT, "INTERNAL"),
        (502, FailureKind.TRANSIENT, "INTERNAL"),
        (503, FailureKind.OVERLOADED, "UNAVAILABLE"),
        (529, FailureKind.OVERLOADED, "UNAVAILABLE"),
        (200, FailureKind.OVERLOADED, "UNAVAILABLE"),
        (200, FailureKind.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (200, FailureKind.TRANSIENT, "INTERNAL"),
        (200, FailureKind.CALLER, "INVALID_ARGUMENT"),
    ],
)
def test_an_error_as_it_is_written(status: int, kind: FailureKind, name: str) -> None:
    told = CODEC.write_error(status, kind, "It is so.")
    code = told["error"]["code"]
    assert told == {"error": {"code": code, "message": "It is so.", "status": name}}
    assert code == status if status >= 400 else code >= 400
    assert gemini.DIALECT.classify(code, told) is kind
    assert gemini.DIALECT.told_in_stream(json.dumps(told).encode()) is kind
    assert CODEC.read_error(told) == "It is so."


def test_an_answer_without_an_id_has_one_that_was_made_up() -> None:
    """Vertex and proxies leave it out; OpenAI's SDK goes by it."""
    told = {"candidates": [{"content": {"parts": [{"text": "Yes."}]}, "finishReason": "STOP"}]}
    assert CODEC.read_answer(told).id == CODEC.read_answer(told).id != ""
    (opened, *_) = CODEC.reader().read(b"", told)
    assert isinstance(opened, Opened)
    assert opened.id
