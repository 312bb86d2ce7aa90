"""A circuit: who may call, and what the outcomes of the calls say about the target.

    admit ──▶ Permit ──▶ the call, with no lock held ──▶ settle(success) or release()

A permit carries the generation that granted it, and the generation grows with every change of state: what a call
started in an earlier generation tells of a later one is nothing.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from random import random as uniform
from typing import TYPE_CHECKING

from .changes import Change, tell
from .evidence import Evidence
from .late import Late
from .patient import Patient
from .permit import Permit, Rejected
from .probes import Probes
from .rulebook import CLOSED, HALF_OPEN, OPEN, RuleBook, State
from .rules import Rules
from .silence import LEAST, Silence
from .timing import FOREVER, Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    import pybreaker

__all__ = ["Circuit", "Permit", "Rejected", "Rules"]

_NEVER = float("-inf")


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
        "__weakref__", "_book", "_changes", "_closed_as", "_disposed", "_due", "_evidence", "_generations", "_late",
        "_lock", "_now", "_on_change", "_probes", "_rules", "_seen", "_silence", "_timing", "_waiting", "diverts",
        "generation", "patient", "unsure",
    )  # fmt: skip

    generation: int
    """Another with every change of state; after a suspicion that was wrong the one of before it."""
    diverts: bool
    """Whether the latest call had somewhere else to go."""
    patient: Patient
    """Its calls that can be ended from outside and asked again."""
    unsure: bool
    """Whether it opened by silence or slowness alone: then a late answer closes it, and a call that can neither go
    elsewhere nor wait is let through."""

    def __init__(
        self,
        rules: Rules,
        *,
        random: Callable[[], float] = uniform,
        breaker: pybreaker.CircuitBreaker | None = None,
        on_change: Callable[[str, str, float], None] | None = None,
    ) -> None:
        self._rules = rules
        self._on_change = on_change
        self._book = RuleBook(breaker)
        self._lock = self._book.lock
        self._seen: State = CLOSED
        self._timing = Timing(rules, random)
        self._evidence = Evidence(rules)
        self._silence = Silence()
        self._waiting = self._silence.waiting
        self._late = Late()
        self._due = self._late.due
        self._disposed: deque[Permit] = deque()
        self._changes: deque[Change] = deque()
        self.patient = Patient(self._silence, self._lock)
        self._probes = Probes(rules)
        self.generation = self._closed_as = 0
        self._generations = count(1)
        self._forget()

    @property
    def state(self) -> State:
        """`closed`, `open` or `half-open`. An open circuit turns half-open at the first admission after its time."""
        return self._book.state

    @property
    def reopens_at(self) -> float | None:
        """When the next probe may go out, infinite when forced without an end; None unless the circuit is open."""
        return self._timing.reopens_at

    def knows(self, now: float) -> bool:
        """Whether it has seen anything answered of late."""
        return now - self._silence.last < self._rules.window

    def calm(self, now: float) -> bool:
        """Whether it is closed, and has nothing in mind that speaks against its target."""
        return self._seen == CLOSED and not self._evidence.window.failures and not self._timing.recovered(now)

    def doubts(self, now: float) -> bool:
        """Whether it would open for silence now. A program that stood still has heard nothing: look again, later."""
        if not self._waiting or now - self._silence.last < LEAST or self._seen != CLOSED or self._book.foreign:
            return False  # the rule, without the lock
        with self._lock:
            return self._silence.seems_lost(now)

    @property
    def probing(self) -> int:
        """How many probes are out."""
        return len(self._probes)

    def admit(
        self,
        now: float,
        *,
        can_divert: bool = False,
        can_wait: bool = False,
        careful: bool = False,
        wanted: bool = False,
        time_left: float | None = None,
        slow_after: float | None = None,
    ) -> Permit:
        """Return a permit, or raise Rejected.

        can_divert: another target is there, so that a ramp may turn this call away after a recovery, and a mere
        suspicion may. can_wait: it may be turned away by both, since it asks again. careful: so it may by a target of
        which nothing is known while a few others ask it. wanted: nobody else has answered. time_left: the seconds that
        it has; None is for ever. slow_after: when it will count as slow, in seconds.
        """
        try:
            with self._lock:
                while self._disposed:
                    self._disposed.popleft().release()
                now = self._sync(now)
                self.diverts = can_divert
                if self._waiting and (can_divert or can_wait):
                    self._look_for_silence(now)
                if self._due:
                    self._count_slow(self._late.turned(now, self.generation), now)
                if self._seen == CLOSED:
                    ramp = self._timing.ramp
                    if ramp is not None and (can_divert or (can_wait and self._timing.leaves_time(time_left))):
                        self._timing.climb(ramp, now, again=wanted)
                    if careful and self._waiting:
                        self._silence.check_proven(now, self._rules.window)
                    permit = Permit(self, now)
                elif self.unsure and not can_divert and not can_wait and self._timing.forced_until is None:
                    permit = Permit(self, now)
                else:
                    if can_wait:
                        self._timing.waits(FOREVER if time_left is None else time_left)
                    permit = self._admit_probe(now, wanted=wanted)
                self._waiting[id(permit)] = now
                if slow_after is not None:
                    self._due[id(permit)] = now + slow_after, permit
                return permit
        finally:
            if self._changes:
                tell(self._changes, self._on_change)

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
        lost: list[Callable[[], object]] = []
        try:
            with self._lock:
                if permit.ended:
                    return
                permit.ended = True
                self._probes.free(permit)
                waited_since = self._waits_no_more(permit, now)
                if success is not None:
                    last = self._silence.last
                    self._weigh(permit, success, waited_since, now, error, strong=strong)
                    if self.patient.calls and success and self._seen == CLOSED:
                        lost = self.patient.overtaken(permit, last, now)
        finally:
            if self._changes:
                tell(self._changes, self._on_change)
        for recall in lost:
            recall()

    def heard(self, permit: Permit, now: float) -> None:
        """Something came back for a call that goes on: a stream has begun. A probe's place is free for the next then,
        since a stream may take long; or, where streams broke later, once it has gone on for longer than those."""
        try:
            with self._lock:
                self._probes.begun(permit)
                waited_since = self._waits_no_more(permit, now)
                if waited_since is None or permit.ended:
                    return
                if permit.generation == self.generation:
                    self._silence.answered(waited_since, self._sync(now))
                else:
                    self._disproved(waited_since, now)
        finally:
            if self._changes:
                tell(self._changes, self._on_change)

    def gave_up(self, permit: Permit, now: float, *, failed: bool) -> None:
        """End a permit whose call came to its limit without a byte: evidence if `failed`, or if nothing else came back
        meanwhile and it waited for longer than answers take."""
        with self._lock:
            waited_since = self._waiting.pop(id(permit), None)
            silent = waited_since is not None and self._silence.gave_up(waited_since, max(now, self._now))
        self.take_back(permit, False if failed or silent else None, now, strong=silent)

    def dispose_later(self, permit: Permit) -> None:
        """Release a permit from a finaliser: takes no lock; the next admission does it."""
        self._disposed.append(permit)

    def force_open(self, now: float, until: float | None = None) -> None:
        """Open by hand until the moment `until`; None: until closed by hand. Takes the place of an earlier opening."""
        with self._lock:
            now = self._sync(now)
            self._timing.forced_until = FOREVER if until is None else until
            if self._seen != OPEN:
                self._book.open()
                self._sync(now)
            self._timing.reopens_at = self._timing.forced_until
        tell(self._changes, self._on_change)

    def force_close(self, now: float) -> None:
        """Close by hand: no ramp, and what was seen before is forgotten (a user's breaker keeps its counter)."""
        with self._lock:
            now = self._sync(now)
            if self._seen != CLOSED:
                self._book.close()
                self._sync(now)
            self._forget()
            self._now = now
        tell(self._changes, self._on_change)

    def reset(self) -> None:
        """Back to new, the time included; the results of calls under way will count for nothing."""
        with self._lock:
            if self._book.state != CLOSED:
                self._book.close()
                self._sync(self._now)
            self.generation = next(self._generations)
            self._probes.clear()
            self._forget()
        tell(self._changes, self._on_change)

    # What follows is called under the lock.

    def _forget(self) -> None:
        self._now = _NEVER
        self._evidence.clear()
        self._silence.clear()
        self._due.clear()
        self.patient.calls.clear()
        self._timing.forget()
        self.diverts = self.unsure = False

    def _sync(self, now: float) -> float:
        """Take in the time, and any change of state, whoever made it."""
        if now < self._now:
            now = self._now
        else:
            self._now = now
        if self._seen == HALF_OPEN and self._probes.survived(now):
            self._book.replay(success=True)
        state = self._book.state
        if state != self._seen:
            self._moved(self._seen, state, now)
        return now

    def _moved(self, old: State, new: State, now: float) -> None:
        self._seen = new
        if old == CLOSED:
            self._closed_as = self.generation
        self.generation = next(self._generations)
        self._probes.clear()
        timing = self._timing
        timing.reopens_at = None
        if new == OPEN:
            given = self._book.reset_timeout if self._book.foreign else None
            timing.opened(now, again=old != CLOSED, unsure=self.unsure, given=given)
        else:
            timing.forced_until = None
        if new == CLOSED:
            self._evidence.clear()
            self._probes.forget()
            if self.unsure and old == OPEN:
                timing.mistaken()
                self.generation = self._closed_as  # those under way tell of it as if nothing had been
            else:
                timing.closed(now)
            self.unsure = False
        self._changes.append((old, new, now))

    def _waits_no_more(self, permit: Permit, now: float) -> float | None:
        """Something has become of a call; returns since when it waited, if it did."""
        if self.patient.calls:
            self.patient.calls.pop(id(permit), None)
        if self._due and self._late.ended(permit, now) and permit.generation == self.generation:
            self._count_slow(1, now)
        return self._waiting.pop(id(permit), None)

    def _admit_probe(self, now: float, *, wanted: bool) -> Permit:
        if self._seen == OPEN:
            self._timing.check_open(now, wanted=wanted)
            self._book.half_open()
            self._sync(now)
        return self._probes.take(self, now)

    def _weigh(
        self, permit: Permit, good: bool, since: float | None, now: float, error: BaseException | None, *, strong: bool
    ) -> None:
        """Take in how a call ended that had waited since then."""
        if permit.generation != self.generation or (self.unsure and self._seen == OPEN):
            if good and not permit.slow and since is not None:
                self._disproved(since, now)
            return
        now = self._sync(now)  # may find that the user's breaker has moved meanwhile
        if since is not None and not strong:
            if good and not permit.slow:
                self._silence.answered(since, now)
            else:
                self._silence.last = now
        if permit.generation != self.generation:
            return
        if permit.begun and not good:
            self._probes.broke_after(now - permit.began)
        if good and self._seen == CLOSED and not self._book.foreign:
            self._evidence.succeeded(now, slow=permit.slow)
        else:
            self._count(permit, good, now, error, strong=strong)

    def _count(self, permit: Permit, success: bool, now: float, error: BaseException | None, *, strong: bool) -> None:
        """Weigh a result of this generation.

        In a closed circuit of ours only the failure that opens it means anything to pybreaker, so that alone is
        replayed; a user's breaker gets every outcome.
        """
        book = self._book
        if not book.foreign:
            if self._seen == CLOSED:
                self._evidence.failed(now, began=permit.began, strong=strong)
                if not self._trips(now):
                    return
                self._silence.forget_given_up()
            else:
                self.unsure = success and permit.slow
                success = success and not permit.slow
        book.replay(success=success, error=error)
        self._sync(now)

    def _trips(self, now: float) -> bool:
        """Whether the failure just counted opens it."""
        evidence = self._evidence
        if evidence.opens(recovered=self._timing.recovered(now)):
            return True
        span = evidence.span(now)
        if span is not None and self.diverts:  # what has lasted for so long will last: the next call is not to pay, too
            self._timing.at_least = 2 * span
        return span is not None

    def _count_slow(self, calls: int, now: float) -> None:
        if self._seen == CLOSED and self._evidence.slow(calls) and self.diverts and not self._book.foreign:
            self._open_unsure(now)

    def _open_unsure(self, now: float) -> None:
        self.unsure = True
        self._book.open()
        self._sync(now)

    def _disproved(self, waited_since: float, now: float) -> None:
        """An answer to a call of before: it was not silent, only late. It counts for nothing else."""
        if self.unsure and self._seen != CLOSED and self._timing.forced_until is None:
            now = self._sync(now)
            if self._silence.disproves(waited_since, now):
                self._book.close()
                self._sync(now)

    def _look_for_silence(self, now: float) -> None:
        """Open, or give a probe up, if the target has fallen silent. Only where a call can go elsewhere, or wait."""
        if self._book.foreign or self._timing.forced_until is not None:
            return
        closed, hurry = self._seen == CLOSED, self._timing.awaited is not None
        if self._silence.suspects(now) if closed else self._probes.overdue(self._silence, now, hurry=hurry):
            self._open_unsure(now)
