"""The exceptions travel: Celery and multiprocessing carry them from one process to another in pickles."""

from __future__ import annotations

import copy
import pickle

import pytest

from resilient_ai.errors import (
    AllFailed,
    CircuitOpen,
    ConfigurationError,
    DeadlineExceeded,
    Failure,
    ResilienceError,
    UnsupportedClient,
)
from resilient_ai.failures import FailureKind

FAILURE = Failure("HTTP 503", kind=FailureKind.TRANSIENT, target="a:b", status=503, retry_after=2.0)
OPEN = CircuitOpen("open", target="primary", reopens_in=4.0, recovering=True)
OVER = DeadlineExceeded("over", target="primary")
ALL = AllFailed([OPEN, FAILURE], told=FAILURE)


@pytest.mark.parametrize(
    "error", [FAILURE, OPEN, OVER, ALL, ConfigurationError("x"), UnsupportedClient("y")], ids=lambda e: type(e).__name__
)
def test_an_exception_travels_whole(error: ResilienceError) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert (type(again), str(again), again.args) == (type(error), str(error), error.args)
        assert {n: str(v) for n, v in vars(again).items() if n not in ("failures", "told")} == {
            n: str(v) for n, v in vars(error).items() if n not in ("failures", "told")
        }


def test_all_that_failed_is_there_again() -> None:
    again = pickle.loads(pickle.dumps(ALL))
    assert [str(failure) for failure in again.failures] == ["open", "HTTP 503"]
    assert again.told is again.failures[1]
    assert again.failures[0].reopens_in == 4.0


def test_what_was_answered_stays_here() -> None:
    """Promise 29: an answer's body is in no pickle, at any depth; a copy in the same process keeps nothing of it."""
    failure = Failure("HTTP 400", kind=FailureKind.CALLER, answer=b"sekret")
    both = AllFailed([failure], told=failure)
    failure.add_note("a note")
    assert b"sekret" not in pickle.dumps([failure, both])
    again = pickle.loads(pickle.dumps(failure))
    assert (again.answer, again.__notes__) == (None, ["a note"])
    assert failure.answer == b"sekret"
    assert copy.copy(failure).status is None
