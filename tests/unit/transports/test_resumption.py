"""A body is made of parts only where each is known to be the part that is wanted: pure decisions, no socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.testing._server.ranges import ranged, stored
from resilient_ai.transports._resumption import Resumption, resumable

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


near = st.integers(-1, 1)


@settings(deadline=None)
@given(
    total=st.integers(2, 40),
    at=st.integers(1, 40),
    wrong=st.tuples(near, near, near) | st.just((0, 0, 0)),
    known=st.booleans(),
    status=st.sampled_from([206, 206, 200, 416]),
    form=st.sampled_from([b"bytes %d-%d/%d", b"Bytes %d-%d/%d ", b"%d-%d/%d", b"bytes=%d-%d/%d", b"bytes %d-%d/%d0"]),
)
def test_only_the_very_rest_fits(
    total: int, at: int, wrong: tuple[int, int, int], known: bool, status: int, form: bytes
) -> None:
    """To the end, and of a file as long, if anybody said how long it is."""
    resumption = Resumption('"x"', total if known else None)
    resumption.at = at
    first, last, size = at + wrong[0], total - 1 + wrong[1], total + wrong[2]
    fits = resumption.mismatch(status, {b"content-range": form % (first, last, size)}) is None
    # Where nobody said how long it is, it is as long as it says now.
    exact = wrong == (0, 0, 0) if known else wrong[0] == 0 and wrong[1] == wrong[2]
    assert fits == (status == 206 and exact and first <= last and form.lower().strip() == b"bytes %d-%d/%d")
    assert not fits or resumption.total == size


@given(said=st.binary(max_size=30) | st.from_regex(rb"bytes \d{0,30}-\d{0,30}/(\d{0,30}|\*)", fullmatch=True))
def test_anything_at_all_is_not_the_rest(said: bytes) -> None:
    resumption = Resumption('"x"', 10**20)
    resumption.at = 10**19
    assert resumption.mismatch(206, {b"content-range": said}) is not None


@given(before=st.binary(min_size=2, max_size=50), after=st.binary(max_size=50))
def test_of_another_file_no_part_is_given_out(before: bytes, after: bytes) -> None:
    resumption = resumable("GET", 200, headers_of(stored("video/mp4", before), length=True))
    assert resumption is not None
    resumption.at = 1
    answer = ranged(stored("video/mp4", after), asked(resumption))
    assert (resumption.mismatch(answer.status, headers_of(answer, length=True)) is None) == (after == before)


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
