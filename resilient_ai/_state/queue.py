"""Who goes next, where only so many may go."""

from __future__ import annotations

import threading
from collections import deque
from math import inf
from typing import TYPE_CHECKING

from .rolling import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._allowance import Allowance

Told = tuple[int | None, int | None]
Slots = tuple[int, int]

FAIR = 10
"""One turn in ten is the oldest batch call's while any waits: interactive ones cannot keep it waiting for ever."""

SMOOTH = 0.2
"""How much the latest answer counts in what is usual of late: the last ten are nine tenths of it."""

ENOUGH = 1.5
"""What must be left of a call's time at its turn, in times of what answers take of late: about every second one takes
longer than that, few take half as long again."""

LOOK = 1.0
"""Seconds after which the first in line looks again: a dropped stream frees its place without a word."""


class Full(Exception):
    """No turn within the time there is, or too many wait already. free_in: seconds until a turn is likely."""

    def __init__(self, why: str, free_in: float) -> None:
        super().__init__(why)
        self.free_in = free_in


class Ticket:
    """One call's place: in line, then among those under way. To end it twice has no effect."""

    __slots__ = ("batch", "pushed_out", "requests_at", "running", "tokens", "tokens_at", "waiting", "wake", "went_at")

    def __init__(self, *, batch: bool = False, tokens: int = 0) -> None:
        self.batch = batch
        self.tokens = tokens
        self.waiting = False
        self.running = False
        self.wake: Callable[[], object] | None = None
        """Called, from any thread, when asking again makes sense."""
        self.pushed_out = False
        self.went_at = 0.0
        self.requests_at: Slots = (0, 0)
        self.tokens_at: Slots = (0, 0)


class Lane:
    """The line for one host, key and model: in order, interactive calls before batch calls. Thread-safe.

    allowance: what may go at once and in a minute.
    max_waiters: calls that may wait; further ones are refused. An interactive call takes the place of the batch call
        that came last.
    """

    def __init__(self, allowance: Allowance, *, max_waiters: int) -> None:
        self._lock = threading.RLock()  # entered again by a coroutine that the collector ends inside it
        self._given = allowance
        self._requests = _pace(allowance.requests_per_minute)
        self._tokens = _pace(allowance.tokens_per_minute)
        self._max_waiters = max_waiters
        self._lines: tuple[deque[Ticket], deque[Ticket]] = (deque(), deque())  # interactive, batch
        self._running: set[Ticket] = set()
        self._dropped: deque[Ticket] = deque()
        self._passed_over = 0
        self._held_until = 0.0
        self._answer = 0.0  # seconds an answer, or a stream's beginning, has taken of late
        self._stay = 0.0  # the same until its end

    @property
    def busy(self) -> bool:
        """Whether anybody waits or runs."""
        return bool(self._running or self.waiters)

    @property
    def waiters(self) -> int:
        """Calls in line."""
        return len(self._lines[0]) + len(self._lines[1])

    @property
    def running(self) -> int:
        """Calls that had their turn and have not ended."""
        return len(self._running)

    def ask(self, ticket: Ticket, now: float, most: float | None, left: float | None = None) -> float:
        """0: it is this call's turn, and it has been counted. Else the seconds after which to ask again.

        most: seconds the call can wait from now on; None is for ever.
        left: seconds until it must be answered. A turn that leaves too little for an answer would be thrown away:
            while others wait, they get it.

        Raises Full.
        """
        with self._lock:
            self._clear_dropped()
            if ticket.pushed_out:
                raise Full(f"{self.waiters} calls wait, and interactive ones go first", self._estimate(now, ticket))
            if not ticket.waiting:
                self._join(ticket, now, _shorter(most, left and left - ENOUGH * self._answer))
            if self._first() is not ticket:
                return 5 * LOOK
            if left is not None and left < ENOUGH * self._answer and self.waiters > 1:
                raise Full("its turn has come too late for an answer", self._answer)
            seconds = self._until_free(ticket, now)
            if seconds > 0:
                return min(seconds, LOOK) if seconds == inf else seconds
            self._go(ticket, now)
            following = self._first()
        _wake(following)
        return 0.0

    def answered(self, ticket: Ticket, now: float) -> None:
        """Its answer has come, or has begun to."""
        with self._lock:
            self._answer += SMOOTH * (now - ticket.went_at - self._answer)

    def end(self, ticket: Ticket, now: float | None = None) -> None:
        """The call is over, or has stopped waiting. now: given if it was answered."""
        with self._lock:
            if now is not None and ticket.running:
                self._stay += SMOOTH * (now - ticket.went_at - self._stay)
            self._remove(ticket)
            self._clear_dropped()
            following = self._first()
        _wake(following)

    def give_back(self, ticket: Ticket) -> None:
        """The call had its turn and was not sent: it counts for nothing."""
        with self._lock:
            if ticket.running:
                if self._requests is not None:
                    self._requests.give_back(1, ticket.requests_at)
                if self._tokens is not None:
                    self._tokens.give_back(ticket.tokens, ticket.tokens_at)
            self.end(ticket)

    def drop(self, ticket: Ticket) -> None:
        """As `end`, later: for finalisers, which take no lock."""
        self._dropped.append(ticket)

    def used(self, tokens: int, ticket: Ticket, now: float) -> None:
        """The answer says that the call took more tokens than were counted for it."""
        with self._lock:
            if self._tokens is not None and tokens > ticket.tokens:
                self._tokens.take(tokens - ticket.tokens, now)
                ticket.tokens = tokens

    def learn(self, now: float, *, requests: Told, tokens: Told) -> None:
        """The provider tells what it grants in a minute and what is left of it, as (limit, left); None is unknown.

        A limit that was given is only ever lowered by what is told.
        """
        with self._lock:
            self._requests = _taught(self._requests, self._given.requests_per_minute, requests, now)
            self._tokens = _taught(self._tokens, self._given.tokens_per_minute, tokens, now)

    def hold(self, until: float) -> None:
        """Nobody goes before `until`: the provider asked for a wait."""
        with self._lock:
            self._held_until = max(self._held_until, until)

    # Inside the lock

    def _join(self, ticket: Ticket, now: float, most: float | None) -> None:
        seconds = self._estimate(now, ticket)
        if most is not None and seconds > most:
            raise Full(f"{self.waiters} calls wait, and the next turn is further off than the call may wait", seconds)
        if self._first() is not None or seconds > 0 or self._until_free(ticket, now) > 0:
            self._make_room(ticket, seconds)
        self._lines[ticket.batch].append(ticket)
        ticket.waiting = True

    def _make_room(self, ticket: Ticket, seconds: float) -> None:
        if self.waiters < self._max_waiters:
            return
        if ticket.batch or not self._lines[1]:
            raise Full(f"{self.waiters} calls wait already", seconds)
        last = self._lines[1][-1]
        self._remove(last)
        last.pushed_out = True
        _wake(last)

    def _first(self) -> Ticket | None:
        interactive, batch = self._lines
        if batch and (not interactive or self._passed_over >= FAIR - 1):
            return batch[0]
        return interactive[0] if interactive else None

    def _until_free(self, ticket: Ticket, now: float) -> float:
        """Seconds until there is room for this call alone; inf if only another call's end can make it."""
        concurrency = self._given.concurrency
        if concurrency is not None and len(self._running) >= concurrency:
            return inf
        seconds = max(0.0, self._held_until - now)
        if self._requests is not None:
            seconds = max(seconds, self._requests.wait(1, now))
        if self._tokens is not None:
            seconds = max(seconds, self._tokens.wait(ticket.tokens, now))
        return seconds

    def _estimate(self, now: float, ticket: Ticket) -> float:
        """Seconds until this call's turn if all goes well; 0 if nothing is known to delay it."""
        ahead = [*self._lines[0], *self._lines[1]] if ticket.batch else list(self._lines[0])
        seconds = max(0.0, self._held_until - now)
        concurrency = self._given.concurrency
        if concurrency is not None and (over := len(ahead) + len(self._running) - concurrency + 1) > 0:
            seconds = max(seconds, self._stay * over / concurrency)
        if self._requests is not None:
            wait = self._requests.wait(1, now) + 60 * len(ahead) / self._requests.per_minute
            seconds = max(seconds, wait)
        if self._tokens is not None:
            tokens = sum(other.tokens for other in ahead)
            seconds = max(seconds, self._tokens.wait(ticket.tokens, now) + 60 * tokens / self._tokens.per_minute)
        return seconds

    def _go(self, ticket: Ticket, now: float) -> None:
        self._passed_over = self._passed_over + 1 if not ticket.batch and self._lines[1] else 0
        self._lines[ticket.batch].popleft()
        ticket.waiting = False
        ticket.running = True
        ticket.went_at = now
        self._running.add(ticket)
        if self._requests is not None:
            ticket.requests_at = self._requests.take(1, now)
        if self._tokens is not None:
            ticket.tokens_at = self._tokens.take(ticket.tokens, now)

    def _remove(self, ticket: Ticket) -> None:
        if ticket.waiting:
            self._lines[ticket.batch].remove(ticket)
            ticket.waiting = False
        self._running.discard(ticket)
        ticket.running = False

    def _clear_dropped(self) -> None:
        while self._dropped:
            self._remove(self._dropped.popleft())


def _shorter(one: float | None, other: float | None) -> float | None:
    return min((seconds for seconds in (one, other) if seconds is not None), default=None)


def _pace(per_minute: int | None) -> Pace | None:
    return None if per_minute is None else Pace(per_minute)


def _taught(pace: Pace | None, given: int | None, told: Told, now: float) -> Pace | None:
    limit, left = told
    if limit is not None and limit >= 1:
        limit = limit if given is None else min(limit, given)
        if pace is None:
            pace = Pace(limit)
        else:
            pace.set(limit)
    if pace is not None and left is not None:
        pace.left_is(left, now)
    return pace


def _wake(ticket: Ticket | None) -> None:
    if ticket is not None and ticket.wake is not None:
        ticket.wake()
