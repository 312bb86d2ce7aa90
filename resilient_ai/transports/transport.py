"""The guarded transport: an httpx or httpx2 transport with the engine in front."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from .._context import journals, switch
from .._runtime.sync import SYNC, drive
from ..errors import AllFailed, Failure, NotCached, UnsupportedClient
from ..providers.registry import resolved
from ..strategies.cache import Cache
from ..strategies.fallback import Fallback
from ._answer import JOURNAL, Answer, error_response, explain, is_event_stream, raise_now, raising
from ._egress import bind_again, refusal, rule_of, says_bound
from ._flavour import Flavour, fields, flavour_of
from ._not_cached import not_cached
from ._observed import ObservedPort
from ._options import options_of, strip
from ._place import place_of
from ._pool import owned
from ._port import HttpPort
from ._redirects import redirected
from ._repeats import REPEATED, refuse_repeat, remember
from ._request import prepare
from ._sdk import connection_error, sdk_of
from ._ways import transports
from ._wire import AsyncWire, SyncWire

if TYPE_CHECKING:
    from .._context import Mode
    from .._egress import Bound, Rule
    from .._journal import Journal
    from .._target import Target
    from ..pipeline import Pipeline
    from ._wire import Wire

__all__ = ["Guard", "completed", "guard_of", "guarded", "wrap_transport"]

TransportT = TypeVar("TransportT")
Route = Callable[[str], Any]


class Guard:
    """What the guarded transports of both flavours, sync and async, have in common: all but the entrance.

    Attributes:
        given: the transport that was wrapped; it is never touched.
        wire: the transport that is used: one like it with a pool of its own, or the given one if that is foreign.
    """

    given: Any
    wire: Wire
    kept: Any = None
    """The client the given transport came from: kept, since its finaliser would close a transport we share."""
    known_by_id = False
    """Whether the SDK's parsed answers tell nothing of their request, so that they are known by their own id."""

    def _set_up(self, given: Any, pipeline: Pipeline, route: Route | None, flavour: Flavour, *, is_async: bool) -> None:
        own = owned(given)
        self.given = given
        self._own = own
        self._pipeline = pipeline
        cache = pipeline.find(Cache)
        self._equals = cache is not None and not cache.does_nothing  # whether they are looked for
        self._bound = None if pipeline.egress is None else pipeline.egress.bound
        self._flavour = flavour
        self._route = route
        self._is_async = is_async
        self.wire = _wire(given if own is None else own, flavour, foreign=own is None, is_async=is_async)
        self._apart = {
            settings: _wire(one, flavour, foreign=False, is_async=is_async)
            for settings, one in transports(pipeline, flavour, is_async=is_async).items()
        }

    @property
    def pipeline(self) -> Pipeline:
        """What is done about its calls."""
        return self._pipeline

    def _wire_for(self, target: Target) -> Wire:
        """The wire to another target: its own, or the client's choice for its URL."""
        if target.http is not None:
            return self._apart[target.http]
        if self._route is None:
            return self.wire
        transport = self._route(target.base_url or "")
        guard = guard_of(transport)
        return _wire(transport, self._flavour, foreign=True, is_async=self._is_async) if guard is None else guard.wire

    def _rule(self, bound: Bound | None) -> Rule:
        """What holds a call back that is bound so by its options."""
        return rule_of(self._bound, bound, self._pipeline.places)

    def _bound_ways(self, rule: Rule) -> Callable[..., Wire]:
        """The wires to other targets, for a call that may not go to all of them."""
        return lambda *said: self._wire_for(*said).bound(rule)

    def _off(self, request: Any) -> Mode:
        """What is off: all, or an empty pipeline, which is invisible but to a request that is bound."""
        return switch.mode() if not self._pipeline.strategies and says_bound(request) else "off"

    async def _handle(self, request: Any) -> Any:
        headers = fields(request.headers)
        if headers.get(REPEATED, b"0") != b"0":
            refuse_repeat(request)
        place = place_of(request, headers)
        options = options_of(request, headers, place)
        rule = None if options.bound is None and self._bound is None else self._rule(options.bound)
        prepared = await prepare(request, headers, place, self.wire, options, equals=self._equals)
        port = HttpPort(
            prepared,
            self.wire if rule is None else self.wire.bound(rule),
            flavour=self._flavour,
            route=self._wire_for if rule is None else self._bound_ways(rule),
            is_async=self._is_async,
            bound=rule,
        )
        call = self._pipeline.begin(port=port, runtime=self._runtime(), facts=prepared.facts, options=options)
        journal = call.journal
        request.extensions[JOURNAL] = journal  # an error that the SDK reads in a stream knows nothing else of it
        try:
            reply = await self._pipeline.run(call)
        except Failure as failure:
            journal.finish()
            return self._told(failure, request, journal)
        if reply.verdict is not None:
            journal.finish()
        if self.known_by_id and reply.ids:
            journals.keep(reply.ids[0], journal)
        redirected(request, reply.value, prepared.dialect, prepared.endpoint)
        if rule is not None:
            bind_again(request, reply.value, headers)
        return reply.value

    async def _watch(self, request: Any) -> Any:
        headers = fields(request.headers)
        place = place_of(request, headers)
        options = options_of(request, headers, place)
        rule = None if options.bound is None and self._bound is None else self._rule(options.bound)
        refused = None if rule is None else refusal(rule, request, self._flavour)
        if refused is not None:
            raise refused from refused.__cause__
        prepared = await prepare(request, headers, place, self.wire, options)
        port = ObservedPort(
            prepared,
            self.wire if rule is None else self.wire.bound(rule),
            flavour=self._flavour,
            route=self._wire_for if rule is None else self._bound_ways(rule),
            is_async=self._is_async,
            bound=rule,
        )
        await self._pipeline.watch(port=port, runtime=self._runtime(), facts=prepared.facts, options=options)
        came = port.hand_over()
        if rule is not None:
            bind_again(request, came, headers)
        return came

    def _told(self, failure: Failure, request: Any, journal: Journal) -> Any:
        """What the program gets of a failure: an error answer, or an exception, in the way its SDK lets it through."""
        flavour, sdk = self._flavour, sdk_of(request)
        told = failure.told if isinstance(failure, AllFailed) else failure
        if isinstance(told, NotCached):
            told.answer = not_cached(request)
        if isinstance(told.answer, Answer):
            response = error_response(told.answer, request, failure, journal, flavour)
            # A middleware of the SDK's is there to see answers; it is left one. A stream the SDK reads itself.
            shown = getattr(self.kept, "middleware", ()) or is_event_stream(told.answer)
            if sdk is not None and not sdk.asks(sdk.home) and not shown:
                raise_now(response)
            return response
        raised = connection_error(told, request, flavour)
        explain(raised, journal, failure)
        if sdk is not None and sdk.wraps(sdk.home):
            return raising(raised, request, failure, journal, flavour)
        remember(raised, failure, request, journal)
        if raised is told.__cause__:
            raise raised from raised.__cause__
        raise raised from failure

    def _runtime(self) -> Any:
        if self._is_async:
            from .._runtime.concurrent import ASYNC

            return ASYNC
        return SYNC


def _wire(transport: Any, flavour: Flavour, *, foreign: bool, is_async: bool) -> Wire:
    kind = AsyncWire if is_async else SyncWire
    return kind(transport, flavour, foreign=foreign)


@lru_cache(maxsize=2)
def _classes(flavour: Flavour) -> tuple[type[Any], type[Any]]:
    """The guarded transports of a flavour."""

    sync_base: Any = flavour.module.BaseTransport
    async_base: Any = flavour.module.AsyncBaseTransport

    class ResilientTransport(Guard, sync_base):
        """A transport with the engine in front."""

        def __init__(self, given: Any, pipeline: Pipeline, route: Route | None) -> None:
            self._set_up(given, pipeline, route, flavour, is_async=False)

        def handle_request(self, request: Any) -> Any:
            mode = self._pipeline.mode
            if mode == "off" and (mode := self._off(request)) == "off":
                strip(request)
                return self.wire.transport.handle_request(request)
            return drive(self._handle(request) if mode == "on" else self._watch(request))

        def close(self) -> None:
            for wire in self._apart.values():
                wire.transport.close()
            if self._own is not None:
                self._own.close()

    class AsyncResilientTransport(Guard, async_base):
        """A transport with the engine in front."""

        def __init__(self, given: Any, pipeline: Pipeline, route: Route | None) -> None:
            self._set_up(given, pipeline, route, flavour, is_async=True)

        async def handle_async_request(self, request: Any) -> Any:
            mode = self._pipeline.mode
            if mode == "off" and (mode := self._off(request)) == "off":
                strip(request)
                return await self.wire.transport.handle_async_request(request)
            return await (self._handle(request) if mode == "on" else self._watch(request))

        async def aclose(self) -> None:
            for wire in self._apart.values():
                await wire.transport.aclose()
            if self._own is not None:
                await self._own.aclose()

    return ResilientTransport, AsyncResilientTransport


def guard_of(transport: object) -> Guard | None:
    """The transport, if it is one of ours."""
    return transport if isinstance(transport, Guard) else None


def wrap_transport(inner: TransportT, pipeline: Pipeline, *, route: Route | None = None) -> TransportT:
    """Guard one httpx or httpx2 transport, sync or async; the same kind comes back.

    It has a connection pool of its own, like the given transport's, and closes that one only. A transport that is not
    httpx's own is shared, and never closed.

    Args:
        inner: the transport to guard. One that is guarded already has its pipeline replaced.
        pipeline: what to do; its fallback targets must be complete (``wrap`` sees to that).
        route: gives the transport for the base URL of another target. Default: this one for all.

    Raises:
        UnsupportedClient: it is no transport of httpx or httpx2.
    """
    guard = guard_of(inner)
    given: Any = inner if guard is None else guard.given
    flavour = flavour_of(given)
    if flavour is not None:
        # A MockTransport serves either kind of client: here it is taken as a sync one.
        for is_async, kind in enumerate((flavour.module.BaseTransport, flavour.module.AsyncBaseTransport)):
            if isinstance(given, kind):
                return guarded(inner, pipeline, route, flavour, is_async=bool(is_async))
    raise UnsupportedClient(f"{type(inner).__name__} is no transport of httpx or httpx2")


def guarded(inner: Any, pipeline: Pipeline, route: Route | None, flavour: Flavour, *, is_async: bool) -> Any:
    """The guarded transport for a client of which it is known whether it is async."""
    guard = guard_of(inner)
    given = inner if guard is None else guard.given
    return _classes(flavour)[is_async](given, completed(pipeline), route)


def completed(pipeline: Pipeline, dialect: str | None = None) -> Pipeline:
    """The pipeline with its fallback targets' missing parts filled in.

    Args:
        pipeline: with targets as the program gave them.
        dialect: the one that every target must speak; None for a client that may speak any.

    Raises:
        ConfigurationError: a target that cannot be used.
    """
    fallback = pipeline.find(Fallback)
    if fallback is None or not fallback.routes:
        return pipeline
    routes = {model: resolved(targets, dialect=dialect) for model, targets in fallback.routes}
    return pipeline.replaced(replace(fallback, targets=routes))
