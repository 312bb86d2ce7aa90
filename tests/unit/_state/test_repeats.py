"""Requests that were given up."""

from __future__ import annotations

from resilient_ai._state.repeats import LIMIT, WITHIN, Repeats


def test_known_within_a_minute_of_the_last_time() -> None:
    repeats = Repeats()
    assert repeats.since("a", 0.0) is None
    repeats.gave_up("a", 0.0)
    repeats.gave_up("b", 1.0)
    repeats.gave_up("a", 30.0)
    assert repeats.since("a", 31.0) == 1.0
    assert repeats.since("b", 1.0 + WITHIN) is None
    assert repeats.since("a", 30.0 + WITHIN) is None
    assert not repeats.known  # nothing is looked for any more


def test_ten_thousand_requests_are_bounded() -> None:
    repeats = Repeats()
    for number in range(10_000):
        repeats.gave_up(str(number), 0.0)
    assert len(repeats.known) == LIMIT
    assert repeats.since("9999", 0.0) == 0.0


def test_told_once() -> None:
    repeats = Repeats()
    assert [repeats.to_be_told() for _ in range(3)] == [True, False, False]
