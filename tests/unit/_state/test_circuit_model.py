"""The circuit against the plainest model of it, on any history."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai._state.breaker import Circuit, Permit, Rejected, Rules


class Model:
    """A circuit in plain words: one list of outcomes, no cleverness. `draw` is the jitter."""

    def __init__(self, rules: Rules, draw: random.Random) -> None:
        self.r, self.draw = rules, draw
        self.state, self.generation, self.past, self.score = "closed", 0, [], 0.0
        self.row, self.began = [], {}  # when the failures since the last success began; when each call did
        self.closed_at, self.open_for, self.reopens_at, self.probes = None, rules.open_for[0], None, {}

    def admit(self, now: float, key: int) -> int | str:
        if self.state == "open":
            if now < self.reopens_at:
                return "open"
            self.move("half-open", now)
        if self.state == "half-open":
            self.probes = {k: end for k, end in self.probes.items() if end > now}
            if len(self.probes) >= self.r.probes:
                return "probing"
            self.probes[key] = now + self.r.probe_lease
        self.began[key] = now
        return self.generation

    def end(self, key: int, generation: int, success: bool | None, now: float) -> None:
        self.probes.pop(key, None)
        if success is None or generation != self.generation:
            return
        if self.state == "half-open":
            return self.move("closed" if success else "open", now)
        slot = now // (self.r.window / 10)
        self.past.append((slot, success))
        seen = [ok for then, ok in self.past if then > slot - 10]
        back = self.r.failure_rate / (1 - self.r.failure_rate) if self.r.failure_rate < 1 else float("inf")
        self.score = max(0.0, self.score - back) if success else self.score + 1
        self.row = [] if success else [*self.row, self.began[key]]
        row, score = (
            len(self.row) >= self.r.consecutive,
            self.score >= max(self.r.consecutive, self.r.failure_rate * self.r.minimum_calls) + 1,
        )
        apart = len(self.row) >= max(5, self.r.consecutive * 5 / 7) and now - self.row[0] >= self.r.window / 4
        rate = len(seen) >= self.r.minimum_calls and seen.count(False) >= self.r.failure_rate * len(seen)
        early = self.closed_at is not None and now - self.closed_at < self.r.window
        early = early and len(seen) <= self.r.minimum_calls
        if not success and (rate or early or apart or row or score):
            self.move("open", now)

    def move(self, state: str, now: float) -> None:
        old, self.state, self.generation, self.probes = self.state, state, self.generation + 1, {}
        if state == "closed":
            self.past, self.row, self.score, self.closed_at = [], [], 0.0, now
        if state == "open":
            if old == "closed" and self.closed_at is not None and now - self.closed_at >= self.r.window:
                self.open_for = self.r.open_for[0]
            self.reopens_at = now + self.open_for * (0.8 + 0.2 * self.draw.random())
            self.open_for = min(2 * self.open_for, self.r.open_for[1])


class History:
    """Does the same to both and compares."""

    def __init__(self, rules: Rules, seed: int) -> None:
        self.real = Circuit(rules, random=random.Random(seed).random)
        self.model = Model(rules, random.Random(seed))
        self.now = 0.0
        self.latest = float("-inf")  # as the circuit, which has seen no time yet
        self.granted: list[tuple[int, Permit]] = []
        self.count = 0

    def compare(self) -> None:
        assert self.real.state == self.model.state
        assert self.real.generation == self.model.generation
        if self.model.state == "open":
            assert self.real.reopens_at == self.model.reopens_at

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def admit(self) -> None:
        self.count += 1
        self.latest = max(self.latest, self.now)
        expected = self.model.admit(self.latest, self.count)
        try:
            permit = self.real.admit(self.now)
        except Rejected as rejected:
            assert rejected.reason == expected
            assert rejected.reopens_in > 0
        else:
            assert permit.generation == expected
            assert permit.probe == (self.model.state == "half-open")
            self.granted.append((self.count, permit))
        assert self.real.probing == len(self.model.probes)

    def end(self, which: int, how: str) -> None:
        if not self.granted:
            return
        key, permit = self.granted[which % len(self.granted)]
        again = permit.ended
        if how == "settle later":  # the caller has gone on: settled with a time before the latest seen
            permit.settle(True, self.now - 5)
        elif how == "release":
            permit.release()
        else:
            permit.settle(how == "success", self.now)
        if not again:
            success = {"success": True, "settle later": True, "failure": False, "release": None}[how]
            if permit.generation == self.model.generation and how in {"success", "failure"}:
                self.latest = max(self.latest, self.now)
            self.model.end(key, permit.generation, success, self.latest)

    def lose(self, which: int) -> None:
        """Its owner dies without giving it back."""
        if self.granted:
            key, permit = self.granted.pop(which % len(self.granted))
            if not permit.ended:
                self.model.end(key, permit.generation, None, self.latest)
            del permit
            # The place is free at the next admission, not before.
            while self.real._disposed:
                self.real._disposed.popleft().release()


steps = st.one_of(
    st.tuples(st.just("pass_time"), st.sampled_from([0.01, 0.3, 1.0, 2.5, 7.0, 20.0, 61.0, -3.0])),
    st.tuples(st.just("admit")),
    st.tuples(
        st.just("end"), st.integers(0, 7), st.sampled_from(["success", "failure", "failure", "release", "settle later"])
    ),
    st.tuples(st.just("lose"), st.integers(0, 7)),
)
rulesets = st.builds(
    Rules,
    failure_rate=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    window=st.sampled_from([1.0, 3.0, 20.0]),
    minimum_calls=st.integers(1, 6),
    consecutive=st.integers(1, 6),
    open_for=st.sampled_from([(1.0, 30.0), (0.5, 0.5), (2.0, 3.0)]),
    probes=st.integers(1, 3),
    probe_lease=st.sampled_from([2.0, 60.0]),
)


@settings(max_examples=300, deadline=None)
@given(rules=rulesets, seed=st.integers(0, 3), history=st.lists(steps, max_size=120))
def test_equal_to_the_model_on_every_history(rules: Rules, seed: int, history: list[tuple[Any, ...]]) -> None:
    """Promises 13 and 16: opens exactly where configured; a late result of an earlier generation counts for nothing."""
    both = History(rules, seed)
    for name, *args in history:
        getattr(both, name)(*args)
        both.compare()


@pytest.mark.parametrize("seed", range(3))
def test_every_permit_comes_back_over_a_hundred_thousand_steps(seed: int) -> None:
    """Promise 11: after any mix of success, error, cancellation and abandonment no place is missing."""
    draw = random.Random(seed)
    both = History(Rules(minimum_calls=5, consecutive=3, probes=1 + seed, probe_lease=5.0), seed)
    states = set[str]()
    for _ in range(100_000 if seed == 0 else 10_000):
        dice = draw.random()
        if dice < 0.4:
            both.admit()
        elif dice < 0.6:
            both.pass_time(draw.expovariate(1.0))
        elif dice < 0.65:
            both.lose(draw.randrange(100))
        else:
            how = draw.choice(["success", "success", "failure", "failure", "release", "settle later"])
            both.end(draw.randrange(100), how)
            both.granted = [(key, permit) for key, permit in both.granted if not permit.ended or draw.random() < 0.2]
        both.compare()
        states.add(both.real.state)
        if len(both.model.past) > 1000:
            del both.model.past[:-500]
    assert states == {"closed", "open", "half-open"}
    for _, permit in both.granted:
        permit.release()
    assert both.real.probing == 0
