"""Keys that were told to ask less: while another target answers, one call finds out whether they may ask again."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .waits import JITTER

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["UNTOLD", "Limited"]

UNTOLD = 2.0
"""Seconds for which a key that is limited, but not told for how long, is left alone while another target stands by."""

UNTOLD_MOST = 30.0
"""They double each time it is refused again, up to this. Both are our choice: in an outage of 20 s at ten calls a
second four requests find out, where without it every call did; and it is used again within half a minute at most."""

VERDICT = 2.0
"""Seconds after which a request that was not refused is taken for admitted: a refusal comes at once, an answer may take
long."""

JITTER_MOST = 0.25
"""Seconds that are added by chance to what was told; it is not much, since one call alone returns then."""

LIMIT = 4096
"""Keys and models that are remembered, the oldest dropped first."""


@dataclass(slots=True, eq=False)
class _Place:
    until: float
    seconds: float
    tried: bool = False


class Limited:
    """Until when each account (host, key, model) is left alone by calls that can go elsewhere. Thread-safe.

    `known` is empty while nobody is limited: look there first, it costs nothing.
    """

    __slots__ = ("_lock", "known")

    def __init__(self) -> None:
        self.known: OrderedDict[Hashable, _Place] = OrderedDict()
        self._lock = threading.Lock()

    def refused(self, account: Hashable, now: float, told: float | None) -> None:
        """A request was refused; ``told``: for so many seconds, which is never made longer but by jitter."""
        with self._lock:
            place = self.known.get(account)
            if place is not None and now < place.until and not place.tried:
                if told is not None:
                    place.until = max(place.until, now + told)
                return  # of those that were sent before it was known
            if told is not None:
                seconds, wait = UNTOLD, told + random.uniform(0, min(JITTER * told, JITTER_MOST))
            else:
                wait = UNTOLD if place is None else place.seconds
                seconds = min(2 * wait, UNTOLD_MOST)
            self.known[account] = _Place(now + wait, seconds)
            self.known.move_to_end(account)
            if len(self.known) > LIMIT:
                self.known.popitem(last=False)

    def take(self, account: Hashable, now: float) -> float | None:
        """Seconds for which the account is to be left alone; None for whoever may ask it, and finds out for all."""
        with self._lock:
            place = self.known.get(account)
            if place is None:
                return None
            if now < place.until:
                return place.until - now
            if place.tried:
                del self.known[account]
            else:
                place.tried, place.until = True, now + VERDICT
            return None

    def free(self, account: Hashable) -> None:
        """It has answered."""
        with self._lock:
            self.known.pop(account, None)
