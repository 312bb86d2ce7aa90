"""Observe mode for functions: called once, as they are; what would have been done is noted."""

from __future__ import annotations

import time
from typing import Any

import pytest

from resilient_ai import CircuitBreaker, Deadline, Hedge, Pipeline, RateLimiter, Retry, control, outcome, record
from resilient_ai.errors import Failure
from resilient_ai.events import AttemptFailed

from .test_guard import REFUSED, RESET, Model, do, run


def test_a_failure_is_told_and_not_mended(mode: str) -> None:
    model, west = Model(mode, RESET), Model(mode, "west:")
    seen: list[Any] = []

    async def script() -> None:
        pipeline = Pipeline(Retry(attempts=1), CircuitBreaker(consecutive=2), listeners=[seen.append]).observe()
        guarded = pipeline.guard(model.ask, name="east", operation="stateless", fallback={"west": west.ask})
        passed = "passed the primary over, and "  # once its circuit is open
        for told in ("", "", passed, passed):
            with pytest.raises(ConnectionResetError) as raised, record() as calls:
                await do(guarded("you"))
            assert raised.value is RESET
            assert not hasattr(RESET, "__notes__")
            assert (calls[0].observed, calls[0].would_have) == (True, (f"{told}asked west:*",))

    RESET.__dict__.clear()
    run(mode, script)
    assert (model.count, west.count) == (4, 0)
    assert [event.observed for event in seen if isinstance(event, AttemptFailed)] == [True] * 4


def test_an_open_circuit_refuses_nothing(mode: str) -> None:
    model = Model(mode, RESET, RESET, "fine")

    async def script() -> None:
        pipeline = Pipeline(CircuitBreaker(consecutive=2))
        control.observe()
        guarded = pipeline.guard(model.ask, name="east")
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await do(guarded("you"))
        with record() as calls:
            assert await do(guarded("you")) == "fine you"
        assert calls[0].would_have[0].startswith("refused it: circuit open for east")

    run(mode, script)


def test_what_is_no_failure_passes(mode: str) -> None:
    model = Model(mode, KeyError("mine"))

    async def script() -> None:
        with pytest.raises(KeyError):
            await do(Pipeline(Retry(wait=0)).observe().guard(model.ask)("you"))

    run(mode, script)
    assert model.count == 1


def test_stop_iteration_too() -> None:
    with pytest.raises(StopIteration):
        Pipeline(Retry()).observe().call(next, iter(()))


class Twice:
    """A program's own strategy that asks again at once."""

    async def execute(self, next: Any, call: Any) -> Any:
        try:
            return await next(call)
        except Failure:
            return await next(call)


def test_a_program_s_own_strategy_is_held_back_too(mode: str) -> None:
    model = Model(mode, RESET)

    async def script() -> None:
        guarded = Pipeline(Twice()).observe().guard(model.ask, name="mine")
        with pytest.raises(ConnectionResetError), record() as calls:
            await do(guarded("you"))
        assert calls[0].would_have == ("asked primary again",)

    run(mode, script)
    assert model.count == 1


def test_a_limit_cuts_nothing() -> None:
    def slow() -> str:
        time.sleep(0.2)
        return "late"

    with record() as calls:
        assert Pipeline(Deadline(total=0.05)).observe().call(slow) == "late"
    assert calls[0].would_have == ("given up after 0.05 s",)


def test_a_wait_for_a_turn_is_not_waited(mode: str) -> None:
    model = Model(mode, "fine")

    async def script() -> None:
        guarded = Pipeline(RateLimiter(requests_per_minute=1)).observe().guard(model.ask)
        with record() as calls:
            for _ in range(30):
                await do(guarded("you"))
        assert any(call.would_have and "waited" in call.would_have[0] for call in calls)

    begun = time.monotonic()
    run(mode, script)
    assert model.count == 30
    assert time.monotonic() - begun < 20


def test_nothing_is_sent_a_second_time_beside(mode: str) -> None:
    calls_of: list[int] = []

    def slow() -> int:
        calls_of.append(1)
        time.sleep(0.1)
        return 1

    async def aslow() -> int:
        return slow()

    async def script() -> None:
        pipeline = Pipeline(Hedge(after=0.02, budget=1.0)).observe()
        guarded: Any = pipeline.guard(slow if mode == "sync" else aslow, operation="stateless")
        with record() as calls:
            assert await do(guarded()) == 1
        assert calls[0].would_have == ("asked a second time beside it after 0.02 s",)

    run(mode, script)
    assert len(calls_of) == 1


def test_the_outcome_hangs_on_nothing(mode: str) -> None:
    """Nothing is changed, the exception included: its outcome is told by record() and by listeners."""
    model = Model(mode, REFUSED)
    REFUSED.__dict__.clear()

    async def script() -> None:
        with pytest.raises(ConnectionRefusedError) as raised:
            await do(Pipeline(Retry(wait=0)).observe().guard(model.ask)("you"))
        assert vars(raised.value) == {}
        with pytest.raises(LookupError):
            outcome(raised.value)

    run(mode, script)
