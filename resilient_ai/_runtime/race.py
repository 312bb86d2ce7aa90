"""Two ways to the same answer at once: the first good one wins, the other is ended. On threads, and what all share."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from ..errors import Failure

if TYPE_CHECKING:
    from .base import Gate

__all__ = [
    "MAX_THREADS",
    "Aborted",
    "Racer",
    "Side",
    "aborted",
    "ended_by",
    "race_on_threads",
    "racing",
    "settled",
    "verdict",
]

T = TypeVar("T")
Work = Callable[[], Awaitable[T]]
Lost = Callable[[T], Awaitable[object]]
Drive = Callable[[Awaitable[Any]], Any]

MAX_THREADS = 256
"""Threads that run sides of races at one time, at most. A race that finds none free is no race: its first way is gone
alone, in the caller's own thread. Our choice: more than a program mostly has callers, fewer than a process may have."""


class Aborted(BaseException):
    """This side has lost: what befalls it from now on is nobody's failure."""


class Side(Generic[T]):
    """One way to the answer, and what has become of it."""

    __slots__ = ("answer", "ended", "error", "gate", "work")

    def __init__(self, work: Work[T], gate: Gate) -> None:
        self.work = work
        self.gate = gate
        self.ended = False
        self.answer: tuple[T] | None = None
        self.error: BaseException | None = None

    def end(self, answer: tuple[T] | None, error: BaseException | None) -> None:
        """Note what has become of it, and let the one who waits look."""
        self.answer, self.error, self.ended = answer, error, True
        self.gate.open()

    @property
    def failed(self) -> bool:
        """Whether it has ended in a failure that the other side may mend."""
        return isinstance(self.error, Failure)


def settled(sides: list[Side[T]]) -> Side[T] | None:
    """The side by which the race is decided: one that has an answer, or met what is no known failure; the first one if
    all have failed; None while there is hope."""
    for side in sides:
        if side.ended and not side.failed:
            return side
    return sides[0] if all(side.ended for side in sides) else None


def verdict(side: Side[T]) -> T:
    """The side's answer, which is now the caller's; or what it met is raised."""
    error, side.error = side.error, None  # not kept: its traceback holds the caller's frames
    if error is not None:
        try:
            raise error
        finally:
            del error
    assert side.answer is not None
    (answer,), side.answer = side.answer, None
    return answer


# ---- on threads


class Racer(Protocol):
    """Who may end what blocks in this thread."""

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for it any more."""
        ...

    def at_abort(self, end: Callable[[], object]) -> None:
        """Call ``end`` to end what blocks here from now on."""
        ...


racing: ContextVar[Racer | None] = ContextVar("resilient_ai_race", default=None)
"""The side that this thread runs, if it runs one; or the work in it that may be recalled."""


def aborted() -> bool:
    """Whether this thread runs a side that has lost."""
    runner = racing.get()
    return runner is not None and runner.given_up


@contextmanager
def ended_by(end: Callable[[], object]) -> Generator[None]:
    """Inside, this thread waits: should its side lose, ``end`` ends the wait.

    Raises:
        Aborted: the side has lost.
    """
    runner = racing.get()
    if runner is not None:
        runner.at_abort(end)
    yield
    if runner is not None and runner.given_up:
        raise Aborted


class Runner(Generic[T]):
    """A side in a thread of its own. What blocks there says by ``at_abort`` how it can be ended from outside."""

    __slots__ = ("_drive", "_lock", "_lost", "_on_abort", "given_up", "side")

    def __init__(self, side: Side[T], lost: Lost[T], drive: Drive) -> None:
        self.side = side
        self._lost = lost
        self._drive = drive
        self._lock = threading.Lock()
        self._on_abort: Callable[[], object] | None = None
        self.given_up = False

    def start(self) -> bool:
        """Begin, in a copy of the caller's context; False where no thread can be had."""
        thread = threading.Thread(target=copy_context().run, args=(self._run,), name="resilient-ai-race", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is exiting, the system refuses
            _threads.give_back()
            return False
        return True

    def at_abort(self, end: Callable[[], object]) -> None:
        """Call ``end`` when this side has lost; at once if it has. What was said before is forgotten."""
        with self._lock:
            self._on_abort = end
            late = self.given_up
        if late:
            end()

    def give_up(self) -> None:
        """It has lost, or nobody waits any more: end it if that can be done, and close its answer, now or later."""
        with self._lock:
            self.given_up = True
            end = None if self.side.ended else self._on_abort
        if end is not None:
            end()
        self._close()

    def _run(self) -> None:
        racing.set(self)
        answer: tuple[T] | None = None
        error: BaseException | None = None
        try:
            answer = (self._drive(self.side.work()),)
        except BaseException as caught:  # noqa: BLE001 - it is raised where the race is awaited
            error = caught
        with self._lock:
            self._on_abort = None
            self.side.end(answer, error)
        del answer, error  # the one who waits has them now, or nobody
        _threads.give_back()
        self._close()

    def _close(self) -> None:
        """If nobody will take its answer any more, close it."""
        with self._lock:
            if not (self.given_up and self.side.ended):
                return
            answer, self.side.answer, self.side.error = self.side.answer, None, None
        if answer is not None:
            self._drive(self._lost(answer[0]))


async def race_on_threads(
    gate: Gate, first: Work[T], second: Work[T], *, after: float, may: Callable[[], bool], lost: Lost[T], drive: Drive
) -> T:
    """The race of the runtime of plain threads: see there."""
    if not _threads.take():
        return await first()
    runners = [Runner(Side(first, gate), lost, drive)]
    won: Side[T] | None = None
    try:
        if not runners[0].start():
            return await first()
        await gate.wait(after)
        if not runners[0].side.ended and _threads.take():
            if may():
                runners.append(Runner(Side(second, gate), lost, drive))
                if not runners[1].start():
                    runners.pop()
            else:
                _threads.give_back()
        sides = [runner.side for runner in runners]
        while (won := settled(sides)) is None:
            await gate.wait(None)
        return verdict(won)
    finally:  # also when a signal's exception ends the wait
        for runner in runners:
            if runner.side is not won:
                runner.give_up()


class _Threads:
    """How many threads run sides of races."""

    __slots__ = ("_lock", "count")

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Count one more; False if there are as many as may be."""
        with self._lock:
            if self.count >= MAX_THREADS:
                return False
            self.count += 1
            return True

    def give_back(self) -> None:
        with self._lock:
            self.count -= 1


_threads = _Threads()


def _forget_threads() -> None:
    global _threads  # noqa: PLW0603
    _threads = _Threads()  # a forked child has none of its parent's threads, but a copy of their lock, maybe held


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
