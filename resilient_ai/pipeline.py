"""Strategies in their order, folded into one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

from ._call import Call, Facts, Next, Reply
from ._context import recorders, switch
from ._describe import described
from ._egress import Egress, places_of
from ._fingerprint import fingerprint
from ._journal import Journal
from ._observe import WatchingRuntime, observed, telling
from ._states import PipelineStates, shared
from .errors import ConfigurationError, NotCached
from .strategies._patience import outlast, patience_of
from .strategies._skipped import at_home
from .strategies.breaker import CircuitBreaker
from .strategies.cache import Cache
from .strategies.deadline import Deadline
from .strategies.fallback import Fallback
from .strategies.hedge import Hedge
from .strategies.limiter import RateLimiter
from .strategies.retry import Retry
from .strategies.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping

    from ._call import Strategy
    from ._context import Mode, Options
    from ._functions.guarded import Others, Repeat
    from ._functions.keeping import Codec
    from ._functions.kinds import Failures
    from ._observe import Bystander
    from ._port import Port
    from ._rescue import Rescue
    from ._runtime.base import Runtime
    from .events import Event, Listener

__all__ = ["Pipeline"]

log = logging.getLogger("resilient_ai")

ORDER: tuple[type[Any], ...] = (Deadline, Cache, SingleFlight, Fallback, Retry, Hedge, RateLimiter, CircuitBreaker)
"""Outermost first: wait first, admit last, so that no one holds a probe's place while waiting."""

StateT = TypeVar("StateT")
P = ParamSpec("P")
T = TypeVar("T")


class Pipeline:
    """Strategies, outermost first, folded once.

    ``Pipeline()`` is empty and invisible. ``Pipeline.default()`` is what :func:`resilient_ai.wrap` uses. Pipelines with
    equal strategies share what they have learnt (circuits, budgets, ids) within the process, so that a client built for
    each request still learns.

    Args:
        strategies: outermost first, in the order Deadline, Cache, SingleFlight, Fallback, Retry, Hedge, RateLimiter,
            CircuitBreaker; each kind at most once. A ``RateLimiter()`` is put in its place if a target of ``Fallback``
            has limits. Any other object with ``async def execute(self, next, call)`` may stand anywhere.
        isolated: keep this pipeline's state to itself. Default False.
        listeners: called with each event (:mod:`resilient_ai.events`). Default none.
        egress: where its calls may go, looked at before each send. It holds also if there is no strategy, and in
            observe mode. Default: wherever the client and the targets point to.

    Raises:
        ConfigurationError: a wrong order, a kind given twice, or something that is no strategy, listener or egress; one
            host that is said to be in two regions.
    """

    __slots__ = (
        "_breaker", "_caches", "_chain", "_epoch", "_isolated", "_listeners", "_observes", "_patient", "_states",
        "egress", "emit", "fingerprint", "places", "strategies",
    )  # fmt: skip

    def __init__(
        self,
        *strategies: Strategy,
        isolated: bool = False,
        listeners: Iterable[Listener] = (),
        egress: Egress | None = None,
    ) -> None:
        _check(strategies)
        strategies = _with_limiter(strategies)
        self.strategies: tuple[Strategy, ...] = strategies
        self._isolated = isolated
        self._observes = False
        self._listeners = _checked(listeners)
        self.egress = _egress(egress)
        fallback = self.find(Fallback)
        self.places = places_of(egress, () if fallback is None else fallback.every_target())
        self.fingerprint = fingerprint(strategies if egress is None else (*strategies, egress))
        self.emit: Callable[[Event], object] | None = self._emit if self._listeners else None
        self._states = shared.own() if isolated else shared.of(self.fingerprint)
        self._epoch = shared.epoch
        self._breaker = self.find(CircuitBreaker)
        self._caches = any(isinstance(strategy, Cache) and not strategy.does_nothing for strategy in strategies)
        self._chain = _fold(strategies, None)
        self._patient = _fold(strategies, self._breaker)  # for calls that may wait; the others do not pay for it

    @classmethod
    def default(
        cls,
        *strategies: Strategy,
        isolated: bool = False,
        listeners: Iterable[Listener] = (),
        egress: Egress | None = None,
    ) -> Pipeline:
        """The default pipeline, with those of its strategies replaced that are given, each by its kind.

        It is ``Deadline()``, ``Fallback()`` to the targets given to ``wrap``, ``Retry()`` and ``CircuitBreaker()``. A
        kind that it lacks (``Cache``) is put in its place.

        Raises:
            ConfigurationError: a kind given twice, or something that has no place in the order.
        """
        _check(strategies, ordered=False)
        chosen: dict[type[Any], Strategy] = {type(s): s for s in (Deadline(), Fallback(), Retry(), CircuitBreaker())}
        for strategy in strategies:
            if type(strategy) not in ORDER:
                name = type(strategy).__name__
                raise ConfigurationError(f"{name} has no place in the default order; use Pipeline(…)")
            chosen[type(strategy)] = strategy
        ordered = [chosen[kind] for kind in ORDER if kind in chosen]
        return cls(*ordered, isolated=isolated, listeners=listeners, egress=egress)

    def replaced(self, strategy: Strategy) -> Pipeline:
        """The same pipeline with the strategy of this kind replaced (put in its place, if it was not there)."""
        there = any(type(present) is type(strategy) for present in self.strategies)
        if there:  # where the program put it, among strategies of its own, too
            chosen = [strategy if type(present) is type(strategy) else present for present in self.strategies]
        else:
            chosen = [*_placed(strategy, self.strategies)]
        return self._like(chosen, observes=self._observes)

    def observe(self) -> Pipeline:
        """The same pipeline, only looking on: it measures, tells and decides, and changes nothing.

        What a program sends and gets is what it would be without us, an SDK's own retries included (docs/observe.md).
        What it learns it keeps apart from pipelines that act.
        """
        return self._like(self.strategies, observes=True)

    def _like(self, strategies: Iterable[Strategy], *, observes: bool) -> Pipeline:
        twin = Pipeline(*strategies, isolated=self._isolated, listeners=self._listeners, egress=self.egress)
        if observes:
            twin._observes = True
            twin._epoch = -1  # its state is another one
        return twin

    def find(self, kind: type[StateT]) -> StateT | None:
        """The strategy of this kind, if there is one."""
        return next((strategy for strategy in self.strategies if isinstance(strategy, kind)), None)

    @property
    def mode(self) -> Mode:
        """``"on"``; ``"off"`` when it is empty, or all is switched off: then it is invisible; ``"observe"``."""
        mode = switch.mode() if self.strategies or self.egress is not None else "off"
        return "observe" if self._observes and mode == "on" else mode

    @overload
    def guard(
        self,
        fn: Callable[P, T],
        /,
        *,
        name: str | None = None,
        operation: Repeat = "creating",
        failures: Failures | None = None,
        fallback: Mapping[str, Callable[P, T]] | Sequence[Callable[P, T]] = (),
        key: Callable[P, Hashable] | None = None,
        codec: Codec | None = None,
    ) -> Callable[P, T]: ...
    @overload
    def guard(
        self,
        fn: None = None,
        /,
        *,
        name: str | None = None,
        operation: Repeat = "creating",
        failures: Failures | None = None,
        fallback: Others = (),
        key: Callable[..., Hashable] | None = None,
        codec: Codec | None = None,
    ) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
    def guard(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        operation: Repeat = "creating",
        failures: Failures | None = None,
        fallback: Others = (),
        key: Callable[..., Hashable] | None = None,
        codec: Codec | None = None,
    ) -> Callable[..., Any]:
        """Guard a function: boto3, gRPC, a local model. It keeps its signature, and is sync or async as before.

        The caller sees the function's own exception, the last one, with the attempts in its notes; or one of ours
        (``CircuitOpen``, ``DeadlineExceeded``, ``AllFailed``) where no function was called, or none returned in time.
        A limit (``Deadline(total=…)``, ``options(deadline=…)``) cancels an async function; a sync one cannot be cut, so
        it is called in a thread of its own, and left to itself at the limit. Without ``fn``, this is a decorator.

        Args:
            fn: any sync or async callable but a class or a generator function. A guarded one gets another pipeline.
            name: under which its health is kept. Default: module and name; a method's with its object's class.
            operation: what a repeat costs: ``"stateless"`` (money), ``"idempotent"`` (nothing) or ``"creating"`` (a
                second thing, made and paid): called again only after proof that nothing was made. Default
                ``"creating"``, since nothing is known of a function, and the other mistake is the one that costs.
            failures: what its exceptions say: a :class:`~resilient_ai.failures.FailureKind` for each class, or a
                function that returns one, or None where it has nothing to say. Asked first; what we know are the
                standard library's, botocore's, gRPC's and http libraries' exceptions. Any other passes untouched.
            fallback: functions that may answer instead, in order, called with the same arguments; a list, or a mapping
                from names to functions. Default: nobody.
            key: for a pipeline with a ``Cache``, which wants it: given the same arguments, what the call asks for, a
                string, bytes, number or tuple of such, with all that its value depends on; None for a call whose value
                is not to be kept.
            codec: how a value becomes bytes for the store and is had again, by ``dumps`` and ``loads``, as ``json`` has
                them. Default: it is pickled, which is done in memory only; every other store wants a codec.

        Raises:
            ConfigurationError: not such a callable, a wrong argument, a pipeline with targets, which can do nothing for
                a function, or one with a ``Cache`` without what that needs to know.
        """
        said: dict[str, Any] = {"name": name, "operation": operation, "failures": failures, "fallback": fallback}
        said |= {"key": key, "codec": codec}
        if fn is None:
            return partial(self.guard, **said)
        from ._functions.guarded import guarded

        return guarded(fn, self, **said)

    def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function once as :meth:`guard` would have it by default.

        Raises:
            ConfigurationError: as :meth:`guard`; or it is async.
        """
        from ._functions.guarded import Guarded

        return cast("T", Guarded(fn, self, wants_async=False).call(args, kwargs))

    async def acall(self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that returns something to be awaited, as :meth:`guard` would have it by default.

        Raises:
            ConfigurationError: as :meth:`guard`; or what it returned cannot be awaited.
        """
        from ._functions.guarded import Guarded

        return cast("T", await Guarded(fn, self, wants_async=True).acall(args, kwargs))

    def begin(self, *, port: Port, runtime: Runtime, facts: Facts, options: Options) -> Call:
        """A call that is about to run."""
        now = runtime.now
        journal = Journal(facts, now, self.fingerprint, self.emit, now(), recorders=recorders.get())
        call = Call(port=port, runtime=runtime, facts=facts, options=options, journal=journal, states=self.states)
        if options.deadline is not None:
            call.deadline = call.limit = call.stream_limit = journal.started + options.deadline
        return call

    async def watch(self, *, port: Bystander, runtime: Runtime, facts: Facts, options: Options) -> None:
        """Run a call through the strategies for what they decide; ``port`` sends it as the bare program does."""
        call = self.begin(port=port, runtime=WatchingRuntime(runtime, port), facts=facts, options=options)
        call.journal.observed = True
        if self.emit is not None:
            call.journal.emit = telling(self.emit)
        await observed(self.run(call), call, port)

    def run(self, call: Call) -> Coroutine[Any, Any, Reply]:
        """Run ``call`` through the strategies."""
        breaker = self._breaker
        if call.options.cache == "only" and not self._caches:
            return _refuse(call)
        waits = breaker is not None and patience_of(breaker, call) > 0
        coroutine: Any = (self._patient if waits else self._chain)(call)
        return coroutine  # type: ignore[no-any-return]  # a coroutine, though it is typed by what awaits it

    @property
    def states(self) -> PipelineStates:
        """The strategies' state; a forked child starts with a fresh one."""
        if self._epoch != shared.epoch:
            name = f"{self.fingerprint} observed" if self._observes else self.fingerprint
            self._states = shared.own() if self._isolated else shared.of(name)
            self._epoch = shared.epoch
        return self._states

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - foreign code beside the call: an answer in hand must reach its caller
                self._listener_failed(listener)

    def _listener_failed(self, listener: Listener) -> None:
        states = self.states
        if not states.listener_told:
            states.listener_told = True
            log.warning("the listener %r raised; it is told here once, and is called on", listener, exc_info=True)

    def __repr__(self) -> str:
        names = " > ".join(type(s).__name__ for s in self.strategies) or "empty"
        return f"<Pipeline {self.fingerprint}{', observing' if self._observes else ''}: {names}>"

    def __str__(self) -> str:
        return described(
            self.strategies,
            name=self.fingerprint,
            isolated=self._isolated,
            observes=self._observes,
            egress=self.egress,
        )


def _fold(strategies: Sequence[Strategy], patient: CircuitBreaker | None) -> Next:
    """The strategies as one; ``patient`` waits round all that asks the targets in turn, inside a cache."""
    chain: Next = _send
    for strategy in reversed(strategies):
        rank = _rank(strategy)
        if patient is not None and rank is not None and rank < ORDER.index(Fallback):
            chain, patient = partial(outlast, patient, chain), None
        if not getattr(strategy, "does_nothing", False):
            chain = partial(strategy.execute, chain)
        elif isinstance(strategy, Fallback):
            chain = partial(_leave, strategy.rescuer(chain), chain)
    return chain if patient is None else partial(outlast, patient, chain)


async def _refuse(call: Call) -> Reply:  # noqa: ARG001  # as a strategy's
    raise NotCached("nobody was to be asked (cache='only'), and this pipeline keeps no answers: it has no Cache")


def _send(call: Call) -> Awaitable[Reply]:
    return call.port.send(call)


def _leave(rescue: Rescue, next: Next, call: Call) -> Awaitable[Reply]:
    call.rescue = rescue
    return next(call) if call.port.bound is None else at_home(next, call)


def _with_limiter(strategies: tuple[Strategy, ...]) -> tuple[Strategy, ...]:
    """The strategies, and one that keeps the limits that the targets name."""
    limited = any(target.allowance for s in strategies if isinstance(s, Fallback) for target in s.every_target())
    if not limited or any(type(s) is RateLimiter for s in strategies):
        return strategies
    return _placed(RateLimiter(), strategies)


def _placed(strategy: Strategy, others: Sequence[Strategy]) -> tuple[Strategy, ...]:
    """The others, and the strategy before the first that stands further in."""
    rank = _rank(strategy) or 0
    at = next((i for i, other in enumerate(others) if (_rank(other) or 0) > rank), len(others))
    return (*others[:at], strategy, *others[at:])


def _rank(strategy: object) -> int | None:
    return ORDER.index(type(strategy)) if type(strategy) in ORDER else None


def _check(strategies: Iterable[object], *, ordered: bool = True) -> None:
    ranks: list[int] = []
    for strategy in strategies:
        if isinstance(strategy, type) or not callable(getattr(strategy, "execute", None)):
            hint = f"; write {strategy.__name__}()" if isinstance(strategy, type) else ""
            raise ConfigurationError(f"{strategy!r} is no strategy: it has no async execute(next, call){hint}")
        rank = _rank(strategy)
        if rank is None:
            continue
        if rank in ranks:
            raise ConfigurationError(f"{type(strategy).__name__} is given twice")
        if ordered and ranks and rank < ranks[-1]:
            right = " → ".join(kind.__name__ for kind in ORDER)
            inside = f"{type(strategy).__name__} stands inside {ORDER[ranks[-1]].__name__}"
            raise ConfigurationError(f"{inside}; the order, outermost first, is {right}")
        ranks.append(rank)


def _egress(given: object) -> Egress | None:
    if given is None or isinstance(given, Egress):
        return given
    raise ConfigurationError(f"egress is an Egress(region=…, hosts=…), got {type(given).__name__}")


def _checked(listeners: object) -> tuple[Listener, ...]:
    if not isinstance(listeners, Iterable):
        raise ConfigurationError(f"listeners takes a list of callables, got {type(listeners).__name__}")
    given: tuple[object, ...] = tuple(listeners)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for listener in given:
        if not callable(listener):
            raise ConfigurationError(f"a listener is called with each event; {type(listener).__name__} cannot be")
    return cast("tuple[Listener, ...]", given)
