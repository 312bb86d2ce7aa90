"""No more calls to what is known to be broken, and a careful way back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from .._call import Operation, Verdict, scope_text
from .._runtime.base import Recalled
from .._settings import check_seconds, is_number
from .._state.breaker import Permit, Rejected, Rules
from .._state.slow import SlowCalls
from ..errors import CircuitOpen, ConfigurationError, Failure
from ..failures import FailureKind
from ._circuits import Circuits, in_seconds, is_pybreaker
from ._patience import Overtaken

if TYPE_CHECKING:
    from .._call import Call, Next, Reply
    from .._runtime.base import Runtime
    from .._state.breaker import Circuit

__all__ = ["CircuitBreaker", "Circuits"]

_WHY = {"ramp": "still recovering", "unproven": "no answer yet"}
MOMENT = 0.1
"""Seconds in which a program that stood still (a blocked loop, a paused machine) hears what has come meanwhile, before
its provider is taken for silent. Our choice: far more than reading what is there takes, far less than the silence."""
NUMBERS = ("failure_rate", "window", "minimum_calls", "consecutive", "probes", "ramp", "max_waiters")


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """Stop calling what keeps failing; try it again after a while, with one call; return to it step by step.

    Health is kept per host, endpoint family and model: on 2024-12-26 images failed while chat, under the same key, did
    not. Only what is evidence about the provider counts: never the caller's mistakes, cancellations or our refusals.

    Args:
        failure_rate: the share of failed calls, from 0 to 1, that opens a circuit. Default 0.5.
        window: seconds over which the rate is taken. Default 20.
        minimum_calls: calls the window must hold before the rate counts. Default 14.
        consecutive: failures in a row that open it, whatever the rate. Default 7: 8 % random errors get there once in
            fifty million calls (docs/design/002-defaults-of-the-breaker.md). Where calls are so few that failures lie
            seconds apart, five are enough; two, if no connection could be made or nothing at all came back
            (docs/design/005-when-a-circuit-opens.md).
        open_for: seconds it stays open: the first time, and at most. It doubles with each try that fails; up to a fifth
            is taken off by chance, so that processes do not return as one. Default (1, 30).
        probes: calls that may try a half-open circuit at the same time. Default 1.
        ramp: seconds over which calls return after it has closed, while another target can take the rest. Default 5.
        slow_call: how many times longer than half of its likes (stream or not, effort, size of the output asked for) a
            call takes to be slow; so many slow ones as would be failures enough open the circuit, for calls that have
            somewhere else to go. Needs 30 answers of a kind. Default: none.
        patience: seconds a call may wait, within its deadline, for the target that reopens soonest when every one is
            refused; ``options(patience=…)`` says it for one call. Default: none, it is refused at once.
        max_waiters: calls that may wait so at one time; the others are refused. Default 100.
        breaker: a ``pybreaker.CircuitBreaker`` of your own (listeners, Redis storage) for the primary's calls, all in
            one; or a function that makes one of (host, family, model), or None for ours. It alone then decides on
            opening, by its ``fail_max``, and its ``reset_timeout`` is the open time. Default: none.

    Raises:
        ConfigurationError: an argument out of its range.
    """

    failure_rate: float = 0.5
    window: float = 20.0
    minimum_calls: int = 14
    consecutive: int = 7
    open_for: tuple[float, float] = (1.0, 30.0)
    probes: int = 1
    ramp: float = 5.0
    slow_call: float | None = None
    patience: float | None = None
    max_waiters: int = 100
    breaker: Any = None  # a pybreaker.CircuitBreaker, or a callable; pybreaker is imported with the first circuit

    def __post_init__(self) -> None:
        times: Any = self.open_for
        if not isinstance(times, tuple) or [is_number(time) for time in times] != [True, True]:  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # callers without a type checker
            raise ConfigurationError(f"CircuitBreaker(open_for=…) is (first, longest) in seconds, got {times!r}")
        for name in NUMBERS:
            value = getattr(self, name)
            if not is_number(value):
                raise ConfigurationError(f"CircuitBreaker({name}=…) is a number, got {value!r}")
        if self.max_waiters < 0:
            raise ConfigurationError(f"CircuitBreaker(max_waiters=…) is 0 or more, got {self.max_waiters!r}")
        if self.slow_call is not None and not (is_number(self.slow_call) and self.slow_call > 1):
            raise ConfigurationError(f"CircuitBreaker(slow_call=…) is a factor above 1, got {self.slow_call!r}")
        if self.patience is not None:
            check_seconds("CircuitBreaker(patience=…)", self.patience)
        if not (self.breaker is None or is_pybreaker(self.breaker) or callable(self.breaker)):
            raise ConfigurationError(
                f"CircuitBreaker(breaker=…) is a pybreaker.CircuitBreaker, or makes one, got {self.breaker!r}"
            )
        try:
            self._rules()
        except ValueError as error:
            raise ConfigurationError(f"CircuitBreaker: {error}") from None

    def _rules(self) -> Rules:
        return Rules(
            failure_rate=self.failure_rate,
            window=self.window,
            minimum_calls=self.minimum_calls,
            consecutive=self.consecutive,
            open_for=self.open_for,
            probes=self.probes,
            ramp=self.ramp,
        )

    def new_state(self) -> Circuits:
        """No circuits yet."""
        factor = self.slow_call
        own = self.breaker if is_pybreaker(self.breaker) else None
        return Circuits(
            self._rules(),
            own=own,
            maker=None if own is not None else self.breaker,
            slow=None if factor is None else partial(SlowCalls, factor),
            waiters=self.max_waiters,
        )

    async def execute(self, next: Next, call: Call) -> Reply:
        """Ask for a permit, call, and give it back with what was learnt."""
        circuits = call.state(self)
        circuit = circuits.of(call)
        permit: Permit | None = None
        above: Permit | None = None  # the host's, once it could not be reached
        slow_after: float | None = None
        try:
            # Taken inside the try: an interrupt between the two would lose it.
            now = call.runtime.now()
            can_wait, can_divert = call.may_wait, call.has_next or call.turned_away
            if (can_divert or can_wait) and circuit.doubts(now):
                await call.runtime.sleep(MOMENT)
                now = call.runtime.now()
            if circuits.wary:
                above = circuits.admit_above(call, circuit, now)
                slow_after = circuits.slow_after(call, now)
            permit = circuit.admit(
                now,
                can_divert=can_divert,
                wanted=call.turned_away and not can_wait,
                can_wait=can_wait,
                careful=can_wait and call.target is not None,
                time_left=call.deadline and call.deadline - now,
                slow_after=slow_after,
            )
            view = call.derive()
            view.begun = partial(_begun, permit, call.runtime)
            if can_wait:
                circuits.patient = True
                reply = await _recallable(next, view, circuit, permit)
            else:
                reply = await next(view)
            if reply.verdict is Verdict.SUCCESS:  # a plain answer: nothing is left to wait for
                permit.settle(True, call.runtime.now())
            else:
                permit.heard(call.runtime.now())
                reply.on_end(partial(_settle, circuits, circuit, permit, call))
            if circuits.wary:
                circuits.answered(call, permit, above)
            return reply
        except Rejected as rejected:
            _release(above)
            raise _refusal(call, rejected) from None
        except Failure as failure:
            if permit is not None:
                _learn(circuits, permit, above, failure, call)
            raise
        except BaseException:
            _release(permit)
            _release(above)
            raise
        finally:
            circuits.tell(call)


async def _recallable(next: Next, call: Call, circuit: Circuit, permit: Permit) -> Reply:
    """Send, until there is an answer or none is to be hoped for: a call that may wait loses little by asking again.

    Raises:
        Failure: also if a call of later was answered after long silence, and this one was not.
    """
    if not call.facts.repeatable or call.facts.operation is Operation.CREATING:
        return await next(call)
    before = len(call.journal.attempts)
    try:
        return await call.runtime.recallable(partial(next, call), partial(circuit.patient.add, permit))
    except Recalled:
        why = "nothing came back, and a later call was answered"
        failure = Overtaken(why, kind=FailureKind.SILENT, target=call.target_name)
        for attempt in call.journal.attempts[before:]:
            if attempt.kind is None and not attempt.lost and attempt.target == failure.target:
                call.journal.failed(attempt, failure, call.model)
                break
        raise failure from None


def _begun(permit: Permit, runtime: Runtime) -> None:
    """A stream says something. It may think for a minute before it says anything to hand on; silent it is not."""
    permit.heard(runtime.now())


def _release(permit: Permit | None) -> None:
    if permit is not None:
        permit.release()


def _learn(circuits: Circuits, permit: Permit, above: Permit | None, failure: Failure, call: Call) -> None:
    """What a failure says about the target, and about its host."""
    kind, now = failure.kind, call.runtime.now()
    if kind is FailureKind.UNREACHABLE:
        permit.settle(False, now, strong=True)
        circuits.unreachable(call, above, permit.began, now)
        return
    if kind is FailureKind.SILENT or kind is FailureKind.DEADLINE:
        permit.give_up(now, failed=kind is FailureKind.SILENT)
    elif kind.meaning.counts:
        permit.settle(False, now)
    else:
        if failure.status is not None:  # a rate limit, a mistake: no evidence, but not silent
            permit.heard(now)
        permit.release()
    if failure.status is not None and circuits.wary:
        circuits.reached(call, above, permit.began, now)
    _release(above)


def _settle(circuits: Circuits, circuit: Circuit, permit: Permit, call: Call, verdict: Verdict) -> None:
    match verdict:
        case Verdict.SUCCESS:
            permit.settle(True, call.runtime.now())
        case Verdict.FAILURE:
            permit.settle(False, call.runtime.now())
        case Verdict.NONE:
            permit.release()
        case Verdict.DROPPED:  # inside a finaliser: no lock, no log
            circuit.dispose_later(permit)
            return
    circuits.tell(call)


def _refusal(call: Call, rejected: Rejected) -> CircuitOpen:
    recovering = rejected.reason == "ramp"
    what = _WHY.get(rejected.reason, "circuit open")
    return CircuitOpen(
        f"{what} for {scope_text(call.scope)}, tried again {in_seconds(rejected.reopens_in)}",
        target=call.target_name,
        reopens_in=rejected.reopens_in,
        recovering=recovering,
    )
