"""Amazon's framing of a stream, undone: however the bytes are cut, and whatever they are."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.transports._eventstream import Frames
from resilient_ai.transports._inflate import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterable


def framed(head: bytes, payload: bytes) -> bytes:
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + payload
    return body + struct.pack("!I", zlib.crc32(body))


def text(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()


def header(kind: int, value: bytes) -> bytes:
    return b"\x01x" + bytes([kind]) + value


EVENT = text(":message-type", "event")
ODD = b"".join(
    [
        header(0, b""),
        header(1, b""),
        header(2, b"1"),
        header(3, b"12"),
        header(4, b"1234"),
        header(5, b"12345678"),
        header(6, b"\x00\x02ab"),
        header(8, b"12345678"),
        header(9, b"0123456789abcdef"),
    ]
)
"""A header of every other type."""


def chunk(event: Any, *, spread: bool = False) -> bytes:
    data = json.dumps(event, indent=1 if spread else None).encode()
    return framed(ODD + EVENT, json.dumps({"bytes": base64.b64encode(data).decode()}).encode())


def read(chunks: Iterable[bytes]) -> bytes:
    frames, said = Frames(), b""
    for data in chunks:
        frames.feed(data)
        while piece := frames.piece():
            said += piece
    frames.end()
    return said


SAID = [{"type": "ping"}, {"type": "content_block_delta", "delta": {"text": "ü\n\r"}}, {"type": "message_stop"}]
WHOLE = b"".join(chunk(event) for event in SAID)
PLAIN = b"".join(b"event: %b\ndata: %b\n\n" % (str(e["type"]).encode(), json.dumps(e).encode()) for e in SAID)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_however_the_bytes_are_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WHOLE)]
    assert read(WHOLE[one:other] for one, other in itertools.pairwise(places)) == PLAIN


def test_each_event_comes_as_soon_as_it_is_whole() -> None:
    frames = Frames()
    frames.feed(WHOLE[:-1])
    assert frames.piece() + frames.piece() == PLAIN[: PLAIN.index(b"event: message_stop")]
    assert frames.piece() == b""
    frames.feed(WHOLE[-1:])
    assert frames.piece().startswith(b"event: message_stop")


def test_an_event_s_lines_are_no_lines_of_the_stream() -> None:
    assert (
        read([chunk(SAID[1], spread=True)])
        == b"event: content_block_delta\ndata: %b\n\n" % json.dumps(SAID[1]).encode()
    )


@given(st.binary(max_size=200), st.integers(0, 3))
def test_whatever_comes_it_is_read_or_refused(data: bytes, before: int) -> None:
    try:
        said = read([*(chunk(event) for event in SAID[:before]), data])
    except Damaged:
        return
    assert PLAIN.startswith(said) or not data


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_a_sound_frame_holds(head: bytes, payload: bytes) -> None:
    with contextlib.suppress(Damaged):
        assert read([framed(head, payload)]) == b"" or b"event: " in read([framed(head, payload)])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("throttlingException", "rate_limit_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("modelTimeoutException", "timeout_error"),
        ("anotherException", "api_error"),
    ],
)
def test_an_exception_is_an_error_of_the_dialect(name: str, told: str) -> None:
    said = read([framed(text(":message-type", "exception") + text(":exception-type", name), b'{"message": "why"}')])
    error = {"type": "error", "error": {"type": told, "message": "why"}}
    assert said == b"event: error\ndata: %b\n\n" % json.dumps(error).encode()


@pytest.mark.parametrize(
    "data",
    [
        WHOLE[:-1],
        WHOLE[:7],
        framed(EVENT, b"hello"),
        framed(EVENT, b"[]"),
        framed(EVENT, b'{"bytes": "?"}'),
        framed(EVENT, b'{"bytes": "aGVsbG8="}'),
        framed(EVENT[:-3], b"{}"),
        framed(b"\x01x\x0a", b"{}"),
        framed(b"\x01\xff\x00", b"{}"),
        struct.pack("!III", 2**31, 0, zlib.crc32(struct.pack("!II", 2**31, 0))),
        struct.pack("!III", 15, 0, zlib.crc32(struct.pack("!II", 15, 0))),
        chunk(SAID[0])[:-1] + b"\x00",
    ],
)
def test_what_is_damaged_is_told_at_that_place(data: bytes) -> None:
    with pytest.raises(Damaged):
        read([chunk(SAID[0]), data])
