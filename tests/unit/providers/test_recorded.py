"""A stream that is kept as it passes: whole, up to its end, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.providers.anthropic import DIALECT as ANTHROPIC
from resilient_ai.providers.gemini import DIALECT as GEMINI
from resilient_ai.providers.openai import DIALECT as OPENAI
from resilient_ai.providers.streams import recorded
from resilient_ai.providers.streams.recorded import Recorded

CHAT = OPENAI.streams["chat"]
MESSAGES = ANTHROPIC.streams["messages"]
CONTENT = GEMINI.streams["generate_content"]

WORD = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'


def part(text: str, index: int = 0, *, last: bool = False) -> bytes:
    reason = ',"finishReason":"STOP"' if last else ""
    said = f'{{"content":{{"parts":[{{"text":"{text}"}}]}},"index":{index}{reason}}}'
    return f'data: {{"candidates":[{said}]}}\n\n'.encode()


def read(reading: Recorded, *chunks: bytes, end: bool = True) -> bytes:
    passed = b"".join([reading.feed(chunk) for chunk in chunks])
    return passed + reading.end() if end else passed


@given(st.lists(st.integers(1, 40), max_size=20))
def test_as_it_came_whatever_the_chunks(sizes: list[int]) -> None:
    whole, reading = WORD * 3 + b": ping\n\n" + DONE, Recorded(CHAT)
    chunks = list[bytes]()
    rest = whole
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    assert read(reading, *chunks, rest) == whole
    assert reading.take() == whole
    assert reading.take() is None


@pytest.mark.parametrize("end", [True, False])
def test_a_reader_may_stop_at_the_end(end: bool) -> None:
    """OpenAI's SDK stops reading at [DONE]."""
    reading = Recorded(CHAT)
    read(reading, WORD, DONE, end=end)
    assert reading.take() == WORD + DONE


@pytest.mark.parametrize(
    "chunks",
    [(), (WORD,), (WORD, WORD[:20]), (WORD, b"data: {oops\n\n", DONE), (WORD, b'data: {"error":{"code":1}}\n\n', DONE)],
)
def test_without_its_end_it_is_not_kept(chunks: tuple[bytes, ...]) -> None:
    reading = Recorded(CHAT)
    read(reading, *chunks)
    assert reading.take() is None


def test_what_is_behind_the_end_is_not_kept() -> None:
    """An error behind the end is the first reader's to see, and nobody else's."""
    for chunks in ((STOP, ERROR), (STOP + ERROR,), (STOP[:9], STOP[9:] + ERROR[:5], ERROR[5:])):
        reading = Recorded(MESSAGES)
        assert read(reading, *chunks) == b"".join(chunks)
        assert reading.take() == STOP


@pytest.mark.parametrize("behind", [ERROR[:30], ERROR[:-10], b"data: {oops\n\n", STOP])
def test_what_is_no_answer_behind_the_end_is_nobody_s_to_see(behind: bytes) -> None:
    """Its SDK reads on there, and cannot read that, or reads it twice."""
    reading = Recorded(MESSAGES)
    assert read(reading, STOP, behind).strip() == STOP.strip()
    assert reading.take() == STOP


def test_an_end_without_its_empty_line() -> None:
    reading = Recorded(CHAT)
    read(reading, WORD, b"data: [DONE]")
    assert reading.take() == WORD + DONE


def test_where_words_may_follow_an_end_it_is_read_to_the_last() -> None:
    """A reader that closes when the first choice is done has not got the second."""
    reading = Recorded(CONTENT)
    read(reading, part("a"), part("b", last=True), end=False)
    assert reading.take() is None
    chunks = part("a", last=True), part("b", 1), part("c", 1, last=True)
    reading = Recorded(CONTENT)
    read(reading, *chunks)
    assert reading.take() == b"".join(chunks)


@pytest.mark.parametrize("behind", [b'data: {"error":{"code":500}}\n\n', b"data: oops\n\n", b"data: 7\n\n"])
def test_where_words_may_follow_trouble_behind_the_end_spoils_it(behind: bytes) -> None:
    reading = Recorded(CONTENT)
    assert read(reading, part("a", last=True), behind) == part("a", last=True) + behind
    assert reading.take() is None


def test_a_large_one_is_let_go_of_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MOST_KEPT", 3 * len(WORD) + len(DONE))
    for words, kept in ((3, True), (4, False)):
        reading = Recorded(CHAT)
        read(reading, *[WORD] * words, DONE)
        assert (reading.take() is not None) is kept
    reading = Recorded(CHAT)
    assert read(reading, WORD * 4, WORD, DONE) == WORD * 5 + DONE


def test_forgotten() -> None:
    reading = Recorded(CHAT)
    reading.feed(WORD)
    reading.forget()
    read(reading, WORD, DONE)
    assert reading.take() is None
