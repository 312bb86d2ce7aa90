"""pybreaker as the rule book: it keeps the states, the storage and the listeners of a circuit.

Its `call()` holds its lock while the guarded code runs, so no guarded code is given to it: the outcome of a call that
ran without a lock is replayed into it afterwards, which takes microseconds. Its time-out reads the wall clock, so that
is never asked: the owner moves it to half-open when its own, monotonic time has come.

The one private name of pybreaker that is used, `_lock`, is used here alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import pybreaker

if TYPE_CHECKING:
    from collections.abc import Callable

State: TypeAlias = Literal["closed", "open", "half-open"]
CLOSED: Final = "closed"
OPEN: Final = "open"
HALF_OPEN: Final = "half-open"

_log = logging.getLogger("resilient_ai")


class CallFailed(Exception):
    """Stands for a failed call whose exception was not handed over. pybreaker's listeners may see it."""


class _Verdict(pybreaker.CircuitMemoryStorage):
    """A storage whose `counter` is a verdict: 1 opens, as `fail_max` is 1; 0 does not. The circuit gives it."""

    opens = False

    @property
    def counter(self) -> int:
        return int(self.opens)


class RuleBook:
    """One `pybreaker.CircuitBreaker`: our own, or the user's, which then decides by its own counter.

    Every method is to be called under `lock`, which is pybreaker's: with a lock beside it, two threads that enter from
    both sides (one through the user's own `breaker.call`) would wait for each other for ever.

    A listener that raises is told once in the log and changes nothing: pybreaker notifies before it moves, so what it
    broke off is done again without listeners. A storage that raises is told the same way: the circuit stays in the
    state that was read last, since whom it guards may be well.
    """

    __slots__ = ("_breaker", "_last", "_told", "_verdict", "lock")

    def __init__(self, breaker: pybreaker.CircuitBreaker | None) -> None:
        self._verdict = None
        if breaker is None:
            self._verdict = _Verdict(CLOSED)
            breaker = pybreaker.CircuitBreaker(fail_max=1, state_storage=self._verdict)
        self._breaker = breaker
        self.lock = breaker._lock  # pyright: ignore[reportPrivateUsage]  # two locks would deadlock
        self._told = False
        self._last: State = CLOSED

    @property
    def foreign(self) -> bool:
        """Whether the breaker is the user's."""
        return self._verdict is None

    @property
    def state(self) -> State:
        """pybreaker's state: the one source of truth."""
        if self._verdict:
            return cast("State", self._verdict.state)
        try:
            self._last = cast("State", self._breaker.current_state)
        except Exception as fault:  # noqa: BLE001 - only the user's storage can raise here
            self._foreign_raised(fault)
        return self._last

    @property
    def reset_timeout(self) -> float:
        """How long the user's breaker wants to stay open, in seconds."""
        return self._breaker.reset_timeout

    def open(self) -> None:
        """Move to open."""
        self._move(self._breaker.open)

    def half_open(self) -> None:
        """Move to half-open."""
        self._move(self._breaker.half_open)

    def close(self) -> None:
        """Move to closed."""
        self._move(self._breaker.close)

    def replay(self, *, success: bool, error: BaseException | None = None) -> None:
        """Hand over the outcome of a call: pybreaker moves a half-open circuit by it, and opens one of ours.

        On the user's breaker a failure counts against `fail_max`, unless the class of `error` is excluded there.
        """
        failure = None if success else CallFailed("the call failed") if error is None else error
        kept = None if failure is None else (failure.__traceback__, failure.__context__)
        if self._verdict:
            self._verdict.opens = not success
        ran: list[bool] = []

        def outcome() -> None:
            ran.append(True)
            if failure is not None:
                raise failure

        try:
            fault = self._call(outcome, failure)
            if fault is not None:
                self._foreign_raised(fault)
                if ran:
                    self._finish(failed=failure is not None and self._breaker.is_system_error(failure))
                else:
                    self._quietly(lambda: self._call(outcome, failure))
        finally:
            if failure is not None and kept is not None:
                failure.__traceback__, failure.__context__ = kept  # its owner raises it next, and did not call us
            if self._verdict:
                self._verdict.opens = False

    def _call(self, outcome: Callable[[], None], failure: BaseException | None) -> Exception | None:
        """Let pybreaker see the outcome; return what a listener raised."""
        try:
            self._breaker.call(outcome)
        except pybreaker.CircuitBreakerError:
            return None  # the news that it opened
        except BaseException as raised:
            if raised is failure:
                return None
            if not isinstance(raised, Exception):
                raise
            return raised
        return None

    def _move(self, move: Callable[[], Any]) -> None:
        try:
            move()
        except Exception as fault:  # noqa: BLE001 - only a listener or a storage, foreign code, can raise here
            self._foreign_raised(fault)
            self._quietly(move)

    def _quietly(self, move: Callable[[], Any]) -> None:
        breaker = cast("Any", self._breaker)  # its listeners are typed by a type variable that nothing binds
        listeners = breaker.listeners
        for listener in listeners:
            breaker.remove_listener(listener)
        try:
            move()
        except Exception as fault:  # noqa: BLE001 - no listener is there: only the user's storage can raise here
            self._foreign_raised(fault)
        finally:
            breaker.add_listeners(*listeners)

    def _finish(self, *, failed: bool) -> None:
        """Do what pybreaker would have done, had its listener not raised."""
        breaker = self._breaker
        if self.state == HALF_OPEN:
            if failed:
                self._quietly(breaker.open)
            elif not getattr(breaker, "success_counter", 0):  # from 1.4 on; close() sets it to 0 first
                self._quietly(breaker.close)
        elif self.state == CLOSED and failed:
            self._quietly(lambda: breaker.fail_counter >= breaker.fail_max and breaker.open())

    def _foreign_raised(self, fault: Exception) -> None:
        if not self._told:
            self._told = True
            name = self._breaker.name
            _log.warning("a listener or the storage of the circuit breaker %r raised %r; it is ignored", name, fault)
