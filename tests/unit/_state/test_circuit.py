"""What a circuit does, one thing at a time."""

from __future__ import annotations

import datetime as dt
import gc
import logging
import random
import threading
from typing import Any

import pybreaker
import pytest

from resilient_ai._state.breaker import Circuit, Permit, Rejected, Rules

SIX = Rules(consecutive=6, minimum_calls=10)
"""Said here, so that the tests do not hang on the defaults."""


def rejection(circuit: Circuit, now: float, *, can_divert: bool = False) -> Rejected:
    with pytest.raises(Rejected) as caught:
        circuit.admit(now, can_divert=can_divert)
    return caught.value


def fail(circuit: Circuit, now: float, times: int = 1) -> None:
    for _ in range(times):
        circuit.admit(now).settle(False, now)


def opened(now: float = 0.0, rules: Rules | None = None, **kwargs: Any) -> Circuit:
    circuit = Circuit(rules or SIX, random=lambda: 1.0, **kwargs)
    fail(circuit, now, circuit._rules.consecutive)
    assert circuit.state == "open"
    return circuit


def recovered(rules: Rules | None = None) -> Circuit:
    """Opened at 0, closed again at 10."""
    circuit = opened(rules=rules)
    circuit.admit(10.0).settle(True, 10.0)
    assert circuit.state == "closed"
    return circuit


# --- opening and coming back


def test_opens_at_the_rate_once_there_are_enough_calls() -> None:
    circuit = Circuit(Rules(minimum_calls=10, failure_rate=0.5))
    for _ in range(4):
        fail(circuit, 1.0)
        circuit.admit(1.0).settle(True, 1.0)
    circuit.admit(1.0).settle(True, 1.0)
    assert circuit.state == "closed"
    fail(circuit, 1.0)  # the tenth call, the fifth failure
    assert circuit.state == "open"


def test_old_failures_are_forgotten() -> None:
    circuit = Circuit(Rules(minimum_calls=10, consecutive=100))
    fail(circuit, 0.0, 9)
    circuit.admit(21.0).settle(True, 21.0)
    fail(circuit, 21.0, 8)
    assert circuit.state == "closed"
    fail(circuit, 21.0)
    assert circuit.state == "open"


def test_open_time_doubles_with_each_re_trip_up_to_the_cap_and_reopening_is_only_ever_put_off() -> None:
    circuit = opened()
    waits = []
    for _ in range(7):
        assert circuit.reopens_at is not None
        before = now = circuit.reopens_at
        fail(circuit, now)
        assert circuit.reopens_at > before
        waits.append(circuit.reopens_at - now)
    assert waits == pytest.approx([2, 4, 8, 16, 30, 30, 30])


def test_jitter_only_shortens_so_the_cap_holds() -> None:
    """Promise: a probe goes out within the cap of open time of the recovery."""
    circuit = Circuit(Rules(consecutive=1, open_for=(2.0, 2.0)), random=iter([0.0, 0.5, 0.999]).__next__)
    waits, now = [], 0.0
    for _ in range(3):
        fail(circuit, now)
        assert circuit.reopens_at is not None
        waits.append(circuit.reopens_at - now)
        now = circuit.reopens_at
    assert waits == pytest.approx([1.6, 1.8, 2.0], abs=0.001)


def test_back_less_than_a_window_ago_it_opens_at_the_first_failure_and_stays_open_for_longer() -> None:
    circuit = recovered()
    circuit.admit(12.0).settle(True, 12.0)
    fail(circuit, 13.0)
    assert circuit.state == "open"
    assert circuit.reopens_at == 15.0


def test_growth_is_forgotten_after_a_healthy_window() -> None:
    circuit = recovered()
    fail(circuit, 31.0, 5)
    assert circuit.state == "closed"
    fail(circuit, 31.0)
    assert circuit.reopens_at == 32.0


def test_enough_good_calls_end_the_probation_early() -> None:
    """Random errors of a few per cent do not keep a recovered circuit from staying closed."""
    circuit = recovered(Rules(minimum_calls=10))
    for _ in range(10):
        circuit.admit(11.0).settle(True, 11.0)
    fail(circuit, 11.0)
    assert circuit.state == "closed"


@pytest.mark.parametrize("residual", [0.01, 0.08])
def test_residual_errors_after_an_outage_do_not_keep_it_shut(residual: float) -> None:
    """Ten minutes at 10 calls/s after 60 s at 92 % errors. Refused, most of it the wait for the first good probe:
    4 and 8 %. Re-opening at the first failure for the whole window refused 35 and 96 %."""
    refused = 0
    for seed in range(5):
        draw = random.Random(seed)
        circuit = Circuit(SIX, random=draw.random)
        for call in range(6600):
            now = call / 10
            try:
                permit = circuit.admit(now)
            except Rejected:
                refused += now >= 60
            else:
                permit.settle(draw.random() >= (0.92 if now < 60 else residual), now)
    assert refused / (5 * 6000) < 0.15


def test_late_results_count_for_nothing() -> None:
    """Promise 16."""
    circuit = Circuit(SIX, random=lambda: 1.0)
    late = [circuit.admit(0.0) for _ in range(20)]
    fail(circuit, 0.0, 6)
    late.pop().settle(True, 0.5)
    assert circuit.state == "open"
    probe = circuit.admit(1.0)
    late.pop().settle(True, 1.0)
    late.pop().settle(False, 1.0)
    assert circuit.state == "half-open"
    probe.settle(True, 1.1)
    for permit in late:
        permit.settle(False, 1.2)
    assert circuit.state == "closed"


def test_a_refusal_tells_when_to_ask_again() -> None:
    circuit = opened(now=100.0)
    refused = rejection(circuit, 100.25)
    assert (refused.reopens_in, refused.reason) == (0.75, "open")
    probe = circuit.admit(101.0)
    refused = rejection(circuit, 101.0)
    probe.release()
    assert (refused.reopens_in, refused.reason) == (1.0, "probing")


# --- permits


def test_only_the_first_end_counts() -> None:
    circuit = Circuit(Rules(consecutive=2))
    permit = circuit.admit(0.0)
    permit.settle(False, 0.0)
    permit.settle(False, 0.0)
    permit.release()
    assert circuit.state == "closed"
    released = circuit.admit(0.0)
    released.release()
    released.settle(False, 0.0)
    assert circuit.state == "closed"


def test_release_is_no_evidence_and_frees_the_probe() -> None:
    """Promise 12: a cancelled probe neither closes nor opens."""
    circuit = opened()
    circuit.admit(1.0).release()
    assert circuit.state == "half-open"
    assert circuit.admit(1.0).probe


def test_a_probe_lost_for_longer_than_its_lease_frees_its_place_and_its_result_still_counts() -> None:
    circuit = opened()
    lost = circuit.admit(1.0)
    assert rejection(circuit, 60.9).reopens_in == pytest.approx(0.1)
    second = circuit.admit(61.0)
    lost.settle(True, 70.0)
    assert circuit.state == "closed"
    second.settle(False, 70.0)
    assert circuit.state == "closed"


def test_finalisers_take_no_lock_and_are_served_at_the_next_admission() -> None:
    """A `__del__` run by the collector inside the circuit's own lock must not hang or meddle."""
    circuit = opened()
    probe = circuit.admit(1.0)
    circuit.dispose_later(probe)
    assert circuit.probing == 1
    assert circuit.admit(1.0).probe


def test_a_probe_dropped_by_an_interrupt_is_not_lost() -> None:
    circuit = opened()
    circuit.admit(1.0)  # the value never reached a name
    gc.collect()
    assert circuit.admit(1.0).probe


# --- the ramp


def test_the_return_is_a_ramp_for_calls_that_can_go_elsewhere() -> None:
    """Admitted of those who asked: never above the present share, and close to it."""
    circuit = recovered(Rules(ramp=5.0, ramp_floor=0.1))
    admitted = 0
    for asked, step in enumerate(range(500), start=1):
        now = 10.0 + step / 100
        share = 0.1 + 0.9 * (now - 10.0) / 5.0
        try:
            circuit.admit(now, can_divert=True).settle(True, now)
            admitted += 1
        except Rejected as refused:
            assert refused.reason == "ramp"
            assert 0 < refused.reopens_in <= 0.5
        assert admitted <= asked * share + 1e-9
    assert admitted == pytest.approx(500 * 0.55, abs=2)
    for _ in range(100):
        circuit.admit(15.0, can_divert=True).settle(True, 15.0)


def test_the_first_tenth_of_the_ramp_admits_a_tenth() -> None:
    circuit = recovered()
    outcomes = []
    for _ in range(30):
        try:
            circuit.admit(10.0, can_divert=True).release()
            outcomes.append(1)
        except Rejected:
            outcomes.append(0)
    assert sum(outcomes) == 3


def test_calls_with_nowhere_else_to_go_are_not_turned_away_by_a_ramp() -> None:
    circuit = recovered()
    for _ in range(50):
        circuit.admit(10.0).settle(True, 10.0)


def test_no_ramp_when_it_is_zero() -> None:
    circuit = recovered(Rules(ramp=0.0))
    for _ in range(50):
        circuit.admit(10.0, can_divert=True).settle(True, 10.0)


# --- by hand


def test_forced_open_until_closed_by_hand() -> None:
    circuit = Circuit(SIX)
    circuit.force_open(0.0)
    refused = rejection(circuit, 1e9)
    assert (refused.reason, refused.reopens_in) == ("forced", float("inf"))
    circuit.force_close(1e9)
    assert circuit.state == "closed"
    for _ in range(30):
        circuit.admit(1e9, can_divert=True).settle(True, 1e9)  # no ramp
    fail(circuit, 1e9, 5)
    assert circuit.state == "closed"  # no probation


def test_forced_open_for_a_while_is_probed_then() -> None:
    circuit = Circuit(SIX, random=lambda: 1.0)
    circuit.force_open(0.0, until=5.0)
    assert rejection(circuit, 4.0).reopens_in == 1.0
    circuit.admit(5.0).settle(False, 5.0)
    assert circuit.reopens_at == 6.0  # the growth starts with the first evidence, not with the hand


def test_reset_is_new_also_in_time() -> None:
    circuit = opened(now=1000.0)
    under_way = circuit.admit(1001.0)
    circuit.reset()
    assert (circuit.state, circuit.reopens_at, circuit.probing) == ("closed", None, 0)
    under_way.settle(False, 1002.0)
    fail(circuit, 0.0, 5)
    assert circuit.state == "closed"
    fail(circuit, 0.0)
    assert circuit.reopens_at == 1.0


# --- what others see


def test_every_change_is_told_once_and_outside_the_lock() -> None:
    seen: list[tuple[str, str, float]] = []
    circuits: list[Circuit] = []

    def tell(old: str, new: str, now: float) -> None:
        def enter_and_leave() -> None:
            with circuits[0]._lock:
                pass

        other = threading.Thread(target=enter_and_leave, daemon=True)
        other.start()
        other.join(5)
        assert not other.is_alive()
        seen.append((old, new, now))

    circuit = Circuit(SIX, random=lambda: 1.0, on_change=tell)
    circuits.append(circuit)
    fail(circuit, 0.0, 6)
    circuit.admit(1.0).settle(False, 1.5)
    circuit.admit(3.5).settle(True, 4.0)
    circuit.force_open(5.0)
    circuit.force_close(6.0)
    assert seen == [
        ("closed", "open", 0.0),
        ("open", "half-open", 1.0),
        ("half-open", "open", 1.5),
        ("open", "half-open", 3.5),
        ("half-open", "closed", 4.0),
        ("closed", "open", 5.0),
        ("open", "closed", 6.0),
    ]


def test_a_failing_on_change_costs_no_permit(caplog: pytest.LogCaptureFixture) -> None:
    def tell(old: str, new: str, now: float) -> None:
        raise ZeroDivisionError

    circuit = opened(on_change=tell)
    probe = circuit.admit(1.0)
    probe.settle(True, 1.0)
    assert circuit.state == "closed"
    assert "ZeroDivisionError" in caplog.text


# --- the wall clock


@pytest.mark.parametrize("jump", [dt.timedelta(hours=1), dt.timedelta(days=3650), -dt.timedelta(days=3650)])
@pytest.mark.parametrize("foreign", [False, True])
def test_the_wall_clock_changes_nothing(monkeypatch: pytest.MonkeyPatch, jump: dt.timedelta, foreign: bool) -> None:
    """Promise 14. pybreaker compares datetimes; it must never be its clock that decides."""

    class Clock(dt.datetime):
        offset = dt.timedelta()

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) + cls.offset

        @classmethod
        def utcnow(cls) -> dt.datetime:  # pybreaker 1.2
            return cls.now()

    monkeypatch.setattr(pybreaker, "datetime", Clock)
    breaker = pybreaker.CircuitBreaker(fail_max=6, reset_timeout=1) if foreign else None
    circuit = Circuit(SIX, random=lambda: 1.0, breaker=breaker)
    fail(circuit, 0.0, 6)
    Clock.offset = jump
    assert rejection(circuit, 0.9).reason == "open"
    probe = circuit.admit(1.0)
    Clock.offset = -jump
    assert rejection(circuit, 1.0).reason == "probing"
    probe.settle(False, 1.0)
    assert rejection(circuit, 1.5).reason == "open"
    circuit.admit(3.0).settle(True, 3.0)
    assert circuit.state == "closed"


# --- a user's own breaker


class Ear(pybreaker.CircuitBreakerListener):
    def __init__(self, raising: tuple[str, ...] = ()) -> None:
        self.heard: list[object] = []
        self.raising = raising

    def _hear(self, name: str, what: object) -> None:
        self.heard.append(what)
        if name in self.raising:
            raise ZeroDivisionError(name)

    def before_call(self, cb: Any, func: Any, *args: Any, **kwargs: Any) -> None:
        self._hear("before_call", "before")

    def failure(self, cb: Any, exc: BaseException) -> None:
        self._hear("failure", exc)

    def success(self, cb: Any) -> None:
        self._hear("success", "success")

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self._hear("state_change", (old_state.name, new_state.name))


def test_a_users_breaker_decides_by_its_own_counter() -> None:
    ear = Ear()
    breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=7, listeners=[ear], exclude=[KeyError])
    circuit = Circuit(Rules(consecutive=2, minimum_calls=1), breaker=breaker, random=lambda: 0.0)
    error = ValueError("down")
    for _ in range(2):
        circuit.admit(0.0).settle(False, 0.0, error=error)
    circuit.admit(0.0).settle(False, 0.0, error=KeyError("business"))  # excluded: pybreaker calls that a success
    assert breaker.fail_counter == 0
    for _ in range(2):
        circuit.admit(0.0).settle(False, 0.0, error=error)
    assert circuit.state == breaker.current_state == "closed"
    circuit.admit(0.0).settle(False, 0.0, error=error)
    assert circuit.state == breaker.current_state == "open"
    assert error in ear.heard
    assert ("closed", "open") in ear.heard
    assert rejection(circuit, 6.9).reopens_in == pytest.approx(0.1)
    circuit.admit(7.0).settle(True, 7.0)
    assert breaker.current_state == "closed"
    assert "success" in ear.heard


@pytest.mark.skipif(not hasattr(pybreaker.CircuitBreaker, "success_threshold"), reason="came with pybreaker 1.4")
def test_a_users_success_threshold_is_kept() -> None:
    breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=1, success_threshold=2)
    circuit = Circuit(SIX, breaker=breaker)
    fail(circuit, 0.0)
    circuit.admit(1.0).settle(True, 1.0)
    assert circuit.state == "half-open"
    circuit.admit(1.0).settle(True, 1.0)
    assert circuit.state == "closed"


def test_what_the_user_does_to_the_breaker_is_seen() -> None:
    changes: list[tuple[str, str, float]] = []
    breaker = pybreaker.CircuitBreaker(reset_timeout=5)
    circuit = Circuit(SIX, breaker=breaker, on_change=lambda *change: changes.append(change))
    under_way = circuit.admit(0.0)
    breaker.open()
    assert circuit.state == "open"
    assert rejection(circuit, 1.0).reopens_in == 5.0
    breaker.close()
    under_way.settle(False, 2.0)  # of an earlier generation
    assert breaker.fail_counter == 0
    circuit.admit(3.0).settle(False, 3.0)
    assert breaker.fail_counter == 1
    assert changes == [("closed", "open", 1.0), ("open", "closed", 3.0)]


def test_the_error_handed_over_keeps_its_traceback_and_context() -> None:
    error = ValueError()
    try:
        raise error
    except ValueError:
        before = error.__traceback__
    circuit = Circuit(SIX, breaker=pybreaker.CircuitBreaker())
    try:
        raise KeyError
    except KeyError:
        circuit.admit(0.0).settle(False, 0.0, error=error)
    assert error.__traceback__ is before
    assert error.__context__ is None


@pytest.mark.parametrize("raising", ["before_call", "failure", "success", "state_change"])
def test_a_listener_that_raises_breaks_neither_the_call_nor_the_circuit(
    raising: str, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear((raising,))
    breaker = pybreaker.CircuitBreaker(fail_max=2, reset_timeout=1, listeners=[ear])
    circuit = Circuit(SIX, breaker=breaker)
    with caplog.at_level(logging.WARNING, "resilient_ai"):
        fail(circuit, 0.0, 2)
        assert circuit.state == "open"
        circuit.admit(1.0).settle(False, 1.0)
        assert circuit.state == "open"
        circuit.admit(2.0).settle(True, 2.0)
        assert circuit.state == "closed"
    assert circuit.probing == 0
    assert breaker.listeners == (ear,)
    assert len([record for record in caplog.records if "ZeroDivisionError" in record.getMessage()]) == 1


def test_an_interrupt_in_a_listener_passes_and_no_permit_is_lost() -> None:
    class Interrupting(pybreaker.CircuitBreakerListener):
        def success(self, cb: object) -> None:
            raise KeyboardInterrupt

    breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=1, listeners=[Interrupting()])
    circuit = Circuit(SIX, breaker=breaker)
    fail(circuit, 0.0)
    probe = circuit.admit(1.0)
    with pytest.raises(KeyboardInterrupt):
        probe.settle(True, 1.0)
    assert (circuit.probing, circuit.state) == (0, "closed")


def test_the_private_name_of_pybreaker_is_there() -> None:
    """Contract: `_lock` is one that the same thread may take twice."""
    lock = pybreaker.CircuitBreaker()._lock
    with lock, lock:
        pass


# --- rules


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"failure_rate": 50}, "failure_rate is a share from 0 to 1, got 50; did you mean 0.5?"),
        ({"failure_rate": -0.1}, "failure_rate is a share from 0 to 1, got -0.1"),
        ({"ramp_floor": 10}, "ramp_floor is a share from 0 to 1, got 10; did you mean 0.1?"),
        ({"failure_rate": float("nan")}, "failure_rate is a share from 0 to 1, got nan"),
        ({"window": 0}, "window must be above 0, got 0"),
        ({"minimum_calls": 0}, "minimum_calls must be above 0, got 0"),
        ({"consecutive": 0}, "consecutive must be above 0, got 0"),
        ({"probes": 0}, "probes must be above 0, got 0"),
        ({"probe_lease": -1}, "probe_lease must be above 0, got -1"),
        ({"ramp": -1}, "ramp must not be negative, got -1"),
        ({"open_for": (0, 1)}, "open_for must be above 0, got 0"),
        ({"open_for": (5, 1)}, "open_for is (first, longest) open time in seconds, got (5, 1)"),
    ],
)
def test_numbers_that_cannot_be_meant(numbers: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Rules(**numbers)  # type: ignore[arg-type]  # wrong on purpose
    assert str(caught.value) == message


def test_a_permit_is_small() -> None:
    assert not hasattr(Permit(Circuit(SIX), 0.0), "__dict__")


def test_where_streams_broke_after_they_had_begun_a_probe_keeps_its_place_until_it_has_outlived_them() -> None:
    """The head of an answer shows nothing there: one probe at a time, and well is who goes on for longer."""
    circuit = Circuit(Rules(open_for=(1, 1)))
    for number in range(7):
        permit = circuit.admit(number / 10)
        permit.heard(number / 10 + 0.1)
        permit.settle(False, 4 + number / 10)
    assert circuit.state == "open"
    probe = circuit.admit(6.0)
    probe.heard(6.1)
    for now in (6.2, 7.0, 9.9):
        with pytest.raises(Rejected):
            circuit.admit(now)
    probe.settle(False, 10.0)
    assert circuit.state == "open"
    probe = circuit.admit(11.5)
    probe.heard(11.6)
    with pytest.raises(Rejected):
        circuit.admit(16.4)
    circuit.admit(16.9)
    assert circuit.state == "closed"
    probe.settle(True, 60.0)


def test_where_nothing_had_begun_the_head_of_a_probe_s_stream_frees_its_place() -> None:
    circuit = Circuit(Rules(open_for=(1, 1)))
    for number in range(7):
        circuit.admit(number / 10).settle(False, number / 10)
    first = circuit.admit(3.0)
    first.heard(3.1)
    second = circuit.admit(3.2)
    second.heard(3.3)
    second.settle(True, 9.0)
    assert circuit.state == "closed"


def test_what_was_under_way_before_a_wrong_suspicion_is_evidence_still() -> None:
    """A first byte ends a suspicion of silence; that the streams then break is not forgotten for it."""
    circuit = Circuit(Rules())
    permits = [circuit.admit(number / 20, can_divert=True) for number in range(20)]
    with pytest.raises(Rejected):
        circuit.admit(2.0, can_divert=True)
    assert circuit.state == "open"
    permits[10].heard(2.1)
    assert circuit.state == "closed"
    for permit in permits[:7]:
        permit.settle(False, 2.2)
    assert circuit.state == "open"
    for permit in permits[7:]:
        permit.settle(True, 2.3)
    assert circuit.state == "open"
