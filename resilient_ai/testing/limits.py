"""How much a provider answers, and how fast, on a healthy day: `Quota` and `Latency`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

_CROWDED: Final = (429, 503, 529)


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, not {value!r}")


@dataclass(frozen=True, slots=True)
class Quota:
    """What a provider answers before it says no, told truthfully in the vendor's headers with every answer.

    requests: at most so many answered in any `per` seconds; the rest gets a 429 with the time to wait.
    per: the length of the rolling window, seconds (default 60).
    tokens: at most so many in any `per` seconds. A request costs a quarter of its body's characters and what it lets
        the answer have (`max_tokens` and its like, 60 where it does not say), as the vendors reckon beforehand.
    concurrency: at most so many at once; above it `crowded` is the status (429, 503 or 529).
    by_key: each API key has all of this for itself; by default all keys share it.

    Raises ValueError if it limits nothing, or for numbers that are none.
    """

    requests: int | None = None
    per: float = field(default=60.0, kw_only=True)
    tokens: int | None = field(default=None, kw_only=True)
    concurrency: int | None = field(default=None, kw_only=True)
    crowded: int = field(default=429, kw_only=True)
    by_key: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        given = [limit for limit in (self.requests, self.tokens, self.concurrency) if limit is not None]
        if not given:
            raise ValueError("a quota limits requests, tokens or concurrency")
        if min(given) < 1:
            raise ValueError(f"a quota lets at least 1 through, not {min(given)!r}")
        _positive("per", self.per)
        if self.crowded not in _CROWDED:
            raise ValueError(f"crowded is one of {', '.join(map(str, _CROWDED))}, not {self.crowded!r}")


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a healthy provider takes before it answers, from the simulator's seeded random numbers.

    seconds: what is usual. slow, slow_share: so long instead, with this probability: `Latency(0.3, slow=6,
    slow_share=0.1)` has two modes. spread: up to this share more or less (0.2: from 80 % to 120 %).

    Raises ValueError for times that are not finite and above 0, and for shares outside 0 to 1.
    """

    seconds: float
    slow: float | None = field(default=None, kw_only=True)
    slow_share: float = field(default=0.0, kw_only=True)
    spread: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        _positive("seconds", self.seconds)
        if (self.slow is None) != (self.slow_share == 0):
            raise ValueError("slow and slow_share are given together")
        if self.slow is not None:
            _positive("slow", self.slow)
        for name, share in (("slow_share", self.slow_share), ("spread", self.spread)):
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"{name} must be from 0 to 1, not {share!r}")
