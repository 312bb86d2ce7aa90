"""A stream that is turned: any chunks, errors, ends; with a codec of one word an event."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.failures import FailureKind
from resilient_ai.providers.canonical import Alive, Closed, Delta, Failed, Finished, PartDelta
from resilient_ai.providers.codecs.base import Asked, Codec, Untranslatable
from resilient_ai.providers.codecs.table import TONGUES, Pair, same, translation
from resilient_ai.providers.codecs.turn import StreamTurn, Turned
from resilient_ai.providers.streams.base import Grammar, Said
from resilient_ai.providers.streams.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

NONE: Any = None
ASKED = Asked({}, "m", True)


class Reader:
    def read(self, name: bytes, fields: dict[str, Any]) -> list[Delta]:
        if "error" in fields:
            return [Failed(fields)]
        if fields.get("picture"):
            raise Untranslatable("part[0]", "a picture")
        if fields.get("ping"):
            return [Alive()]
        return [Finished("stop")] if fields.get("over") else [PartDelta(0, fields["word"])]

    def done(self) -> list[Delta]:
        return [Closed()]


class Writer:
    def write(self, delta: Delta) -> bytes:
        if isinstance(delta, PartDelta):
            return b"data: %s\n\n" % json.dumps({"text": delta.text}).encode()
        return b"data: END\n\n" if isinstance(delta, Closed) else b""


def _said(status: int, kind: FailureKind, words: str) -> dict[str, Any]:
    return {"error": {"code": status, "kind": kind.value, "said": words}}


def _words(event: Any) -> str | None:
    return event["error"].get("message")


def _writer(asked: Asked) -> Writer:
    return Writer()


CODEC = Codec(
    dialect="openai",
    family="chat",
    read_request=NONE,
    write_request=NONE,
    read_answer=NONE,
    write_answer=NONE,
    reader=Reader,
    writer=_writer,
    read_error=_words,
    write_error=_said,
)


def _ours(name: bytes, event: dict[str, Any]) -> Said:
    if "error" in event:
        return Said(ends=True, fails=True)
    return Said(((("text", 0, 0), event["text"]),))


THEIRS = Grammar(read=NONE, done=b"STOP")
OURS = Grammar(read=_ours, done=b"END")


def turned(*, unended: bool = False, ours: Codec | None = None) -> tuple[Turned, StreamTurn, Reading]:
    pair = Pair(ours or CODEC, CODEC)
    turn = StreamTurn(pair, THEIRS, ASKED, lambda raw: FailureKind.OVERLOADED, unended=unended)
    reading = Reading(OURS)
    return Turned(turn, reading), turn, reading


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


STOP = b"data: STOP\n\n"


@given(st.lists(st.text(max_size=8), max_size=6), st.lists(st.integers(1, 12), max_size=40), st.data())
def test_any_chunks_say_the_same(words: list[str], cuts: list[int], data: st.DataObject) -> None:
    whole = b"".join([event(word=word) for word in words]) + event(over=True) + STOP
    passing, _, _ = turned()
    came, at = b"", 0
    for size in cuts:
        came += passing.feed(whole[at : at + size])
        at += size
    came += passing.feed(whole[at:]) + passing.end()
    assert came == b"".join([event(text=word) for word in words]) + b"data: END\n\n"
    assert passing.seen
    assert passing.satisfied
    assert not passing.stopped
    assert passing.fault is None


def test_a_cut_stream_has_no_end() -> None:
    for cut in (b"", b"data: STO", b'data: {"word": "th'):
        passing, _, _ = turned()
        assert passing.feed(event(word="so") + event(over=True) + cut) == event(text="so")
        assert passing.end() == b""
        assert (passing.seen, passing.satisfied, passing.fault, passing.begun) == (False, False, None, True)


def test_a_host_that_leaves_the_end_out_ends_with_its_reason() -> None:
    passing, _, _ = turned(unended=True)
    passing.feed(event(word="so") + event(over=True))
    assert passing.end() == b"data: END\n\n"
    assert passing.seen
    passing, _, _ = turned(unended=True)
    passing.feed(event(word="so"))
    assert (passing.end(), passing.seen) == (b"", False)


def test_an_error_is_told_in_the_callers_form_and_judged_by_the_vendors() -> None:
    passing, turn, reading = turned()
    assert passing.feed(event(word="so") + event(error={"message": "too much"}) + event(word="more")) == event(
        text="so"
    )
    assert reading.error is not None
    assert reading.error == passing.error
    assert json.loads(reading.error.removeprefix(b"data: ")) == {
        "error": {"code": 503, "kind": "overloaded", "said": "too much"}
    }
    assert passing.stopped
    assert turn.told_in_stream(reading.error) is FailureKind.OVERLOADED


@pytest.mark.parametrize(("dialect", "family"), [("anthropic", "messages"), ("openai", "responses")])
def test_where_errors_are_events_of_that_name_they_are(dialect: str, family: str) -> None:
    passing, _, _ = turned(ours=replace(CODEC, dialect=dialect, family=family))
    passing.feed(event(error={}))
    assert passing.error is not None
    assert passing.error.startswith(b"event: error\ndata: {")
    assert b"overloaded" in passing.error  # where the vendor has no words, the kind is one


def test_what_cannot_be_told_and_what_cannot_be_read_end_it() -> None:
    for bad, why in (
        (event(picture=True), "cannot be told in the caller's dialect: part[0]: a picture"),
        (event(strange=True), "an event is malformed"),
        (b"data: {no\n\n", "an event is malformed"),
    ):
        passing, turn, _ = turned()
        assert passing.feed(event(word="so") + bad + event(word="more")) == event(text="so")
        assert passing.stopped
        assert passing.fault is not None
        assert passing.fault.endswith(why)
        assert turn.kind is None
        assert passing.end() == b""


def test_signs_of_life_are_no_events() -> None:
    passing, _, _ = turned()
    assert passing.feed(event(ping=True) + b": keep awake\n\n") == b""
    assert (passing.events, passing.begun, passing.ready) == (0, False, False)


def test_what_looks_like_an_event_may_be_the_rest_of_another() -> None:
    passing, _, _ = turned()
    assert passing.feed(b": awake ") + passing.feed(event(word="so")) + passing.end() == b""


def test_what_comes_behind_the_end_is_nobodys() -> None:
    passing, _, _ = turned()
    passing.feed(event(word="so") + STOP)
    assert passing.feed(event(word="more") + event(error={}) + STOP + b"data: {no\n\n") == b""
    assert (passing.seen, passing.stopped) == (True, False)


@pytest.mark.parametrize(
    ("spoken", "dialect", "family", "is_same"),
    [
        ("openai", "openai", "responses", True),
        ("openai-chat", "openai", "chat", True),
        ("openai-chat", "openai", "embeddings", True),
        ("openai-chat", "openai", "responses", False),
        ("openai-responses", "openai", "chat", False),
        ("openai-responses", "openai", "images", True),
        ("anthropic", "openai", "chat", False),
        ("klingon", "openai", "chat", False),
    ],
)
def test_what_a_target_takes_as_it_is(spoken: str, dialect: str, family: str, is_same: bool) -> None:
    assert same(spoken, dialect, family) is is_same


def test_nobody_translates_what_has_no_codec() -> None:
    reasons: list[Callable[[], object]] = [
        lambda: translation("openai", "embeddings", "anthropic"),
        lambda: translation("openai", "chat", "cohere"),
        lambda: translation("cohere", "chat", "openai"),
        lambda: translation("openai", "chat", "klingon"),
    ]
    assert [reason() for reason in reasons] == [None] * 4
    assert TONGUES["openai"].into == "chat"
