"""No more calls to what is known to be broken, and a careful way back."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from .._call import Verdict, scope_text
from .._settings import is_number
from .._state.breaker import Circuit, Permit, Rejected, Rules
from .._state.scopes import Scopes
from ..errors import CircuitOpen, ConfigurationError, Failure
from ..events import CircuitChanged
from ..failures import FailureKind

if TYPE_CHECKING:
    from .._call import Call, Next, Reply

__all__ = ["CircuitBreaker", "Circuits"]

log = logging.getLogger("resilient_ai")
Scope = tuple[str, str, str | None]


class Circuits:
    """One circuit for each host, endpoint family and model; and what has changed, until somebody tells it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._changes: deque[tuple[Scope, str, str]] = deque(maxlen=1024)
        self.scopes: Scopes[Circuit] = Scopes(self._make, keep=lambda circuit: circuit.state != "closed")

    def _make(self, scope: object) -> Circuit:
        return Circuit(self._rules, on_change=lambda old, new, _now: self._changes.append((scope, old, new)))  # type: ignore[arg-type]  # scopes are keyed by Scope

    def get(self, scope: Scope) -> Circuit:
        """The circuit of ``scope``."""
        return self.scopes.get(scope)

    def by_host(self) -> list[tuple[str, Circuit]]:
        """Every circuit, with its host."""
        return [(cast("Scope", scope)[0], circuit) for scope, circuit in self.scopes.items()]

    def tell(self, call: Call) -> None:
        """One event and one line for each change since the last time; a WARNING when a circuit opens or closes."""
        while self._changes:
            try:
                scope, old, new = self._changes.popleft()
            except IndexError:  # another thread was quicker
                return
            circuit = self.scopes.peek(scope)
            reopens_at = None if circuit is None else circuit.reopens_at
            reopens_in = None if reopens_at is None or new != "open" else max(0.0, reopens_at - call.runtime.now())
            until = "" if reopens_in is None else f", next try {in_seconds(reopens_in)}"
            turned = old == "closed" or new == "closed"  # what lies between, a try that fails, is no news
            level = logging.WARNING if turned else logging.INFO
            log.log(level, "%scircuit %s: %s%s", call.journal.prefix, new, scope_text(scope), until)
            if call.journal.emit is not None:
                call.journal.emit(CircuitChanged(scope=scope, old=old, new=new, reopens_in=reopens_in))


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
            fifty million calls (docs/design/002-defaults-of-the-breaker.md).
        open_for: seconds it stays open: the first time, and at most. It doubles with each try that fails; up to a fifth
            is taken off by chance, so that processes do not return as one. Default (1, 30).
        probes: calls that may try a half-open circuit at the same time. Default 1.
        ramp: seconds over which calls return after it has closed, while another target can take the rest. Default 5.

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

    def __post_init__(self) -> None:
        times: Any = self.open_for
        if not isinstance(times, tuple) or [is_number(time) for time in times] != [True, True]:  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # callers without a type checker
            raise ConfigurationError(f"CircuitBreaker(open_for=…) is (first, longest) in seconds, got {times!r}")
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not times and not is_number(value):
                raise ConfigurationError(f"CircuitBreaker({field.name}=…) is a number, got {value!r}")
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
        return Circuits(self._rules())

    async def execute(self, next: Next, call: Call) -> Reply:
        """Ask for a permit, call, and give it back with what was learnt."""
        circuits = call.state(self)
        circuit = circuits.get(call.scope)
        permit: Permit | None = None
        try:
            # Taken inside the try: an interrupt between the two would lose it.
            permit = circuit.admit(call.runtime.now(), can_divert=call.has_next)
            reply = await next(call)
            if reply.verdict is Verdict.SUCCESS:  # a plain answer: nothing is left to wait for
                permit.settle(True, call.runtime.now())
            else:
                permit.heard(call.runtime.now())
                reply.on_end(partial(_settle, circuits, circuit, permit, call))
            return reply
        except Rejected as rejected:
            raise _refusal(call, rejected) from None
        except Failure as failure:
            if permit is not None:
                _learn(permit, failure, call.runtime.now())
            raise
        except BaseException:
            if permit is not None:
                permit.release()
            raise
        finally:
            circuits.tell(call)


def _learn(permit: Permit, failure: Failure, now: float) -> None:
    """What a failure says about the target."""
    kind = failure.kind
    if kind is FailureKind.SILENT or kind is FailureKind.DEADLINE:
        permit.give_up(now, failed=kind is FailureKind.SILENT)
    elif kind.meaning.counts:
        permit.settle(False, now, strong=kind is FailureKind.UNREACHABLE)
    else:
        if failure.status is not None:  # a rate limit, a mistake: no evidence, but not silent
            permit.heard(now)
        permit.release()


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


def in_seconds(seconds: float) -> str:
    """A time to come, in words."""
    return f"in {seconds:.1f} s" if seconds < float("inf") else "when it is closed by hand"


def _refusal(call: Call, rejected: Rejected) -> CircuitOpen:
    recovering = rejected.reason == "ramp"
    what = "still recovering" if recovering else "circuit open"
    return CircuitOpen(
        f"{what} for {scope_text(call.scope)}, tried again {in_seconds(rejected.reopens_in)}",
        target=call.target_name,
        reopens_in=rejected.reopens_in,
        recovering=recovering,
    )
