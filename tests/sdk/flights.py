"""Many calls at once in any mode, and what is left of their flights."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import anyio

from resilient_ai._runtime import spawn, tasks
from resilient_ai._state.flights import Flights
from resilient_ai._states import every_state

from .modes import Mode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["Gathered", "at_once", "in_flight", "nothing_left", "soon"]


async def at_once(mode: Mode, works: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """What each came to, an exception included; all begun together."""
    got: list[Any] = [None] * len(works)

    async def one(index: int) -> None:
        try:
            got[index] = await works[index]()
        except Exception as error:
            got[index] = error

    if mode.is_async:
        async with anyio.create_task_group() as group:
            for index in range(len(works)):
                group.start_soon(one, index)
        return got
    threads = [threading.Thread(target=lambda i=i: Mode("sync").run(one, i)) for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return got


async def soon(mode: Mode, true: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        if mode.is_async:
            await anyio.sleep(0.01)
        else:
            time.sleep(0.01)
    return bool(true())


def nothing_left() -> bool:
    """No flight, no thread, no task."""
    flights = [state for state in every_state() if isinstance(state, Flights)]
    return not any(map(len, flights)) and spawn._threads.count == 0 and not tasks._tasks


def in_flight() -> int:
    """How many wait for an answer, or read it."""
    flights = [state for state in every_state() if isinstance(state, Flights)]
    return sum(len(flight.members) for state in flights for flight in list(state._by_key.values()))


class Gathered:
    """Inside a flight: its request is sent once ``count`` calls are there. ``strikes``: in the first one's place that
    is raised."""

    def __init__(self, mode: Mode, count: int, *, strikes: type[BaseException] | None = None) -> None:
        self.mode, self.count, self.strikes = mode, count, strikes

    async def execute(self, next: Any, call: Any) -> Any:
        strikes, self.strikes = self.strikes, None
        assert await soon(self.mode, lambda: in_flight() >= self.count, 30)
        self.count = 0
        if strikes is not None:
            raise strikes
        return await next(call)
