"""Waits and limits, as providers write them into headers and texts.

Whatever stands there, nothing raises, and nothing comes out negative, infinite or longer than a day. Sources: the
published references of OpenAI, Azure, Anthropic, Groq, OpenRouter, Together and Mistral, autumn 2026; Go's durations
and RFC 3339 as their standards have them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import inf
from typing import TYPE_CHECKING

from .._limits import Limits, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_SECONDS", "asked_wait", "duration", "limits", "should_retry", "wait_in_words"]

MOST_SECONDS = 86_400.0
"""A longer wait is taken as one of a day: no call waits that long, and what is kept must end."""

MOST = 10**15
"""A larger number of requests or tokens is garbage."""

EPOCH, EPOCH_MS = 1e9, 1e12
"""From these on a number is a date: seconds, or milliseconds, since 1970 (OpenRouter)."""


def asked_wait(headers: Mapping[bytes, bytes], now: float) -> float | None:
    """The seconds a provider asks to wait: ``retry-after-ms``, else ``retry-after`` in seconds or as a date.

    ``headers`` are by lower-case name; ``now`` is the wall clock. Garbage, infinities and what is not above 0 are no
    wish.
    """
    for name, scale in ((b"retry-after-ms", 1000.0), (b"retry-after", 1.0)):
        text = _text(headers, name)
        if text is not None and (seconds := _float(text)) is not None:
            return _wish(seconds / scale)
    text = _text(headers, b"retry-after")
    return _wish(_date(text) - now) if text else None


def should_retry(headers: Mapping[bytes, bytes]) -> bool | None:
    """What ``x-should-retry`` says; None if nothing."""
    return {b"true": True, b"false": False}.get(headers.get(b"x-should-retry", b"").strip().lower())


def limits(headers: Mapping[bytes, bytes], dialect: str, now: float) -> Limits | None:
    """What an answer's headers say of the limits of its key and model; None if nothing.

    ``headers`` are by lower-case name; ``now`` is the wall clock. Gemini tells no limits.
    """
    read = _anthropic if dialect == "anthropic" else _openai
    found = Limits(
        requests=read(headers, _REQUESTS[read is _anthropic], now),
        tokens=read(headers, _TOKENS[read is _anthropic], now),
    )
    return found if found.requests.known or found.tokens.known else None


_REQUESTS = ((b"-requests", b"-req-minute", b""), (b"requests",))
_TOKENS = ((b"-tokens", b"-tokens-minute"), (b"tokens", b"input-tokens", b"output-tokens"))
"""How headers call the two: in the OpenAI dialect (the second is Mistral's, the bare one OpenRouter's and Together's),
and in Anthropic's (whose ``tokens`` are those of the tightest limit)."""


def _openai(headers: Mapping[bytes, bytes], names: tuple[bytes, ...], now: float) -> Window:
    return _first(headers, [tuple(b"x-ratelimit-%b%b" % (what, name) for what in _WHAT) for name in names], now)


def _anthropic(headers: Mapping[bytes, bytes], names: tuple[bytes, ...], now: float) -> Window:
    return _first(
        headers, [tuple(b"anthropic-ratelimit-%b-%b" % (name, what) for what in _WHAT) for name in names], now
    )


_WHAT = (b"limit", b"remaining", b"reset")


def _first(headers: Mapping[bytes, bytes], named: list[tuple[bytes, ...]], now: float) -> Window:
    """The first window of which anything is told."""
    for limit, remaining, reset in named:
        window = Window(
            limit=_count(_text(headers, limit)),
            remaining=_count(_text(headers, remaining)),
            reset=_until(_text(headers, reset), now),
        )
        if window.known:
            return window
    return Window()


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value[:100].decode("latin-1").strip()


def _float(text: str) -> float | None:
    """The number that a text is, be it infinite or NaN; None if it is no number."""
    try:
        return float(text)
    except ValueError:
        return None


def _count(text: str | None) -> int | None:
    number = None if text is None else _float(text)
    return None if number is None or not 0 <= number <= MOST else int(number)


def _until(text: str | None, now: float) -> float | None:
    """Seconds until a window is full again: told as seconds, as a duration, or as a date."""
    if text is None:
        return None
    number = _float(text)
    if number is None:
        number = duration(text)
        date = None if number is not None else _stamp(text)
    elif not 0 <= number < inf:  # Azure has been seen to say -1
        return None
    else:
        date = number / (1000 if number >= EPOCH_MS else 1) if number >= EPOCH else None
    seconds = number if date is None else max(date - now, 0.0)
    return None if seconds is None else min(seconds, MOST_SECONDS)


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_STEP = r"(\d{1,15}(?:\.\d{0,15})?)(h|ms|m|s|us|µs|μs|ns)"
_PART = re.compile(_STEP)
_DURATION = re.compile(rf"(?:{_STEP})+")


def duration(text: str) -> float | None:
    """The seconds of a duration as Go writes it: ``6m0s``, ``12ms``, ``1h2m3.5s``; None if it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return min(sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text)), MOST_SECONDS)


_WORDS = re.compile(
    rf"(?:try again in|retry after|retry in)\s+(?:(\d{{1,15}}(?:\.\d{{0,15}})?)\s*seconds?\b|((?:{_STEP})+))",
    re.IGNORECASE,
)


def wait_in_words(message: str) -> float | None:
    """The wait that a message asks for: ``Please try again in 7m12.48s``, ``Please retry after 26 seconds``."""
    found = _WORDS.search(message[:2000])
    if found is None:
        return None
    return _wish(float(found[1]) if found[1] else duration(found[2]) or 0.0)


def _wish(seconds: float) -> float | None:
    return min(seconds, MOST_SECONDS) if 0 < seconds < inf else None


def _date(text: str) -> float:
    """An HTTP date as seconds since 1970; long ago if it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return -inf


def _stamp(text: str) -> float | None:
    """An RFC 3339 date as seconds since 1970; None if it is none. One without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
