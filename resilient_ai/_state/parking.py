"""Keys that were refused and models that are gone: left alone for a while, then tried by one call."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

FIRST, LONGEST = 60.0, 3600.0
"""Seconds it is left alone: at first, and at most; they double with each try that fails. Our own choice: a key that is
paid for again is back within a minute if it is mended at once, and one that never is costs one request an hour."""

LIMIT = 4096
"""How many are remembered, the oldest dropped first."""


@dataclass(slots=True, eq=False)
class Place:
    """One that is left alone: why, since when, until when, for how many seconds; and whether a call tries it now."""

    reason: str
    since: float
    until: float
    seconds: float
    tried: bool = False


class Parking:
    """What is left alone at present. Thread-safe; times are of one clock, handed in.

    `places` is empty while nothing is: look there first, it costs nothing.
    """

    __slots__ = ("_lock", "places")

    def __init__(self) -> None:
        self.places: OrderedDict[Hashable, Place] = OrderedDict()
        self._lock = threading.Lock()

    def park(self, what: Hashable, reason: str, now: float, *, asked: float | None = None) -> Place | None:
        """It was refused. Returns its place if that is news; None if it was parked already.

        `asked`: the seconds that the provider named, honoured up to LONGEST.
        """
        with self._lock:
            place = self.places.get(what)
            if place is None:
                seconds = min(LONGEST, max(FIRST, asked or 0.0))
                place = self.places[what] = Place(reason, now, now + seconds, seconds)
                if len(self.places) > LIMIT:
                    self.places.popitem(last=False)
                return place
            if place.tried:  # else it is a late answer to what was asked before it was parked
                place.seconds = min(LONGEST, max(2 * place.seconds, asked or 0.0))
                place.until = now + place.seconds
                place.tried = False
            return None

    def closed(self, what: Hashable, now: float) -> Place | None:
        """Its place while it is to be left alone."""
        place = self.places.get(what)
        return place if place is not None and now < place.until else None

    def take(self, what: Hashable, now: float) -> Place | None:
        """It is about to be asked. When its time is over one caller is told None and tries it, within FIRST seconds, or
        another may. All others get its place."""
        with self._lock:
            place = self.places.get(what)
            if place is None or now < place.until:
                return place
            place.tried = True
            place.until = now + FIRST
            return None

    def free(self, what: Hashable) -> Place | None:
        """It works. Returns the place it had, if it had one."""
        with self._lock:
            return self.places.pop(what, None)
