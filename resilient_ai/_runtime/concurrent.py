"""The runtime of asyncio and trio, through anyio."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from .base import Recalled
from .loops import current_loop_token, soon
from .race import Side, settled, verdict
from .tasks import spawn_in_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .base import Gate, Spawned

T = TypeVar("T")


class AsyncGate:
    """Holds up one task. Made in the loop it is waited at; opened from anywhere."""

    __slots__ = ("_event", "_token")

    def __init__(self) -> None:
        self._token = current_loop_token()
        self._event = anyio.Event()

    def open(self) -> None:
        """Let the one who waits, or waits next, go on."""
        soon(self._token, self._set)

    def _set(self) -> None:
        self._event.set()  # the one of this moment: a word that comes late is heard at the next wait

    async def wait(self, seconds: float | None) -> None:
        """Yield until it is opened, ``seconds`` at most."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()


class AsyncRuntime:
    """Waits by yielding to the event loop. A test may give it a clock and gates of its own."""

    __slots__ = ("_sleep", "gate", "now", "wall")

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        gate: Callable[[], Gate] = AsyncGate,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.now = now
        self.wall = wall
        self._sleep = sleep
        self.gate = gate

    async def sleep(self, seconds: float) -> None:
        """Yield for ``seconds``."""
        await self._sleep(seconds)

    async def offload(self, blocking: Callable[[], T], *, abandon: bool = False) -> T:
        """Run it in a worker thread."""
        return await anyio.to_thread.run_sync(blocking, abandon_on_cancel=abandon)

    def place(self) -> object:
        """The running loop's token."""
        return current_loop_token()

    async def race(
        self,
        first: Callable[[], Awaitable[T]],
        second: Callable[[], Awaitable[T]],
        *,
        after: float,
        may: Callable[[], bool],
        lost: Callable[[T], Awaitable[object]],
    ) -> T:
        """Each side in a task of its own."""
        gate = self.gate()
        sides = [Side(first, gate)]
        won: Side[T] | None = None
        decided: Side[T] | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self.run_side, sides[0])
                await gate.wait(after)
                if not sides[0].ended and may():
                    sides.append(Side(second, gate))
                    group.start_soon(self.run_side, sides[1])
                while (decided := settled(sides)) is None:
                    await gate.wait(None)
                group.cancel_scope.cancel()
            won = decided
        finally:  # also when the caller is cancelled, while an answer has come
            for side in sides:
                if side is not won and side.answer is not None:
                    with anyio.CancelScope(shield=True):
                        await lost(side.answer[0])
        assert won is not None
        return verdict(won)

    async def recallable(self, work: Callable[[], Awaitable[T]], handed: Callable[[Callable[[], object]], object]) -> T:
        """In a scope that is cancelled."""
        loop = current_loop_token()
        with anyio.CancelScope() as scope:
            handed(lambda: soon(loop, scope.cancel))
            return await work()
        raise Recalled

    def spawn(self, work: Callable[[], Awaitable[object]], *, ended: Callable[[], object] = bool) -> Spawned | None:
        """In a task of the loop's."""
        return spawn_in_loop(work, ended)

    async def run_side(self, side: Side[T]) -> None:
        """Run one side of a race in this task."""
        try:
            answer = (await side.work(),)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised where the race is awaited
            side.end(None, error)
        else:
            side.end(answer, None)


ASYNC = AsyncRuntime()


async def within(seconds: float, work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work()``; cancel it after ``seconds``.

    Raises:
        TimeoutError: the limit was reached.
    """
    with anyio.fail_after(seconds):
        return await work()
