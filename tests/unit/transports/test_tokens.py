"""What a request may cost, told from its bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.transports import _tokens

if TYPE_CHECKING:
    import pytest

BASE64 = re.compile(rb"[A-Za-z0-9+/_=-]{2048,}")
"""The long stretches, as a pattern says it; to search for it takes time that grows with the square."""

stretches = st.tuples(
    st.sampled_from([b"a", b"Z", b"9", b"+", b"/", b"=", b"-", b"_", b" ", b'"', b"\xe5"]),
    st.sampled_from([1, 2, 3, 500, 1022, 1023, 1024, 1025, 2046, 2047, 2048, 2049, 5000]),
)


@given(st.lists(stretches, max_size=8))
def test_long_stretches_are_found_as_the_pattern_finds_them(parts: list[tuple[bytes, int]]) -> None:
    body = b"".join(sign * times for sign, times in parts)
    assert _tokens._without_base64(body) == BASE64.subn(b"", body)


def test_no_byte_is_read_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of stretches that are just too short held an event loop up for seconds."""
    read = 0
    pattern = _tokens._STRETCH

    class Counting:
        def match(self, body: bytes, at: int) -> Any:
            nonlocal read
            found = pattern.match(body, at)
            stretch = body[at : at + _tokens._STEP]
            read += len(stretch) - len(stretch.lstrip(_tokens._SIGNS)) if found is None else found.end() - at
            return found

    monkeypatch.setattr(_tokens, "_STRETCH", cast("Any", Counting()))
    body = (b"a" * 2000 + b" ") * 500
    assert _tokens._without_base64(body) == (body, 0)
    assert 0 < read <= 2 * len(body)
