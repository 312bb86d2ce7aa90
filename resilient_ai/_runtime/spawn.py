"""Work that outlives whoever began it, in a daemon thread."""

from __future__ import annotations

import logging
import os
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from .race import racing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["MAX_SPAWNED", "NAME", "failed", "spawn_on_thread"]

log = logging.getLogger("resilient_ai")

MAX_SPAWNED = 256
"""Threads that do such work at one time, at most: as many as run sides of races."""

NAME = "resilient-ai-spawned"


class _OnThread:
    """Work in a daemon thread. What blocks there says by ``at_abort`` how it can be ended from outside."""

    __slots__ = ("_lock", "_on_abort", "given_up", "over")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on_abort: Callable[[], object] | None = None
        self.given_up = False
        self.over = False

    def at_abort(self, end: Callable[[], object]) -> None:
        """Call ``end`` when it is to be ended; at once if it is already."""
        with self._lock:
            self._on_abort = end
            late = self.given_up
        if late:
            end()

    def cancel(self) -> None:
        """End it, if that can be done."""
        with self._lock:
            self.given_up = True
            end = None if self.over else self._on_abort
        if end is not None:
            end()

    def run(self, work: Callable[[], Awaitable[object]], drive: Callable[[Any], Any], ended: Callable[[], Any]) -> None:
        racing.set(self)
        try:
            if not self.given_up:
                drive(work())
        except BaseException as error:  # noqa: BLE001 - nobody waits for it who could be told
            failed(error, expected=self.given_up)
        with self._lock:
            self.over, self._on_abort = True, None
        _threads.give_back()
        ended()


def spawn_on_thread(
    work: Callable[[], Awaitable[object]], ended: Callable[[], object], drive: Callable[[Any], Any]
) -> _OnThread | None:
    """The ``spawn`` of the runtime of plain threads: see there."""
    if not _threads.take():
        return None
    spawned = _OnThread()
    thread = threading.Thread(target=copy_context().run, args=(spawned.run, work, drive, ended), name=NAME, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is exiting, the system refuses
        _threads.give_back()
        return None
    return spawned


class _Threads:
    """How many there are."""

    __slots__ = ("_lock", "count")

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Count one more; False if there are as many as may be."""
        with self._lock:
            if self.count >= MAX_SPAWNED:
                return False
            self.count += 1
            return True

    def give_back(self) -> None:
        with self._lock:
            self.count -= 1


_threads = _Threads()


def _forget() -> None:
    global _threads  # noqa: PLW0603
    _threads = _Threads()  # a forked child has none of its parent's threads, but a copy of their lock, maybe held


def failed(error: BaseException, *, expected: bool) -> None:
    """Tell of what ended such work."""
    if not expected:  # by its class only: its words may hold a prompt
        log.warning("work in the background failed: %s", type(error).__name__)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
