"""Observe mode: the strategies decide as ever, and nothing is done about it.

A call runs through them once, for real: its evidence moves circuits and budgets. At the first thing that the bare
program would not do (ask again, ask another, wait, refuse) the run is stopped, what would have been done is noted, and
the program gets what came, as it came.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from ._call import scope_text
from ._port import Port
from .errors import Failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any

    from ._call import Call, Reply
    from ._journal import Attempt
    from ._runtime.base import Gate, Runtime, Spawned
    from .events import Event

__all__ = [
    "Bystander",
    "Stopped",
    "WatchingRuntime",
    "observed",
    "say_if_late",
    "say_late",
    "stop_if_changed",
    "telling",
]

T = TypeVar("T")
log = logging.getLogger("resilient_ai")


class Stopped(BaseException):
    """Says what would have been done. It passes the strategies as what they do not know: untouched, and no evidence."""


class Bystander(Port, Protocol):
    """A port that sends what the bare program sends, once."""

    sent: bool

    async def once(self, call: Call) -> Reply:
        """Send, as the bare program does, and judge what comes back.

        Raises:
            Failure: anything known to be one; the program gets what it stands for nevertheless.
        """
        ...


class WatchingRuntime:
    """Does not wait: a wait would be a change."""

    __slots__ = ("_port", "_runtime", "missed", "now", "wall")

    def __init__(self, runtime: Runtime, port: Bystander) -> None:
        self.now = runtime.now
        self.wall = runtime.wall
        self._runtime = runtime
        self._port = port
        self.missed: tuple[str, ...] = ()

    async def sleep(self, seconds: float) -> None:
        """Stop here."""
        raise Stopped(self._instead(f"waited {seconds:.2f} s"))

    def gate(self) -> Gate:
        """One that nobody waits at."""
        return _Shut()

    async def offload(self, blocking: Callable[[], T], *, abandon: bool = False) -> T:
        """As ever: nobody is asked for that."""
        return await self._runtime.offload(blocking, abandon=abandon)

    def place(self) -> object:
        """As ever."""
        return self._runtime.place()

    async def race(
        self,
        first: Callable[[], Awaitable[T]],
        second: Callable[[], Awaitable[T]],  # noqa: ARG002  # a Runtime's signature
        *,
        after: float,
        may: Callable[[], bool],  # noqa: ARG002
        lost: Callable[[T], Awaitable[object]],  # noqa: ARG002
    ) -> T:
        """The first alone."""
        begun = self.now()
        try:
            return await first()
        finally:
            if self.now() - begun > after:
                self.missed += (f"asked a second time beside it after {after:.2f} s",)

    async def recallable(
        self,
        work: Callable[[], Awaitable[T]],
        handed: Callable[[Callable[[], object]], object],  # noqa: ARG002
    ) -> T:
        """It is never ended."""
        return await work()

    def spawn(
        self,
        work: Callable[[], Awaitable[object]],  # noqa: ARG002  # a Runtime's signature
        *,
        ended: Callable[[], object] = bool,  # noqa: ARG002
    ) -> Spawned | None:
        """Stop here: whatever it is, the program itself would not do it."""
        raise Stopped("begun work beside it")

    def _instead(self, waited: str) -> str:
        return f"{waited}, then asked again" if self._port.sent else f"{waited} before it asked"


class _Shut:
    """Where a caller would have waited for its turn."""

    def open(self) -> None:
        """Nobody waits."""

    async def wait(self, seconds: float | None) -> None:
        """Stop here."""
        raise Stopped("waited for its turn" + ("" if seconds is None else f", {seconds:.2f} s at most"))


def stop_if_changed(port: Bystander, call: Call) -> None:
    """Let only that send pass which the program itself makes.

    Raises:
        Stopped: it would not have been made, or not there.
    """
    if call.target is None and not port.sent:
        return
    passed = "" if port.sent else "passed the primary over, and "
    again = " again" if call.target is None else ""
    raise Stopped(f"{passed}asked {call.target_name}{again}")


def say_if_late(call: Call, attempt: Attempt) -> None:
    """Note that an attempt, which has ended, would have been cut."""
    limit = call.attempt_limit(attempt.started)
    if limit is not None and attempt.ended is not None and attempt.ended > limit:
        call.journal.would += (f"given up after {limit - attempt.started:.2f} s",)


def telling(emit: Callable[[Event], object]) -> Callable[[Event], object]:
    """The same listener, told that all this was only observed."""
    return lambda event: emit(replace(event, observed=True))


async def observed(running: Coroutine[Any, Any, Reply], call: Call, port: Bystander) -> None:
    """Run a call through its strategies; see to it that the program's own send is made, whatever they say."""
    journal = call.journal
    reply: Reply | None = None
    try:
        reply = await running
        if not port.sent:
            journal.would += (f"answered from the {journal.source or 'outside'}",)
    except Stopped as stopped:
        journal.would += (str(stopped),)
    except Failure as failure:
        if not port.sent:
            journal.would += (f"refused it: {failure}",)
    if not port.sent:
        reply = await _sent(port, call)
    if isinstance(call.runtime, WatchingRuntime):
        journal.would += call.runtime.missed
    for what in journal.would:
        _log(call, what)
    if reply is None or reply.verdict is not None:
        journal.finish()


def say_late(call: Call, failure: Failure) -> None:
    """Note that what the strategies took for an answer was none, as its end has shown."""
    what = f"taken it for no answer: {failure}"
    call.journal.would += (what,)
    _log(call, what)


def _log(call: Call, what: str) -> None:
    log.info("observed: %s: would have %s", scope_text(call.scope), what)


async def _sent(port: Bystander, call: Call) -> Reply | None:
    try:
        return await port.once(call)
    except Failure:  # what it stands for is the program's to see
        return None
