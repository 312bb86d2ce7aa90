"""`left` and `run_bounded`: what is left of a call, and work that is given up."""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from resilient_ai._runtime import limit
from resilient_ai._runtime.limit import deadline, left, run_bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHORT = 0.05


@pytest.fixture
def under_deadline() -> Iterator[Callable[[float], None]]:
    token = deadline.set(None)
    yield lambda seconds: deadline.set(monotonic() + seconds) and None
    deadline.reset(token)


def test_without_a_deadline_the_time_out_stands() -> None:
    assert left(None) is None
    assert left(3.0) == 3.0


def test_the_shorter_limit_counts(under_deadline: Callable[[float], None]) -> None:
    under_deadline(10)
    assert left(3.0) == 3.0
    assert left(None) == pytest.approx(10, abs=1)
    assert left(600.0) == pytest.approx(10, abs=1)


def test_past_the_deadline_a_moment_is_left(under_deadline: Callable[[float], None]) -> None:
    """To a socket 0 means "do not block", and less is an error."""
    under_deadline(-5)
    assert 0 < (left(None) or 0) < 0.01
    assert 0 < (left(0.0) or 0) < 0.01


def test_the_result_and_the_exception_come_back() -> None:
    """A signal's or a user's own exception is not wrapped."""

    class Odd(BaseException):
        pass

    def fail() -> None:
        raise Odd("as it is")

    for seconds in (None, 5.0):
        assert run_bounded(lambda: 7, seconds) == 7
        with pytest.raises(Odd, match="as it is"):
            run_bounded(fail, seconds)


def test_without_a_limit_it_runs_here_and_with_one_elsewhere() -> None:
    """No thread is paid for when nothing could be given up."""
    assert run_bounded(threading.current_thread, None) is threading.current_thread()
    assert run_bounded(threading.current_thread, 5.0).daemon


def test_the_context_goes_along() -> None:
    """The deadline, and the program's own context variables, hold in the thread too."""
    variable: ContextVar[str] = ContextVar("variable", default="none")
    token = variable.set("the caller's")
    assert run_bounded(variable.get, 5.0) == "the caller's"
    variable.reset(token)


def test_a_late_result_is_discarded_and_a_late_exception_dropped() -> None:
    """A response that comes after the caller gave up must be closed by somebody."""
    go, discarded, dropped = threading.Event(), threading.Event(), threading.Event()
    got: list[str] = []

    def late() -> str:
        assert go.wait(5)
        return "late"

    def fail() -> str:
        assert go.wait(5)
        dropped.set()
        raise ValueError("nobody hears it")

    def discard(result: str) -> None:
        got.append(result)
        discarded.set()
        raise ValueError("nobody hears it either")

    before = limit._stuck.count
    start = monotonic()
    for fn in (late, fail):
        with pytest.raises(TimeoutError, match="gave up after"):
            run_bounded(fn, SHORT, discard=discard)
    assert monotonic() - start < 1
    assert limit._stuck.count == before + 2
    go.set()
    assert discarded.wait(5)
    assert dropped.wait(5)
    limit._stuck.wait_below(before + 1, 5)
    assert got == ["late"]


def test_stuck_threads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead name server must not fill the process with threads."""
    monkeypatch.setattr(limit, "MAX_STUCK", limit._stuck.count + 1)
    go = threading.Event()
    with pytest.raises(TimeoutError):
        run_bounded(lambda: go.wait(5), SHORT)
    ran = []
    with pytest.raises(TimeoutError, match="still stuck"):
        run_bounded(lambda: ran.append(1), SHORT)
    assert ran == []
    threading.Timer(SHORT, go.set).start()
    assert run_bounded(lambda: 7, 5.0) == 7


def test_where_no_thread_starts_it_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last call while the interpreter exits is still made."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    before = limit._stuck.count
    assert run_bounded(lambda: 7, 5.0) == 7
    assert limit._stuck.count == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_no_stuck_threads() -> None:
    """They stayed in the parent; their count and its lock start anew."""
    go = threading.Event()
    with pytest.raises(TimeoutError):
        run_bounded(lambda: go.wait(5), SHORT)
    with limit._stuck._changed:
        child = os.fork()
        if child == 0:
            os._exit(run_bounded(lambda: limit._stuck.count, 5.0))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go.set()
