"""The limit of the call in hand, and work that is given up at a limit.

The engine writes ``deadline`` before it sends, and before it takes the next chunk; whatever blocks below reads it. A
context variable carries it, since between the engine and the socket lie libraries that pass nothing along.
"""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar, copy_context
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAX_STUCK", "connecting", "deadline", "left", "run_bounded"]

T = TypeVar("T")

deadline: ContextVar[float | None] = ContextVar("resilient_ai_deadline", default=None)
"""When the call in hand must be over, on ``time.monotonic()``'s clock. None (the default): no limit."""

connecting: ContextVar[float | None] = ContextVar("resilient_ai_connecting", default=None)
"""Seconds that each step of making a connection may take: the name look-up with the TCP connect, the TLS handshake.
None (the default): no limit of ours."""

MAX_STUCK = 64
"""Threads that may be stuck beyond their limit at one time. Our choice: far more than a program's name servers hang at
once, far fewer than a process may have."""

_LEAST = 0.001
"""Seconds given when nothing is left: to a socket 0 means "do not block" and a negative number is an error."""


def left(timeout: float | None) -> float | None:
    """Seconds a blocking operation may take: the shorter of ``timeout`` and what the call's deadline leaves.

    At least a millisecond when there is a deadline, even a past one; None when there is neither limit.
    """
    limit = deadline.get()
    if limit is None:
        return timeout
    seconds = limit - monotonic()
    if timeout is not None and timeout < seconds:
        seconds = timeout
    return max(seconds, _LEAST)


def run_bounded(fn: Callable[[], T], seconds: float | None, *, discard: Callable[[T], None] | None = None) -> T:
    """Run ``fn`` and return its result; give up after ``seconds``. With None it runs right here, without a limit.

    With a limit it runs in a daemon thread of its own, in a copy of the caller's context; what it raises is raised
    here. Given up, it goes on unseen: its late result is handed to ``discard``, its late exception dropped. While
    ``MAX_STUCK`` threads are in that state, a call first waits for one of them to end, inside its limit. Where no
    thread can be started (the interpreter is exiting, the system refuses), ``fn`` runs right here, without a limit.

    Raises:
        TimeoutError: the limit was reached.
    """
    if seconds is None:
        return fn()
    end = monotonic() + seconds
    _stuck.wait_below(MAX_STUCK, seconds)
    job = _Job(fn, discard)
    thread = threading.Thread(target=copy_context().run, args=(job.work,), name="resilient-ai-bounded", daemon=True)
    started = given_up = False
    try:
        started = _start(thread)
        if started:
            job.finished.wait(end - monotonic())
    finally:  # also when a signal's exception ends the wait: the result must not be lost without being discarded
        if started or thread.ident is not None:
            given_up = job.give_up()
    if not started:
        return fn()
    if given_up:
        raise TimeoutError(f"gave up after {seconds:.3f} s")
    return job.outcome()


def _start(thread: threading.Thread) -> bool:
    """Start it; False where no thread can be had."""
    try:
        thread.start()
    except RuntimeError:
        return False
    return True


class _Stuck:
    """How many threads work on beyond their limit."""

    __slots__ = ("_changed", "count")

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def add(self, change: int) -> None:
        with self._changed:
            self.count += change
            self._changed.notify_all()

    def wait_below(self, most: int, seconds: float) -> None:
        """Return when fewer than ``most`` are stuck; TimeoutError after ``seconds``."""
        if self.count < most:  # the rule, without the lock
            return
        with self._changed:
            if not self._changed.wait_for(lambda: self.count < most, seconds):
                raise TimeoutError(
                    f"{self.count} earlier operations are still stuck; waited {seconds:.3f} s for one to end"
                )


_stuck = _Stuck()


def _forget_stuck() -> None:
    global _stuck  # noqa: PLW0603
    _stuck = _Stuck()  # a forked child has none of its parent's threads, but a copy of their lock, maybe held


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_stuck)


class _Job(Generic[T]):
    """One function in a thread, and who is to have its result: the caller, or ``discard`` once the caller gave up."""

    __slots__ = ("_discard", "_error", "_fn", "_given_up", "_lock", "_result", "finished")

    def __init__(self, fn: Callable[[], T], discard: Callable[[T], None] | None) -> None:
        self._fn = fn
        self._discard = discard
        self._lock = threading.Lock()
        self._given_up = False
        self._result: tuple[T] | None = None
        self._error: BaseException | None = None
        self.finished = threading.Event()

    def work(self) -> None:
        try:
            self._result = (self._fn(),)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            self._error = error
        with self._lock:
            self.finished.set()
            late = self._given_up
        if late:
            self._end_late()

    def _end_late(self) -> None:
        self._error = None
        try:
            if self._result is not None and self._discard is not None:
                self._discard(self._result[0])
        except Exception:  # noqa: BLE001 - nobody is left who could be told
            pass
        finally:
            self._result = None
            _stuck.add(-1)

    def give_up(self) -> bool:
        """Leave an unfinished job to its thread; False if it has finished."""
        with self._lock:
            if self.finished.is_set():
                return False
            self._given_up = True
            _stuck.add(1)
            return True

    def outcome(self) -> T:
        error, self._error = self._error, None  # not kept: its traceback holds the caller's frames
        if error is not None:
            try:
                raise error
            finally:
                del error
        assert self._result is not None
        return self._result[0]
