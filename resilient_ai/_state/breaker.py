"""A circuit: who may call, and what the outcomes of the calls say about the target.

    admit ──▶ Permit ──▶ the call, with no lock held ──▶ settle(success) or release()

A permit carries the generation that granted it, and the generation grows with every change of state: what a call
started in an earlier generation tells of a later one is nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice
from random import random as uniform
from typing import TYPE_CHECKING

from .evidence import Evidence
from .permit import Permit, Probe, Rejected
from .ramp import Ramp
from .rulebook import CLOSED, OPEN, RuleBook, State
from .rules import Rules
from .silence import Silence

if TYPE_CHECKING:
    from collections.abc import Callable

    import pybreaker

__all__ = ["Circuit", "Permit", "Rejected", "Rules"]

_NEVER = float("-inf")
_FOREVER = float("inf")
_JITTER = 0.2
"""An open time is drawn from 0.8 to 1.0 of itself: enough to part the processes, and never above the cap."""

LOOKED_AT = 64
"""Calls looked at by each admission, the oldest first, whether they have become slow."""

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
        "__weakref__", "_at_least", "_book", "_changes", "_closed_at", "_disposed", "_due", "_evidence",
        "_forced_until", "_lock", "_next_open_for", "_now", "_on_change", "_probes", "_ramp", "_random", "_rules",
        "_seen", "_silence", "diverts", "generation", "opened_at", "reopens_at", "unsure",
    )  # fmt: skip

    generation: int
    """Grows with every change of state."""
    opened_at: float | None
    """When the circuit left the closed state; None while it is closed."""
    reopens_at: float | None
    """When the next probe may go out, infinite when forced without an end; None unless the circuit is open."""

    diverts: bool
    """Whether the latest call had somewhere else to go."""
    unsure: bool
    """Whether it opened by silence or slowness alone: then a late answer closes it, and a call that has nowhere else to
    go is let through."""

    _at_least: float  # how long the next open time must be
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
        self._evidence = Evidence(rules)
        self._silence = Silence()
        self._disposed: deque[Permit] = deque()
        self._changes: deque[tuple[str, str, float]] = deque()
        self._probes: dict[int, tuple[float, int]] = {}  # serial → the end of its lease, the permit's id
        self.generation = 0
        self._forget()

    @property
    def state(self) -> State:
        """`closed`, `open` or `half-open`. An open circuit turns half-open at the first admission after its time."""
        return self._book.state

    def knows(self, now: float) -> bool:
        """Whether it has seen anything answered of late."""
        return now - self._silence.last < self._rules.window

    @property
    def calm(self) -> bool:
        """Whether it is closed, and has nothing in mind that speaks against its target."""
        return self._seen == CLOSED and not self._evidence.window.failures and self._closed_at is None

    @property
    def probing(self) -> int:
        """How many probes are out."""
        return len(self._probes)

    def admit(
        self, now: float, *, can_divert: bool = False, can_wait: bool = False, slow_after: float | None = None
    ) -> Permit:
        """Return a permit, or raise Rejected.

        can_divert: another target is there, so that a ramp may turn this call away after a recovery, and a mere
        suspicion may. can_wait: it may be turned away by a ramp, since it asks again. slow_after: when it will count as
        slow, in seconds.
        """
        try:
            with self._lock:
                if self._disposed:
                    self._drain()
                now = self._sync(now)
                self.diverts = can_divert
                if can_divert and self._silence.waiting:
                    self._look_for_silence(now)
                if self._due:
                    self._look_for_slow(now)
                if self._seen == CLOSED:
                    if self._ramp is not None and (can_divert or can_wait):
                        self._climb(self._ramp, now)
                    permit = Permit(self)
                elif self.unsure and not can_divert and self._forced_until is None:
                    permit = Permit(self)
                else:
                    if self._seen == OPEN:
                        self._try_half_open(now)
                    permit = self._admit_probe(now)
                permit.began = now
                self._silence.begin(id(permit), now)
                if slow_after is not None:
                    self._due[id(permit)] = now + slow_after, permit
                return permit
        finally:
            if self._changes:
                self._tell()

    def take_back(
        self,
        permit: Permit,
        success: bool | None = None,
        now: float = _NEVER,
        error: BaseException | None = None,
        *,
        strong: bool = False,
    ) -> None:
        """End a permit, once; `Permit.settle` and `release` come here. `success` None is no evidence."""
        try:
            with self._lock:
                if permit.ended:
                    return
                permit.ended = True
                if isinstance(permit, Probe):
                    self._probes.pop(permit.serial, None)
                waited_since = self._silence.end(id(permit))
                slow = self._is_slow(permit, now)
                if success is None:
                    return
                if permit.generation != self.generation:
                    if success and not slow and waited_since is not None:
                        self._disproved(waited_since, now)
                    return
                now = self._sync(now)  # may find that the user's breaker has moved meanwhile
                if not strong and waited_since is not None:
                    self._sign(waited_since, now, success=success and not slow)
                if permit.generation == self.generation:
                    self._count(success, now, error, began=permit.began, strong=strong, slow=slow)
        finally:
            if self._changes:
                self._tell()

    def heard(self, permit: Permit, now: float) -> None:
        """Something came back for a call that goes on: a stream has begun."""
        try:
            with self._lock:
                waited_since = self._silence.end(id(permit))
                if waited_since is None or permit.ended:
                    return
                self._is_slow(permit, now)
                if permit.generation == self.generation:
                    self._sign(waited_since, self._sync(now), success=True)
                else:
                    self._disproved(waited_since, now)
        finally:
            if self._changes:
                self._tell()

    def gave_up(self, permit: Permit, now: float, *, failed: bool) -> None:
        """End a permit whose call came to its limit without a byte: evidence if `failed`, or if nothing else came back
        meanwhile and it waited for longer than answers take."""
        with self._lock:
            waited_since = self._silence.end(id(permit))
            silent = waited_since is not None and self._silence.gave_up(waited_since, max(now, self._now))
        self.take_back(permit, False if failed or silent else None, now, strong=silent)

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
        self._evidence.clear()
        self._silence.clear()
        self._due: dict[int, tuple[float, Permit]] = {}  # who will be slow, from when
        self.diverts = self.unsure = False
        self._at_least = 0.0
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
        self._due.clear()
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
            full = min(max(self._next_open_for, self._at_least), rules.open_for[1])
            if self.unsure and self.opened_at is not None:
                full = min(full, max(rules.open_for[0], (now - self.opened_at) / 3))
            open_for = full * (1 - _JITTER + _JITTER * self._random())
            self._next_open_for = min(full * 2, rules.open_for[1])
            self._at_least = 0.0
        self.reopens_at = now + open_for

    def _closed(self, now: float) -> None:
        rules = self._rules
        self._evidence.clear()
        self.unsure = False
        self._closed_at = now
        self._ramp = Ramp(now, rules.ramp, rules.ramp_floor) if rules.ramp else None
        self.opened_at = None

    def _try_half_open(self, now: float) -> None:
        if self.reopens_at is not None and now < self.reopens_at:
            raise Rejected(self.reopens_at - now, "open" if self._forced_until is None else "forced")
        self._book.half_open()
        self._sync(now)

    def _admit_probe(self, now: float) -> Permit:
        for serial in [serial for serial, (end, _) in self._probes.items() if end <= now]:
            del self._probes[serial]
        if len(self._probes) >= self._rules.probes:
            lease_left = min(self._probes.values())[0] - now
            raise Rejected(min(lease_left, self._rules.open_for[0]), "probing")
        permit = Probe(self)  # made first: once it is there, an interrupt cannot lose its place
        self._probes[permit.serial] = now + self._rules.probe_lease, id(permit)
        return permit

    def _climb(self, ramp: Ramp, now: float) -> None:
        left = ramp.left(now)
        if not left:
            self._ramp = None
        elif not ramp.admits(now):
            raise Rejected(min(left, self._rules.ramp / 10), "ramp")

    def _count(
        self, success: bool, now: float, error: BaseException | None, *, began: float, strong: bool, slow: bool
    ) -> None:
        """Weigh a result of this generation.

        In a closed circuit of ours only the failure that opens it means anything to pybreaker, so that alone is
        replayed; a user's breaker gets every outcome.
        """
        book = self._book
        if not book.foreign and self._seen == CLOSED:
            if not self._weigh(success, now, began=began, strong=strong, slow=slow):
                return
            self._silence.forget_given_up()
        elif not book.foreign:
            self.unsure = slow and success
            success = success and not slow
        book.replay(success=success, error=error)
        self._sync(now)

    def _weigh(self, success: bool, now: float, *, began: float, strong: bool, slow: bool) -> bool:
        """Whether a closed circuit opens at this."""
        evidence = self._evidence
        if success:
            evidence.succeeded(now, slow=slow)
            return False
        evidence.failed(now, began=began, strong=strong)
        if evidence.opens(recovered=self._closed_at is not None and now - self._closed_at < self._rules.window):
            return True
        span = evidence.span(now)
        if span is not None and self.diverts:
            self._at_least = 2 * span
        return span is not None

    def _is_slow(self, permit: Permit, now: float) -> bool:
        """Whether its call has taken long enough to be slow; it is counted once, and judged no more."""
        if permit.slow:
            return True
        due = self._due.pop(id(permit), None)
        if due is None or now < due[0]:
            return False
        permit.slow = True
        if permit.generation == self.generation and self._seen == CLOSED:
            self._count_slow(now)
        return True

    def _look_for_slow(self, now: float) -> None:
        """Count the calls that have become slow while they wait."""
        for due, permit in [*islice(self._due.values(), LOOKED_AT)]:
            if due <= now:
                self._is_slow(permit, now)

    def _count_slow(self, now: float) -> None:
        if self._evidence.slow() and self.diverts and not self._book.foreign:
            self.unsure = True
            self._book.open()
            self._sync(now)

    def _sign(self, waited_since: float, now: float, *, success: bool) -> None:
        """The target is not silent."""
        if success:
            self._silence.answered(waited_since, now)
        else:
            self._silence.sign(now)

    def _disproved(self, waited_since: float, now: float) -> None:
        """An answer to a call of before: it was not silent, only late. It counts for nothing else."""
        if self.unsure and self._seen != CLOSED and self._forced_until is None:
            now = self._sync(now)
            if self._silence.disproves(waited_since, now):
                self._book.close()
                self._sync(now)

    def _look_for_silence(self, now: float) -> None:
        """Open, or give a probe up, if the target has fallen silent. Only where a call has somewhere else to go."""
        if self._book.foreign or self._forced_until is not None:
            return
        if self._seen == CLOSED:
            silent = self._silence.suspects(now)
        else:
            silent = any(self._silence.overdue(key, now) for _, key in self._probes.values())
        if silent:
            self.unsure = True
            self._book.open()
            self._sync(now)

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
