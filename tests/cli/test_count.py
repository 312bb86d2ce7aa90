"""The figures of a drill, from made-up logs."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.cli.count import Ledger, figures_of, making_of, percentile, return_of, seen_of
from resilient_ai.cli.program import trace_id
from resilient_ai.testing import Request
from tests.cli.made_up import OUTAGE, done, seen


def request(**fields: Any) -> Request:
    plain: dict[str, Any] = dict.fromkeys(("ended", "model", "json", "form", "status", "fault", "made", "complaint"))
    plain |= {"closed_by_client_after": None, "at": 0.0, "method": "POST", "path": "/v1/images", "query": ""}
    plain |= {"family": "images", "key": "primary:0", "headers": {}, "body_sha256": "", "body_bytes": 0}
    plain |= {"connection": 1}
    return Request(**(plain | fields))


def test_every_call_is_counted_once() -> None:
    """Issue promise: answered counts answers only; refusals, failures and errors are none."""
    calls = [
        done(source="fresh"),
        done(source="fallback"),
        done(source="stale"),
        done(error="APIConnectionError", refused=True),
        done(error="InternalServerError"),
        done(source="fresh", at=25.0),
    ]
    figures = figures_of(Ledger(calls, [], {}), OUTAGE)
    counted = (figures.fresh, figures.fallback, figures.stale, figures.refused, figures.failed)
    assert counted == (2, 1, 1, 1, 1)
    assert sum(counted) == figures.calls
    assert (figures.outage_calls, figures.outage_answered) == (5, 3)
    assert figures.outage_share == 0.6


def test_requests_are_counted_at_the_simulator_by_the_call_they_belong_to() -> None:
    """A retry that is answered after the outage's end is the outage's: it belongs to a call that began in it."""
    within, after = done(at=19.9), done(at=20.0)
    log = [seen(within, 500), seen(within, 200, at=20.5), seen(after, 200)]
    figures = figures_of(Ledger([within, after], log, {}), OUTAGE)
    assert (figures.requests, figures.outage_requests, figures.outage_calls) == (3, 2, 1)
    assert figures.outage_per_call == 2.0


def test_a_family_that_is_not_struck_is_measured_in_the_outage_of_the_others() -> None:
    figures = figures_of(Ledger([done("chat", 9.0), done("chat", 15.0)], [], {}), OUTAGE)
    assert figures.outage_calls == 1


def test_nothing_is_divided_by_no_calls() -> None:
    figures = figures_of(Ledger([], [], {}), OUTAGE)
    assert (figures.p50, figures.outage_share, figures.per_call, figures.outage_per_call) == (None, None, None, None)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentiles_are_nearest_rank(share: float, expected: int) -> None:
    assert percentile(list(range(1, 101)), share) == expected


def test_a_trace_id_is_read_back_from_the_log() -> None:
    """What was sent with a call is how its requests are found; foreign ones are nobody's."""
    headers = [{"traceparent": f"00-{trace_id(41)}-{42:016x}-01"}, {"traceparent": "00-zz-1-01"}, {}]
    found = seen_of("primary", [request(at=7.0, headers=each) for each in headers], began=5.0)
    assert [each.number for each in found] == [41, None, None]
    assert found[0].at == 2.0


def test_the_way_there_and_back() -> None:
    """Rescued, probed, and back: measured from the outage's start and from recovery."""
    calls = [
        done(at=9.0),
        done(at=10.5, took=0.5, source="fallback"),
        done(at=15.0, source="fresh"),
        done(at=19.5, took=4.0, source="fallback"),  # began in the outage: no part of the return
        done(at=20.5, source="fallback"),
        done(at=21.5, source="fresh"),
        done(at=22.5, took=0.25, source="fallback"),
        done(at=22.6, source="fresh"),
        done(at=23.5, source="fresh"),
    ]
    log = [seen(calls[2]), seen(calls[4], provider="backup"), seen(calls[5], at=21.625)]
    way = return_of(Ledger(calls, log, {}), OUTAGE, "images")
    assert (way.rescued, way.probe, way.first, way.last) == (1.0, 1.625, 1.5, 2.75)
    assert way.shares == (0.0, 1.0, 0.5, 1.0)


def test_a_family_that_nobody_rescued() -> None:
    way = return_of(Ledger([done(error="InternalServerError")], [], {}), OUTAGE, "images")
    assert (way.rescued, way.probe, way.first, way.last, way.shares) == (None, None, None, None, ())


def test_made_twice_is_seen_across_providers() -> None:
    """Promise 45: a thing made at the primary and once more elsewhere, by one call, is two."""
    call = done("videos", step="create", made="video_b")
    log = [seen(call, 500, made="video_a"), seen(call, 200, provider="backup", made="video_b")]
    making = making_of(Ledger([call], log, {"videos": 2}))
    assert (making.asked, making.made, making.told, making.twice, making.unknown) == (1, 2, 1, 1, 0)


def test_made_more_often_than_the_log_can_tell_is_twice_too() -> None:
    call = done("videos", step="create", made="video_a")
    assert making_of(Ledger([call], [seen(call, made="video_a")], {"videos": 2})).twice == 1


@pytest.mark.parametrize(
    ("statuses", "unknown"),
    [([503], 0), ([429], 0), ([400], 0), ([], 0), ([500], 1), ([None], 1), ([500, 503], 1), ([200], 1)],
)
def test_unknown_is_an_error_without_proof(statuses: list[int | None], unknown: int) -> None:
    """An error after 503, 429 or a refusal made nothing; after 500, silence or a lost answer no one can say."""
    call = done("videos", step="create", error="InternalServerError")
    assert making_of(Ledger([call], [seen(call, status) for status in statuses], {})).unknown == unknown
