"""What is left alone for a while: histories against a plain model."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai._state.parking import FIRST, LIMIT, LONGEST, Parking


def test_it_grows_with_each_try_that_fails_up_to_a_cap() -> None:
    parking, now, times = Parking(), 0.0, list[float]()
    assert parking.park("key", "quota", now) is not None
    for _ in range(9):
        place = parking.closed("key", now)
        assert place is not None
        times.append(place.until - now)
        now = place.until
        assert parking.closed("key", now) is None
        assert parking.take("key", now) is None  # this one tries it
        assert parking.take("key", now) is not None  # nobody else does
        assert parking.park("key", "quota", now) is None  # no news
    assert times == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_late_answers_to_what_was_asked_before_make_it_no_longer() -> None:
    parking = Parking()
    parking.park("key", "auth", 0.0)
    for _ in range(100):
        assert parking.park("key", "auth", 1.0) is None
    place = parking.closed("key", 1.0)
    assert place is not None
    assert place.until == FIRST


def test_a_try_that_never_ends_is_followed_by_another() -> None:
    parking = Parking()
    parking.park("key", "auth", 0.0)
    assert parking.take("key", FIRST) is None
    assert parking.take("key", FIRST + FIRST - 1) is not None
    assert parking.take("key", FIRST + FIRST) is None


def test_what_the_provider_asks_for_is_honoured_up_to_the_cap() -> None:
    for asked, seconds in ((1.0, FIRST), (600.0, 600.0), (1e308, LONGEST), (float("nan"), FIRST)):
        place = Parking().park("key", "quota", 0.0, asked=asked)
        assert place is not None
        assert place.seconds == seconds


@given(
    st.lists(st.tuples(st.sampled_from(["park", "take", "free"]), st.floats(min_value=0, max_value=5000)), max_size=60)
)
def test_of_any_history(steps: list[tuple[str, float]]) -> None:
    """It is never left alone for more than an hour, and what was freed is asked at once."""
    parking, now = Parking(), 0.0
    for step, passes in steps:
        now += passes
        if step == "park":
            parking.park("key", "quota", now)
        elif step == "take":
            parking.take("key", now)
        else:
            parking.free("key")
            assert parking.closed("key", now) is None
        place = parking.closed("key", now)
        assert place is None or 0 < place.until - now <= LONGEST


def test_of_many_threads_one_tries() -> None:
    parking, tried = Parking(), list[int]()
    parking.park("key", "quota", 0.0)
    start = threading.Barrier(50)

    def work(number: int) -> None:
        start.wait()
        for _ in range(20):
            if parking.take("key", FIRST) is None:
                tried.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tried) == 1


def test_ten_thousand_keys_are_bounded() -> None:
    parking = Parking()
    for number in range(10_000):
        parking.park(number, "auth", 0.0)
    assert len(parking.places) == LIMIT
