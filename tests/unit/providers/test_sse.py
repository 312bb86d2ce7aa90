"""What a stream says of itself counts where the API says it: not in a text, an argument or metadata, and in whatever
chunks the bytes come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers import sse
from resilient_ai.providers.registry import DIALECTS
from resilient_ai.providers.sse import TerminalWatch

CASES = [("openai", "chat"), ("openai", "completions"), ("openai", "responses"), ("anthropic", "messages")]
CASES += [("gemini", "generate_content"), ("gemini", "interactions"), ("cohere", "chat")]


def watch_of(dialect: str, family: str) -> TerminalWatch:
    spoken = DIALECTS[dialect]
    return TerminalWatch(spoken.terminal[family], spoken.stream_errors.get(family, ()))


def fed(case: tuple[str, str], *chunks: bytes) -> TerminalWatch:
    watch = watch_of(*case)
    for chunk in chunks:
        watch.feed(chunk)
    return watch


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
        assert fed(case, said("hello")[case], end.rstrip()).seen or end.count(b"\n") > 2  # the last line end left out


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
    words = [w if isinstance(w, bytes) else w.word for w in DIALECTS[case[0]].terminal[case[1]]]
    junk = [b"\n", b"\r", b"\r\n", b": ping\n\n", b"data: ", b"data:", b"{", b"}", b'"', b"event: ", b"x" * 50]
    return st.sampled_from(events + words + junk)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_chunks_make_no_difference(draw: st.DataObject) -> None:
    """Any chunking of any stream gives the same verdict, of lines too long to be parsed as well."""
    case = draw.draw(st.sampled_from(CASES))
    stream = b"".join(draw.draw(st.lists(parts_of(case), max_size=6)))
    cuts = draw.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        if draw.draw(st.booleans()):
            patch.setattr(sse, "MOST_PARSED", 90)
            patch.setattr(sse, "MOST_TOLD", 70)
        whole, cut = fed(case, stream), fed(case, *chunks)
        by_bytes = fed(case, *(stream[at : at + 1] for at in range(len(stream))))
        for watch in (cut, by_bytes):
            assert watch.seen is whole.seen
            assert watch.error == whole.error


def test_an_endless_line_is_not_kept() -> None:
    """Bounded: of a line that is never finished no more is kept than would be parsed; its end is believed."""
    case = ("gemini", "generate_content")
    watch = fed(case, b'data: {"candidates": [{"content": {"parts": [{"inlineData": {"data": "')
    for _ in range(80):
        watch.feed(b"A" * 65_536)
        assert sum(map(len, watch._line)) <= sse.MOST_PARSED + 65_536
    watch.feed(b'"}}]}, "finishRea')
    assert not watch.seen
    watch.feed(b'son": "STOP"}]}\r')
    watch.feed(b"\n\r\n")
    assert watch.seen


def test_a_chunk_without_a_signal_is_not_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hot path: words are searched for, nothing is read line by line, whatever the chunks' edges."""
    monkeypatch.setattr(TerminalWatch, "_read", lambda *_: pytest.fail("read"))
    for case in CASES:
        event = said("[]")[case]
        fed(case, event * 3, event[:20], event[20:], event)
