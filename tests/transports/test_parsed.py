"""An answer's JSON is read as json.loads reads it, only sooner."""

from __future__ import annotations

import json

import pytest

from resilient_ai.transports._answer import is_json, parsed

SOUND = [b'{"a":1}', b' \r\n{"a":[]}\t\n', b"1", b'"\xc3\xa9"', b'\xef\xbb\xbf{"a":1}', '{"a":"é"}'.encode("utf-16")]
BROKEN = [b"{", b'{"a":1} {}', b"\xc2\xa0{}", b"{}\x0c", b"\xff", b" "]


@pytest.mark.parametrize("body", SOUND)
def test_what_json_is(body: bytes) -> None:
    assert parsed(body) == json.loads(body)


@pytest.mark.parametrize("body", BROKEN)
def test_what_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(body)


@pytest.mark.parametrize(
    "kind", [b"application/json", b"Application/JSON ; charset=utf-8", b"application/problem+json"]
)
def test_what_says_so(kind: bytes) -> None:
    assert is_json({b"content-type": kind})


@pytest.mark.parametrize("kind", [b"", b"application/jsonl", b"text/event-stream", b"text/html; a=application/json "])
def test_what_does_not(kind: bytes) -> None:
    assert not is_json({b"content-type": kind})
