"""Windows and lines against plain models, through random histories: never more than allowed, nothing negative, no one
forgotten."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai._allowance import Allowance
from resilient_ai._state.queue import Full, Lane, Ticket
from resilient_ai._state.rolling import Pace, Rolling

STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 40)), max_size=60)


@given(most=st.integers(1, 50), steps=STEPS)
def test_a_window_never_holds_more_than_allowed(most: int, steps: list[tuple[float, int]]) -> None:
    """Whoever takes when told that it fits takes at most `most` in any window; and a promise for later is kept."""
    rolling, now = Rolling(most, 60.0), 1000.0
    taken: list[tuple[float, int]] = []
    for passed, amount in steps:
        now += passed
        wait = rolling.wait(amount, now)
        assert 0 <= wait <= 61
        if wait:
            assert rolling.wait(amount, now + wait) == 0 or rolling.wait(amount, now + wait) < 1e-6
            now += wait + 1e-6
        assert rolling.wait(amount, now) == 0
        rolling.take(amount, now)
        taken.append((now, min(amount, most)))
        assert 0 <= rolling.used <= most + 1e-6
    for start, _ in taken:
        assert sum(amount for at, amount in taken if start <= at < start + 60) <= most


@given(most=st.integers(1, 50), steps=STEPS)
def test_what_is_given_back_leaves_no_trace(most: int, steps: list[tuple[float, int]]) -> None:
    rolling, now = Rolling(most, 60.0), 1000.0
    for passed, amount in steps:
        now += passed
        before = rolling.wait(most, now), rolling.used
        slot = rolling.take(amount, now)
        rolling.give_back(amount, slot)
        assert rolling.used == pytest.approx(before[1])
    rolling.give_back(5, 0)  # long gone
    assert rolling.used == 0


def test_an_allowance_is_used_up_to_the_hundredth() -> None:
    pace, now, count = Pace(100), 1000.0, 0
    while now < 1000.0 + 600:
        wait = pace.wait(1, now)
        if wait:
            now += wait
        else:
            pace.take(1, now)
            count += 1
    assert 990 <= count <= 1000


def test_what_others_have_taken_is_learnt() -> None:
    pace = Pace(100)
    pace.left_is(0, 1000.0)
    assert pace.wait(1, 1000.0) > 59
    pace.left_is(80, 1000.0)  # a late word: what was taken stays taken
    assert pace.wait(1, 1000.0) > 59
    assert pace.wait(1, 1062.0) == 0


@dataclass
class World:
    """A lane, its callers, and what a plain list says of them."""

    allowance: Allowance
    max_waiters: int
    now: float = 1000.0
    waiting: list[Ticket] = field(default_factory=list[Ticket])
    running: list[Ticket] = field(default_factory=list[Ticket])
    went: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    woken: set[int] = field(default_factory=set[int])

    def __post_init__(self) -> None:
        self.lane = Lane(self.allowance, max_waiters=self.max_waiters)

    def arrive(self, *, batch: bool, tokens: int, most: float | None) -> None:
        ticket = Ticket(batch=batch, tokens=tokens)
        ticket.wake = lambda: self.woken.add(id(ticket))
        self.ask(ticket, most)

    def ask(self, ticket: Ticket, most: float | None = None) -> None:
        try:
            seconds = self.lane.ask(ticket, self.now, most)
        except Full as full:
            assert full.free_in >= 0
            self.waiting = [other for other in self.waiting if other is not ticket]
            assert not ticket.waiting
            assert not ticket.running
            return
        assert seconds >= 0
        if seconds == 0:
            self.waiting = [other for other in self.waiting if other is not ticket]
            self.running.append(ticket)
            self.went.append((self.now, ticket.tokens))
        elif ticket not in self.waiting:
            self.waiting.append(ticket)

    def everybody_asks(self) -> None:
        for ticket in list(self.waiting):
            self.ask(ticket)

    def check(self) -> None:
        may = self.allowance
        assert self.lane.running == len(self.running)
        pushed_out = sum(ticket.pushed_out for ticket in self.waiting)
        assert self.lane.waiters == len(self.waiting) - pushed_out <= self.max_waiters
        assert may.concurrency is None or len(self.running) <= may.concurrency
        recent = [tokens for at, tokens in self.went if self.now - 60 < at]
        assert may.requests_per_minute is None or len(recent) <= may.requests_per_minute
        if may.tokens_per_minute is not None:
            assert sum(min(tokens, may.tokens_per_minute) for tokens in recent) <= may.tokens_per_minute + 1e-6


ALLOWANCES = st.builds(
    Allowance,
    requests_per_minute=st.none() | st.integers(1, 30),
    tokens_per_minute=st.none() | st.integers(1, 100),
    concurrency=st.none() | st.integers(1, 4),
)
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["arrive", "arrive", "end", "leave", "back", "drop", "time", "ask"]), st.integers(0, 99)),
    max_size=80,
)


@settings(max_examples=200)
@given(may=ALLOWANCES, waiters=st.integers(0, 6), actions=ACTIONS)
def test_a_line_through_random_histories(may: Allowance, waiters: int, actions: list[tuple[str, int]]) -> None:
    """Never more than allowed at once or in a minute, never more in line than may be; in the end all get their turn."""
    world = World(may, waiters)
    for action, number in actions:
        match action:
            case "arrive":
                world.arrive(batch=number % 3 == 0, tokens=number % 20, most=None if number % 2 else number / 5)
            case "end" if world.running:
                world.lane.end(world.running.pop(number % len(world.running)))
            case "leave" if world.waiting:
                world.lane.end(world.waiting.pop(number % len(world.waiting)))
            case "drop" if world.running:
                ticket = world.running.pop(number % len(world.running))
                world.lane.drop(ticket)
                world.lane.end(ticket)  # dropped as well as ended: no place is freed twice
            case "back" if world.running:
                ticket = world.running.pop(number % len(world.running))
                at = next(i for i, (_, tokens) in enumerate(reversed(world.went)) if tokens == ticket.tokens)
                if world.went[-1 - at][0] == world.now:
                    del world.went[-1 - at]
                    world.lane.give_back(ticket)
                else:
                    world.lane.end(ticket)
            case "time":
                world.now += number / 3
            case _:
                world.everybody_asks()
        world.check()
    for _ in range(2000):
        if not world.waiting:
            break
        while world.running:
            world.lane.end(world.running.pop())
        world.everybody_asks()
        world.check()
        world.now += 0.7
    assert not world.waiting


def test_the_next_is_woken_by_whoever_makes_room() -> None:
    """A turn, an end, a waiter who leaves: each wakes the one who is first now, and nobody else."""
    lane = Lane(Allowance(concurrency=1), max_waiters=9)
    woken: list[int] = []
    tickets = [Ticket() for _ in range(4)]
    for index, ticket in enumerate(tickets):
        ticket.wake = lambda index=index: woken.append(index)
        lane.ask(ticket, 1000.0, None)
    woken.clear()
    lane.end(tickets[1])
    assert woken == [2]
    lane.end(tickets[0])
    assert woken == [2, 2]
    assert lane.ask(tickets[2], 1000.0, None) == 0
    assert woken == [2, 2, 3]


def test_ending_twice_frees_once() -> None:
    lane = Lane(Allowance(concurrency=2), max_waiters=9)
    first, second, third = (Ticket() for _ in range(3))
    assert lane.ask(first, 1.0, None) == lane.ask(second, 1.0, None) == 0
    lane.end(first)
    lane.end(first)
    lane.give_back(first)
    assert lane.running == 1
    assert lane.ask(third, 1.0, None) == 0
    assert lane.running == 2


def test_a_limit_that_was_given_is_only_lowered_by_what_is_told() -> None:
    lane = Lane(Allowance(requests_per_minute=10), max_waiters=0)
    lane.learn(1000.0, requests=(100, 50), tokens=(None, None))
    assert lane.ask(Ticket(), 1000.0, 0.0) == 0
    for index in range(9):
        assert lane.ask(Ticket(), 1010.0 + index * 6.1, None) == 0
    with pytest.raises(Full):
        lane.ask(Ticket(), 1060.0, 0.0)
    free = Lane(Allowance(), max_waiters=0)
    assert free.ask(Ticket(), 1000.0, 0.0) == 0
    free.learn(1000.0, requests=(1000, 0), tokens=(None, None))
    with pytest.raises(Full):
        free.ask(Ticket(), 1000.0, 0.0)


def test_what_an_answer_says_it_cost_is_counted() -> None:
    lane = Lane(Allowance(tokens_per_minute=100), max_waiters=0)
    ticket = Ticket(tokens=5)
    assert lane.ask(ticket, 1000.0, 0.0) == 0
    lane.used(3, ticket, 1000.0)
    lane.used(100, ticket, 1000.0)
    with pytest.raises(Full, match="further off"):
        lane.ask(Ticket(tokens=10), 1000.0, 5.0)


def test_nobody_goes_while_the_provider_wants_a_wait() -> None:
    lane = Lane(Allowance(concurrency=5), max_waiters=5)
    lane.hold(1010.0)
    ticket = Ticket()
    assert lane.ask(ticket, 1000.0, None) == pytest.approx(10)
    assert lane.ask(ticket, 1010.0, None) == 0


def test_a_coroutine_collected_inside_the_lock_does_not_deadlock() -> None:
    """A finaliser may run anywhere in this thread, also between two steps under the lock."""
    lane = Lane(Allowance(concurrency=1), max_waiters=5)
    ticket = Ticket()
    assert lane.ask(ticket, 1.0, None) == 0

    class Dropped:
        def __del__(self) -> None:
            lane.end(ticket)

    ring: list[Any] = [Dropped()]
    ring.append(ring)
    del ring
    with lane._lock:
        gc.collect()
    assert lane.running == 0
