"""Files and videos are handed out as object stores do: with an ETag, and any part of them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.testing._server.ranges import ranged, stored

if TYPE_CHECKING:
    import openai

BODY = bytes(range(100))
ETAG = stored("video/mp4", BODY).headers["etag"]


def asked(**headers: str) -> tuple[int, bytes, str | None]:
    reply = ranged(stored("video/mp4", BODY), {name.replace("_", "-"): value for name, value in headers.items()})
    return reply.status, reply.body, reply.headers.get("content-range")


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("10-19", 10, 19), ("90-", 90, 99), ("0-", 0, 99), ("-10", 90, 99), ("-1000", 0, 99), ("50-1000", 50, 99)],
)
def test_a_part_alone(wanted: str, first: int, last: int) -> None:
    answer = 206, BODY[first : last + 1], f"bytes {first}-{last}/100"
    assert asked(range=f"bytes={wanted}") == answer
    assert asked(range=f"bytes={wanted}", if_range=ETAG) == answer


@pytest.mark.parametrize("wanted", ["bytes=-", "bytes=1-2,5-6", "lines=1-2", "bytes=a-b", ""])
def test_what_is_no_part_is_all_of_it(wanted: str) -> None:
    assert asked(range=wanted) == (200, BODY, None)


def test_another_file_by_now() -> None:
    assert asked(range="bytes=10-", if_range='"other"') == (200, BODY, None)


@pytest.mark.parametrize("wanted", ["100-", "60-50", "-0"])
def test_no_such_part(wanted: str) -> None:
    assert asked(range=f"bytes={wanted}") == (416, b"", "bytes */100")


@given(st.text(max_size=20))
def test_anything_may_be_asked(wanted: str) -> None:
    assert asked(range=wanted)[0] in {200, 206, 416}
    assert asked(range=f"bytes={wanted}")[0] in {200, 206, 416}


def test_through_the_sdk(client: openai.OpenAI) -> None:
    made = client.files.create(file=("numbers.bin", BODY), purpose="assistants")
    whole = client.files.with_raw_response.content(made.id)
    assert (whole.status_code, whole.headers["accept-ranges"], whole.headers["etag"]) == (200, "bytes", ETAG)
    asks: Any = {"Range": "bytes=40-"}
    part = client.files.with_raw_response.content(made.id, extra_headers=asks)
    assert (part.status_code, part.headers["content-range"], part.content) == (206, "bytes 40-99/100", BODY[40:])
