"""Which answers are slow, compared with what their likes have taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .latency import Latencies
from .scopes import Scopes

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["SlowCalls"]

KINDS = 32
"""Kinds of calls that are told apart for one target, the least recently seen dropped first."""
HELD_BACK = 64


class SlowCalls:
    """How long the answers of each kind of call take at one target. Thread-safe.

    A slow one takes `times` as long as half of its likes do, and longer than 99 of 100 of them. Slow ones are learnt
    only once a quick one comes again: while a target gets slower it is compared with what it was.
    """

    __slots__ = ("_held_back", "_kinds", "_times")

    def __init__(self, times: float) -> None:
        self._times = times
        self._kinds: Scopes[Latencies] = Scopes(lambda _kind: Latencies(), limit=KINDS)
        self._held_back: list[tuple[Latencies, float]] = []

    def limit(self, kind: Hashable, now: float) -> float | None:
        """Seconds after which a call of this kind is slow; None while too little is known."""
        record = self._kinds.get(kind)
        usual, slow = record.quantile(0.5, now), record.quantile(0.99, now)
        return None if usual is None or slow is None else max(self._times * usual, slow)

    def answered(self, kind: Hashable, seconds: float, now: float, *, slow: bool) -> None:
        """Learn from an answer."""
        record = self._kinds.get(kind)
        if slow:
            if len(self._held_back) < HELD_BACK:
                self._held_back.append((record, seconds))
            return
        held_back, self._held_back = self._held_back, []
        for earlier, took in held_back:
            earlier.add(now, took)
        record.add(now, seconds)

    def forget_slow(self) -> None:
        """The slow ones were the target's trouble, not its way."""
        self._held_back = []
