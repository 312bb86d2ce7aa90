"""What a strategy may do besides calling the next one: read the clock, wait, and do two things at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Recalled(Exception):
    """The work was ended from outside."""


class Gate(Protocol):
    """Where one caller waits until another, in whatever thread or loop, lets it go on."""

    def open(self) -> None:
        """Let the one who waits, or waits next, go on. From any thread; never blocks."""
        ...

    async def wait(self, seconds: float | None) -> None:
        """Wait until it is opened, ``seconds`` at most (None: as long as it takes). It is shut behind who passed."""
        ...


class Spawned(Protocol):
    """Work that outlives whoever began it.

    Attributes:
        over: whether it has ended.
    """

    over: bool

    def cancel(self) -> None:
        """End it, from any thread and without blocking. What blocks where it cannot be ended goes on unseen."""
        ...


class Runtime(Protocol):
    """Time in the caller's own mode.

    In sync mode every method blocks and its coroutine never suspends; in async mode it yields to the event loop.
    """

    def now(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        ...

    def wall(self) -> float:
        """Seconds since 1970 by the wall clock, which other processes share, and which may be set back or forward."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def offload(self, blocking: Callable[[], T], *, abandon: bool = False) -> T:
        """Run something that blocks (a store on disk) where it holds up nobody else. ``abandon``: whoever is cancelled
        meanwhile does not wait for it; it goes on unseen."""
        ...

    def gate(self) -> Gate:
        """A gate for the caller, shut."""
        ...

    def place(self) -> object:
        """Where the caller runs: what stands for its event loop, and can be weakly referenced; None for a thread."""
        ...

    async def race(
        self,
        first: Callable[[], Awaitable[T]],
        second: Callable[[], Awaitable[T]],
        *,
        after: float,
        may: Callable[[], bool],
        lost: Callable[[T], Awaitable[object]],
    ) -> T:
        """The answer of ``first``; or of ``second``, begun beside it once ``first`` has taken ``after`` seconds.

        Each runs in a copy of the caller's context. ``may`` is asked once, just before ``second`` would begin. The
        first answer wins, and the other side is ended: a task is cancelled, a thread's connection is shut (what cannot
        be ended goes on unseen); its answer, if it has one or comes by one, is handed to ``lost``. A failure of one
        side leaves the race to the other; both failing, the first one's is raised. What is no
        :class:`~resilient_ai.errors.Failure` is raised at once, as itself.
        """
        ...

    async def recallable(self, work: Callable[[], Awaitable[T]], handed: Callable[[Callable[[], object]], object]) -> T:
        """Await ``work()``. ``handed`` is given first what ends it from outside, from any thread and without blocking;
        what has ended already, or blocks where it cannot be ended, goes on.

        Raises:
            Recalled: it was ended so.
        """
        ...

    def spawn(self, work: Callable[[], Awaitable[object]], *, ended: Callable[[], object] = bool) -> Spawned | None:
        """Begin ``work()`` beside the caller, in a copy of its context, and go on at once: it outlives its caller, in a
        daemon thread or in a task of nobody's, which ends with its loop at the latest.

        ``ended`` is called there when it is over, however that came, also if it was cancelled before its first step.
        What ``work`` raises is logged by its class and dropped. None: it cannot be begun, since no thread can be had;
        then neither is called.
        """
        ...
