"""Quotas and latencies at work: who is let in, what is told of it, and how long an answer takes."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .text import ANSWER_TOKENS

if TYPE_CHECKING:
    from ..limits import Latency, Quota
    from .replies import Json


class Level(NamedTuple):
    """One limit as it stands: so much in all, so much left, and the seconds until it is full again."""

    limit: int
    remaining: int
    reset: float


@dataclass(slots=True)
class Window:
    """What was let in within the last `per` seconds, and what is at work."""

    times: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    tokens: int = 0
    working: int = 0

    def expire(self, until: float) -> None:
        """Forget what was let in before."""
        while self.times and self.times[0][0] <= until:
            self.tokens -= self.times.popleft()[1]


class Meter:
    """A quota at work, in rolling windows: one for all, or one for each key."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._windows: dict[str, Window] = {}

    def _window(self, key: str, now: float) -> Window:
        window = self._windows.setdefault(key if self.quota.by_key else "", Window())
        window.expire(now - self.quota.per)
        return window

    def crowded(self, key: str, now: float) -> bool:
        """Whether as many as may be are at work."""
        return self.quota.concurrency is not None and self._window(key, now).working >= self.quota.concurrency

    def admit(self, key: str, tokens: int, now: float) -> float | None:
        """None if the request is let in, else the seconds until it would be."""
        quota, window = self.quota, self._window(key, now)
        wait = 0.0
        if quota.requests is not None and len(window.times) >= quota.requests:
            wait = window.times[len(window.times) - quota.requests][0] + quota.per - now
        if quota.tokens is not None:
            excess = window.tokens + tokens - quota.tokens
            for at, used in window.times:
                if excess <= 0:
                    break
                excess -= used
                wait = max(wait, at + quota.per - now)
            if excess > 0:  # more than the quota has in all: it can never be let in
                wait = quota.per
        if wait > 0:
            return wait
        window.times.append((now, tokens))
        window.tokens += tokens
        return None

    def begin(self, key: str, now: float) -> Window:
        """One more at work; who is done lowers the window's `working` again."""
        window = self._window(key, now)
        window.working += 1
        return window

    def levels(self, key: str, now: float) -> dict[str, Level]:
        """The limits of requests and tokens as they stand."""
        window, quota = self._window(key, now), self.quota
        reset = max(0.0, window.times[-1][0] + quota.per - now) if window.times else 0.0
        found: dict[str, Level] = {}
        if quota.requests is not None:
            found["requests"] = Level(quota.requests, max(0, quota.requests - len(window.times)), reset)
        if quota.tokens is not None:
            found["tokens"] = Level(quota.tokens, max(0, quota.tokens - window.tokens), reset)
        return found


def cost(request: Json, size: int, length: int = ANSWER_TOKENS) -> int:
    """The tokens a request may take, as they are reckoned before it is answered (`length`: where it sets no limit)."""
    inner = request.get("generationConfig")
    given = [request.get(name) for name in ("max_completion_tokens", "max_tokens", "max_output_tokens")]
    given.append(inner.get("maxOutputTokens") if isinstance(inner, dict) else None)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    limits = [limit for limit in given if isinstance(limit, int)]
    return max(1, size // 4) + (limits[0] if limits else length)


class Pace:
    """A latency at work."""

    def __init__(self, latency: Latency, seed: str) -> None:
        self._latency, self._chance = latency, random.Random(seed)

    def draw(self) -> float:
        """How long the next answer takes, in seconds. Three numbers are drawn each time, so that all stay in step."""
        latency, chance = self._latency, self._chance
        slow = chance.random() < latency.slow_share
        usual = latency.slow if slow and latency.slow is not None else latency.seconds
        return usual * (1 + latency.spread * chance.uniform(-1, 1))
