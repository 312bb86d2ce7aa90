"""When a target is taken for silent, or slow."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai._state.breaker import Circuit, Permit, Rejected, Rules
from resilient_ai._state.silence import LEAST, Silence
from resilient_ai._state.slow import SlowCalls


def learnt(answers: int = 200, seconds: float = 0.3) -> Silence:
    silence = Silence()
    for number in range(answers):
        silence.answered(number / 10 - seconds, number / 10)
    return silence


def wait(silence: Silence, begun: list[float]) -> None:
    silence.waiting.update(dict(enumerate(begun)))


def test_one_slow_answer_among_quick_ones_is_no_evidence() -> None:
    """DESIGN §6: however long it takes."""
    silence = learnt()
    wait(silence, [100.0])
    assert not any(silence.suspects(100.0 + seconds / 2) for seconds in range(1200))


def test_many_that_wait_for_longer_than_any_did_are_evidence() -> None:
    silence = learnt()
    wait(silence, [100.0 + number / 16 for number in range(16)])
    assert not silence.suspects(100.0 + LEAST - 0.01)
    assert silence.suspects(101.5)


def test_slow_ones_that_gathered_before_the_last_answer_say_nothing() -> None:
    """engine.md, Silence: twelve in flight, all of them slow ones, and the target is well."""
    silence = Silence()
    for number in range(500):
        silence.answered(number / 10, number / 10 + (6.0 if number % 10 == 0 else 0.3))
    wait(silence, [96.0 + number / 4 for number in range(12)])
    silence.last = 99.0
    assert not any(silence.suspects(99.0 + tenth / 10) for tenth in range(50))


@settings(max_examples=200, deadline=None)
@given(
    begun=st.lists(st.floats(0.0, 1e6), max_size=300),
    answered=st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e6)), max_size=100),
    now=st.floats(0.0, 1e7),
)
def test_any_history_is_bearable_and_answers_clear_it(
    begun: list[float], answered: list[tuple[float, float]], now: float
) -> None:
    """Whatever was seen, nothing raises; and with an answer just in, nothing is suspected."""
    silence = Silence()
    for start, end in answered:
        silence.answered(min(start, end), max(start, end))
        silence.gave_up(start, max(start, end))
    wait(silence, sorted(begun))
    silence.suspects(now)
    silence.answered(now, now)
    assert not silence.suspects(now + LEAST / 2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("workers", [1, 4, 16, 60])
def test_a_healthy_primary_is_never_suspected(workers: int, seed: int) -> None:
    """Promise 42: 90 % in 0.3 s and 10 % in 6 s, so many callers one call after the other."""
    draw = random.Random(seed)
    circuit = Circuit(Rules(), random=draw.random)
    running: list[tuple[float, int, Permit]] = []
    for number in range(3000):
        now = number / 1000 if number < workers else 0.0
        if len(running) >= workers:
            now, _, permit = min(running)
            running.remove((now, _, permit))
            permit.settle(True, now)
        permit = circuit.admit(now, can_divert=True)
        running.append((now + (6.0 if draw.random() < 0.1 else 0.3), number, permit))
    assert circuit.state == "closed"


def fallen_silent() -> tuple[Circuit, list[Permit], float]:
    circuit = Circuit(Rules(), random=lambda: 1.0)
    permits: list[Permit] = []
    now = 0.0
    for number in range(100):
        now = number / 16
        try:
            permits.append(circuit.admit(now, can_divert=True))
        except Rejected:
            break
    assert circuit.state == "open"
    return circuit, permits, now


def test_an_answer_after_all_closes_it_at_one_go() -> None:
    circuit, permits, now = fallen_silent()
    permits[0].settle(True, now + 4)
    assert circuit.state == "closed"
    for _ in range(20):
        circuit.admit(now + 4, can_divert=True)


def test_an_error_after_all_leaves_it_open() -> None:
    """Promise 16: a late failure counts for nothing."""
    circuit, permits, now = fallen_silent()
    permits[0].settle(False, now + 4)
    assert circuit.state == "open"


def test_who_has_nowhere_else_to_go_is_let_through_and_its_answer_closes_it() -> None:
    circuit, _, now = fallen_silent()
    permit = circuit.admit(now)
    assert not permit.probe
    permit.settle(True, now + 1)
    assert circuit.state == "closed"


def test_a_silent_probe_gives_up_its_place() -> None:
    """Else one lost probe would keep the circuit half-open for its whole lease."""
    circuit, _, now = fallen_silent()
    probe = circuit.admit(now + 2, can_divert=True)
    assert probe.probe
    with pytest.raises(Rejected, match="probing"):
        circuit.admit(now + 4, can_divert=True)
    with pytest.raises(Rejected, match="open"):
        circuit.admit(now + 6, can_divert=True)
    assert circuit.reopens_at is not None
    assert circuit.reopens_at <= now + 6 + 2.1
    assert circuit.admit(now + 9, can_divert=True).probe
    probe.settle(True, now + 10)  # it was only late
    assert circuit.state == "closed"


def test_a_stream_that_has_begun_waits_no_more() -> None:
    circuit = Circuit(Rules(), random=lambda: 1.0)
    for number in range(100):
        circuit.admit(number / 16, can_divert=True).heard(number / 16 + 0.1)
    assert circuit.state == "closed"


def test_a_cancelled_call_waits_no_more() -> None:
    """Promise 12."""
    circuit = Circuit(Rules(), random=lambda: 1.0)
    for number in range(200):
        circuit.admit(number / 16, can_divert=True).release()
    assert circuit.state == "closed"


@pytest.mark.parametrize(("waited", "other", "opens"), [(2.0, False, True), (0.5, False, False), (2.0, True, False)])
def test_a_limit_counts_if_it_was_long_and_nothing_else_came(waited: float, other: bool, opens: bool) -> None:
    """DESIGN §4, deadline: its attempt may be silent."""
    circuit = Circuit(Rules())
    for number in range(20):
        now = number * 3.0
        if circuit.state != "closed":
            break
        permit = circuit.admit(now)
        if other:
            circuit.admit(now + waited / 2).settle(True, now + waited / 2)
        permit.give_up(now + waited, failed=False)
    assert (circuit.state == "open") == opens


def test_slow_is_what_no_like_of_it_takes() -> None:
    slow = SlowCalls(5.0)
    assert slow.limit("kind", 0.0) is None
    for number in range(100):
        slow.answered("kind", 6.0 if number % 10 == 0 else 0.3, float(number), slow=False)
    limit = slow.limit("kind", 100.0)
    assert limit is not None
    assert 6.0 <= limit <= 6.7
    assert slow.limit("another", 100.0) is None


def test_slow_ones_are_learnt_only_once_a_quick_one_comes() -> None:
    slow = SlowCalls(2.0)
    for number in range(50):
        slow.answered("kind", 0.1, float(number), slow=False)
    for number in range(50):
        slow.answered("kind", 3.0, 50.0 + number, slow=True)
    limit = slow.limit("kind", 100.0)
    assert limit is not None
    assert limit < 0.3
    slow.answered("kind", 0.1, 100.0, slow=False)
    limit = slow.limit("kind", 100.0)
    assert limit is not None
    assert limit > 3.0
