"""When an open circuit is tried again, and how its calls return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .permit import Rejected
from .ramp import Ramp

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rules import Rules

__all__ = ["FOREVER", "Timing"]

FOREVER = float("inf")
_JITTER = 0.2
"""An open time is drawn from 0.8 to 1.0 of itself: enough to part the processes, and never above the cap."""
_SHORTER = 1 / 3
"""An open time is at most this share of what it has lasted after mere silence or slowness, since the sooner the return
is seen the fewer are sent elsewhere for nothing; and while calls wait for it, since the time they have is running out:
doubled, it would find out after an outage of 7 s that it is over when 15 have passed."""
_OF_THEIR_TIME = 1 / 4
"""While calls wait for it, at most this share of the time that the one with the least of it has left, too."""

_MISSED = 20
"""So many calls that nobody else answered either have an open target tried before its time: one request for so many
calls lost. The first open time stands."""
_LAST_CHANCE = 3.0
"""Seconds: whoever has no more left is not told to ask again later while the target recovers."""


class Timing:
    """The times of one circuit. Not locked: its owner is.

    opened_at: when the circuit left the closed state; None while it is closed. reopens_at: when the next probe may go
    out, infinite when forced without an end; None unless it is open. closed_at: the last recovery. forced_until: until
    when it is open by hand. at_least: how long the next open time must be.
    awaited: seconds left to the one with the least time of those that wait for its end; None if nobody does.
    """

    __slots__ = (
        "_early_at",
        "_missed",
        "_next",
        "_random",
        "_rules",
        "at_least",
        "awaited",
        "closed_at",
        "forced_until",
        "opened_at",
        "ramp",
        "reopens_at",
    )

    def __init__(self, rules: Rules, random: Callable[[], float]) -> None:
        self._rules = rules
        self._random = random
        self.forget()

    def forget(self) -> None:
        """Back to new."""
        self.opened_at: float | None = None
        self.reopens_at: float | None = None
        self.closed_at: float | None = None
        self.forced_until: float | None = None
        self.ramp: Ramp | None = None
        self.at_least = 0.0
        self.awaited: float | None = None
        self._missed = 0
        self._early_at = FOREVER
        self._next = self._rules.open_for[0]

    def opened(self, now: float, *, again: bool, unsure: bool, given: float | None) -> None:
        """It opens; `again` after a probe. `given` is the open time of a user's own breaker."""
        rules = self._rules
        if not again or self.opened_at is None:
            self.opened_at = now
            if self.closed_at is not None and now - self.closed_at >= rules.window:
                self._next = rules.open_for[0]  # a healthy window: the growth is forgotten
        self._missed = 0
        self._early_at = now + rules.open_for[0] if given is None and self.forced_until is None else FOREVER
        if self.forced_until is None:
            self.reopens_at = now + (self._open_for(now - self.opened_at, unsure=unsure) if given is None else given)

    def _open_for(self, lasted: float, *, unsure: bool) -> float:
        first, longest = self._rules.open_for
        full = min(max(self._next, self.at_least), longest)
        if unsure or self.awaited is not None:
            full = min(full, max(first, lasted * _SHORTER))
        if self.awaited is not None:
            full = min(full, max(first, self.awaited * _OF_THEIR_TIME))
        self._next = min(full * 2, longest)
        self.at_least = 0.0
        self.awaited = None
        return full * (1 - _JITTER + _JITTER * self._random())

    def waits(self, left: float) -> None:
        """A call waits for its end that has so many seconds left."""
        self.awaited = left if self.awaited is None else min(self.awaited, left)

    def mistaken(self) -> None:
        """It closes as if it had not opened: at one go, and without probation."""
        self.opened_at = None
        self._next = self._rules.open_for[0]

    def closed(self, now: float) -> None:
        """It closes."""
        rules = self._rules
        self.closed_at = now
        self.opened_at = None
        self.ramp = Ramp(now, rules.ramp, rules.ramp_floor) if rules.ramp else None

    def recovered(self, now: float) -> bool:
        """Whether it closed less than a window ago."""
        return self.closed_at is not None and now - self.closed_at < self._rules.window

    def check_open(self, now: float, *, wanted: bool = False) -> None:
        """Raise Rejected while it is not to be tried. wanted: by a call that nobody else has answered."""
        if self.reopens_at is not None and now < self.reopens_at:
            self._missed += wanted
            if self._missed >= _MISSED and now >= self._early_at and self.forced_until is None:
                return
            raise Rejected(self.reopens_at - now, "open" if self.forced_until is None else "forced")

    def leaves_time(self, left: float | None) -> bool:
        """Whether a call that has so many seconds left may be told to ask again later."""
        return left is None or left > _LAST_CHANCE

    def climb(self, ramp: Ramp, now: float, *, again: bool = False) -> None:
        """Raise Rejected for the share of the calls that is not to return yet."""
        left = ramp.left(now)
        if not left:
            self.ramp = None
        elif not ramp.admits(now, again=again):
            raise Rejected(min(left, self._rules.ramp / 10), "ramp")
