"""Requests that were given up not long ago: a loop above us that sends them again is known by them."""

from __future__ import annotations

import threading
from collections import OrderedDict

WITHIN = 60.0
"""Seconds after which an equal request is a new one. Loops wait less (LangChain's up to 10 s); of those that wait
longer little harm comes."""

LIMIT = 1024
"""Requests remembered, the oldest dropped first."""


class Repeats:
    """Requests given up, by a salted hash of each. Thread-safe; `now` never goes back.

    `known` is empty while no call failed: look there first, it costs nothing.
    """

    __slots__ = ("_lock", "_told", "known")

    def __init__(self) -> None:
        self.known: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._told = False

    def gave_up(self, request: str, now: float) -> None:
        """A call for `request` ended in failure."""
        with self._lock:
            self._forget(now)
            self.known[request] = now
            self.known.move_to_end(request)
            if len(self.known) > LIMIT:
                self.known.popitem(last=False)

    def since(self, request: str, now: float) -> float | None:
        """Seconds since `request` was given up; None if it was not, or long ago."""
        with self._lock:
            self._forget(now)
            at = self.known.get(request)
            return None if at is None else now - at

    def to_be_told(self) -> bool:
        """True the first time: one warning is enough."""
        with self._lock:
            first, self._told = not self._told, True
            return first

    def _forget(self, now: float) -> None:
        while self.known and next(iter(self.known.values())) + WITHIN <= now:
            self.known.popitem(last=False)
