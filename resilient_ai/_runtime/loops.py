"""Which event loop is running here, and whether one is over: asyncio and trio, without importing trio."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["current_loop_token", "is_over", "soon"]


class _TrioToken(Protocol):
    def run_sync_soon(self, sync_fn: Callable[[], None], /) -> None: ...


def current_loop_token() -> object:
    """What stands for the running loop: asyncio's loop itself, or the token of the trio run. Can be weakly referenced.

    Trio is asked first: as a guest it runs inside a host's loop, and asyncio would answer for its tasks as well. A
    program that has not imported trio runs none.

    Raises:
        RuntimeError: no event loop is running in this thread.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return cast("object", trio.lowlevel.current_trio_token())
    return asyncio.get_running_loop()


def is_over(token: object) -> bool:
    """Whether the loop has been closed, or the trio run has ended: nothing will ever run on it again."""
    if isinstance(token, asyncio.AbstractEventLoop):
        return token.is_closed()
    try:
        cast("_TrioToken", token).run_sync_soon(
            _nothing
        )  # trio's one way to ask; it runs `_nothing`, later, in its run
    except RuntimeError:  # trio.RunFinishedError
        return True
    return False


def soon(token: object, work: Callable[[], None]) -> None:
    """Run ``work`` on the loop that ``token`` stands for, from any thread. On one that is over it is not run."""
    with suppress(RuntimeError):
        if isinstance(token, asyncio.AbstractEventLoop):
            token.call_soon_threadsafe(work)
        else:
            cast("_TrioToken", token).run_sync_soon(work)


def _nothing() -> None:
    """Run by trio, to no effect."""
