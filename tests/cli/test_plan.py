"""What a drill does, planned: calls, their times, the outage, its bounds."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest

from resilient_ai.cli.load import Load
from resilient_ai.cli.plan import CALLS, Job, Wanted, jobs_of, outage_of, timeline_of
from resilient_ai.testing import Timeline

WANTED = Wanted(timeline="2024-12-26", rate=None, scale=1.0, seed=1, cache=False, json=None, require_answered=None)


@pytest.mark.parametrize("name", ["2024-12-26", "2024-12-11", "2024-12-04"])
def test_a_packaged_drill_makes_the_calls_that_are_promised(name: str) -> None:
    """Issue promise: about half a minute, 20 calls a second a family, at least 1,500 calls."""
    timeline = timeline_of(replace(WANTED, timeline=name))
    jobs = Counter(job.kind for job in jobs_of(timeline, seed=1))
    assert jobs.keys() == CALLS.keys()
    assert {kind: count * CALLS[kind] / timeline.duration for kind, count in jobs.items()} == pytest.approx(
        dict.fromkeys(CALLS, 20.0), rel=0.02
    )
    assert sum(count * CALLS[kind] for kind, count in jobs.items()) >= 3400
    assert timeline.duration <= 40


def test_the_same_seed_is_the_same_load() -> None:
    timeline = timeline_of(WANTED)
    jobs = jobs_of(timeline, seed=7)
    assert jobs == jobs_of(timeline, seed=7)
    assert jobs != jobs_of(timeline, seed=8)
    assert len({job.number for job in jobs}) == len(jobs)
    assert [job.at for job in jobs] == sorted(job.at for job in jobs)
    batches = [job for job in jobs if job.kind == "batches"]
    assert sum(job.keeps_file for job in batches) == len(batches) // 4


def test_the_outage_is_read_off_the_timeline() -> None:
    outage = outage_of(timeline_of(WANTED))
    assert outage.stateless == ("responses", "images")
    assert outage.bounds("images") == (4.5, 21.5)
    assert (outage.strikes("images", 4.5), outage.strikes("images", 21.5)) == (True, False)
    assert not outage.backup_struck


def test_a_timeline_with_a_pause_is_an_outage_with_one() -> None:
    outage = outage_of(timeline_of(replace(WANTED, timeline="2024-12-04")))
    assert (outage.strikes("chat", 5.0), outage.strikes("chat", 8.0), outage.strikes("chat", 9.0)) == (
        True,
        False,
        True,
    )


def test_scale_stretches_all_seconds() -> None:
    timeline = timeline_of(replace(WANTED, scale=0.5))
    assert timeline.duration == Timeline.load("2024-12-26").duration / 2
    assert outage_of(timeline).bounds("images") == (2.25, 10.75)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scale": 0.0}, "--scale is a number above 0"),
        ({"scale": float("nan")}, "--scale is a number above 0"),
        ({"scale": 100.0}, "a drill takes at most 900 s"),
        ({"rate": -1.0}, "--calls-per-second is a number above 0"),
        ({"rate": 1000.0}, "a drill makes at most 6000"),
    ],
)
def test_a_drill_without_bounds_is_refused(change: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        timeline_of(replace(WANTED, **change))


def test_a_call_does_not_wait_for_earlier_ones() -> None:
    """Open loop: what is slow delays nothing that comes after it."""
    zero, began = time.monotonic(), {}

    def clock() -> float:
        return time.monotonic() - zero

    def work(job: Job) -> None:
        began[job.number] = clock()
        time.sleep(0.3)

    load = Load([Job(number / 100, "chat", number) for number in range(20)], work, clock=clock)
    load.start()
    assert load.wait(5.0)
    assert began.keys() == set(range(20))
    assert max(began.values()) < 0.3  # the last begins at 0.19, before the first has ended
    assert load.stopping


def test_nothing_begins_after_stop() -> None:
    zero, began = time.monotonic(), []
    load = Load([Job(0.0, "chat", 0), Job(0.2, "chat", 1)], began.append, clock=lambda: time.monotonic() - zero)
    load.start()
    time.sleep(0.05)
    load.stop()
    assert not load.wait(0.25)
    assert [job.number for job in began] == [0]
