"""Work that outlives whoever began it, in a task of asyncio's or a system task of trio's."""

from __future__ import annotations

import asyncio
import os
import sys
from contextvars import copy_context
from typing import TYPE_CHECKING

import anyio

from .loops import current_loop_token, soon
from .spawn import NAME, failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["spawn_in_loop"]


_tasks: set[asyncio.Task[None]] = set()
"""asyncio itself keeps weak references only."""


class _InLoop:
    """Work in a task of nobody's."""

    __slots__ = ("_loop", "_scope", "over")

    def __init__(self, loop: object) -> None:
        self._loop = loop
        self._scope = anyio.CancelScope()
        self.over = False

    def cancel(self) -> None:
        """End it."""
        soon(self._loop, self._scope.cancel)

    async def run(self, work: Callable[[], Awaitable[object]], ended: Callable[[], object]) -> None:
        try:
            with self._scope:
                await work()
        except anyio.get_cancelled_exc_class():  # the loop is being closed
            raise
        except Exception as error:  # noqa: BLE001 - nobody waits for it who could be told
            failed(error, expected=False)
        finally:
            self.end(ended)

    def end(self, ended: Callable[[], object]) -> None:
        if not self.over:
            self.over = True
            ended()


def spawn_in_loop(work: Callable[[], Awaitable[object]], ended: Callable[[], object]) -> _InLoop:
    """The ``spawn`` of the runtime of asyncio and trio: see there."""
    loop = current_loop_token()
    spawned = _InLoop(loop)
    if isinstance(loop, asyncio.AbstractEventLoop):
        task = loop.create_task(spawned.run(work, ended), name=NAME)
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        task.add_done_callback(lambda _: spawned.end(ended))  # cancelled before its first step, it never ran
    else:  # a system task: it belongs to no nursery, and ends with the run at the latest
        sys.modules["trio"].lowlevel.spawn_system_task(spawned.run, work, ended, name=NAME, context=copy_context())
    return spawned


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tasks.clear)
