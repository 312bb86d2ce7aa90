"""The runtime of plain threads, and how a coroutine is driven without a loop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class SyncRuntime:
    """Waits by blocking the calling thread. A test may give it a clock of its own."""

    __slots__ = ("_sleep", "now")

    def __init__(
        self, *, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.now = now
        self._sleep = sleep

    async def sleep(self, seconds: float) -> None:
        """Block for ``seconds``."""
        self._sleep(seconds)

    async def offload(self, blocking: Callable[[], T]) -> T:
        """Run it here: this thread may block."""
        return blocking()


SYNC = SyncRuntime()


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end a coroutine that by contract never suspends.

    Raises:
        RuntimeError: it suspended: something in it awaited an event loop.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    coroutine.close()
    raise RuntimeError("a strategy awaited an event loop in sync mode; strategies await only `next` and `call.runtime`")
