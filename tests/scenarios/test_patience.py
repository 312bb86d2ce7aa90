"""Waiting for the target that reopens soonest, where every one is down."""

from __future__ import annotations

import itertools
from typing import Any, cast

import pytest

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, options
from resilient_ai._call import Operation
from resilient_ai.errors import CircuitOpen
from resilient_ai.failures import FailureKind as K

from .harness import Got, Mode, Sent, Step, World, circuit_of, fails, mute, ok, permits_back, target

START = 1000.0
ASYNC = pytest.mark.parametrize("mode", ["asyncio", "trio"])


def down(begin: float, end: float, kind: K = K.OVERLOADED) -> Any:
    """Refuses for a while; else answers in a tenth of a second."""

    def rule(sent: Sent) -> Step:
        return fails(kind, 0.01) if START + begin <= sent.at < START + end else ok(0.1)

    return rule


def steadily(world: World, pipeline: Pipeline, got: list[Got], *, rate: float, end: float, **said: Any) -> list[Any]:
    def at(when: float) -> Any:
        async def call() -> None:
            await world.until(START + when)
            got.append(await world.call(pipeline, **said))

        return call

    return [at(index / rate) for index in range(int(end * rate))]


def busiest(seen: list[Sent], seconds: float) -> int:
    """The most requests within so many seconds."""
    return max(sum(0 <= other.at - sent.at < seconds for other in seen) for sent in seen)


@ASYNC
@pytest.mark.parametrize("fallback", [(), (target(),)], ids=["alone", "with a fallback"])
@pytest.mark.parametrize("kind", [K.OVERLOADED, K.UNREACHABLE, K.TRANSIENT])
def test_what_can_outlive_the_outage_is_answered(mode: Mode, fallback: Any, kind: K) -> None:
    """Issue 3: every target down for 10 s and back: 95 % of the calls, at most 1.2 requests each, and no spike."""
    world = World()
    world.primary.follows(down(0, 10, kind))
    world.backup.follows(down(0, 12, kind))
    pipeline = Pipeline.default(Fallback(fallback), CircuitBreaker(patience=60, max_waiters=1000), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        with permits_back(pipeline):
            await world.at_once(steadily(world, pipeline, got, rate=10, end=30, timeout=60.0))

    world.run(mode, script)
    assert sum(one.failure is None for one in got) >= 0.95 * len(got)
    assert world.primary.count + world.backup.count <= 1.2 * len(got)
    assert sum(one.outcome.waited > 1 for one in got) > 50
    returning = [sent for sent in world.primary.seen if sent.at >= START + 10]
    assert busiest(returning, 0.5) <= 65  # of the hundred and more that waited


def silent(begin: float, end: float) -> Any:
    """Accepts and never answers for a while; else answers in a twentieth of a second."""

    def rule(sent: Sent) -> Step:
        return mute() if START + begin <= sent.at < START + end else ok(0.05)

    return rule


@ASYNC
@pytest.mark.parametrize("fallback", [(), (target(),)], ids=["alone", "with a fallback"])
@pytest.mark.parametrize("outage", [3.0, 7.0])
def test_what_a_silence_has_swallowed_is_asked_again(mode: Mode, fallback: Any, outage: float) -> None:
    """Issue 3: all mute and back: 95 % of the calls that could outlive it, and 1.2 requests each, without a limit for
    the first byte: those that wait are called back once a later call is answered."""
    world = World()
    world.primary.follows(silent(2, 2 + outage))
    world.backup.follows(silent(2, 2 + outage))
    pipeline = Pipeline.default(Deadline(total=12), Fallback(fallback), CircuitBreaker(patience=12), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        with permits_back(pipeline):
            await world.at_once(steadily(world, pipeline, got, rate=12, end=6 + outage))

    world.run(mode, script)
    able = [one for one in got if one.at + 12 >= START + 2 + outage + 1]
    assert sum(one.failure is None for one in able) >= 0.95 * len(able)
    assert world.primary.count + world.backup.count <= 1.2 * len(got)
    swallowed = [one for one in got if "primary: silent" in "".join(one.outcome.attempts[:1])]
    assert 6 <= len(swallowed) <= 16


@ASYNC
@pytest.mark.parametrize("patient", [True, False])
def test_what_does_not_wait_is_not_called_back(mode: Mode, patient: bool) -> None:
    """DESIGN §6: waiting calls are not cut; one that began before the silence is not either."""
    struck = silent(3, 8)

    def rule(sent: Sent) -> Step:
        return ok(20.0) if sent.number == 25 else cast("Step", struck(sent))

    world = World()
    world.primary.follows(rule)
    breaker = CircuitBreaker(patience=60 if patient else None)
    pipeline = Pipeline.default(Deadline(total=60), breaker, isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=10, end=20))

    world.run(mode, script)
    assert any(19.9 < one.seconds < 20.1 for one in got)
    called_back = [one for one in got if any("silent" in line for line in one.outcome.attempts)]
    assert bool(called_back) == patient


@ASYNC
def test_half_open_sees_exactly_one_request_however_many_wait(mode: Mode) -> None:
    """Issue 3. Between the opening and the end of the outage every request is a probe, alone."""
    world = World()
    world.primary.follows(lambda sent: fails(K.OVERLOADED, 0.5) if sent.at < START + 20 else ok(0.5))
    pipeline = Pipeline(CircuitBreaker(patience=60, max_waiters=500), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=100, end=2, timeout=60.0))

    world.run(mode, script)
    assert circuit_of(pipeline).state == "closed"
    probes = sorted(sent.at for sent in world.primary.seen if START + 4 < sent.at < START + 20)
    assert 1 <= len(probes) <= 8
    assert all(later - earlier >= 0.5 for earlier, later in itertools.pairwise(probes))
    assert all(one.failure is None for one in got)


def test_off_it_is_refused_at_once(mode: Mode) -> None:
    """Off until asked for."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    pipeline = Pipeline(CircuitBreaker(), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 7)
        got = await world.call(pipeline)
        assert isinstance(got.told, CircuitOpen)
        assert got.seconds == 0

    world.run(mode, script)


def test_one_call_may_wait_and_another_not(mode: Mode) -> None:
    """`options(patience=…)` says it for a call, and 0 takes it back."""
    world = World()
    world.primary.follows(down(0, 1))
    pipeline = Pipeline(CircuitBreaker(), isolated=True)
    patient = Pipeline(CircuitBreaker(patience=30), isolated=True)

    async def script() -> None:
        for one in (pipeline, patient):
            with options(patience=0):
                await world.calls(one, 7)
        with options(patience=0):
            assert isinstance((await world.call(patient)).told, CircuitOpen)
        with options(patience=30):
            got = await world.call(pipeline)
        assert got.text == "hello from primary"
        assert 0.5 < got.seconds < 5
        assert got.outcome.waited == pytest.approx(got.seconds, abs=0.3)

    world.run(mode, script)


def test_it_waits_for_the_one_that_reopens_soonest(mode: Mode) -> None:
    """The fallback is back first, long before the primary is tried again."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.backup.follows(down(0, 60))
    pipeline = Pipeline(Fallback([target()]), CircuitBreaker(open_for=(20, 30)), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 7)
        circuit_of(pipeline, host="backup").force_open(world.clock.time, world.clock.time + 61)
        circuit_of(pipeline).force_open(world.clock.time, world.clock.time + 300)
        with options(patience=120):
            got = await world.call(pipeline)
        assert got.text == "hello from backup:*"
        assert 60 < got.seconds < 63

    world.run(mode, script)


@pytest.mark.parametrize(("timeout", "patience"), [(0.5, 60), (60, 0.5)])
def test_what_would_wait_in_vain_is_refused_at_once(mode: Mode, timeout: float, patience: float) -> None:
    """Within its deadline, and its patience."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    pipeline = Pipeline.default(CircuitBreaker(open_for=(30, 30)), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 7, timeout=600.0)
        with options(patience=patience, deadline=timeout):
            got = await world.call(pipeline)
        assert isinstance(got.told, CircuitOpen)
        assert got.seconds == 0

    world.run(mode, script)


@ASYNC
def test_waiters_are_bounded_and_leave_no_place_behind(mode: Mode) -> None:
    """Issue 3: those beyond are refused at once; cancelled or not, every place comes back."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    breaker = CircuitBreaker(patience=5, max_waiters=3)
    pipeline = Pipeline(breaker, isolated=True)
    got: list[Got] = []

    async def call() -> None:
        got.append(await world.call(pipeline))

    async def script() -> None:
        with options(patience=0):
            await world.calls(pipeline, 7)
        circuit_of(pipeline).force_open(world.clock.time, world.clock.time + 4)
        await world.at_once([call] * 10)

    world.run(mode, script)
    at_once = [one for one in got if one.seconds == 0]
    assert len(at_once) == 7
    assert all(isinstance(one.told, CircuitOpen) for one in at_once)
    assert pipeline.states.of(breaker).waiters.count == 0


@pytest.mark.parametrize(
    "step", [fails(K.CALLER, status=400), fails(K.AUTH, status=401), fails(K.QUOTA), fails(K.RATE_LIMITED)]
)
def test_what_is_no_outage_is_not_waited_for(mode: Mode, step: Step) -> None:
    world = World()
    world.primary.answers(step)
    pipeline = Pipeline(CircuitBreaker(patience=60), isolated=True)

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.failure is not None
        assert got.seconds == 0
        assert world.primary.count == 1

    world.run(mode, script)


@pytest.mark.parametrize(("kind", "sent"), [(K.TRANSIENT, 1), (K.OVERLOADED, 2)])
def test_what_may_have_been_made_is_not_made_again(mode: Mode, kind: K, sent: int) -> None:
    """Promise 45: patience repeats a creating call only after proof that nothing was made."""
    world = World()
    world.primary.answers(fails(kind), ok())
    pipeline = Pipeline(CircuitBreaker(patience=60), isolated=True)

    async def script() -> None:
        got = await world.call(pipeline, operation=Operation.CREATING)
        assert (got.failure is None) == (sent == 2)
        assert world.primary.count == sent

    world.run(mode, script)
