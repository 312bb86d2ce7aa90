"""Waits and limits, whatever a provider writes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai._limits import Limits, Window
from resilient_ai.providers.headers import asked_wait, duration, limits, should_retry, wait_in_words

NOW = 1_800_000_000.0
DAY = 86_400.0


def as_bytes(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode("utf-8", "replace") for name, value in headers.items()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
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
        ({"retry-after": "1e308"}, DAY),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "86400"}, DAY),
        ({"retry-after": "999999"}, DAY),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 99 Foo 0000 99:99:99 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, DAY),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -2359"}, DAY),
        ({"retry-after": "7" * 10_000}, DAY),
    ],
)
def test_the_wait_that_is_asked(headers: dict[str, str], seconds: float | None) -> None:
    """Promise 4."""
    asked = asked_wait(as_bytes(headers), NOW)
    assert asked == pytest.approx(seconds) if seconds is not None else asked is None


@pytest.mark.parametrize(("said", "read"), [("true", True), (" False ", False), ("no", None), ("", None), ("1", None)])
def test_whether_a_repeat_is_worth_it(said: str, read: bool | None) -> None:
    assert should_retry(as_bytes({"x-should-retry": said})) is read
    assert should_retry({}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("12ms", 0.012),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("0s", 0),
        ("250µs", 0.00025),
        ("250us", 0.00025),
        ("5ns", 5e-9),
        ("999999h", DAY),
        ("9" * 15 + "h", DAY),
        ("9" * 16 + "h", None),
        ("-1s", None),
        ("1", None),
        ("", None),
        ("s", None),
        ("1s ", None),
        ("1d", None),
        ("1.s", 1),
        ("infs", None),
    ],
)
def test_durations_of_go(text: str, seconds: float | None) -> None:
    """`ms` is not read as minutes, and what Go would not write is nothing."""
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached for gpt-4o on requests per min. Please try again in 20s. Visit …", 20),
        ("Please try again in 7m12.48s.", 432.48),
        ("Please try again in 6ms.", 0.006),
        ("Please retry after 26 seconds.", 26),
        ("Please retry after 1 second.", 1),
        ("Please retry in 22.75s", 22.75),
        ("Please try again in a while", None),
        ("try again in 0s", None),
        ("try again in " + "9" * 40 + "s", None),
        ("", None),
    ],
)
def test_waits_in_words(message: str, seconds: float | None) -> None:
    assert wait_in_words(message) == (None if seconds is None else pytest.approx(seconds))


def stamp(seconds: float) -> str:
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


RATES: list[tuple[str, str, dict[str, str], Limits | None]] = [
    ("nothing", "openai", {"content-type": "application/json"}, None),
    (
        "OpenAI",
        "openai",
        {
            "x-ratelimit-limit-requests": "5000",
            "x-ratelimit-remaining-requests": "4999",
            "x-ratelimit-reset-requests": "12ms",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        Limits(
            requests=Window(limit=5000, remaining=4999, reset=0.012),
            tokens=Window(limit=150_000, remaining=149_984, reset=360.0),
        ),
    ),
    (
        "Azure, whole seconds and half of it",
        "openai",
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7"},
        Limits(requests=Window(), tokens=Window(remaining=0, reset=7.0)),
    ),
    (
        "Azure's garbage",
        "openai",
        {"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "-1"},
        None,
    ),
    (
        "Mistral",
        "openai",
        {"x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-tokens-minute": "100"},
        Limits(requests=Window(limit=60), tokens=Window(remaining=100)),
    ),
    (
        "OpenRouter: a date in milliseconds",
        "openai",
        {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{(NOW + 30) * 1000:.0f}"},
        Limits(requests=Window(limit=20, remaining=0, reset=30.0), tokens=Window()),
    ),
    (
        "Anthropic",
        "anthropic",
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": stamp(20),
            "anthropic-ratelimit-tokens-limit": "40000",
            "anthropic-ratelimit-tokens-remaining": "0",
            "anthropic-ratelimit-tokens-reset": stamp(-5),
            "anthropic-ratelimit-input-tokens-limit": "20000",
        },
        Limits(
            requests=Window(limit=50, remaining=49, reset=20.0), tokens=Window(limit=40_000, remaining=0, reset=0.0)
        ),
    ),
    (
        "Anthropic, input only",
        "anthropic",
        {"anthropic-ratelimit-input-tokens-remaining": "7"},
        Limits(requests=Window(), tokens=Window(remaining=7)),
    ),
    ("Gemini tells none", "gemini", {"x-gemini-service-tier": "free"}, None),
    (
        "huge and infinite",
        "openai",
        {
            "x-ratelimit-limit-requests": "1e308",
            "x-ratelimit-remaining-requests": "inf",
            "x-ratelimit-reset-requests": "nan",
            "x-ratelimit-reset-tokens": "99999999h",
        },
        Limits(requests=Window(), tokens=Window(reset=DAY)),
    ),
]


@pytest.mark.parametrize(("dialect", "headers", "read"), [row[1:] for row in RATES], ids=[row[0] for row in RATES])
def test_limits(dialect: str, headers: dict[str, str], read: Limits | None) -> None:
    assert limits(as_bytes(headers), dialect, NOW) == (None if read is None else read)


NAMES = st.sampled_from(
    ["retry-after", "retry-after-ms", "x-should-retry"]
    + [f"x-ratelimit-{what}{of}" for what in ("limit", "remaining", "reset") for of in ("", "-requests", "-tokens")]
    + [f"anthropic-ratelimit-{of}-{what}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")]
)
NUMBERS = st.floats().map(str) | st.integers().map(str)
DATES = st.integers(-(10**12), 10**12).map(lambda at: f"Mon, {at % 40} Jan {at} 00:00:00 +{at % 10**4:04}")
STAMPS = st.datetimes().map(datetime.isoformat) | st.integers().map(lambda year: f"{year}-01-01T00:00:00Z")
SPANS = st.lists(st.tuples(NUMBERS, st.sampled_from(["h", "m", "s", "ms", "us", "ns", "d"]))).map(
    lambda steps: "".join(f"{amount}{unit}" for amount, unit in steps)
)
VALUES = st.text() | NUMBERS | DATES | STAMPS | SPANS


def sound(seconds: float | None) -> bool:
    return seconds is None or (isfinite(seconds) and 0 <= seconds <= DAY)


@given(
    st.dictionaries(NAMES, VALUES),
    st.sampled_from(["openai", "anthropic", "gemini"]),
    st.sampled_from([0.0, NOW, 1e12]),
)
@settings(max_examples=300, deadline=None)
def test_garbage_raises_nothing_and_says_nothing_impossible(headers: dict[str, str], dialect: str, now: float) -> None:
    """Promise 4: nothing negative, nothing infinite, nothing longer than a day."""
    given = as_bytes(headers)
    assert sound(asked_wait(given, now))
    should_retry(given)
    read = limits(given, dialect, now)
    for window in () if read is None else (read.requests, read.tokens):
        assert sound(window.reset)
        for count in (window.limit, window.remaining):
            assert count is None or (isinstance(count, int) and 0 <= count <= 10**15)


@given(VALUES | st.text().map("Please try again in {}".format) | SPANS.map("retry after {}".format))
@settings(max_examples=300, deadline=None)
def test_words_of_garbage_ask_for_nothing_impossible(text: Any) -> None:
    assert sound(duration(text))
    assert sound(wait_in_words(text))
