"""The way back to a recovered target: a growing share of the calls, not all at once."""

from __future__ import annotations

_NEARLY_ONE = 1 - 1e-9
"""Ten tenths are a whole, whatever floating point makes of their sum."""


class Ramp:
    """Admits `floor` of the calls at first, and linearly more until `seconds` have passed.

    It counts instead of drawing: every call asked for adds the share of its moment, an admitted one takes 1. So at any
    time at most the present share of those who asked were admitted. Not locked: its owner is.
    """

    __slots__ = ("_credit", "_floor", "_seconds", "_start")

    def __init__(self, start: float, seconds: float, floor: float) -> None:
        self._start = start
        self._seconds = seconds
        self._floor = floor
        self._credit = 0.0

    def left(self, now: float) -> float:
        """Seconds until every call is admitted; 0 when it is over."""
        return max(0.0, self._start + self._seconds - now)

    def admits(self, now: float) -> bool:
        """Whether the call that asks now is admitted."""
        share = 1 - (1 - self._floor) * self.left(now) / self._seconds
        self._credit += share
        if self._credit < _NEARLY_ONE:
            return False
        self._credit -= 1
        return True
