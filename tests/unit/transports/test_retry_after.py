"""The wait a provider asks for, whatever it writes."""

from __future__ import annotations

from email.utils import formatdate
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.transports._answer import retry_after

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e308"}, 86_400),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "86400"}, 86_400),
        ({"retry-after": "999999"}, 86_400),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 99 Foo 0000 99:99:99 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86_400),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}, 86_400),
    ],
)
def test_what_is_asked(headers: dict[str, str], seconds: float | None) -> None:
    """Promise 4."""
    asked = retry_after(headers, NOW)
    assert asked == pytest.approx(seconds) if seconds is not None else asked is None


NUMBERS = st.floats().map(str) | st.integers().map(str)
DATES = st.integers(-(10**12), 10**12).map(lambda at: f"Mon, {at % 40} Jan {at} 00:00:00 +{at % 10**4:04}")


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text() | NUMBERS | DATES))
@settings(max_examples=200, deadline=None)
def test_garbage_raises_nothing_and_asks_for_nothing_impossible(headers: dict[str, str]) -> None:
    """Promise 4."""
    asked = retry_after(headers, NOW)
    assert asked is None or (isfinite(asked) and 0 <= asked <= 86_400)
