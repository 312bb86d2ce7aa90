"""The way back to a recovered target: a growing share of the calls, not all at once."""

from __future__ import annotations

_NEARLY_ONE = 1 - 1e-9
"""Ten tenths are a whole, whatever floating point makes of their sum."""

_ALONE_FIRST = 0.4
_ALONE_MOST = 1.25
_STEEPER = 1.5
"""Those whom nobody else has answered: with them at most 0.4 of the calls are admitted at first, each of them after two
fifths of the time, and then somewhat more, since some wait."""
_SAVED_UP = 3.0
_ON_ITS_OWN = 0.5
"""Seconds in which nobody came and none of them was admitted: then one is, or else one behind which nobody comes would
wait for the end of the ramp. Our choice: two requests a second are nothing to a target that works."""


class Ramp:
    """Admits `floor` of the calls at first, and linearly more until `seconds` have passed.

    It counts instead of drawing: every call asked for adds the share of its moment, an admitted one takes 1. So at any
    time at most the present share of those who asked were admitted. A call that nobody else has answered may ask again
    then, and has a steeper ramp. Not locked: its owner is.
    """

    __slots__ = ("_alone", "_credit", "_floor", "_latest", "_seconds", "_start")

    def __init__(self, start: float, seconds: float, floor: float) -> None:
        self._start = start
        self._seconds = seconds
        self._floor = floor
        self._credit = 0.0
        self._alone = 0.0
        self._latest = start  # when anybody came, or one of those whom nobody else has answered was admitted

    def left(self, now: float) -> float:
        """Seconds until every call is admitted; 0 when it is over."""
        return max(0.0, self._start + self._seconds - now)

    def admits(self, now: float, *, again: bool = False) -> bool:
        """Whether the call that asks now is admitted. again: it has asked before, and nobody else has answered it."""
        to_go = self.left(now) / self._seconds
        if again:
            return self._take_alone(now)
        self._latest = now
        self._credit += 1 - (1 - self._floor) * to_go
        share = min(_ALONE_MOST, _ALONE_FIRST + _STEEPER * (1 - to_go))
        self._alone = min(_SAVED_UP, self._alone + share)
        if self._credit < _NEARLY_ONE:
            return False
        self._credit -= 1
        self._alone -= 1
        return True

    def _take_alone(self, now: float) -> bool:
        if self._alone < _NEARLY_ONE and now - self._latest < _ON_ITS_OWN:
            return False
        self._alone = max(0.0, self._alone - 1)
        self._latest = now
        return True
