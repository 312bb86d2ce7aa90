"""A body is made of parts only where each is known to be the part that is wanted: pure decisions, no socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.testing._server.ranges import ranged, stored
from resilient_ai.transports._resumed import Resumption, resumable

if TYPE_CHECKING:
    from resilient_ai.testing._server.replies import Reply

Headers = dict[bytes, bytes]


def headers_of(reply: Reply, *, length: bool) -> Headers:
    said = {name.encode(): value.encode() for name, value in reply.headers.items()}
    return said | ({b"content-length": b"%d" % len(reply.body)} if length else {})


def asked(resumption: Resumption) -> dict[str, str]:
    return dict(resumption.asks())


@settings(deadline=None)
@given(body=st.binary(min_size=1, max_size=300), cuts=st.lists(st.integers(1, 100), max_size=20), length=st.booleans())
def test_an_object_store_s_parts_are_the_file(body: bytes, cuts: list[int], length: bool) -> None:
    """Cut anywhere, as often as you like: the very bytes, once each."""
    whole = stored("video/mp4", body)
    resumption = resumable("GET", 200, headers_of(whole, length=length))
    assert resumption is not None
    got, part = b"", body
    for cut in cuts:
        got += part[:cut]
        resumption.at = len(got)
        if got == body:
            break
        reply = ranged(whole, asked(resumption))
        assert resumption.mismatch(reply.status, headers_of(reply, length=length)) is None
        part = reply.body
    else:
        got += part
        resumption.at = len(got)
    assert got == body
    assert resumption.whole


@settings(deadline=None)
@given(
    before=st.binary(min_size=1, max_size=50),
    after=st.binary(max_size=50),
    at=st.integers(1, 60),
    said=st.from_regex(rb"(bytes )?\d{0,3}-\d{0,3}/(\d{0,3}|\*)", fullmatch=True) | st.binary(max_size=12),
    status=st.sampled_from([200, 206, 304, 416]),
)
def test_only_the_very_rest_fits(before: bytes, after: bytes, at: int, said: bytes, status: int) -> None:
    """Whatever an answer says of itself: it is taken only if that is the rest, to the end, of a file as long."""
    total = len(before)
    resumption = Resumption('"x"', total)
    resumption.at = at
    if resumption.mismatch(status, {b"content-range": said}) is None:
        assert status == 206
        assert said.strip().lower() == b"bytes %d-%d/%d" % (at, total - 1, total)
        assert at < total
    changed = ranged(
        stored("video/mp4", after), {"range": f"bytes={at}-", "if-range": stored("", before).headers["etag"]}
    )
    if after != before:  # If-Range: of another file no part is given out
        assert resumption.mismatch(changed.status, headers_of(changed, length=True)) is not None


SOUND: Headers = {b"accept-ranges": b"bytes", b"etag": b'"x"', b"content-length": b"10", b"content-type": b"video/mp4"}
DATES: Headers = {
    b"last-modified": b"Sun, 22 Nov 2026 12:00:00 GMT",
    b"date": b"Sun, 22 Nov 2026 12:00:01 GMT",
    b"accept-ranges": b"bytes",
}


def test_where_it_can_be() -> None:
    for headers in (SOUND, {**SOUND, b"accept-ranges": b"Bytes"}, DATES):
        assert resumable("GET", 200, headers) is not None
    without = {name: value for name, value in SOUND.items() if name != b"content-length"}
    assert resumable("GET", 200, without) is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"accept-ranges", b"none"),
        (b"accept-ranges", b""),
        (b"etag", b'W/"x"'),
        (b"etag", b"x"),
        (b"etag", b'""'),
        (b"etag", b'"'),
        (b"content-encoding", b"gzip"),
        (b"content-length", b"10, 10"),
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"content-type", b"multipart/byteranges; boundary=x"),
    ],
)
def test_where_it_cannot(name: bytes, value: bytes) -> None:
    assert resumable("GET", 200, {**SOUND, name: value}) is None


@pytest.mark.parametrize("date", [b"Sun, 22 Nov 2026 12:00:00 GMT", b"nonsense", b"", b"Sun, 99 Nov 9999 12:00:00 GMT"])
def test_a_date_is_no_mark_unless_it_is_old(date: bytes) -> None:
    assert resumable("GET", 200, {**DATES, b"date": date}) is None


def test_only_what_can_be_asked_for_twice() -> None:
    assert resumable("POST", 200, SOUND) is None
    assert resumable("HEAD", 200, SOUND) is None
    for status in (206, 203, 404, 304):
        assert resumable("GET", status, SOUND) is None
