"""How long answers have taken of late."""

from __future__ import annotations

from math import log

__all__ = ["Latencies"]

_FASTEST = 0.001
_RATIO = 1.1
_STEPS = 1 / log(_RATIO)
_BUCKETS = 160
"""From a millisecond to 3,800 seconds, each a tenth wider than the one before; what lies beyond is the last's."""
_LAST = _BUCKETS - 1
_SLOWEST = _FASTEST * _RATIO**_LAST


def _bucket(seconds: float) -> int:
    if seconds <= _FASTEST:
        return 0
    return min(int(log(seconds / _FASTEST) * _STEPS) + 1, _LAST) if seconds < _SLOWEST else _LAST


class Latencies:
    """A rolling record of seconds, bounded in size whatever goes in: 160 counts for each half of the window.

    Thread-safe without a lock: of two threads that add at the very same moment one may go uncounted, which no share of
    many feels. Time must not go backwards by more than the window.

    window: seconds looked back, at least half of it at any time. Default 600: long enough for 30 samples at one call in
        eight seconds.
    minimum: below so many samples :meth:`quantile` knows nothing. Default 30.
    """

    __slots__ = ("_before", "_half", "_minimum", "_now", "_since", "_totals")

    def __init__(self, *, window: float = 600.0, minimum: int = 30) -> None:
        if not window > 0:
            raise ValueError(f"window must be above 0, got {window:g}")
        if minimum < 1:
            raise ValueError(f"minimum must be at least 1, got {minimum}")
        self._half = window / 2
        self._minimum = minimum
        self._since = float("-inf")
        self._now = [0] * _BUCKETS
        self._before = [0] * _BUCKETS
        self._totals = (0, 0)  # of the half being filled, and of the one before

    def add(self, now: float, seconds: float) -> None:
        """Take in one answer that took ``seconds``."""
        if now - self._since >= self._half:
            self._turn(now)
        self._now[_bucket(seconds)] += 1
        filling, before = self._totals
        self._totals = (filling + 1, before)

    def samples(self, now: float) -> int:
        """How many there are."""
        if now - self._since >= self._half:
            self._turn(now)
        return sum(self._totals)

    def quantile(self, q: float, now: float) -> float | None:
        """The seconds within which the share ``q`` of the answers came; None below the minimum of samples.

        The upper edge of its bucket: up to a tenth too much, never too little.
        """
        total = self.samples(now)
        if total < self._minimum:
            return None
        left = total * (1 - q)
        for at in range(_LAST, -1, -1):
            left -= self._now[at] + self._before[at]
            if left < 0:
                return _FASTEST * _RATIO**at
        return _FASTEST

    def longer(self, seconds: float) -> int:
        """How many took longer than ``seconds``, those in the bucket of ``seconds`` itself among them."""
        at = _bucket(seconds)
        return sum(self._now[at:]) + sum(self._before[at:])

    def _turn(self, now: float) -> None:
        """Begin another half; what is older than the one before is forgotten."""
        recent = now - self._since < 2 * self._half
        self._before = self._now if recent else [0] * _BUCKETS
        self._totals = (0, self._totals[0] if recent else 0)
        self._now = [0] * _BUCKETS
        # In step with the halves before, so that nothing is kept for longer than a window.
        self._since = now - (now - self._since) % self._half if recent else now
