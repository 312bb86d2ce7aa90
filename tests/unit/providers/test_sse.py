"""What a stream says of itself counts where the API says it: not in a text, an argument or metadata, and in whatever
chunks the bytes come."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resilient_ai.providers import sse
from resilient_ai.providers.registry import DIALECTS
from resilient_ai.providers.sse import EventDecoder, TooLong
from resilient_ai.providers.streams.delivered import Delivered
from resilient_ai.providers.streams.reading import Reading
from tests.fuzz.reference import reference

CASES = [
    ("openai", "chat"),
    ("openai", "completions"),
    ("openai", "responses"),
    ("anthropic", "messages"),
    ("gemini", "generate_content"),
    ("gemini", "interactions"),
    ("cohere", "chat"),
]


def fed(case: tuple[str, str], *chunks: bytes) -> Reading:
    """A stream read to its end."""
    reading = Reading(DIALECTS[case[0]].streams[case[1]])
    for chunk in chunks:
        reading.feed(chunk)
    reading.end()
    return reading


def data(event: Any, *, spaced: bool = True, name: str | None = None) -> bytes:
    written = json.dumps(event, separators=None if spaced else (",", ":")).encode()
    return (b"" if name is None else b"event: %b\n" % name.encode()) + b"data: " + written + b"\n\n"


def said(text: str) -> dict[tuple[str, str], bytes]:
    """An event of each API in whose text, or whose program's own data, a text stands."""
    try:
        told: Any = json.loads(text)
    except ValueError:
        told = {"type": text, "event_type": text, "finishReason": text, "blockReason": text}
    openai = {"id": "c", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    part = {"functionCall": {"name": "end", "args": told}}
    return {
        ("openai", "chat"): data(openai),
        ("openai", "completions"): data({"id": "c", "choices": [{"index": 0, "text": text}]}),
        ("openai", "responses"): data(
            {"type": "response.created", "response": {"metadata": told, "tools": [{"parameters": told}]}}
        ),
        ("anthropic", "messages"): data(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
            name="content_block_delta",
        ),
        ("gemini", "generate_content"): data({"candidates": [{"content": {"parts": [{"text": text}, part]}}]}),
        ("gemini", "interactions"): data({"event_type": "step.delta", "delta": {"text": text, "arguments": told}}),
        ("cohere", "chat"): data(
            {"type": "content-delta", "delta": {"message": {"content": {"text": text}}}, "o": told}
        ),
    }


WORDS = [
    "data: [DONE]",
    "\ndata: [DONE]\n\n",
    "\r\nevent: error\r\n",
    "event: error",
    "event: message_stop",
    'data: {"error": {"code": "server_error"}}',
    'data: {"type":"error"',
    '{"type": "error"}',
    '{"type": "response.completed", "finishReason": "STOP"}',
    '{"candidates": [{"finishReason": "STOP"}], "promptFeedback": {"blockReason": "SAFETY"}}',
    '{"event_type": "interaction.completed"}',
    '{"event_type": "error", "type": "message-end"}',
    "response.failed",
    "message-end",
]

ENDS: dict[tuple[str, str], list[bytes]] = {
    ("openai", "chat"): [b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n", b"data: [DONE]\r\r"],
    ("openai", "completions"): [b"data: [DONE]\n\n"],
    ("openai", "responses"): [
        data({"type": "response.completed", "response": {}}, spaced=False),
        data({"response": {"metadata": {"type": "error"}}, "type": "response.incomplete"}, name="response.incomplete"),
        data({"type": "response.completed", "response": {}}).replace(b"data: ", b"data:"),
    ],
    ("anthropic", "messages"): [
        data({"type": "message_stop"}, name="message_stop"),
        data({"type": "message_stop"}, spaced=False),
    ],
    ("gemini", "generate_content"): [
        data({"candidates": [{"content": {"parts": [{"text": "end"}]}, "finishReason": "STOP", "index": 0}]}),
        data({"candidates": [{"finishReason": "STOP"}]}, spaced=False).replace(b"\n", b"\r\n"),
        data({"promptFeedback": {"blockReason": "SAFETY"}}),
        b'data: {"candidates": [{\ndata: "finishReason": "STOP"\ndata: }]}\n\n',  # an object over several lines
    ],
    ("gemini", "interactions"): [data({"interaction": {"id": "i"}, "event_type": "interaction.completed"})],
    ("cohere", "chat"): [
        data({"type": "message-end", "delta": {}}, spaced=False),
        data({"id": "i", "type": "message-end"}, name="message-end"),
    ],
}

# fmt: off
NAMES = [
    "choices", "delta", "content", "index", "finish_reason", "error", "type", "item", "output_index", "text",
    "content_block", "candidates", "parts", "message", "functionCall", "promptFeedback", "event_type", "tool_calls",
    "content_index", "thinking",
]
# fmt: on

LIMIT = {"code": "rate_limit_exceeded", "type": "requests", "message": "slow"}
BUSY = {"type": "overloaded_error", "message": "busy"}
ERRORS: dict[tuple[str, str], list[tuple[bytes, str]]] = {
    ("openai", "chat"): [(data({"error": LIMIT}), "rate_limited")],
    ("openai", "completions"): [(data({"error": LIMIT}, spaced=False), "rate_limited")],
    ("openai", "responses"): [
        (data({**LIMIT, "type": "error"}, name="error"), "rate_limited"),
        (data({"response": {"status": "failed", "error": LIMIT}, "type": "response.failed"}), "rate_limited"),
    ],
    ("anthropic", "messages"): [
        (data({"type": "error", "error": BUSY}, name="error"), "overloaded"),
        (data({"type": "error", "error": BUSY}, name="error").replace(b"\n", b"\r\n"), "overloaded"),
        (data({"type": "error", "error": BUSY}), "overloaded"),
    ],
    ("gemini", "generate_content"): [(data({"error": {"code": 503, "status": "UNAVAILABLE"}}), "overloaded")],
    ("gemini", "interactions"): [(data({"error": BUSY, "event_type": "error"}, name="error"), "overloaded")],
}


@pytest.mark.parametrize("case", CASES, ids="-".join)
@pytest.mark.parametrize("words", WORDS)
def test_words_of_a_text_are_no_signal(case: tuple[str, str], words: str) -> None:
    """Regression: a healthy stream whose text spoke of ``event: error`` counted as a failure, and a cut one whose text
    or function call named the end passed as complete."""
    stream = said("hello")[case] + said(words)[case]
    watch = fed(case, stream)
    assert not watch.seen
    assert watch.error is None
    for end in (stream[:-1], stream[:-2], stream[:-10]):  # cut in its last line
        watch = fed(case, end)
        assert not watch.seen
        assert watch.error is None


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_every_end_is_seen(case: tuple[str, str]) -> None:
    for end in ENDS[case]:
        watch = fed(case, *(said(words)[case] for words in WORDS), end)
        assert watch.seen
        assert watch.error is None
        assert fed(case, said("hello")[case], end.rstrip()).seen  # the last line end left out


@pytest.mark.parametrize("case", list(ERRORS), ids="-".join)
def test_every_error_is_told_whole(case: tuple[str, str]) -> None:
    for event, kind in ERRORS[case]:
        stream = said("event: error")[case] + event + b"data: more\n\n"
        for step in (1, 7, 64, len(stream)):
            watch = fed(case, *(stream[at : at + step] for at in range(0, len(stream), step)))
            assert watch.error is not None
            assert DIALECTS[case[0]].told_in_stream(watch.error).value == kind
            assert b"more" not in watch.error


def parts_of(case: tuple[str, str]) -> st.SearchStrategy[bytes]:
    """Whole events, and what no server should send."""
    events = [said(words)[case] for words in [*WORDS, "hello"]] + ENDS[case] + [e for e, _ in ERRORS.get(case, [])]
    junk = [b"\n", b"\r", b"\r\n", b": ping\n\n", b"data: ", b"data:", b"{", b"}", b'"', b"event: ", b"x" * 50]
    junk += [b": \xff\n\n", b"id: \xff\n", b'error: {"code":500}\n\n', b'data: {"a":\r1}\n\n']
    return st.sampled_from(events + junk)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    edges = sorted(at)
    return [stream[a:b] for a, b in zip([0, *edges], [*edges, len(stream)], strict=True)]


def told(reading: Reading) -> bytes | None:
    """The error without its line ends: of a last one in two pieces, the second may come later."""
    return None if reading.error is None else reading.error.rstrip()


def is_comment(raw: bytes) -> bool:
    return all(line[:1] in (b"", b":") for line in raw.splitlines())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_chunks_make_no_difference(draw: st.DataObject) -> None:
    """Any chunking of any stream gives the same verdict and hands on the same bytes, and only whole events."""
    case = draw.draw(st.sampled_from(CASES))
    stream = b"".join(draw.draw(st.lists(parts_of(case), max_size=6)))
    edges = draw.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    readings: list[tuple[bytes, Reading]] = []
    for chunks in ([stream], cut(stream, edges), [stream[at : at + 1] for at in range(len(stream))]):
        reading = Reading(DIALECTS[case[0]].streams[case[1]])
        passed = b"".join([*(reading.feed(chunk) for chunk in chunks), reading.end()])
        readings.append((passed, reading))
    first_passed, first = readings[0]
    final = DIALECTS[case[0]].streams[case[1]].final and first.seen
    nothing = [event for event in EventDecoder().feed(stream) if not event.data and not is_comment(event.raw)]
    if not (final or nothing or b"\xff" in stream):  # what is left out may stand in its midst
        assert stream.startswith(first_passed)
        assert first_passed == stream or first.stopped or not first.seen
    for passed, reading in readings:
        assert passed == first_passed
        assert (reading.seen, reading.begun) == (first.seen, first.begun)
        assert (told(reading), reading.fault) == (told(first), first.fault)


LINES = [b"data: x", b"data:y", b"data", b"data:  z", b"event: e", b"event", b": c", b"id: 1", b"\xef\xbb\xbf", b"\xff"]
ENDS_OF_LINES = [b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r", b"\r\n\n"]


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from([*LINES, *ENDS_OF_LINES]) | st.binary(max_size=6), max_size=14).map(b"".join),
    st.lists(st.integers(0, 200), max_size=12),
)
@example(b"\n\xef\xbb\xbfdata: x\n\n", [])
@example(b"data: x\n\n\xef\xbb\xbfdata: y\n\n", [10])
def test_the_decoder_is_the_reference(stream: bytes, edges: list[int]) -> None:
    """Any bytes in any chunking: the events of a plain reading of the standard; every byte in exactly one event."""
    for chunks in (cut(stream, [min(edge, len(stream)) for edge in edges]), [bytes([byte]) for byte in stream]):
        decoder = EventDecoder()
        events = [event for chunk in chunks for event in decoder.feed(chunk)]
        rest = decoder.end()
        assert b"".join([*(event.raw for event in events), rest.raw if rest else b""]) == stream
        assert [(event.name, event.data) for event in events if event.data] == reference(stream)


def test_words_that_come_with_what_opens_a_text_are_content() -> None:
    """Else another answer's words could be glued to them."""
    block = b'"index":0,"content_block":{"type":"text","text":"Good"}'
    event = b'event: content_block_start\ndata: {"type":"content_block_start",%b}\n\n' % block
    delivered = Delivered()
    reading = Reading(DIALECTS["anthropic"].streams["messages"], delivered.took)
    assert reading.feed(event) == event
    assert reading.begun
    assert not delivered.only_texts


@pytest.mark.parametrize("told", [b'"boom"', b"7", b"[1]"])
def test_an_error_of_gemini_s_that_its_sdk_cannot_read(told: bytes) -> None:
    """It raised an AttributeError."""
    reading = Reading(DIALECTS["gemini"].streams["generate_content"])
    assert reading.feed(b'data: {"error":%b}\n\n' % told) == b""
    assert (reading.error, reading.fault) == (None, "an event is malformed")


def test_an_endless_event_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 24: a line that is never finished is bounded."""
    monkeypatch.setattr(sse, "MOST_EVENT", 1_000_000)
    decoder = EventDecoder()
    for _ in range(15):
        decoder.feed(b"A" * 65_536)
    with pytest.raises(TooLong):
        decoder.feed(b"A" * 65_536)
    assert not decoder.size
    assert decoder.end() is None
    reading = Reading(DIALECTS["openai"].streams["chat"])
    for _ in range(17):
        reading.feed(b"A" * 65_536)
    assert reading.fault is not None
    assert reading.feed(b"\n\ndata: {}\n\n") == reading.end() == b""


@pytest.mark.parametrize("case", CASES, ids="-".join)
@pytest.mark.parametrize("bad", [b"data: {\n\n", b"data: [1]\n\n", b"data: \xff{}\n\n", b'data: {"a":1} x\n\n'])
def test_nothing_is_handed_on_from_a_malformed_event_on(case: tuple[str, str], bad: bytes) -> None:
    """Promise 23: what came before it is."""
    good = said("hello")[case]
    reading = Reading(DIALECTS[case[0]].streams[case[1]])
    assert reading.feed(good + bad + good) == good
    assert reading.fault == "an event is malformed"
    assert reading.feed(good) == reading.end() == b""


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CASES), st.lists(JSON, max_size=4))
def test_no_event_is_beyond_reading(case: tuple[str, str], events: list[Any]) -> None:
    """Whatever an event's object holds, it is read or a fault, never an exception."""
    fed(case, *(data(event) for event in events))


def test_empty_lines_are_one_event() -> None:
    """Promise 24: ten megabytes of them took half a minute, each as an event."""
    decoder = EventDecoder()
    events = [event for _ in range(16) for event in decoder.feed(b"\n" * 65_536)]
    assert len(events) <= 32
    assert [event.data for event in decoder.feed(b"data: x\n\n")] == [b"x"]


def test_a_large_event_is_not_copied_again_and_again() -> None:
    """Regression: an event just below the limit took six times its size."""
    size = 8 * 1024 * 1024
    raw = data({"choices": [{"index": 0, "delta": {"content": "a" * size}}]})
    chunks = [raw[at : at + 65_536] for at in range(0, len(raw), 65_536)]
    delivered = Delivered()
    reading = Reading(DIALECTS["openai"].streams["chat"], delivered.took)
    tracemalloc.start()
    passed = b""
    while chunks:
        passed = reading.feed(chunks.pop(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert passed == raw
    assert peak < 3.2 * size


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*LINES, *ENDS_OF_LINES]) | st.binary(max_size=6), max_size=14).map(b"".join))
def test_a_large_event_is_read_as_a_small_one(raw: bytes) -> None:
    assert sse._large_event(raw, 0) == sse._event(raw)


@pytest.mark.parametrize("cut", range(48))
def test_a_left_out_event_takes_the_same_bytes_however_they_are_cut(cut: int) -> None:
    """A gateway's own event in Anthropic's stream, which is no JSON, and empty lines behind it. Found by fuzzing."""
    stream = b"event: gateway\ndata: {bad\n\n\n\n\nevent: ping\n"

    def read(*chunks: bytes) -> bytes:
        reading = Reading(DIALECTS["anthropic"].streams["messages"])
        return b"".join([*(reading.feed(chunk) for chunk in chunks), reading.end()])

    assert read(stream[:cut], stream[cut:]) == read(stream)
