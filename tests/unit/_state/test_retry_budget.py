"""The retry budget."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai._state.budget import Budget


@pytest.mark.parametrize("rate", [1, 10, 1000])
def test_a_thousand_failing_calls_are_repeated_at_most_one_time_in_ten(rate: float) -> None:
    """Promise 1: upstream requests per call ≤ 1.1 over 1,000 calls and ≤ 1.5 over 40, each call trying hard."""
    budget = Budget()
    extra = 0
    for call in range(1, 1001):
        now = call / rate
        budget.deposit(now)
        for _ in range(5):
            extra += budget.withdraw(now)
        if call == 40:
            assert extra <= 0.5 * 40
            assert extra <= 6
    assert 99 <= extra <= 100


def test_few_calls_can_be_repeated_too() -> None:
    """The floor: at one call in eight seconds (a thin worker) 0.8 tokens a call, not 0.1."""
    budget = Budget()
    repeated = 0
    for call in range(100):
        budget.deposit(call * 8.0)
        repeated += budget.withdraw(call * 8.0)
    assert 75 <= repeated <= 80


def test_a_fresh_budget_lends_two() -> None:
    budget = Budget()
    assert [budget.withdraw(0.0) for _ in range(3)] == [True, True, False]
    assert Budget(initial=0).withdraw(0.0) is False


def test_the_advance_is_paid_back_first() -> None:
    budget = Budget(floor=0.0)
    for _ in range(20):
        budget.deposit(0.0)
    assert budget.tokens(0.0) == pytest.approx(2.0)
    for _ in range(200):
        budget.deposit(0.0)
    assert budget.tokens(0.0) == 10.0


def test_a_refund_gives_the_token_back() -> None:
    budget = Budget()
    assert budget.withdraw(0.0)
    budget.refund()
    assert budget.tokens(0.0) == 2.0


def test_time_going_backwards_earns_nothing() -> None:
    budget = Budget(initial=0.0)
    assert budget.tokens(100.0) == 0.0
    assert budget.tokens(0.0) == 0.0
    assert budget.tokens(100.0) == 0.0
    assert budget.tokens(105.0) == pytest.approx(0.5)


steps = st.one_of(
    st.tuples(st.just("deposit"), st.floats(-50, 100)),
    st.tuples(st.just("withdraw"), st.floats(-50, 100)),
    st.tuples(st.just("refund"), st.just(0.0)),
)


@given(
    share=st.floats(0, 1),
    floor=st.floats(0, 5),
    cap=st.floats(0, 20),
    initial=st.floats(0, 1),
    history=st.lists(steps, max_size=100),
)
def test_never_below_nothing_never_above_the_cap_never_more_than_was_earned(
    share: float, floor: float, cap: float, initial: float, history: list[tuple[str, float]]
) -> None:
    initial *= cap
    budget = Budget(share=share, floor=floor, cap=cap, initial=initial)
    now, first, latest, calls, taken = 0.0, None, 0.0, 0, 0
    for name, seconds in history:
        now += seconds
        if name == "refund":
            if taken:
                budget.refund()
                taken -= 1
        else:
            first = now if first is None else first
            latest = max(latest, now, first)
            if name == "deposit":
                calls += 1
                budget.deposit(now)
            else:
                taken += budget.withdraw(now)
        assert 0 <= budget._tokens <= cap
    earned = calls * share + (latest - (first or 0.0)) * floor
    assert taken <= max(initial, earned) + 1e-6


def test_threads_take_no_token_twice() -> None:
    budget = Budget(floor=0.0, cap=20_000, initial=20_000)
    taken: list[int] = []
    barrier = threading.Barrier(8)

    def take() -> None:
        barrier.wait(10)
        taken.append(sum(budget.withdraw(0.0) for _ in range(5_000)))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sum(taken) == 20_000


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"share": 10}, "share is a share from 0 to 1, got 10; did you mean 0.1?"),
        ({"floor": -1}, "floor is in tokens a second and must not be negative, got -1"),
        ({"initial": 11}, "initial must be from 0 to cap, got 11 with a cap of 10"),
        ({"cap": -1}, "initial must be from 0 to cap, got 2 with a cap of -1"),
    ],
)
def test_numbers_that_cannot_be_meant(numbers: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Budget(**numbers)
    assert str(caught.value) == message
