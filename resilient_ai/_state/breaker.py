"""A circuit: who may call, and what the outcomes of the calls say about the target.

    admit ──▶ Permit ──▶ the call, with no lock held ──▶ settle(success) or release()

A permit carries the generation that granted it, and the generation grows with every change of state: what a call
started in an earlier generation tells of a later one is nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from random import random as uniform
from typing import TYPE_CHECKING

from .permit import Permit, Probe, Rejected
from .ramp import Ramp
from .rulebook import CLOSED, OPEN, RuleBook, State
from .rules import Rules
from .window import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    import pybreaker

__all__ = ["Circuit", "Permit", "Rejected", "Rules"]

_NEVER = float("-inf")
_FOREVER = float("inf")
_JITTER = 0.2
"""An open time is drawn from 0.8 to 1.0 of itself: enough to part the processes, and never above the cap."""

_log = logging.getLogger("resilient_ai")


class Circuit:
    """One circuit breaker: rolling failure rate, bounded probes, growing open time, ramped return.

    Thread-safe; nothing slow happens under its lock. Only the time passed in matters, and a time earlier than one seen
    before is taken as that one. pybreaker's state is the state.

    on_change: told (old, new, now) after every change of state, outside the lock. What it raises is logged.
    breaker: the user's own pybreaker breaker. Then its counter, `fail_max` and excluded exceptions alone decide on
    opening, its `reset_timeout` is the open time, and its listeners hear of every outcome, under its lock. If it is
    used elsewhere too, round slow code, that code holds the same lock (pybreaker's own way) and admission waits for it.
    """

    __slots__ = (
        "__weakref__", "_book", "_changes", "_closed_at", "_disposed", "_forced_until", "_lock", "_next_open_for",
        "_now", "_on_change", "_probes", "_ramp", "_random", "_row", "_rules", "_seen", "_window",
        "generation", "opened_at", "reopens_at",
    )  # fmt: skip

    generation: int
    """Grows with every change of state."""
    opened_at: float | None
    """When the circuit left the closed state; None while it is closed."""
    reopens_at: float | None
    """When the next probe may go out, infinite when forced without an end; None unless the circuit is open."""

    _row: int  # failures in a row
    _closed_at: float | None  # the last recovery
    _ramp: Ramp | None
    _forced_until: float | None

    def __init__(
        self,
        rules: Rules,
        *,
        random: Callable[[], float] = uniform,
        breaker: pybreaker.CircuitBreaker | None = None,
        on_change: Callable[[str, str, float], None] | None = None,
    ) -> None:
        self._rules = rules
        self._random = random
        self._on_change = on_change
        self._book = RuleBook(breaker)
        self._lock = self._book.lock
        self._seen: State = CLOSED
        self._window = Window(rules.window)
        self._disposed: deque[Permit] = deque()
        self._changes: deque[tuple[str, str, float]] = deque()
        self._probes: dict[int, float] = {}  # serial → the end of its lease
        self.generation = 0
        self._forget()

    @property
    def state(self) -> State:
        """`closed`, `open` or `half-open`. An open circuit turns half-open at the first admission after its time."""
        return self._book.state

    @property
    def probing(self) -> int:
        """How many probes are out."""
        return len(self._probes)

    def admit(self, now: float, *, can_divert: bool = False) -> Permit:
        """Return a permit, or raise Rejected.

        can_divert: another target is there, so that a ramp may turn this call away after a recovery.
        """
        try:
            with self._lock:
                if self._disposed:
                    self._drain()
                now = self._sync(now)
                if self._seen == CLOSED:
                    if can_divert and self._ramp is not None:
                        self._climb(self._ramp, now)
                    return Permit(self)
                if self._seen == OPEN:
                    self._try_half_open(now)
                return self._admit_probe(now)
        finally:
            if self._changes:
                self._tell()

    def take_back(
        self, permit: Permit, success: bool | None = None, now: float = _NEVER, error: BaseException | None = None
    ) -> None:
        """End a permit, once; `Permit.settle` and `release` come here. `success` None is no evidence."""
        try:
            with self._lock:
                if permit.ended:
                    return
                permit.ended = True
                if isinstance(permit, Probe):
                    self._probes.pop(permit.serial, None)
                if success is None or permit.generation != self.generation:
                    return
                now = self._sync(now)  # may find that the user's breaker has moved meanwhile
                if permit.generation == self.generation:
                    self._count(success, now, error)
        finally:
            if self._changes:
                self._tell()

    def dispose_later(self, permit: Permit) -> None:
        """Release a permit from a finaliser: takes no lock; the next admission does it."""
        self._disposed.append(permit)

    def force_open(self, now: float, until: float | None = None) -> None:
        """Open by hand until the moment `until`; None: until closed by hand. Takes the place of an earlier opening."""
        with self._lock:
            now = self._sync(now)
            self._forced_until = _FOREVER if until is None else until
            if self._seen != OPEN:
                self._book.open()
                self._sync(now)
            self.reopens_at = self._forced_until
        self._tell()

    def force_close(self, now: float) -> None:
        """Close by hand: no ramp, and what was seen before is forgotten (a user's breaker keeps its counter)."""
        with self._lock:
            now = self._sync(now)
            if self._seen != CLOSED:
                self._book.close()
                self._sync(now)
            self._forget()
            self._now = now
        self._tell()

    def reset(self) -> None:
        """Back to new, the time included; the results of calls under way will count for nothing."""
        with self._lock:
            if self._book.state != CLOSED:
                self._book.close()
                self._sync(self._now)
            self.generation += 1
            self._probes.clear()
            self._forget()
        self._tell()

    # What follows is called under the lock, but for _tell.

    def _forget(self) -> None:
        self._now = _NEVER
        self._window.clear()
        self._row = 0
        self._closed_at = self._ramp = self._forced_until = None
        self._next_open_for = self._rules.open_for[0]
        self.opened_at = self.reopens_at = None

    def _sync(self, now: float) -> float:
        """Take in the time, and any change of state, whoever made it."""
        if now < self._now:
            now = self._now
        else:
            self._now = now
        state = self._book.state
        if state != self._seen:
            self._moved(self._seen, state, now)
        return now

    def _moved(self, old: State, new: State, now: float) -> None:
        self._seen = new
        self.generation += 1
        self._probes.clear()
        self.reopens_at = None
        if new == OPEN:
            self._opened(old, now)
        else:
            self._forced_until = None
        if new == CLOSED:
            self._closed(now)
        self._changes.append((old, new, now))

    def _opened(self, old: State, now: float) -> None:
        rules = self._rules
        if old == CLOSED:
            self.opened_at = now
            if self._closed_at is not None and now - self._closed_at >= rules.window:
                self._next_open_for = rules.open_for[0]  # a healthy window: the growth is forgotten
        if self._forced_until is not None:
            return
        if self._book.foreign:
            open_for = self._book.reset_timeout
        else:
            open_for = self._next_open_for * (1 - _JITTER + _JITTER * self._random())
            self._next_open_for = min(self._next_open_for * 2, rules.open_for[1])
        self.reopens_at = now + open_for

    def _closed(self, now: float) -> None:
        rules = self._rules
        self._window.clear()
        self._row = 0
        self._closed_at = now
        self._ramp = Ramp(now, rules.ramp, rules.ramp_floor) if rules.ramp else None
        self.opened_at = None

    def _try_half_open(self, now: float) -> None:
        if self.reopens_at is not None and now < self.reopens_at:
            raise Rejected(self.reopens_at - now, "open" if self._forced_until is None else "forced")
        self._book.half_open()
        self._sync(now)

    def _admit_probe(self, now: float) -> Permit:
        for serial in [serial for serial, end in self._probes.items() if end <= now]:
            del self._probes[serial]
        if len(self._probes) >= self._rules.probes:
            lease_left = min(self._probes.values()) - now
            raise Rejected(min(lease_left, self._rules.open_for[0]), "probing")
        permit = Probe(self)  # made first: once it is there, an interrupt cannot lose its place
        self._probes[permit.serial] = now + self._rules.probe_lease
        return permit

    def _climb(self, ramp: Ramp, now: float) -> None:
        left = ramp.left(now)
        if not left:
            self._ramp = None
        elif not ramp.admits(now):
            raise Rejected(min(left, self._rules.ramp / 10), "ramp")

    def _count(self, success: bool, now: float, error: BaseException | None) -> None:
        """Weigh a result of this generation.

        In a closed circuit of ours only the failure that opens it means anything to pybreaker, so that alone is
        replayed; a user's breaker gets every outcome.
        """
        book = self._book
        if not book.foreign and self._seen == CLOSED:
            self._window.add(now, failed=not success)
            self._row = 0 if success else self._row + 1
            if success or not self._trips(now):
                return
        book.replay(success=success, error=error)
        self._sync(now)

    def _trips(self, now: float) -> bool:
        rules, window = self._rules, self._window
        if self._row >= rules.consecutive:
            return True
        if window.total >= rules.minimum_calls and window.failures >= rules.failure_rate * window.total:
            return True
        # Just back, and not enough calls yet for the rate to speak: the first failure re-opens. With more calls it
        # does speak; to count a single failure for the whole window as well would keep a circuit with 1 % random
        # errors and 10 calls a second open for a third of the time after an outage, and one with 8 % for good.
        recovered = self._closed_at is not None and now - self._closed_at < rules.window
        return recovered and window.total <= rules.minimum_calls

    def _drain(self) -> None:
        while self._disposed:
            self._disposed.popleft().release()

    def _tell(self) -> None:
        """Pass the changes on, outside the lock."""
        while self._changes:
            try:
                change = self._changes.popleft()
            except IndexError:  # another thread was quicker
                return
            if self._on_change is not None:
                try:
                    self._on_change(*change)
                except Exception:  # noqa: BLE001 - foreign code; a permit just granted must reach its caller
                    _log.warning("telling of a circuit's change failed", exc_info=True)
