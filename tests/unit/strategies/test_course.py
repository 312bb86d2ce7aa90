"""Whom a call asks, and in which order: any history of failures."""

from __future__ import annotations

from collections import Counter
from itertools import cycle, islice
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai import Target
from resilient_ai.errors import CircuitOpen, Failure, NotSent
from resilient_ai.failures import FailureKind as K
from resilient_ai.strategies._course import RETURNS, Course

if TYPE_CHECKING:
    from collections.abc import Callable


def targets(places: list[int]) -> list[Target | None]:
    """The primary, and a target for each number: equal numbers are keys of one place."""
    return [None, *(Target(f"t{place}:*", api_key=f"k{n}") for n, place in enumerate(places))]


FAILURES: list[Callable[[float], Failure]] = [
    lambda _: Failure("", kind=K.TRANSIENT),
    lambda _: Failure("", kind=K.QUOTA),
    lambda _: Failure("", kind=K.RATE_LIMITED),
    lambda wait: Failure("", kind=K.RATE_LIMITED, retry_after=wait),
    lambda wait: NotSent("", target="", reopens_in=wait),
    lambda wait: CircuitOpen("", target="", reopens_in=wait),
    lambda wait: CircuitOpen("", target="", reopens_in=wait, recovering=True),
]


@given(
    places=st.lists(st.integers(0, 3), max_size=6),
    ends=st.lists(st.tuples(st.sampled_from(FAILURES), st.floats(0, 100), st.integers(0, 3)), min_size=20, max_size=20),
)
def test_it_ends_and_asks_nobody_too_often(
    places: list[int], ends: list[tuple[Callable[[float], Failure], float, int]]
) -> None:
    """Each once; one that turned the call away some times more; and at the most one more, as the last, alone."""
    everyone = targets(places)
    course, asked, last = Course(everyone), list[Target | None](), None
    turned_away = Counter[Target | None]()
    for make, wait, sent in islice(cycle(ends), 200):
        turn = course.next()
        if turn is None:
            break
        assert last is None or last.has_next or turn.resumes is not None or turn.returns or not turn.has_next
        assert 1 <= turn.share <= len(everyone) + 1
        assert turn.returns <= turned_away[turn.target]
        asked.append(turn.target)
        failure = make(wait)
        turned_away[turn.target] += isinstance(failure, CircuitOpen)
        course.failed(turn, failure, 0 if isinstance(failure, NotSent) else sent)
        last = turn
    else:
        raise AssertionError("it does not end")
    assert asked[0] is None
    times = Counter(asked)
    assert all(count <= 2 + min(turned_away[target], RETURNS + 1) for target, count in times.items())
    assert sum(times.values()) <= len(everyone) + 1 + turned_away.total()
    assert last is not None
    assert not last.has_next or times[None] >= 1


def test_shares_are_for_places_not_for_keys() -> None:
    turn = Course(targets([1, 1, 1, 2])).next()
    assert turn is not None
    assert turn.share == 3


def test_the_soonest_of_those_who_wait_is_asked_last() -> None:
    course = Course(targets([1, 2]))
    for wait in (30.0, 3.0, 9.0):
        turn = course.next()
        assert turn is not None
        course.failed(turn, NotSent("", target="", reopens_in=wait), 0)
    turn = course.next()
    assert turn is not None
    assert turn.target is not None
    assert (turn.target.vendor, turn.has_next) == ("t1", False)
    course.failed(turn, Failure("", kind=K.TRANSIENT), 1)
    assert course.next() is None
