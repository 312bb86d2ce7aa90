"""The circuits of a pipeline: one for each scope, one for each host, and what they have to tell."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, cast

from .._call import scope_text
from .._state.breaker import Circuit, Rejected
from .._state.scopes import Scopes
from ..errors import ConfigurationError
from ..events import CircuitChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    import pybreaker

    from .._call import Call
    from .._state.permit import Permit
    from .._state.rules import Rules
    from .._state.slow import SlowCalls

__all__ = ["Circuits", "Scope", "Waiters", "in_seconds", "is_pybreaker"]

log = logging.getLogger("resilient_ai")
Scope = tuple[str, str, str | None]
Maker: TypeAlias = "Callable[[Scope], object]"
"""Makes the program's own breaker for a scope, or leaves it to us."""

EVERYTHING = "*"
"""The family of a host's own circuit."""

SEVERAL = 2
"""So many open models of one family make one that knows little of itself think of the family."""


MOST_OPEN = 16


class Waiters:
    """How many calls wait for a circuit to reopen, and may. Thread-safe."""

    __slots__ = ("_lock", "count", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0
        self._lock = Lock()

    def enter(self) -> bool:
        """Take a place, if there is one."""
        with self._lock:
            if self.count >= self.most:
                return False
            self.count += 1
            return True

    def leave(self) -> None:
        """Give it back."""
        with self._lock:
            self.count -= 1


class Host:
    """What is known of a host as a whole: a circuit moved by failures to connect alone, and whose calls moved it.

    For the one scope that did so alone it says nothing that its own circuit does not say.
    """

    __slots__ = ("circuit", "feeders")

    def __init__(self, rules: Rules, changed: Callable[[str, str, float], None]) -> None:
        self.feeders: set[Scope] = set()
        self.circuit = Circuit(
            rules, on_change=lambda old, new, now: changed(old, new, now) if len(self.feeders) > 1 else None
        )

    def count(self, began: float, now: float, *, reached: bool) -> None:
        """What came of a call that had not asked here."""
        try:
            permit = self.circuit.admit(began)
        except Rejected:
            return
        permit.settle(reached, now, strong=not reached)


class Circuits:
    """One circuit for each host, endpoint family and model; one for each host that could not be connected to; and what
    has changed, until somebody tells it."""

    def __init__(
        self,
        rules: Rules,
        *,
        own: pybreaker.CircuitBreaker | None = None,
        maker: Maker | None = None,
        slow: Callable[[], SlowCalls] | None = None,
        waiters: int = 0,
    ) -> None:
        self._rules = rules
        self.own = own
        self._maker = maker
        self.primaries: set[str] = set()  # the hosts whose calls the program's one breaker guards
        self._changes: deque[tuple[Scope, str, str]] = deque(maxlen=1024)
        self.scopes: Scopes[Circuit] = Scopes(self._make, keep=_not_closed)
        self._hosts: Scopes[Host] = Scopes(self._make_host, limit=512, keep=lambda host: _not_closed(host.circuit))
        self._open: dict[tuple[str, str], dict[Scope, Circuit]] = {}
        self.waiters = Waiters(waiters)
        self.patient = False
        """Whether any call was one that may wait."""
        self._slow: Scopes[SlowCalls] | None = None if slow is None else Scopes(lambda _scope: slow())
        self.wary = slow is not None
        """Whether more than its own circuit is to be asked about a call; else, the rule, that costs nothing."""

    def _make(self, key: object) -> Circuit:
        scope = cast("Scope", key)
        breaker = self._given(scope)

        def changed(old: str, new: str, now: float) -> None:
            self._changes.append((scope, old, new))
            if new == "open":
                self._note_open(scope, circuit)
            elif new == "closed":
                self._note_closed(scope)
                if self.patient and old == "half-open":
                    self._recall_elsewhere(scope, now)

        circuit = Circuit(self._rules, breaker=breaker, on_change=changed)
        return circuit

    def _given(self, scope: Scope) -> pybreaker.CircuitBreaker | None:
        """The program's own breaker for a scope."""
        if self.own is not None:
            return self.own if scope[0] in self.primaries else None
        made = None if self._maker is None else self._maker(scope)
        if made is None or is_pybreaker(made):
            return made
        what = type(made).__name__
        raise ConfigurationError(f"CircuitBreaker(breaker=…) made {what}, which is no pybreaker.CircuitBreaker")

    def _recall_elsewhere(self, well: Scope, now: float) -> None:
        """A target is well again: those that wait at a silent one may ask it."""
        for scope, circuit in self.scopes.items():
            if scope != well and cast("Scope", scope)[1] == well[1]:
                circuit.patient.recall_silent(now)

    def _note_open(self, scope: Scope, circuit: Circuit) -> None:
        """Remember which models of a family are open; a few of each are enough to know that it is several."""
        family = self._open.setdefault(scope[:2], {})
        if len(family) < MOST_OPEN:
            family[scope] = circuit
        self.wary = True

    def _note_closed(self, scope: Scope) -> None:
        family = self._open.get(scope[:2])
        if family is not None:
            family.pop(scope, None)
            if not family:
                self._open.pop(scope[:2], None)
        self._relax()

    def _relax(self) -> None:
        self.wary = self._slow is not None or bool(self._open) or len(self._hosts) > 0

    def _make_host(self, host: object) -> Host:
        scope = (cast("str", host), EVERYTHING, None)
        rules = replace(self._rules, ramp=0.0)  # its scopes have their own
        return Host(rules, lambda old, new, _now: self._changes.append((scope, old, new)))

    def get(self, scope: Scope) -> Circuit:
        """The circuit of ``scope``."""
        return self.scopes.get(scope)

    def of(self, call: Call) -> Circuit:
        """The circuit of a call's scope."""
        if self.own is not None and call.target is None:
            self.primaries.add(call.facts.host)
        return self.scopes.get(call.scope)

    def by_host(self) -> list[tuple[str, Circuit]]:
        """Every circuit, with its host."""
        known = [(cast("Scope", scope)[0], circuit) for scope, circuit in self.scopes.items()]
        return known + [(cast("str", name), host.circuit) for name, host in self._hosts.items()]

    def admit_above(self, call: Call, circuit: Circuit, now: float) -> Permit | None:
        """Ask what stands above the call's own circuit: its family, and its host.

        Raises:
            Rejected: several models of its family are open, and it knows little of its own; or the host is.
        """
        scope = call.scope
        if call.has_next and self._open and not circuit.knows(now):
            waits = [
                other.reopens_at - now
                for other in list(self._open.get(scope[:2], {}).values())
                if other is not circuit and other.reopens_at is not None and other.reopens_at > now
            ]
            if len(waits) >= SEVERAL:
                raise Rejected(min(waits), "open")
        host = self._hosts.peek(scope[0])
        return None if host is None or host.feeders == {scope} else host.circuit.admit(now)

    def unreachable(self, call: Call, above: Permit | None, began: float, now: float) -> None:
        """No connection could be made: evidence against the host, for all that is there."""
        host = self._hosts.get(call.scope[0])
        if len(host.feeders) < SEVERAL:
            host.feeders.add(call.scope)
        self.wary = True
        if above is None:
            host.count(began, now, reached=False)
        else:
            above.settle(False, now, strong=True)

    def reached(self, call: Call, above: Permit | None, began: float, now: float) -> None:
        """The host answered, whatever it said: it is there. Once that is old news nothing is kept of it."""
        host = self._hosts.peek(call.scope[0])
        if host is None:
            return
        if above is None:
            host.count(began, now, reached=True)
        else:
            above.settle(True, now)
        if host.circuit.calm(now):
            self._hosts.drop(call.scope[0])
            self._relax()

    def slow_after(self, call: Call, now: float) -> float | None:
        """Seconds after which the call is slow; None while too little is known of its likes, or nobody asked."""
        return None if self._slow is None else self._slow.get(call.scope).limit(call.port.alike(), now)

    def answered(self, call: Call, permit: Permit, above: Permit | None) -> None:
        """An answer came, or began to."""
        now = call.runtime.now()
        self.reached(call, above, permit.began, now)
        if self._slow is not None:
            seconds = now - permit.began
            self._slow.get(call.scope).answered(call.port.alike(), seconds, now, slow=permit.slow)

    def tell(self, call: Call) -> None:
        """One event and one line for each change since the last time; a WARNING when a circuit opens or closes."""
        while self._changes:
            try:
                scope, old, new = self._changes.popleft()
            except IndexError:  # another thread was quicker
                return
            host = self._hosts.peek(scope[0]) if scope[1] == EVERYTHING else None
            circuit = self.scopes.peek(scope) if host is None else host.circuit
            reopens_at = None if circuit is None else circuit.reopens_at
            reopens_in = None if reopens_at is None or new != "open" else max(0.0, reopens_at - call.runtime.now())
            until = "" if reopens_in is None else f", next try {in_seconds(reopens_in)}"
            turned = old == "closed" or new == "closed"  # what lies between, a try that fails, is no news
            level = logging.WARNING if turned else logging.INFO
            what = f"everything at {scope[0]}" if scope[1] == EVERYTHING else scope_text(scope)
            log.log(level, "%scircuit %s: %s%s", call.journal.prefix, new, what, until)
            if call.journal.emit is not None:
                call.journal.emit(CircuitChanged(scope=scope, old=old, new=new, reopens_in=reopens_in))


def is_pybreaker(value: object) -> TypeGuard[pybreaker.CircuitBreaker]:
    """Whether it is a breaker of pybreaker's, or like one."""
    kind = type(value)  # the class is asked: an answer of the object's own would be read from its storage
    return hasattr(kind, "current_state") and hasattr(kind, "fail_counter")


def _not_closed(circuit: Circuit) -> bool:
    return circuit.state != "closed"


def in_seconds(seconds: float) -> str:
    """A time to come, in words."""
    return f"in {seconds:.1f} s" if seconds < float("inf") else "when it is closed by hand"
