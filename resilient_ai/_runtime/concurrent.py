"""The runtime of asyncio and trio, through anyio."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class AsyncRuntime:
    """Waits by yielding to the event loop. A test may give it a clock of its own."""

    __slots__ = ("_sleep", "now")

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    ) -> None:
        self.now = now
        self._sleep = sleep

    async def sleep(self, seconds: float) -> None:
        """Yield for ``seconds``."""
        await self._sleep(seconds)

    async def offload(self, blocking: Callable[[], T]) -> T:
        """Run it in a worker thread."""
        return await anyio.to_thread.run_sync(blocking)


ASYNC = AsyncRuntime()


async def within(seconds: float, work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work()``; cancel it after ``seconds``.

    Raises:
        TimeoutError: the limit was reached.
    """
    with anyio.fail_after(seconds):
        return await work()
