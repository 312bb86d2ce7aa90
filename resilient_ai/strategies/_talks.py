"""Who answers a conversation: what is kept of it is a salted hash of its beginning."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._call import Call
    from .._target import Target

__all__ = ["KEPT_FOR", "Talks"]

MOST = 10_000
"""Conversations kept in mind, the least recently used dropped first."""

KEPT_FOR = 3600.0
"""Seconds for which it is known who answered a conversation last. Our choice: whoever comes back later begins anew."""


class Talks:
    """Which target answered each conversation last. Those of the primary are not kept: it is asked first anyway."""

    def __init__(self) -> None:
        from cachetools import LRUCache

        self._lock = Lock()
        self._last: LRUCache[str, tuple[tuple[str, ...], float]] = LRUCache(MOST)

    def to_whom(self, call: Call, candidates: list[Target | None]) -> None:
        """Put first the one who answered last, if the call goes on with a conversation."""
        if not self._last:
            return
        talk, goes_on = call.port.conversation()
        if talk is None or not goes_on:
            return
        with self._lock:
            identity, at = self._last.get(talk, ((), 0.0))
        if not identity or call.runtime.now() - at > KEPT_FOR:
            return
        for target in candidates:
            if target is not None and target.identity == identity:
                candidates.remove(target)
                candidates.insert(0, target)
                return

    def answered(self, call: Call) -> None:
        """A call has its answer."""
        if call.target is None and not self._last:
            return
        talk, _ = call.port.conversation()
        if talk is None:
            return
        with self._lock:
            if call.target is None:
                self._last.pop(talk, None)
            else:
                self._last[talk] = (call.target.identity, call.runtime.now())
