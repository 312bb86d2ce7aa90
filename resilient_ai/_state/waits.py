"""Waits that providers asked for, kept in common by all callers of the same key and model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

LONGEST = 60.0
"""Seconds: of a longer wait only so much is kept in common; then one caller's request learns how things stand."""

JITTER = 0.25
"""A wait is a floor. Each caller adds a part of this share of it, drawn by chance, so that they return spread."""

LIMIT = 4096
"""Keys and models with a wait, the oldest dropped first."""


class Wait(NamedTuple):
    """A wait in force: how long it still lasts, and over how many seconds the callers spread behind it."""

    left: float
    spread: float


class Waits:
    """Until when each account (host, key, model) was asked to wait. Thread-safe; `now` never goes back.

    `known` is empty while nobody was asked to wait: look there first, it costs nothing.
    """

    __slots__ = ("_lock", "known")

    def __init__(self) -> None:
        self.known: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, account: Hashable, now: float, seconds: float) -> None:
        """The provider asked `account` to wait. A wait in force is made longer, never shorter."""
        if not seconds > 0:
            return
        seconds = min(seconds, LONGEST)
        with self._lock:
            self._forget(now)
            if now + seconds > self.known.get(account, (0.0, 0.0))[0]:
                self.known[account] = (now + seconds, seconds * JITTER)
                self.known.move_to_end(account)
            if len(self.known) > LIMIT:
                self.known.popitem(last=False)

    def of(self, account: Hashable, now: float) -> Wait | None:
        """The wait that is in force for `account`, if one is."""
        found = self.known.get(account)
        if found is None:
            return None
        if found[0] > now:
            return Wait(found[0] - now, found[1])
        with self._lock:
            self._forget(now)
        return None

    def _forget(self, now: float) -> None:
        """Drop what is over. What began later may end sooner: such a one goes when those before it have."""
        while self.known and next(iter(self.known.values()))[0] <= now:
            self.known.popitem(last=False)
