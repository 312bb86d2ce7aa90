"""The storms of benchmarks/storms.py in short, with generous limits: load over real sockets, counted.

`python -m benchmarks.storms` is the long form; docs/design/006-storms.md has its figures.
"""

from __future__ import annotations

import pytest

from benchmarks._storm_cancel import cancel
from benchmarks._storm_faults import faults
from benchmarks._storm_harm import harm
from benchmarks._storm_kit import Storm, together
from benchmarks._storm_many import many
from benchmarks._storm_mute import mute
from benchmarks._storm_patience import patience
from benchmarks._storm_small import small_fallback
from benchmarks._storm_thin import thin


@pytest.fixture(scope="module")
def beside() -> dict[str, Storm]:
    """Those that mostly wait, beside one another."""
    storms = {run.__name__: Storm(run.__name__) for run in (mute, patience, small_fallback, thin)}
    together(
        lambda: mute(storms["mute"], short=True),
        lambda: patience(storms["patience"], short=True),
        lambda: small_fallback(storms["small_fallback"], short=True),
        lambda: thin(storms["thin"], short=True),
    )
    return storms


def told(storm: Storm) -> None:
    assert storm.lines
    assert not storm.failed, "\n".join(map(str, storm.lines))


def test_a_mute_primary_and_a_slow_one_are_left_within_a_second(beside: dict[str, Storm]) -> None:
    """Issue 3: new calls go to the healthy fallback, few requests reach it, and it is used again."""
    told(beside["mute"])


def test_calls_outlive_the_outage_of_every_target(beside: dict[str, Storm]) -> None:
    """Issue 3: with patience they are answered, without a storm; without it they are refused at once."""
    told(beside["patience"])


def test_a_small_fallback_is_filled_and_never_stormed(beside: dict[str, Storm]) -> None:
    """Issue 3: interactive calls first; the rest are told of each target and why."""
    told(beside["small_fallback"])


def test_no_process_pays_twice_for_what_it_knows(beside: dict[str, Storm]) -> None:
    """Issue 3: processes that share nothing, a dead primary, every call answered."""
    told(beside["thin"])


def run(storm: Storm) -> Storm:
    {"harm": harm, "cancel": cancel, "faults": faults, "many": many}[storm.name](storm, short=True)
    return storm


def test_a_healthy_primary_is_left_alone() -> None:
    """Promise 42, over sockets and with slow_call on: no call cut, no circuit opened, nothing needless."""
    told(run(Storm("harm")))


def test_cancelled_calls_leave_nothing_behind() -> None:
    """Issue 3: probes, places in lines, patient calls: as before, under asyncio and trio."""
    told(run(Storm("cancel")))


def test_faults_cost_few_requests() -> None:
    """Issue 3: about one request a call, whatever is wrong, with a healthy fallback."""
    told(run(Storm("faults")))


def test_many_models_and_keys_are_forgotten_again() -> None:
    """Issue 3: what is kept by model and key is bounded."""
    told(run(Storm("many")))
