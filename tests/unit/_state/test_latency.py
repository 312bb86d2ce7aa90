"""The rolling record of seconds, against sorted lists."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai._state.latency import Latencies

seconds = st.floats(0.0, 3000.0, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(taken=st.lists(seconds, min_size=30, max_size=200), q=st.floats(0.0, 1.0))
def test_a_quantile_is_the_sorted_lists_and_at_most_a_tenth_more(taken: list[float], q: float) -> None:
    record = Latencies()
    for at, one in enumerate(taken):
        record.add(at / 10, one)
    told = record.quantile(q, len(taken) / 10)
    assert told is not None
    exact = sorted(taken)[max(0, math.ceil(q * len(taken) - 1e-9) - 1)]
    above = sorted(taken)[min(len(taken) - 1, math.floor(q * len(taken)))]
    assert exact * (1 - 1e-9) <= told <= max(above * 1.1, 0.001) * (1 + 1e-9)


@given(taken=st.lists(seconds, max_size=100), limit=seconds)
def test_how_many_took_longer(taken: list[float], limit: float) -> None:
    record = Latencies()
    for one in taken:
        record.add(0.0, one)
    assert sum(one > limit * 1.0001 for one in taken) <= record.longer(limit)
    assert record.longer(limit) <= sum(one >= limit / 1.1001 or limit <= 0.001 for one in taken)


def test_too_few_samples_say_nothing() -> None:
    record = Latencies(minimum=5)
    for _ in range(4):
        record.add(0.0, 1.0)
    assert record.quantile(0.5, 0.0) is None
    record.add(0.0, 1.0)
    assert record.quantile(0.5, 0.0) == pytest.approx(1.0, rel=0.1)


@given(gaps=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=200))
def test_at_least_half_a_window_and_never_more_than_one_is_remembered(gaps: list[float]) -> None:
    record = Latencies(window=10.0)
    now, past = 0.0, []
    for gap in gaps:
        now += gap
        record.add(now, 1.0)
        past.append(now)
        assert sum(then > now - 5.0 + 1e-6 for then in past) <= record.samples(now)
        assert record.samples(now) <= sum(then >= now - 10.0 - 1e-6 for then in past)


def test_any_number_goes_in_and_the_size_stays() -> None:
    record = Latencies(minimum=1)
    for number in (0.0, -1.0, 1e-300, 1e300, sys.float_info.max):
        record.add(0.0, number)
    size = sum(sys.getsizeof(getattr(record, name)) for name in record.__slots__)
    for number in range(10_000):
        record.add(number / 100, number / 10)
    assert sum(sys.getsizeof(getattr(record, name)) for name in record.__slots__) <= size + 100
    assert record.quantile(1.0, 100.0) is not None


@pytest.mark.parametrize("wrong", [{"window": 0.0}, {"window": math.nan}, {"minimum": 0}])
def test_numbers_that_cannot_be_meant(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Latencies(**wrong)  # type: ignore[arg-type]  # wrong on purpose
