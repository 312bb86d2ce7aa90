"""One request for equal calls that are made at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from .._call import Operation
from .._state.flights import Flights, Member, longest
from ..errors import AllFailed, ConfigurationError, DeadlineExceeded, Failure
from ..failures import FailureKind
from ._lease import ask_once

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from .._call import Call, Next, Reply
    from .._sharing import Shared, Sharing
    from .._state.flights import Flight

__all__ = ["Joins", "SingleFlight"]

Joins = Literal["deterministic", "all"]

GRACE = 0.1
"""Seconds that a call waits beyond its limit for a request whose own limit that is: what becomes of the request is to
be known, as evidence about its target. (A call returns by its limit and a quarter of a second.)"""

_OF_TIME = frozenset({FailureKind.DEADLINE, FailureKind.SILENT})


class _Passed(NamedTuple):
    """What is no known failure struck the request: the leader's to see, if it is still there. None: it was ended from
    outside. All others go on by themselves."""

    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleFlight:
    """Let equal calls that are made at the same time share one request. Off until asked for.

    Equal are calls with the same request, key and options (but for their deadline and tag), in one event loop, or in
    threads. Each has an answer of its own, its own deadline and its own exception; whoever leaves leaves the others
    alone, and the last to leave ends the request. A failure is everybody's, once: repeats and fallbacks are made for
    all together. Streams are handed on as they come, also to those who come while the beginning is held (1 MiB).

    Never joined is what creates something, speaks of things made earlier or is stored at the provider (Responses but
    for ``store=False``), goes by ``options(cache="no-store")``, or has a body that can be sent only once or of more
    than 1 MiB.

    Args:
        joins: ``"deterministic"``: embeddings, moderations, and what asks for a temperature of 0 or has a seed;
            ``"all"``: whatever a cache would keep, so that callers who would have got different answers get one.
            Default ``"deterministic"``.

    Raises:
        ConfigurationError: any other word.
    """

    joins: Joins = "deterministic"

    def __post_init__(self) -> None:
        if self.joins not in get_args(Joins):
            words = " or ".join(map(repr, get_args(Joins)))
            raise ConfigurationError(f"SingleFlight(joins=…) is {words}, got {self.joins!r}")

    def new_state(self) -> Flights:
        """Nobody flies."""
        return Flights()

    async def execute(self, next: Next, call: Call) -> Reply:
        """Share the request of an equal call; else make one that others can share."""
        sharing = self._sharing(call)
        name = None if sharing is None else sharing.name(call)
        if sharing is None or name is None:
            return await next(call)
        return await _Trip(call.state(self), next, call, sharing).make(name)

    def _sharing(self, call: Call) -> Sharing | None:
        facts = call.facts
        if facts.operation is not Operation.STATELESS or facts.ids or not facts.repeatable:
            return None
        if call.options.cache == "no-store":
            return None
        sharing = call.port.sharing()
        return sharing if sharing is not None and (self.joins == "all" or sharing.certain()) else None


class _Trip:
    """One call's part in a flight."""

    __slots__ = ("_call", "_flights", "_member", "_next", "_sharing")

    def __init__(self, flights: Flights, next: Next, call: Call, sharing: Sharing) -> None:
        self._flights = flights
        self._next = next
        self._call = call
        self._sharing = sharing
        self._member = Member(call, until=call.deadline, patience=call.facts.timeout)

    async def make(self, name: Hashable) -> Reply:
        """The reply, whoever's request it answers."""
        place = self._call.runtime.place()
        try:
            flight = self._flights.enter((id(place), name), place, self._member)
            if flight is None:
                return await self._next(self._call)
            if flight.leader is self._member:
                if place is None:
                    return await self._lead(flight)
                self._set_off(flight)
            return await self._wait(flight)
        except BaseException:
            stop = self._leave()
            if stop is not None:
                stop()
            self._member.result = None  # a failure's traceback holds this frame
            raise

    # The one who asks

    async def _lead(self, flight: Flight) -> Reply:
        """Ask in the caller's own thread. Whoever joins meanwhile waits for it."""
        try:
            reply = await ask_once(self._next, self._call)
        except Failure as failure:
            if not _ran_out(failure):
                self._tell(flight, failure)
            elif self._flights.runs_out(flight, failure, leaves=self._member) is not None:
                self._set_off(flight)
            raise
        except BaseException:  # its own: a signal's, a bug's
            if self._flights.runs_out(flight, None, leaves=self._member) is not None:
                self._set_off(flight)
            raise
        if reply.verdict is None:
            shared = self._sharing.share(reply, self._call)
            self._streams(flight, shared)
            return await self._taken(flight, shared)
        others = [member for member in self._flights.landed(flight) if member is not self._member]
        if others:
            _hand(others, self._sharing.share(reply, self._call))
        return reply

    def _set_off(self, flight: Flight) -> None:
        """Have somebody ask for all, who is none of them; if nobody can, each goes on alone."""
        flight.pumped = True
        spawned = self._call.runtime.spawn(lambda: self._fly(flight), ended=lambda: self._ended(flight))
        if spawned is None:
            self._tell(flight, _Passed())
        flight.spawned = spawned

    async def _fly(self, flight: Flight) -> None:
        """Ask for all, under the longest limits, with the leader's request; again for those who have time left."""
        while True:
            self._flights.set_off(flight)
            call = _for_all(flight)
            try:
                reply = await ask_once(self._next, call)
            except Failure as failure:
                if _ran_out(failure) and self._flights.runs_out(flight, failure) is not None:
                    continue
                return self._tell(flight, failure)
            except Exception as error:  # noqa: BLE001 - it is raised in the call whose request it struck
                return self._tell(flight, _Passed(error))
            shared = self._sharing.share(reply, call)
            if not shared.live:
                return self._tell(flight, shared)
            shared.pumped(True)
            self._streams(flight, shared)
            return await self._pump(flight, shared)

    async def _pump(self, flight: Flight, shared: Shared) -> None:
        """Read a stream on for all."""
        try:
            await shared.pump()
        finally:
            self._flights.over(flight)

    def _streams(self, flight: Flight, shared: Shared) -> None:
        for member in self._flights.streams(flight, shared):
            member.wake()

    def _ended(self, flight: Flight) -> None:
        """Whoever asked for all is gone: without an answer, if there is none."""
        if flight.shared is None:
            self._tell(flight, _Passed())

    def _tell(self, flight: Flight, result: Any) -> None:
        """It is over, and that came of it."""
        _hand(self._flights.landed(flight), result)

    # Those who wait

    async def _wait(self, flight: Flight) -> Reply:
        member, runtime = self._member, self._call.runtime
        gate = runtime.gate()
        member.wake = gate.open
        started = runtime.now()
        while member.result is None:
            limit = self._limit(flight, started)
            left = None if limit is None else limit - runtime.now()
            if left is not None and left <= 0:
                raise DeadlineExceeded(
                    "the call's time was over before an equal one, whose request it shares, had its answer",
                    target=self._call.target_name,
                )
            await gate.wait(left)
        result, member.result = member.result, None
        if isinstance(result, Failure):
            if flight.leader is member:
                raise result
            self._call.journal.joined = True
            raise self._sharing.own(result)
        if isinstance(result, _Passed):
            if result.error is not None and flight.leader is member:
                raise result.error
            return await self._next(self._call)
        return await self._taken(flight, result)

    def _limit(self, flight: Flight, started: float) -> float | None:
        member = self._member
        limit = member.until
        if limit is None:
            limit = None if member.patience is None else started + member.patience
        return limit if limit is None or flight.goes_on(member) else limit + GRACE

    async def _taken(self, flight: Flight, shared: Shared) -> Reply:
        """An answer of the call's own."""
        member, call = self._member, self._call
        if shared.live and call.runtime.place() is None and self._flights.pump(flight):
            shared.pumped(True)
            flight.spawned = call.runtime.spawn(lambda: self._pump(flight, shared))
            if flight.spawned is None:
                shared.pumped(False)
        leads = flight.leader is member
        if not leads:
            asked = flight.leader.call.journal
            call.journal.joined = True
            if asked.answered_by is not None and asked.source is not None:
                call.journal.answered(asked.answered_by, asked.source, asked.model, asked.age)
        reply = shared.reply(call, leads=leads, leave=self._leave)
        if reply is None:  # its beginning is gone by now
            self._leave()
            call.journal.joined = False
            return await self._next(call)
        reply.copied = True  # it is kept before the flight is over
        return reply

    def _leave(self) -> Callable[[], object] | None:
        """Wait, or read, no more. What ends the request, if nobody else does."""
        if not self._flights.leave(self._member) or self._member.flight is None:
            return None
        spawned = self._member.flight.spawned
        return _nothing if spawned is None else spawned.cancel


def _nothing() -> None:
    """Nobody asks for all: whoever reads ends it."""


def _for_all(flight: Flight) -> Call:
    """The leader's call, as it is made for all."""
    call: Call = flight.leader.call
    others: list[Call] = [member.call for member in list(flight.members)]
    sharing = call.port.sharing()
    if sharing is not None and len(others) > 1:
        sharing.widen([own for other in others if (own := other.port.sharing()) is not None])
    view = call.derive()
    view.deadline = view.limit = flight.until
    view.stream_limit = longest([call.stream_limit, *(other.stream_limit for other in others)])
    return view


def _hand(members: list[Member], result: Any) -> None:
    for member in members:
        member.result = result
        member.wake()


def _ran_out(failure: Failure) -> bool:
    """Whether it is about time, of which some calls have more than others."""
    failures = failure.failures if isinstance(failure, AllFailed) else (failure,)
    return any(one.kind in _OF_TIME for one in failures)
