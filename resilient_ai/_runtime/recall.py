"""Work that another may end, in the caller's own thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from .base import Recalled
from .race import Aborted, racing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .race import Racer

__all__ = ["recallable_on_threads"]

T = TypeVar("T")


class _Recallable:
    """What this thread does may be ended from outside: by a recall, or since the side of a race it runs has lost."""

    __slots__ = ("_lock", "_on_abort", "_outer", "over", "recalled")

    def __init__(self, outer: Racer | None) -> None:
        self._outer = outer
        self._lock = threading.Lock()
        self._on_abort: Callable[[], object] | None = None
        self.recalled = False
        self.over = False

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for what is done here."""
        return self.recalled or (self._outer is not None and self._outer.given_up)

    def at_abort(self, end: Callable[[], object]) -> None:
        """Call ``end`` when it is to be ended; at once if it is already."""
        with self._lock:
            self._on_abort = end
            late = self.recalled
        if self._outer is not None:
            self._outer.at_abort(end)
        if late:
            end()

    def recall(self) -> None:
        """End it, if that can be done; later if it blocks where it cannot."""
        with self._lock:
            if self.over:
                return
            self.recalled = True
            if self._on_abort is not None:
                self._on_abort()

    def finish(self) -> None:
        """It has ended by itself: what it waited at is another's now."""
        with self._lock:
            self.over = True
            self._on_abort = None


async def recallable_on_threads(
    work: Callable[[], Awaitable[T]], handed: Callable[[Callable[[], object]], object]
) -> T:
    """The recall of the runtime of plain threads: see there."""
    outer = racing.get()
    inner = _Recallable(outer)
    token = racing.set(inner)
    try:
        handed(inner.recall)
        return await work()
    except Aborted:
        if outer is not None and outer.given_up:
            raise
        raise Recalled from None
    finally:
        inner.finish()
        racing.reset(token)
