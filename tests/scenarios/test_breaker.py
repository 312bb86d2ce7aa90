"""Circuits: what moves them, what never does, and that every permit comes back."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from typing import Any

import anyio
import pytest
import trio

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, Retry, control
from resilient_ai._call import Verdict
from resilient_ai._runtime.sync import SyncRuntime, drive
from resilient_ai.errors import CircuitOpen
from resilient_ai.events import AttemptFailed, CallFinished, CircuitChanged
from resilient_ai.failures import FailureKind as K

from .harness import FOREVER, Mode, Step, World, circuit_of, fails, mute, ok, permits_back, raises, stream, target

COUNTS = {K.UNREACHABLE, K.TRANSIENT, K.OVERLOADED, K.SILENT, K.BROKEN}  # by hand from the table of failures


def bare(**rules: Any) -> Pipeline:
    """Six failures in a row open it."""
    return Pipeline(CircuitBreaker(**{"consecutive": 6, **rules}), isolated=True)


@pytest.mark.parametrize("kind", list(K))
def test_what_is_evidence(mode: Mode, kind: K) -> None:
    """Promise 12: the caller's mistakes, rate limits and our own refusals never move it."""
    world = World()
    world.primary.answers(fails(kind))
    pipeline = bare()

    async def script() -> None:
        with permits_back(pipeline):
            await world.calls(pipeline, 100)
        assert circuit_of(pipeline).state == ("open" if kind in COUNTS else "closed")
        assert world.primary.count == (6 if kind in COUNTS else 100)

    world.run(mode, script)


@pytest.mark.parametrize("consecutive", [1, 3, 6, 20])
def test_opens_at_the_failures_in_a_row_configured(mode: Mode, consecutive: int) -> None:
    """Promise 13: open means no request on the wire."""
    world = World()
    world.primary.answers(ok(), *[fails(K.TRANSIENT)] * (consecutive - 1), ok(), fails(K.TRANSIENT))

    async def script() -> None:
        pipeline = bare(consecutive=consecutive, minimum_calls=1000)
        got = await world.calls(pipeline, 100)
        assert world.primary.count == 1 + consecutive - 1 + 1 + consecutive
        assert isinstance(got[-1].told, CircuitOpen)

    world.run(mode, script)


def test_opens_at_the_rate_configured(mode: Mode) -> None:
    """Promise 13."""
    world = World()
    world.primary.follows(lambda sent: ok() if sent.number % 3 == 1 else fails(K.TRANSIENT))

    async def script() -> None:
        rules = {"minimum_calls": 20, "window": 10, "consecutive": 50, "open_for": (100, 100)}
        await world.calls(bare(failure_rate=0.6, **rules), 100, every=0.1)
        assert world.primary.count == 20
        world.primary.seen.clear()
        await world.calls(bare(failure_rate=0.75, **rules), 100, every=0.1)
        assert world.primary.count == 100

    world.run(mode, script)


@pytest.mark.parametrize("seed", range(8))
def test_random_errors_open_nothing(seed: int) -> None:
    """8 % for ten simulated minutes, at 10 calls a second."""
    dice = random.Random(seed)
    world = World()
    world.primary.follows(lambda _: fails(K.TRANSIENT) if dice.random() < 0.08 else ok())
    heard: list[object] = []

    async def script() -> None:
        await world.calls(Pipeline.default(listeners=[heard.append]), 6000, every=0.1)

    world.run("sync", script)
    assert not [event for event in heard if isinstance(event, CircuitChanged)]


@pytest.mark.parametrize(
    ("ill", "well"),
    [
        ({"family": "images"}, {"family": "chat"}),
        ({"model": "dall-e"}, {"model": "gpt"}),
        ({"host": "api.openai.com"}, {"host": "eu.api.openai.com"}),
    ],
)
def test_the_trouble_of_one_does_not_stop_another(mode: Mode, ill: dict[str, str], well: dict[str, str]) -> None:
    """Promise 15."""
    world = World()
    pipeline = Pipeline.default()

    async def script() -> None:
        for _ in range(40):
            world.provider("api.openai.com").answers(fails(K.OVERLOADED))
            await world.call(pipeline, **ill)
            world.provider("api.openai.com").answers(ok())
            assert (await world.call(pipeline, **well)).outcome.source == "fresh"

    world.run(mode, script)


@pytest.mark.parametrize("kind", [K.RATE_LIMITED, K.QUOTA, K.AUTH])
def test_the_trouble_of_one_key_does_not_stop_another(mode: Mode, kind: K) -> None:
    """Promise 15."""
    world = World()
    pipeline = Pipeline.default()

    async def script() -> None:
        for _ in range(40):
            world.primary.answers(fails(kind))
            assert (await world.call(pipeline, key="sk-poor")).told.kind is kind
            world.primary.answers(ok())
            assert (await world.call(pipeline, key="sk-rich")).outcome.source == "fresh"

    world.run(mode, script)


def test_late_results_of_an_earlier_generation_count_for_nothing(mode: Mode) -> None:
    """Promise 16: streams that began before the circuit moved."""
    world = World()
    world.primary.answers(*[stream()] * 20, fails(K.TRANSIENT))
    pipeline = bare(ramp=0)

    async def script() -> None:
        early = await world.calls(pipeline, 20)
        await world.calls(pipeline, 6)
        assert circuit_of(pipeline).state == "open"
        for got in early[:10]:
            assert got.reply is not None
            got.reply.end(Verdict.SUCCESS)
        assert circuit_of(pipeline).state == "open"
        await world.until(world.clock.time + 1.0)
        world.primary.answers(ok())
        await world.call(pipeline)
        assert circuit_of(pipeline).state == "closed"
        for got in early[10:]:
            assert got.reply is not None
            got.reply.end(Verdict.FAILURE)
        assert circuit_of(pipeline).state == "closed"
        assert (await world.call(pipeline)).outcome.source == "fresh"

    world.run(mode, script)


def test_a_stream_tells_its_outcome_when_it_ends(mode: Mode) -> None:
    world = World()
    world.primary.answers(stream())
    pipeline = bare(consecutive=3)

    async def script() -> None:
        began = await world.calls(pipeline, 3)
        assert circuit_of(pipeline).state == "closed"
        for got in began:
            assert got.reply is not None
            got.reply.end(Verdict.FAILURE)
        assert circuit_of(pipeline).state == "open"
        await world.until(world.clock.time + 1)
        probe = await world.call(pipeline)
        assert probe.reply is not None
        assert circuit_of(pipeline).state == "half-open"
        probe.reply.end(Verdict.SUCCESS)
        assert circuit_of(pipeline).state == "closed"

    world.run(mode, script)


def test_a_probe_that_streams_leaves_its_place_to_the_next(mode: Mode) -> None:
    """Regression: while a probe's healthy stream was read, which may take a minute, every other call was refused."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    pipeline = bare()

    async def script() -> None:
        await world.calls(pipeline, 6)
        await world.until(world.clock.time + 1)
        world.primary.answers(stream())
        first, second = [(await world.call(pipeline)).reply for _ in range(2)]
        assert first is not None
        assert second is not None
        assert circuit_of(pipeline).state == "half-open"  # neither has said that it is whole
        second.end(Verdict.FAILURE)
        assert circuit_of(pipeline).state == "open"
        first.end(Verdict.SUCCESS)  # of an earlier generation
        assert circuit_of(pipeline).state == "open"

    world.run(mode, script)


def test_jumps_of_the_wall_clock_change_nothing(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 14: the same history, with the wall clock thrown about by an hour and by ten years."""
    import time

    def history(*, jumping: bool) -> list[str]:
        random.seed(7)
        world = World()
        world.primary.follows(lambda sent: fails(K.OVERLOADED, retry_after=1.0) if sent.at < 1030 else ok())
        pipeline = Pipeline.default(Fallback([target()]), isolated=True)
        told: list[str] = []

        async def script() -> None:
            for n in range(600):
                if jumping:
                    jump = (3600, -3600, 315e6, -315e6)[n % 4] * n
                    monkeypatch.setattr(time, "time", lambda jump=jump: 1.8e9 + jump)
                told.append(str((await world.call(pipeline)).outcome.answered_by))
                await world.until(1000 + n * 0.1)

        world.run(mode, script)
        return told

    assert history(jumping=False) == history(jumping=True)


# ---- permits


def test_only_one_probe_with_64_threads() -> None:
    """Promise 10, short form."""
    world = World()
    pipeline = bare(ramp=0, open_for=(1.0, 1.0))
    for _ in range(20):
        circuit_of(pipeline).force_open(world.clock.time, world.clock.time + 1)
        world.clock.time += 1
        together, refused = threading.Barrier(64), threading.Semaphore(0)
        probes: list[float] = []

        def probe(seconds: float, probes: list[float] = probes, refused: threading.Semaphore = refused) -> None:
            probes.append(seconds)
            for _ in range(63):
                assert refused.acquire(timeout=5)

        world.runtime = SyncRuntime(now=world.clock.now, sleep=probe)
        world.primary.answers(ok(delay=0.001))

        def one(together: threading.Barrier = together, refused: threading.Semaphore = refused) -> None:
            together.wait()
            if drive(world.call(pipeline)).failure is not None:
                refused.release()

        threads = [threading.Thread(target=one) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(probes) == 1


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
@pytest.mark.parametrize("probes", [1, 3])
def test_only_so_many_probes_with_64_tasks(mode: Mode, probes: int) -> None:
    """Promise 10."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    pipeline = bare(ramp=0, probes=probes)

    async def script() -> None:
        await world.calls(pipeline, 6)
        await world.until(world.clock.time + 1)
        world.primary.answers(ok(delay=1.0))
        before = world.primary.count
        got: list[Any] = []

        async def one() -> None:
            got.append(await world.call(pipeline))

        await world.at_once([one] * 64)
        assert world.primary.count - before == probes
        assert sum(one.failure is None for one in got) == probes

    world.run(mode, script)


def test_every_permit_comes_back(mode: Mode) -> None:
    """Promise 11, short form: random mixes of answers, failures, cancellations, abandoned and late streams."""
    dice = random.Random(11)
    cancelled = asyncio.CancelledError if mode == "asyncio" else KeyboardInterrupt
    kinds = list(K)
    world = World()

    def rule(_: object) -> Step:
        return dice.choice([ok(), ok(), stream(), fails(dice.choice(kinds)), raises(cancelled), raises(Unknown)])

    world.primary.follows(rule)
    world.backup.follows(rule)
    pipeline = Pipeline.default(
        Fallback([target()]), Retry(wait=0, budget=0.5), CircuitBreaker(open_for=(0.05, 0.2), probes=2, ramp=0.1)
    )
    running: list[Any] = []

    async def script() -> None:
        with permits_back(pipeline):
            for _ in range(3000):
                try:
                    got = await world.call(pipeline)
                except (KeyboardInterrupt, asyncio.CancelledError, Unknown):
                    got = None
                if got is not None and got.reply is not None and got.reply.verdict is None:
                    running.append(got.reply)
                if len(running) > 20:
                    running.pop(dice.randrange(20)).end(dice.choice(list(Verdict)))
                await world.until(world.clock.time + dice.choice([0, 0.01, 0.1]))
            for reply in running:
                reply.end(dice.choice(list(Verdict)))
            await world.until(world.clock.time + 100)
            world.primary.answers(ok())
            world.backup.answers(ok())
            assert (await world.call(pipeline)).failure is None
            world.primary.answers(fails(K.LOCAL))
            assert (await world.call(pipeline)).failure is None  # drains what finalisers left
        seen = world.primary.count + world.backup.count
        assert seen > 1000

    world.run(mode, script)


class Unknown(Exception):
    """Such as a library raises that nobody told us of."""


FOREIGN = [
    KeyboardInterrupt,
    SystemExit,
    GeneratorExit,
    Unknown,
    ZeroDivisionError,
    RuntimeError,
    asyncio.CancelledError,
]


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("at", ["closed", "half-open"])
def test_what_is_no_known_failure_passes_untouched(mode: Mode, foreign: type[BaseException], at: str) -> None:
    """Promise 7: re-raised itself, nothing more is sent, no evidence, permits back."""
    if mode == "trio" and foreign is asyncio.CancelledError:
        pytest.skip("asyncio.CancelledError is asyncio's own; trio has another class")
    world = World()
    raised = foreign("stop")
    pipeline = Pipeline.default(Fallback([target()]), CircuitBreaker(consecutive=3))

    async def script() -> None:
        if at == "half-open":
            world.primary.answers(fails(K.UNREACHABLE))
            await world.calls(pipeline, 6)
            await world.until(world.clock.time + 1)
            assert circuit_of(pipeline).state == "open"
        state = circuit_of(pipeline).state
        world.primary.answers(raises(lambda: raised))
        sent = world.primary.count, world.backup.count
        for _ in range(5):
            with permits_back(pipeline):
                with pytest.raises(foreign) as caught:
                    await world.call(pipeline)
                assert caught.value is raised
        assert (world.primary.count, world.backup.count) == (sent[0] + 5, sent[1])
        assert circuit_of(pipeline).state == ("closed" if state == "closed" else "half-open")

    world.run(mode, script)


def test_stop_iteration_out_of_a_port_is_no_answer(mode: Mode) -> None:
    """Python turns it into a RuntimeError where it leaves a coroutine; it must end no call as if it had returned."""
    world = World()
    world.primary.answers(raises(lambda: StopIteration("an answer?")))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        with permits_back(pipeline), pytest.raises(RuntimeError) as caught:
            await world.call(pipeline)
        assert isinstance(caught.value.__cause__, StopIteration)
        assert world.backup.count == 0

    world.run(mode, script)


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
@pytest.mark.parametrize("at", ["sending", "waiting"])
def test_a_cancelled_task_leaves_nothing_behind(mode: Mode, at: str) -> None:
    """Promises 7, 11, 12: cancelled in a send or in a wait between two."""
    world = World()
    pipeline = Pipeline.default(Retry(wait=5, budget=1.0), CircuitBreaker(consecutive=2))

    async def script() -> None:
        world.primary.answers(fails(K.UNREACHABLE))
        await world.calls(pipeline, 1)
        assert circuit_of(pipeline).state == "open"
        await world.until(world.clock.time + 10)
        world.primary.answers(mute() if at == "sending" else fails(K.OVERLOADED, retry_after=7))
        world.clock.expect(2)  # a task that never sleeps: the sleeper is not woken
        sent = world.primary.count
        with permits_back(pipeline), anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(world.call, pipeline)
                for _ in range(10):
                    await anyio.lowlevel.checkpoint()
                assert world.primary.count == sent + 1
                scope.cancel()
        assert scope.cancelled_caught
        assert world.primary.count == sent + 1

    world.run(mode, script)


def test_an_abandoned_stream_frees_its_probe(mode: Mode) -> None:
    """A finaliser takes no lock: the permit comes back at the next admission."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    pipeline = bare()

    async def script() -> None:
        await world.calls(pipeline, 6)
        await world.until(world.clock.time + 1)
        world.primary.answers(stream())
        got = await world.call(pipeline)
        assert got.reply is not None
        got.reply.end(Verdict.DROPPED)
        world.primary.answers(ok())
        assert (await world.call(pipeline)).outcome.source == "fresh"

    world.run(mode, script)
    gc.collect()


# ---- by hand


def test_control_reaches_every_circuit(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    import time

    monkeypatch.setattr(time, "monotonic", world.clock.now)
    pipelines = [Pipeline.default(), Pipeline.default(isolated=True), Pipeline.default(Deadline(total=5))]

    async def script() -> None:
        for pipeline in pipelines:
            await world.call(pipeline)
        assert control.force_open("openai") == 3
        for pipeline in pipelines:
            got = await world.call(pipeline)
            assert isinstance(got.told, CircuitOpen)
            assert got.told.reopens_in == FOREVER
        assert control.force_open("elsewhere") == 0
        assert control.close("openai") == 3
        for pipeline in pipelines:
            assert (await world.call(pipeline)).failure is None
        control.force_open("openai", seconds=60)
        await world.until(world.clock.time + 59)
        assert isinstance((await world.call(pipelines[0])).told, CircuitOpen)
        await world.until(world.clock.time + 2)
        assert (await world.call(pipelines[0])).failure is None
        control.force_open("openai")
        control.reset()
        for pipeline in pipelines:
            assert (await world.call(pipeline)).failure is None

    world.run(mode, script)


# ---- what is heard


def test_listeners_hear_each_thing_once(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED, status=503, delay=0.5))
    heard: list[Any] = []
    pipeline = Pipeline.default(Retry(attempts=1), CircuitBreaker(consecutive=2), listeners=[heard.append])

    async def script() -> None:
        await world.calls(pipeline, 2)
        await world.until(world.clock.time + 1.5)
        world.primary.answers(ok())
        await world.call(pipeline)

    world.run(mode, script)
    assert [type(event) for event in heard if isinstance(event, AttemptFailed | CallFinished)] == [
        AttemptFailed,
        CallFinished,
        AttemptFailed,
        CallFinished,
        CallFinished,
    ]
    changes = [(event.old, event.new) for event in heard if isinstance(event, CircuitChanged)]
    assert changes == [("closed", "open"), ("open", "half-open"), ("half-open", "closed")]
    failed = next(event for event in heard if isinstance(event, AttemptFailed))
    assert (failed.target, failed.status, failed.seconds) == ("primary", 503, pytest.approx(0.5))


def test_a_listener_that_raises_breaks_no_call(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Foreign code beside the call: told once in the log, and the answer in hand is handed over."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE), ok())
    heard: list[object] = []

    def broken(_: object) -> None:
        raise ValueError("a bug")

    async def script() -> None:
        got = await world.calls(Pipeline.default(listeners=[broken, heard.append]), 3)
        assert all(one.failure is None for one in got)

    world.run(mode, script)
    assert len(heard) == 4
    assert sum("listener" in record.getMessage() for record in caplog.records) == 1


def test_trio_cancelled_passes() -> None:
    """Promise 7."""
    world = World()
    world.primary.answers(mute())
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        with permits_back(pipeline), trio.CancelScope() as scope:
            scope.cancel()
            await world.call(pipeline, timeout=10.0)
        assert scope.cancelled_caught
        assert world.backup.count == 0

    world.run("trio", script)
