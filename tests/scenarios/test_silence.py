"""Targets that fall silent, or slow: judged by all their calls, at the cost of few."""

from __future__ import annotations

import random
from typing import Any

import pytest

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline
from resilient_ai.errors import CircuitOpen
from resilient_ai.events import CircuitChanged
from resilient_ai.failures import FailureKind as K

from .harness import Got, Mode, Step, World, fails, mute, ok, target

START = 1000.0  # of the virtual clock
ASYNC = pytest.mark.parametrize("mode", ["asyncio", "trio"])  # many calls at a time, on one clock


def steadily(world: World, pipeline: Pipeline, got: list[Got], *, rate: float, start: float, end: float) -> list[Any]:
    """So many calls a second, each at its own time, whatever became of those before."""

    def at(when: float) -> Any:
        async def call() -> None:
            await world.until(START + when)
            got.append(await world.call(pipeline, timeout=60.0))

        return call

    return [at(start + index / rate) for index in range(int((end - start) * rate))]


def quick(got: list[Got], begin: float, end: float, limit: float) -> float:
    """The share of the calls of these seconds that were answered so soon."""
    asked = [one for one in got if START + begin <= one.at < START + end]
    return sum(one.failure is None and one.seconds <= limit for one in asked) / len(asked)


def struck(begin: float, end: float, trouble: Step) -> Any:
    """A primary that answers in a tenth of a second, but for a while."""
    return lambda sent: trouble if START + begin <= sent.at < START + end else ok(0.1)


@ASYNC
@pytest.mark.parametrize("warm", [0.0, 20.0])
def test_a_mute_primary_costs_the_first_second(mode: Mode, warm: float) -> None:
    """Issue 3: from the second second on 95 % of new calls are quick; 10 of 100 reach it; it comes back."""
    world = World()
    world.primary.follows(struck(warm, warm + 30, mute()))
    world.backup.answers(ok(0.1))
    pipeline = Pipeline.default(Fallback([target()]), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=16, start=0, end=warm + 60))

    world.run(mode, script)
    assert all(one.failure is None for one in got)
    assert quick(got, warm + 1, warm + 30, 0.3) >= 0.95
    stuck = [sent for sent in world.primary.seen if START + warm <= sent.at < START + warm + 30]
    assert len(stuck) <= 0.1 * 30 * 16
    again = min(sent.at for sent in world.primary.seen if sent.at >= START + warm + 30)
    assert again <= START + warm + 30 + 15
    assert quick(got, warm + 50, warm + 60, 0.3) == 1.0


@ASYNC
def test_a_primary_that_merely_thinks_is_let_alone_once_it_has_answered(mode: Mode) -> None:
    """What cannot be known in the first seconds of a process: the first answer ends the suspicion, for good."""
    world = World()
    world.primary.answers(ok(6.0))
    heard: list[object] = []
    pipeline = Pipeline.default(Fallback([target()]), isolated=True, listeners=[heard.append])
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=16, start=0, end=120))

    world.run(mode, script)
    assert all(one.failure is None for one in got)
    assert world.backup.count <= 200
    assert all(one.outcome.source == "fresh" for one in got if one.at >= START + 40)
    assert len([event for event in heard if isinstance(event, CircuitChanged) and event.old == "closed"]) <= 4


@ASYNC
def test_calls_with_nowhere_else_to_go_are_not_refused_on_suspicion(mode: Mode) -> None:
    """No harm: without a fallback a slow primary is the only one there is."""
    world = World()
    world.primary.answers(ok(20.0))
    pipeline = Pipeline.default(isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=16, start=0, end=60))

    world.run(mode, script)
    assert all(one.failure is None for one in got)
    assert world.primary.count == len(got)


@ASYNC
def test_without_a_fallback_a_mute_primary_is_given_up_at_the_calls_own_limits(mode: Mode) -> None:
    """DESIGN §4: the call's limit is no failure of the target, but nothing at all coming back meanwhile is."""
    world = World()
    world.primary.follows(struck(0, 40, mute()))
    pipeline = Pipeline.default(Deadline(total=5.0), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=10, start=0, end=90))

    world.run(mode, script)
    stuck = [sent for sent in world.primary.seen if START <= sent.at < START + 40]
    assert len(stuck) <= 10 * 6 + 10  # those of the first five seconds, and a probe now and then
    assert isinstance(next(one for one in got if one.at >= START + 10).told, CircuitOpen)
    assert quick(got, 80, 90, 0.2) == 1.0


def test_a_limit_that_is_shorter_than_answers_take_says_nothing_about_the_target(mode: Mode) -> None:
    """Promise 12: the caller's own limit is no evidence."""
    world = World()
    world.primary.answers(ok(0.5))
    pipeline = Pipeline.default(Deadline(total=0.3), isolated=True)

    async def script() -> None:
        got = await world.calls(pipeline, 50, every=1.0)
        assert all(one.told.kind is K.DEADLINE for one in got)
        assert world.primary.count == 50

    world.run(mode, script)


@ASYNC
def test_slow_calls_open_where_it_was_asked_for(mode: Mode) -> None:
    """Issue 3: a primary ten times slower, with slow_call: as quick as a mute one, and back when it is quick again."""
    world = World()
    world.primary.follows(struck(20, 50, ok(1.0)))
    world.backup.answers(ok(0.1))
    pipeline = Pipeline.default(Fallback([target()]), CircuitBreaker(slow_call=5), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=16, start=0, end=80))

    world.run(mode, script)
    assert all(one.failure is None for one in got)
    assert quick(got, 21, 50, 0.3) >= 0.95
    assert sum(START + 20 <= sent.at < START + 50 for sent in world.primary.seen) <= 0.1 * 30 * 16
    assert all(one.outcome.source == "fresh" for one in got if one.at >= START + 75)


@ASYNC
def test_slow_calls_count_as_soon_as_they_are_slow(mode: Mode) -> None:
    """Not only at their end: here they end after half a minute, and one in eight is as quick as ever."""
    world = World()
    world.primary.follows(lambda sent: ok(30.0 if sent.at >= START + 20 and sent.number % 8 else 0.1))
    world.backup.answers(ok(0.1))
    pipeline = Pipeline.default(Fallback([target()]), CircuitBreaker(slow_call=5), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=16, start=0, end=40))

    world.run(mode, script)
    assert quick(got, 22, 40, 0.3) >= 0.9


@ASYNC
def test_slow_calls_open_nothing_unless_asked(mode: Mode) -> None:
    """Off until asked for. A gap of nearly a second in the answers may send the calls of a moment elsewhere."""
    world = World()
    world.primary.follows(struck(20, 40, ok(1.0)))
    pipeline = Pipeline.default(Fallback([target()]), isolated=True)
    got: list[Got] = []

    async def script() -> None:
        await world.at_once(steadily(world, pipeline, got, rate=16, start=0, end=40))

    world.run(mode, script)
    assert world.backup.count <= 10


@ASYNC
def test_a_tenth_slow_is_its_way_also_with_slow_call(mode: Mode) -> None:
    """Promise 42, with learnt latency on: sixty at a time, 90 % in 0.3 s and 10 % in 6 s."""
    world = World()
    dice = random.Random(45)
    world.primary.follows(lambda _: ok(6.0 if dice.random() < 0.1 else 0.3))
    pipeline = Pipeline.default(Fallback([target()]), CircuitBreaker(slow_call=5), isolated=True)
    got: list[Got] = []

    async def one_after_the_other() -> None:
        for _ in range(60):
            got.append(await world.call(pipeline, timeout=600.0))

    async def script() -> None:
        await world.at_once([one_after_the_other] * 60)

    world.run(mode, script)
    assert world.backup.count == 0
    assert all(one.failure is None for one in got)


def thin(world: World, heard: list[tuple[float, CircuitChanged]]) -> Pipeline:
    def listen(event: object) -> None:
        if isinstance(event, CircuitChanged):
            heard.append((world.clock.time, event))

    return Pipeline.default(Deadline(total=10.0), Fallback([target()]), isolated=True, listeners=[listen])


@pytest.mark.parametrize("trouble", [fails(K.UNREACHABLE), mute(), fails(K.TRANSIENT)], ids=["dead", "mute", "500"])
def test_processes_with_few_calls_find_out_soon_and_pay_no_more(mode: Mode, trouble: Step) -> None:
    """Issue 3: one call in eight seconds: all answered, and nobody pays again within the open time."""
    for _ in range(4):  # each as if it were one of many processes
        world = World()
        world.primary.answers(trouble)
        world.backup.answers(ok(0.1))
        heard: list[tuple[float, CircuitChanged]] = []
        pipeline = thin(world, heard)

        async def script(world: World = world, pipeline: Pipeline = pipeline) -> None:
            got = await world.calls(pipeline, 30, every=8.0)
            assert all(one.outcome.source == "fallback" for one in got)
            # The first three at most, then one after each open time, which grows from two calls' gap to thirty seconds.
            assert sum(bool(one.outcome.attempts[0].startswith("primary")) for one in got) <= 12

        world.run(mode, script)
        opened = [(at, event.reopens_in) for at, event in heard if event.new == "open"]
        assert opened[0][0] <= START + 20
        for at, reopens_in in opened:
            assert reopens_in is not None
            assert not [sent for sent in world.primary.seen if at < sent.at < at + reopens_in]


def test_a_dead_host_is_not_asked_for_another_model(mode: Mode) -> None:
    """DESIGN §5: the host as a whole is judged by failures to connect, whichever model they were for."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    pipeline = Pipeline(CircuitBreaker(), isolated=True)

    async def script() -> None:
        for model in ("a", "b", "a", "b", "a", "b", "a"):
            await world.call(pipeline, model=model)
        before = world.primary.count
        assert before == 7
        assert isinstance((await world.call(pipeline, model="c")).told, CircuitOpen)
        assert isinstance((await world.call(pipeline, model="c", family="embeddings")).told, CircuitOpen)
        assert world.primary.count == before
        world.primary.answers(ok())
        await world.runtime.sleep(1.0)
        assert (await world.call(pipeline, model="c")).failure is None  # the host's probe
        assert (await world.call(pipeline, model="d")).failure is None

    world.run(mode, script)


def test_a_connection_made_clears_the_host_whosever_it_was(mode: Mode) -> None:
    world = World()
    world.primary.follows(lambda sent: ok() if sent.number in (5, 99) else fails(K.UNREACHABLE))
    pipeline = Pipeline(CircuitBreaker(), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 8, model="a")
        await world.call(pipeline, model="b")
        before = world.primary.count
        await world.call(pipeline, model="c")
        assert world.primary.count == before + 1 == 10

    world.run(mode, script)


def test_an_error_from_one_model_says_that_the_host_is_there(mode: Mode) -> None:
    """Promise 15: one model's trouble is its own."""
    world = World()
    world.primary.follows(lambda sent: fails(K.TRANSIENT, status=500) if sent.model == "a" else ok())
    pipeline = Pipeline(CircuitBreaker(), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 20, model="a")
        assert world.primary.count == 7
        assert (await world.call(pipeline, model="b")).failure is None

    world.run(mode, script)


def test_a_model_nothing_is_known_of_is_judged_by_its_family(mode: Mode) -> None:
    """DESIGN §5: several models of a family open, and one that was never called goes elsewhere, for as long."""
    world = World()
    world.primary.follows(lambda sent: ok() if sent.model == "known" else fails(K.TRANSIENT, status=500))

    pipeline = Pipeline(Fallback([target()]), CircuitBreaker(open_for=(5, 5)), isolated=True)

    async def script() -> None:
        await world.call(pipeline, model="known")
        for model in ("a", "b"):
            await world.calls(pipeline, 7, model=model)
        before = world.primary.count
        assert (await world.call(pipeline, model="new")).outcome.source == "fallback"
        assert world.primary.count == before
        assert (await world.call(pipeline, model="known")).outcome.source == "fresh"
        assert (await world.call(pipeline, model="new", family="embeddings")).outcome.attempts[0].startswith("primary")
        await world.runtime.sleep(6.0)
        before = world.primary.count
        await world.call(pipeline, model="new")  # their time is over: it may find out by itself
        assert world.primary.count == before + 1

    world.run(mode, script)
