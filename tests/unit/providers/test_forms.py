"""The two forms of one answer: each is made of the other exactly, or not at all."""

from __future__ import annotations

import itertools
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers.anthropic import DIALECT as ANTHROPIC
from resilient_ai.providers.forms.base import EVENTS, PLAIN, USAGE, Told, written
from resilient_ai.providers.forms.table import FORMS, turned
from resilient_ai.providers.gemini import DIALECT as GEMINI
from resilient_ai.providers.openai import DIALECT as OPENAI
from resilient_ai.providers.sse import EventDecoder
from resilient_ai.providers.streams.gist import GISTS
from resilient_ai.providers.streams.recorded import Recorded
from resilient_ai.providers.whole import is_whole
from tests.wire.answers import ANSWERS, Json

DIALECTS = {dialect.name: dialect for dialect in (OPENAI, ANTHROPIC, GEMINI)}
Kind = tuple[str, str]
kinds = pytest.mark.parametrize("kind", list(FORMS), ids="-".join)


def encoded(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def to_stream(kind: Kind, answer: Json, form: str = EVENTS) -> bytes | None:
    return turned(encoded(answer), PLAIN, form, *kind)


def to_answer(kind: Kind, stream: bytes, form: str = EVENTS) -> Json | None:
    found = turned(stream, form, PLAIN, *kind)
    return None if found is None else json.loads(found)


def told(stream: bytes) -> list[Told]:
    events = EventDecoder().feed(stream)
    return [Told(one.name.decode(), json.loads(one.data)) for one in events if one.data.startswith(b"{")]


@kinds
@settings(max_examples=40)
@given(st.data())
def test_there_and_back(kind: Kind, data: st.DataObject) -> None:
    """What is put together again is the same, whatever the answer says; usage too, where it was asked for."""
    answer = data.draw(ANSWERS[kind])
    asks = FORMS[kind].asks
    stream = to_stream(kind, answer)
    assert stream is not None
    back = to_answer(kind, stream)
    if not asks:
        assert back == answer
    else:
        assert back is None  # it was not told what it cost
        with_usage = to_stream(kind, answer, USAGE)
        assert (with_usage is not None) is bool(answer.get("usage"))
        if with_usage is not None:
            assert to_answer(kind, with_usage, USAGE) == answer
            without = turned(with_usage, USAGE, EVENTS, *kind)
            assert without is not None
            assert told(without) == told(stream)


@kinds
@settings(max_examples=40)
@given(st.data())
def test_a_stream_of_ours_is_whole(kind: Kind, data: st.DataObject) -> None:
    """Whoever reads it as a provider's finds its terminal event, and the same end."""
    answer = data.draw(ANSWERS[kind])
    stream = to_stream(kind, answer)
    assert stream is not None
    dialect, family = kind
    reading = Recorded(DIALECTS[dialect].streams[family], None, GISTS[kind])
    assert reading.feed(stream) + reading.end() == stream
    assert (reading.fault, reading.error) == (None, None)
    assert reading.take() == stream
    assert is_whole(*kind, reading.noted) == is_whole(*kind, answer)


TEXTS = frozenset(
    {"content", "refusal", "reasoning", "reasoning_content", "arguments", "text", "thinking", "partial_json"}
)


def in_pieces(kind: Kind, stream: bytes, data: st.DataObject) -> bytes:
    """The same stream as a server may send it: each text in several events."""
    events: list[Told] = []
    for name, fields in told(stream):
        pieces = _split(fields, data.draw(st.integers(1, 3))) if _is_delta(fields) else [fields]
        events += [Told(name, piece) for piece in pieces]
    return written(events, FORMS[kind].done)


def _is_delta(fields: Json) -> bool:
    said = [choice.get("delta") or choice for choice in fields.get("choices", ())]
    if fields.get("type") == "content_block_delta":
        return bool(TEXTS & fields["delta"].keys())
    return any(TEXTS & {*one, *_inner(one)} for one in said)


def _inner(delta: Json) -> set[str]:
    calls: list[Json] = delta.get("tool_calls") or [delta]
    functions: list[Json] = [call.get("function") or call.get("function_call") or {} for call in calls]
    return {name for function in functions for name in function}


def _split(fields: Json, count: int) -> list[Json]:
    """The first piece has all that is told once; the others have the rest of the texts."""
    pieces = [_piece(fields, at, count) for at in range(count)]
    return [piece for piece in pieces if piece is not None]


def _piece(value: Any, at: int, count: int, name: str = "") -> Any:
    if isinstance(value, str) and name in TEXTS:
        size = -(-len(value) // count)
        return value[at * size : (at + 1) * size]
    if isinstance(value, dict):
        value = cast("Json", value)
        return {key: _piece(one, at, count, key) for key, one in value.items() if _again(key, one, at)}
    if isinstance(value, list) and name in ("choices", "tool_calls"):
        return [_piece(one, at, count, name) for one in cast("list[Any]", value)]
    return cast("Any", value)


def _again(name: str, value: Any, at: int) -> bool:
    return at == 0 or name not in ("logprobs", "usage", "annotations", "citations")


@pytest.mark.parametrize(
    "kind", [("openai", "chat"), ("openai", "completions"), ("anthropic", "messages")], ids="-".join
)
@settings(max_examples=40)
@given(st.data())
def test_put_together_of_any_pieces(kind: Kind, data: st.DataObject) -> None:
    answer = data.draw(ANSWERS[kind])
    if FORMS[kind].asks:
        answer["usage"] = {"total_tokens": 7}
    form = USAGE if FORMS[kind].asks else EVENTS
    stream = to_stream(kind, answer, form)
    assert stream is not None
    assert to_answer(kind, in_pieces(kind, stream, data), form) == answer


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=5)), min_size=1, max_size=8))
def test_gemini_s_pieces(pieces: list[tuple[bool, str]]) -> None:
    """Texts that follow one another are one, a thought's apart from the answer's."""
    kind = ("gemini", "generate_content")
    parts = [{"text": text, "thought": True} if thought else {"text": text} for thought, text in pieces]
    events: list[Json] = [
        {"candidates": [{"content": {"role": "model", "parts": [part]}, "index": 0}], "usageMetadata": {"n": at}}
        for at, part in enumerate(parts)
    ]
    events[-1]["candidates"][0]["finishReason"] = "STOP"
    found = to_answer(kind, written([Told("", event) for event in events], b""))
    assert found is not None
    assert found["usageMetadata"] == {"n": len(parts) - 1}
    [candidate] = found["candidates"]
    got = candidate["content"]["parts"]
    for thought in (True, False):
        said = "".join(part["text"] for part in got if part.get("thought", False) is thought)
        assert said == "".join(text for of, text in pieces if of is thought)
    assert all(one.keys() != other.keys() for one, other in itertools.pairwise(got))


CHAT: Json = {
    "id": "a",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"total_tokens": 1},
}
MESSAGE: Json = {
    "id": "a",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
RESPONSE: Json = {
    "id": "a",
    "object": "response",
    "status": "completed",
    "output": [{"id": "b", "type": "message", "status": "completed", "role": "assistant", "content": []}],
}
CONTENT: Json = {"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}
OF: dict[str, tuple[Kind, Json]] = {
    "chat": (("openai", "chat"), CHAT),
    "messages": (("anthropic", "messages"), MESSAGE),
    "responses": (("openai", "responses"), RESPONSE),
    "content": (("gemini", "generate_content"), CONTENT),
}


def chat_with(choice: Json | None = None, **message: Any) -> Json:
    one = {**CHAT["choices"][0], **(choice or {})}
    return {**CHAT, "choices": [{**one, "message": {**one["message"], **message}}]}


NOT_TO_STREAM: dict[str, tuple[str, Any]] = {
    "sound": ("chat", chat_with(audio={"id": "a", "data": "AAAA"})),
    "a custom tool": (
        "chat",
        chat_with(tool_calls=[{"id": "a", "type": "custom", "custom": {"name": "a", "input": "b"}}]),
    ),
    "content in parts": ("chat", chat_with(content=[{"type": "text", "text": "hi"}])),
    "a call with an index": (
        "chat",
        chat_with(tool_calls=[{"index": 0, "id": "a", "type": "function", "function": {"name": "a", "arguments": ""}}]),
    ),
    "arguments that are no text": (
        "chat",
        chat_with(tool_calls=[{"id": "a", "function": {"name": "a", "arguments": {}}}]),
    ),
    "no end": ("chat", chat_with({"finish_reason": None})),
    "choices out of order": ("chat", chat_with({"index": 1})),
    "no choices": ("chat", {**CHAT, "choices": []}),
    "null choices": ("chat", {**CHAT, "choices": None}),
    "no object": ("chat", [CHAT]),
    "no role": ("chat", {**CHAT, "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}),
    "a block without a kind": ("messages", {**MESSAGE, "content": [{"text": "hi"}]}),
    "no stop": ("messages", {**MESSAGE, "stop_reason": None}),
    "no usage": ("messages", {**MESSAGE, "usage": None}),
    "input that is no object": (
        "messages",
        {**MESSAGE, "content": [{"type": "tool_use", "id": "a", "name": "b", "input": [1]}]},
    ),
    "an unknown item": ("responses", {**RESPONSE, "output": [{"id": "a", "type": "news"}]}),
    "an item without an id": ("responses", {**RESPONSE, "output": [{"type": "message", "content": []}]}),
    "failed": ("responses", {**RESPONSE, "status": "failed"}),
    "no candidates": ("content", {"promptFeedback": {"blockReason": "SAFETY"}}),
    "an open candidate": ("content", {"candidates": [{"content": {"parts": []}}]}),
}


@pytest.mark.parametrize("case", list(NOT_TO_STREAM))
def test_what_no_stream_can_tell_is_a_miss(case: str) -> None:
    name, answer = NOT_TO_STREAM[case]
    assert to_stream(OF[name][0], answer) is None


@kinds
@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b"7", b"{}", b'{"choices":7}', b"[" * 100_000, b"\xff", b'{"a":1e999}']
)
def test_what_is_no_answer_is_a_miss(kind: Kind, body: bytes) -> None:
    for had, asked in ((PLAIN, EVENTS), (EVENTS, PLAIN)):
        assert turned(body, had, asked, *kind) is None


def test_numbers_that_json_has_not_are_a_miss() -> None:
    body = encoded(CHAT).replace(b'"created": 1', b'"created": 1e999')
    assert turned(body, PLAIN, EVENTS, "openai", "chat") is None


@pytest.mark.parametrize("kind", [("openai", "images"), ("cohere", "chat"), ("openai", "audio"), ("ollama", "chat")])
def test_other_families_have_one_form(kind: Kind) -> None:
    assert turned(b"{}", PLAIN, EVENTS, *kind) is None


def chunk(delta: Json | None = None, **choice: Any) -> Json:
    said = {"index": 0, "delta": delta or {}, "finish_reason": None, **choice}
    return {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [said]}


COST: Json = {
    "id": "a",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [],
    "usage": {"n": 1},
}
BEGUN, STOPPED = chunk({"role": "assistant", "content": "hi"}), chunk(finish_reason="stop")


def chat_of(*chunks: Json) -> Json | None:
    return to_answer(("openai", "chat"), written([Told("", one) for one in chunks], b"[DONE]"), USAGE)


def test_what_servers_add_is_no_trouble() -> None:
    """Azure's empty first event, padding, a time for each chunk, usage in each, comments."""
    azure: Json = {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [],
        "prompt_filter_results": [{"a": 1}],
    }
    later = {**chunk({"content": "!"}), "created": 2, "obfuscation": "xyz", "usage": {"n": 0}}
    found = chat_of(azure, BEGUN, later, STOPPED, COST)
    assert found is not None
    assert (found["id"], found["created"], found["model"], found["usage"]) == ("a", 1, "m", {"n": 1})
    assert found["prompt_filter_results"] == [{"a": 1}]
    assert found["choices"] == [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi!"}}
    ]


@pytest.mark.parametrize(
    "chunks",
    [
        (BEGUN, COST),
        (BEGUN, STOPPED),
        (chunk({"content": "hi"}), STOPPED, COST),
        (BEGUN, {**STOPPED, "model": "other"}, COST),
        (BEGUN, STOPPED, chunk(finish_reason="length"), COST),
        (BEGUN, chunk({"content": ["no text"]}), STOPPED, COST),
        (BEGUN, chunk({"audio": {"data": "AAAA"}}), STOPPED, COST),
        (BEGUN, chunk({"details": [1]}), chunk({"details": [2]}), STOPPED, COST),
        (BEGUN, chunk({"tool_calls": [{"index": 1, "function": {"name": "a", "arguments": ""}}]}), STOPPED, COST),
        (BEGUN, chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}), STOPPED, COST),
        (BEGUN, chunk({"tool_calls": [{"function": {"name": "a", "arguments": "{}"}}]}), STOPPED, COST),
        (BEGUN, chunk({"content": "b"}, index=2), chunk(index=2, finish_reason="stop"), STOPPED, COST),
        (BEGUN, chunk(logprobs={"content": 7}), STOPPED, COST),
        (BEGUN, chunk(filter={"a": 1}), chunk(filter={"a": 2}), STOPPED, COST),
    ],
    ids=range(14),
)
def test_what_no_plain_answer_can_say_is_a_miss(chunks: tuple[Json, ...]) -> None:
    assert chat_of(BEGUN, STOPPED, COST) is not None
    assert chat_of(*chunks) is None


def message_of(*events: Json) -> Json | None:
    return to_answer(("anthropic", "messages"), written([Told(one["type"], one) for one in events], b""))


def start(**block: Any) -> Json:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def delta(**said: Any) -> Json:
    return {"type": "content_block_delta", "index": 0, "delta": said}


OPENED: Json = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}
CLOSED: Json = {"type": "content_block_stop", "index": 0}
ENDED: Json = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
STOP: Json = {"type": "message_stop"}
TEXT: Json = start(type="text", text="")
HI: Json = delta(type="text_delta", text="hi")


def test_counts_of_the_end_hold() -> None:
    ping = {"type": "ping"}
    found = message_of(OPENED, ping, TEXT, HI, HI, CLOSED, ping, ENDED, STOP)
    assert found is not None
    assert found["content"] == [{"type": "text", "text": "hihi"}]
    assert found["usage"] == {"input_tokens": 1, "output_tokens": 5}


CALLED: Json = start(type="tool_use", input={})


@pytest.mark.parametrize(
    "events",
    [
        (TEXT, HI, CLOSED, ENDED, STOP),
        (OPENED, TEXT, HI, CLOSED, STOP),
        (OPENED, TEXT, HI, ENDED, STOP),
        (OPENED, HI, CLOSED, ENDED, STOP),
        (OPENED, TEXT, CLOSED, HI, ENDED, STOP),
        (OPENED, TEXT, delta(type="thinking_delta", thinking="hm"), CLOSED, ENDED, STOP),
        (OPENED, TEXT, delta(type="news_delta", news="hm"), CLOSED, ENDED, STOP),
        (OPENED, start(type="news"), delta(type="text_delta", text="hm"), CLOSED, ENDED, STOP),
        (OPENED, TEXT, HI, CLOSED, {"type": "news"}, ENDED, STOP),
        *((OPENED, CALLED, delta(type="input_json_delta", partial_json=cut), CLOSED, ENDED, STOP) for cut in "{7"),
        (OPENED, {**TEXT, "index": 1}, {**CLOSED, "index": 1}, ENDED, STOP),
    ],
    ids=range(12),
)
def test_blocks_that_cannot_be_put_together_are_a_miss(events: tuple[Json, ...]) -> None:
    assert message_of(*events) is None


def response_of(*events: Json) -> Json | None:
    return to_answer(("openai", "responses"), written([Told(one["type"], one) for one in events], b""))


def test_an_end_that_leaves_out_what_was_told_is_a_miss() -> None:
    """Some compatible servers send an empty answer at the end."""
    item: Json = RESPONSE["output"][0]
    added: Json = {"type": "response.output_item.added", "output_index": 0, "item": item}
    done: Json = {"type": "response.output_item.done", "output_index": 0, "item": {**item, "encrypted_content": "a"}}
    end: Json = {"type": "response.completed", "response": RESPONSE}
    assert response_of(added, done, end) == RESPONSE
    assert response_of(end) is None  # its item was never told
    assert response_of(added, done, {**end, "response": {**RESPONSE, "output": []}}) is None
    assert response_of(added, {**done, "item": {**item, "role": "user"}}, end) is None
    assert response_of(added, done) is None
    assert response_of(added, done, {"type": "response.failed", "response": {**RESPONSE, "status": "failed"}}) is None


def test_several_choices_of_gemini_s() -> None:
    def said(index: int, text: str, **more: Any) -> Json:
        return {"content": {"role": "model", "parts": [{"text": text}]}, "index": index, **more}

    kind = ("gemini", "generate_content")
    first: Json = {"candidates": [said(0, "a"), said(1, "b")], "modelVersion": "m"}
    last: Json = {
        "candidates": [said(1, "d", finishReason="STOP"), said(0, "c", finishReason="STOP")],
        "modelVersion": "m",
    }
    found = to_answer(kind, written([Told("", first), Told("", last)], b""))
    assert found is not None
    assert [one["content"]["parts"] for one in found["candidates"]] == [[{"text": "ac"}], [{"text": "bd"}]]
    other: Json = {**last, "modelVersion": "n"}
    assert to_answer(kind, written([Told("", first), Told("", other)], b"")) is None
    assert to_answer(kind, written([Told("", first), Told("", first)], b"")) is None
