"""Not more than a key may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from .._allowance import Allowance, allowed
from .._call import Verdict
from .._settings import check_seconds
from .._state.queue import Full, Lane, Ticket
from .._state.scopes import Scopes
from ..errors import ConfigurationError, Failure, NotSent
from ..failures import FailureKind
from ._shared import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from .._call import Call, Next, Reply
    from .._limits import Limits, Window
    from .._runtime.base import Gate

__all__ = ["RateLimiter"]

MINUTE = 60.0
"""Seconds: a limit that needs longer to be whole again is none by the minute (OpenAI tells some by the day)."""


class Lanes:
    """One line for each host, key, model and allowance; the state of a limiter."""

    def __init__(self, max_waiters: int) -> None:
        self._max_waiters = max_waiters
        self._lanes: Scopes[Lane] = Scopes(self._make, keep=lambda lane: lane.busy)

    def _make(self, key: Hashable) -> Lane:
        _, may = cast("tuple[Hashable, Allowance]", key)
        return Lane(may, max_waiters=self._max_waiters)

    def of(self, account: Hashable, may: Allowance) -> Lane:
        """The line of an account."""
        return self._lanes.get((account, may))

    def every(self) -> list[Lane]:
        """Every line there is."""
        return [lane for _, lane in self._lanes.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimiter:
    """Keep to what a key may ask of a model: calls wait for their turn, in order, interactive ones before batch ones.

    The limits hold for the primary, and for each target that names none of its own
    (``Target("azure:*", requests_per_minute=60, …)``; a target that names any has just those). They are kept per host,
    key and model, in this process. Not more than allowed goes out in any window of a minute, and a tenth of it at most
    (rounded up) in any six seconds. A call whose turn cannot come within its limit is refused at once, and moves on to
    the next target; so is one that finds the line full. ``options(priority="batch")`` lets others go first.

    Args:
        requests_per_minute: requests sent, retries included. Default: no limit.
        tokens_per_minute: what a request may cost: a quarter of its characters (OpenAI's and Azure's rule of thumb)
            plus the output it asks for (``max_tokens`` and its like); if the answer, or a stream by its end, tells of
            more, that is counted. An answer shorter than asked for gives nothing back, since the providers count what
            was asked for. Default: no limit.
        concurrency: calls under way at the same time; a stream is until its end. Default: no limit.
        max_waiters: calls that may wait in one line. An interactive call takes the place of the last batch call.
            Default 100.
        max_wait: seconds a call may wait. Default: as long as its own limit allows.
        learn: go by the limits that answers tell (``x-ratelimit-*``, ``anthropic-ratelimit-*``): a limit is taken over
            where none was given or a smaller one is told, and what other users of the key have taken is counted.
            Default False.

    Raises:
        ConfigurationError: an argument out of its range.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    max_waiters: int = 100
    max_wait: float | None = None
    learn: bool = False

    def __post_init__(self) -> None:
        _ = self.allowance
        if not isinstance(self.max_waiters, int) or isinstance(self.max_waiters, bool) or self.max_waiters < 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"RateLimiter(max_waiters=…) is a whole number from 0, got {self.max_waiters!r}")
        if self.max_wait is not None:
            check_seconds("RateLimiter(max_wait=…)", self.max_wait)
        if not isinstance(self.learn, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"RateLimiter(learn=…) is True or False, got {self.learn!r}")

    @property
    def allowance(self) -> Allowance | None:
        """What holds for the primary, and for targets that say nothing; None if no number was given."""
        return allowed("RateLimiter", self.requests_per_minute, self.tokens_per_minute, self.concurrency)

    def new_state(self) -> Lanes:
        """Nobody waits."""
        return Lanes(self.max_waiters)

    async def execute(self, next: Next, call: Call) -> Reply:
        """Wait for a turn, call, and give the place back at the end."""
        own = None if call.target is None else call.target.allowance
        may = own or self.allowance or (Allowance() if self.learn else None)
        if may is None:
            return await next(call)
        lane = call.state(self).of(call.account, may)
        counts_tokens = may.tokens_per_minute is not None or self.learn
        ticket = Ticket(batch=call.options.priority == "batch", tokens=call.port.tokens() if counts_tokens else 0)
        try:
            # Asked for inside the try: an interrupt between the two would lose the place.
            await self._turn(lane, ticket, call)
            reply = await next(call)
            used = call.port.used(reply) if counts_tokens else None
            ended = reply.verdict is Verdict.SUCCESS  # a plain answer: nothing is left to wait for
            if ended and used is not None:  # before what is left is learnt, which has it counted already
                _count(lane, ticket, used, call.runtime.now())
            if self.learn:
                _learn(lane, call, reply.limits)
            now = call.runtime.now()
            lane.answered(ticket, now)
            if ended:
                lane.end(ticket, now)
            else:
                reply.on_end(partial(_end, lane, ticket, used, call.runtime.now))
            return reply
        except Failure as failure:
            if self.learn:
                _learn(lane, call, failure.limits)
            if failure.kind is FailureKind.LOCAL:
                lane.give_back(ticket)
            else:
                lane.end(ticket)
            raise
        except BaseException:
            lane.end(ticket)
            raise

    async def _turn(self, lane: Lane, ticket: Ticket, call: Call) -> None:
        """Return when it is this call's turn.

        Raises:
            NotSent: there is none within the time the call has.
        """
        runtime = call.runtime
        started = now = runtime.now()
        waits = shared(call).waits
        most, left = self.max_wait, call.time_left()
        gate: Gate | None = None
        try:
            while True:
                if waits.known and (wait := waits.of(call.account, now)) is not None:
                    lane.hold(now + wait.left)  # also for those who stood in line when the provider asked for it
                seconds = lane.ask(ticket, now, most, left)
                if seconds == 0:
                    return
                if gate is None:
                    gate = runtime.gate()
                    ticket.wake = gate.open
                    continue  # asked again, since its turn may have come before there was a way to tell it
                limit = min((end for end in (most, left) if end is not None), default=seconds)
                if limit <= 0:
                    raise Full("its turn has not come in the time it had", seconds)
                await gate.wait(min(seconds, limit))
                now = runtime.now()
                most, left = None if self.max_wait is None else started + self.max_wait - now, call.time_left()
        except Full as full:
            raise NotSent(f"rate limit full: {full}", target=call.target_name, reopens_in=full.free_in) from None
        finally:
            call.journal.waited += now - started


def _learn(lane: Lane, call: Call, limits: Callable[[], Limits | None] | None) -> None:
    """Go by what an answer tells."""
    told = None if limits is None else limits()
    if told is not None:
        lane.learn(call.runtime.now(), requests=_a_minute(told.requests), tokens=_a_minute(told.tokens))


def _a_minute(window: Window) -> tuple[int | None, int | None]:
    """(limit, left) of a limit by the minute; of a limit by the day nothing is learnt."""
    by_the_day = window.reset is not None and window.reset > MINUTE
    return (None, None) if by_the_day else (window.limit, window.remaining)


def _end(
    lane: Lane, ticket: Ticket, used: Callable[[], int | None] | None, clock: Callable[[], float], verdict: Verdict
) -> None:
    if verdict is Verdict.DROPPED:  # inside a finaliser: no lock
        lane.drop(ticket)
        return
    now = clock()
    if used is not None:
        _count(lane, ticket, used, now)
    lane.end(ticket, now)


def _count(lane: Lane, ticket: Ticket, used: Callable[[], int | None], now: float) -> None:
    """Count what an answer says that it cost."""
    tokens = used()
    if tokens is not None:
        lane.used(tokens, ticket, now)
