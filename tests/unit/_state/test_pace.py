"""The least pace of a stream, against a plain model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai._state.pace import WINDOW, Pace

STEPS = st.lists(st.tuples(st.integers(0, 5_000), st.floats(0.01, 30.0)), min_size=1, max_size=40)


@given(st.floats(1.0, 1_000.0), STEPS)
def test_it_stops_exactly_what_is_too_slow_over_a_window(least: float, steps: list[tuple[int, float]]) -> None:
    """A read that ends in time never leaves a whole window's average below the least; one that does not, would."""
    pace, now, since, came = Pace(least, 0.0), 0.0, 0.0, 0
    for size, gap in steps:
        limit = pace.until()
        assert limit >= since + WINDOW
        assert came >= least * (limit - since) - 1e-6 or limit == since + WINDOW
        if now + gap >= limit:  # nothing came until then: over the window, longer than WINDOW, the average is too low
            assert came <= least * (now + gap - since) + 1e-6
            return
        now += gap
        came += size
        pace.came(size, now)
        if now - since >= WINDOW and came >= least * (now - since):
            since, came = now, 0


def test_a_pause_shorter_than_the_window_is_no_matter() -> None:
    pace = Pace(100.0, 0.0)
    pace.came(1, 9.9)
    assert pace.until() == WINDOW
    pace.came(2_000, 9.95)
    assert pace.until() == 20.01
    pace.came(0, 10.0)  # the window was kept: a new one begins
    assert pace.until() == 20.0
