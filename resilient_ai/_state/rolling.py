"""So much a minute: exact in every window, and spread within it."""

from __future__ import annotations

from collections import deque
from math import ceil

SLOTS = 100
"""What was taken is counted in hundredths of the window, each until its end is a window ago: a window never holds more
than allowed, an allowance is used to 99 %, and any number of calls needs the same memory."""

BURST = 10
"""A tenth of a minute's allowance may be taken at once, in any tenth of a minute: providers that grant "60 a minute"
may hold callers to 1 a second (OpenAI's guide on rate limits says so)."""

_DUST = 1e-6
"""Less than this is nothing, whatever floating point makes of a sum."""


class Rolling:
    """At most `most` in any `seconds`. Not locked: its owner is.

    A time earlier than one seen before counts as that one. An amount above `most` counts as `most`: it has the window
    to itself.
    """

    __slots__ = ("_last", "_seconds", "_taken", "_width", "most", "used")

    def __init__(self, most: float, seconds: float) -> None:
        self.most = most
        self.used = 0.0
        self._seconds = seconds
        self._width = seconds / SLOTS
        self._taken: deque[list[float]] = deque()  # [slot, amount]
        self._last = 0

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` fits; 0 if it does."""
        self._expire(now)
        excess = self.used + min(amount, self.most) - self.most
        if excess <= _DUST:
            return 0.0
        end = now
        for slot, taken in self._taken:
            excess -= taken
            end = self._expires(slot)
            if excess <= _DUST:
                break
        return max(0.0, end - now)

    def take(self, amount: float, now: float) -> int:
        """Count `amount`; the slot it was counted in."""
        self._expire(now)
        slot = self._last = max(self._last, int(now // self._width))
        amount = min(amount, self.most)
        if self._taken and self._taken[-1][0] == slot:
            self._taken[-1][1] += amount
        else:
            self._taken.append([slot, amount])
        self.used += amount
        return slot

    def give_back(self, amount: float, slot: int) -> None:
        """What was taken in `slot` was not used after all."""
        for entry in self._taken:
            if entry[0] == slot:
                back = min(amount, self.most, entry[1])
                entry[1] -= back
                self.used = max(0.0, self.used - back)
                return

    def _expire(self, now: float) -> None:
        while self._taken and self._expires(self._taken[0][0]) <= now:
            self.used -= self._taken.popleft()[1]
        if not self._taken:
            self.used = 0.0

    def _expires(self, slot: float) -> float:
        return (slot + 1) * self._width + self._seconds


class Pace:
    """At most `per_minute` in any minute, and a tenth of that (rounded up) in any tenth of one. Not locked."""

    __slots__ = ("_burst", "_minute")

    def __init__(self, per_minute: float) -> None:
        self._minute = Rolling(per_minute, 60.0)
        self._burst = Rolling(ceil(per_minute / BURST), 60.0 / BURST)

    @property
    def per_minute(self) -> float:
        """The allowance."""
        return self._minute.most

    def set(self, per_minute: float) -> None:
        """Another allowance from now on; what was taken stays taken."""
        self._minute.most = per_minute
        self._burst.most = ceil(per_minute / BURST)

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` fits; 0 if it does."""
        return max(self._minute.wait(amount, now), self._burst.wait(amount, now))

    def take(self, amount: float, now: float) -> tuple[int, int]:
        """Count `amount`; where it was counted."""
        return self._minute.take(amount, now), self._burst.take(amount, now)

    def give_back(self, amount: float, where: tuple[int, int]) -> None:
        """What was taken there was not used after all."""
        self._minute.give_back(amount, where[0])
        self._burst.give_back(amount, where[1])

    def left_is(self, left: float, now: float) -> None:
        """The provider says that only `left` of this minute's allowance is left: others use it too."""
        unseen = self._minute.most - self._minute.used - left
        if unseen > 0:
            self._minute.take(unseen, now)
