"""The runtime of plain threads, and how a coroutine is driven without a loop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .race import ended_by, race_on_threads, racing
from .recall import recallable_on_threads
from .spawn import spawn_on_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from .base import Gate, Spawned

T = TypeVar("T")


class SyncGate:
    """Blocks the thread that waits."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self) -> None:
        """Let the one who waits, or waits next, go on."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Block until it is opened, ``seconds`` at most."""
        with ended_by(self.open):
            self._event.wait(seconds)
            self._event.clear()


class SyncRuntime:
    """Waits by blocking the calling thread. A test may give it a clock and gates of its own."""

    __slots__ = ("_sleep", "gate", "now", "wall")

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        gate: Callable[[], Gate] = SyncGate,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.now = now
        self.wall = wall
        self._sleep = sleep
        self.gate = gate

    async def sleep(self, seconds: float) -> None:
        """Block for ``seconds``."""
        if racing.get() is None:
            self._sleep(seconds)
        else:
            await self.gate().wait(seconds)

    async def offload(self, blocking: Callable[[], T], *, abandon: bool = False) -> T:  # noqa: ARG002  # a Runtime's
        """Run it here: this thread may block."""
        return blocking()

    def place(self) -> None:
        """None: any thread may wait for any other."""

    async def race(
        self,
        first: Callable[[], Awaitable[T]],
        second: Callable[[], Awaitable[T]],
        *,
        after: float,
        may: Callable[[], bool],
        lost: Callable[[T], Awaitable[object]],
    ) -> T:
        """Each side in a thread of its own."""
        return await race_on_threads(self.gate(), first, second, after=after, may=may, lost=lost, drive=self.drive)

    async def recallable(self, work: Callable[[], Awaitable[T]], handed: Callable[[Callable[[], object]], object]) -> T:
        """In this thread: what blocks in it is woken."""
        return await recallable_on_threads(work, handed)

    def spawn(self, work: Callable[[], Awaitable[object]], *, ended: Callable[[], object] = bool) -> Spawned | None:
        """In a daemon thread."""
        return spawn_on_thread(work, ended, self.drive)

    def drive(self, awaitable: Awaitable[T]) -> T:
        """Run one side of a race in this thread."""
        return drive(cast("Coroutine[Any, Any, T]", awaitable))


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
