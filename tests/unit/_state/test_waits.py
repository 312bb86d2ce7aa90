"""Waits kept in common, against a plain model."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai._state.waits import JITTER, LIMIT, LONGEST, Waits

ACCOUNTS: tuple[str, ...] = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.floats(min_value=0, max_value=200),  # time that passes before
        st.one_of(st.floats(), st.just(0.0), st.floats(min_value=0.01, max_value=1e308)),
    ),
    max_size=40,
)


@given(STEPS)
def test_never_shorter_than_asked_up_to_the_cap_and_never_longer(steps: list[tuple[str, float, float]]) -> None:
    """Promise 4: garbage, infinities and NaN harm nobody; what was asked is never undercut below the cap."""
    waits, until, now = Waits(), dict.fromkeys(ACCOUNTS, 0.0), 0.0
    for account, passes, seconds in steps:
        now += passes
        waits.ask(account, now, seconds)
        if seconds > 0:
            until[account] = max(until[account], now + min(seconds, LONGEST))
        for each in ACCOUNTS:
            wait = waits.of(each, now)
            if until[each] > now:
                assert wait is not None
                assert wait.left == until[each] - now
                assert 0 <= wait.spread <= LONGEST * JITTER
            else:
                assert wait is None


def test_nothing_is_left_when_it_is_over() -> None:
    waits = Waits()
    waits.ask("a", 0.0, 5.0)
    waits.ask("b", 1.0, 5.0)
    assert waits.of("a", 6.0) is None
    assert not waits.known


def test_ten_thousand_keys_are_bounded() -> None:
    waits = Waits()
    for number in range(10_000):
        waits.ask(number, 0.0, 60.0)
    assert len(waits.known) == LIMIT
    assert waits.of(9_999, 1.0) is not None


def test_threads() -> None:
    waits = Waits()

    def work(number: int) -> None:
        for step in range(500):
            waits.ask((number, step % 7), step * 0.5, 3.0)
            waits.of((step % 8, step % 7), step * 0.5)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waits.ask("last", 1000.0, 1.0)
    assert list(waits.known) == ["last"]
