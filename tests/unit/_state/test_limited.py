"""Keys that are limited, tried by one call at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai._state.limited import LIMIT, UNTOLD, UNTOLD_MOST, VERDICT, Limited
from resilient_ai._state.waits import JITTER


def test_one_call_finds_out_for_all() -> None:
    limited = Limited()
    limited.refused("a", 0.0, None)
    assert limited.take("a", 1.0) == 1.0
    assert limited.take("b", 1.0) is None
    assert limited.take("a", 2.0) is None  # this one
    assert limited.take("a", 2.0) == VERDICT
    limited.free("a")
    assert not limited.known


def test_it_is_left_alone_for_longer_each_time() -> None:
    limited, now, waits = Limited(), 0.0, list[float]()
    for _ in range(8):
        limited.refused("a", now, None)
        left = limited.take("a", now)
        assert left is not None
        waits.append(left)
        now += left
        assert limited.take("a", now) is None
    assert waits == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]
    assert (UNTOLD, UNTOLD_MOST) == (2.0, 30.0)


def test_late_refusals_of_what_was_sent_before_lengthen_nothing() -> None:
    limited = Limited()
    for at in range(10):
        limited.refused("a", at / 10, None)
    assert limited.take("a", 1.0) == 1.0


def test_who_is_not_refused_at_once_is_admitted() -> None:
    """An answer may take long: meanwhile it is not left alone for nothing."""
    limited = Limited()
    limited.refused("a", 0.0, None)
    assert limited.take("a", 3.0) is None
    assert limited.take("a", 4.9) is not None
    assert limited.take("a", 5.1) is None
    assert not limited.known


@given(st.lists(st.tuples(st.floats(0, 100), st.one_of(st.none(), st.floats(0.01, 60))), min_size=1, max_size=30))
def test_what_was_told_is_kept_and_exceeded_by_jitter_only(steps: list[tuple[float, float | None]]) -> None:
    """Promise 4."""
    limited, now, floor = Limited(), 0.0, 0.0
    for passes, told in steps:
        now += passes
        tried = limited.take("a", now) is None
        assert not tried or now >= floor
        if tried:
            limited.refused("a", now, told)
            left = limited.take("a", now)
            assert left is not None
            if told is None:
                assert UNTOLD - 1e-6 <= left <= UNTOLD_MOST + 1e-6
            else:
                assert told <= left + 1e-6
                assert left <= told * (1 + JITTER) + 1e-6
                floor = now + told - 1e-6


def test_ten_thousand_keys_are_bounded() -> None:
    limited = Limited()
    for number in range(10_000):
        limited.refused(number, 0.0, None)
    assert len(limited.known) == LIMIT
