"""The circuit under threads. `SOAK=1` runs the long form."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import pybreaker
import pytest

from resilient_ai._state.breaker import Circuit, Permit, Rejected, Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOAK = bool(os.environ.get("SOAK"))
THREADS = 64


@pytest.fixture(autouse=True)
def switching_often() -> Iterator[None]:
    """Threads change places every few bytecodes, not every 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(threads: int, work: Callable[[int], None]) -> None:
    """Run `work` in so many threads; any exception in one fails the test."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    running = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(120)
    assert not any(thread.is_alive() for thread in running), "deadlock"
    assert not failures, failures


@pytest.mark.parametrize("probes", [1, 3])
@pytest.mark.parametrize("foreign", [False, True])
def test_half_open_admits_exactly_n_under_64_threads(probes: int, foreign: bool) -> None:
    """Promise 10: 64 threads, 1,000 trials (the long form; 60 here)."""
    trials = 1000 if SOAK else 60
    breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=1.0) if foreign else None
    circuit = Circuit(Rules(consecutive=1, probes=probes, open_for=(1.0, 1.0)), random=lambda: 1.0, breaker=breaker)
    circuit.admit(0.0).settle(False, 0.0)
    granted: list[Permit] = []
    counts: list[int] = []

    def next_trial() -> None:  # run by one thread while the others wait
        if granted:
            counts.append(len(granted))
            for permit in granted:
                permit.settle(False, float(len(counts)))
            granted.clear()

    barrier = threading.Barrier(THREADS, action=next_trial)

    def ask(_: int) -> None:
        for trial in range(trials):
            barrier.wait(60)
            try:
                granted.append(circuit.admit(trial + 1.0))
            except Rejected as refused:
                assert refused.reason in {"probing", "open"}
            barrier.wait(60)

    # Two waits a trial: the action of the second settles what the first let out, that of the first finds nothing.
    together(THREADS, ask)
    assert counts == [probes] * trials


def test_no_outcome_is_lost_between_threads() -> None:
    """Each thread's outcomes are counted once: the window's totals say so."""
    each = 5000 if SOAK else 300
    circuit = Circuit(Rules(consecutive=10**9, minimum_calls=10**9))

    def call(number: int) -> None:
        for _ in range(each):
            permit = circuit.admit(1.0)
            permit.settle(number % 2 == 0, 1.0)
            permit.settle(True, 1.0)

    together(16, call)
    assert circuit._evidence.window.total == 16 * each
    assert circuit._evidence.window.failures == 8 * each


def test_one_permit_ended_by_many_threads_counts_once() -> None:
    circuit = Circuit(Rules(consecutive=10**9, minimum_calls=10**9))
    for trial in range(200 if SOAK else 30):
        permit = circuit.admit(1.0)
        barrier = threading.Barrier(8)

        def end(number: int, permit: Permit = permit, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(10)
            permit.settle(False, 1.0)

        together(8, end)
        assert circuit._evidence.window.total == trial + 1


def test_every_place_is_free_after_a_storm() -> None:
    """Promise 11, with threads: success, failure, release, finaliser, loss, forced changes, all at once."""
    circuit = Circuit(Rules(consecutive=3, open_for=(0.001, 0.004), probes=2, window=0.05))
    start = time.monotonic()
    each = 20_000 if SOAK else 1_000

    def storm(number: int) -> None:
        for step in range(each):
            now = time.monotonic() - start
            kind = (step * 7 + number) % 11
            try:
                permit = circuit.admit(now, can_divert=kind == 5)
            except Rejected:
                continue
            if kind < 3:
                permit.settle(True, now)
            elif kind < 7:
                permit.settle(False, now)
            elif kind == 7:
                permit.release()
            elif kind == 8:
                circuit.dispose_later(permit)
            elif kind == 9:
                circuit.force_open(now, until=now + 0.001)
            del permit

    together(16, storm)
    gc.collect()
    later = time.monotonic() - start + 10
    circuit.admit(later).settle(True, later)
    assert circuit.state in {"closed", "half-open"}
    assert circuit.probing == 0


def test_a_users_breaker_entered_from_both_sides_does_not_deadlock() -> None:
    """One thread holds the breaker (pybreaker's `call` does while the code runs) and asks us; another the reverse."""
    breaker = pybreaker.CircuitBreaker(fail_max=10**9)
    circuit = Circuit(Rules(), breaker=breaker)

    def call(number: int) -> None:
        for _ in range(300):
            if number % 2:
                breaker.call(lambda: circuit.admit(0.0).settle(True, 0.0))
            else:
                circuit.admit(0.0).settle(False, 0.0)

    together(8, call)
