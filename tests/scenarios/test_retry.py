"""The same target again: when, how often, how long after."""

from __future__ import annotations

import itertools
import logging
import math
from statistics import mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, Retry
from resilient_ai._call import Operation
from resilient_ai.errors import ConfigurationError, Failure
from resilient_ai.failures import FailureKind as K
from resilient_ai.strategies._tenacity import Past, state_after

from .harness import Mode, World, fails, ok, raises, target

# Written by hand from the table of failures: sends at the primary, with attempts=3 and an ample budget.
#        kind             stateless and idempotent calls   creating calls
#                         alone   with another target      alone   with another target
SENDS = {
    K.UNREACHABLE:       (3,      2,                       3,      2),
    K.TRANSIENT:         (3,      2,                       1,      1),
    K.OVERLOADED:        (3,      1,                       3,      1),
    K.SILENT:            (2,      1,                       1,      1),
    K.RATE_LIMITED:      (3,      1,                       3,      1),
    K.QUOTA:             (1,      1,                       1,      1),
    K.AUTH:              (1,      1,                       1,      1),
    K.CALLER:            (1,      1,                       1,      1),
    K.TOO_LONG:          (1,      1,                       1,      1),
    K.REFUSED:           (1,      1,                       1,      1),
    K.GONE:              (1,      1,                       1,      1),
    K.BROKEN:            (3,      2,                       1,      1),
    K.DEADLINE:          (1,      1,                       1,      1),
    K.LOCAL:             (1,      1,                       1,      1),
}  # fmt: skip


def test_the_table_is_complete() -> None:
    assert set(SENDS) == set(K)


@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("another", [False, True])
def test_sends_at_one_target(mode: Mode, kind: K, operation: Operation, another: bool) -> None:
    """Promise 3 and 45: what is never repeated is not; a creating call only after proof that nothing was made."""
    world = World()
    world.primary.answers(fails(kind))
    world.backup.answers(ok())
    pipeline = Pipeline(Fallback([target()] if another else []), Retry(budget=1.0))

    async def script() -> None:
        await world.call(pipeline, operation=operation)

    world.run(mode, script)
    expected = SENDS[kind][(2 if operation is Operation.CREATING else 0) + another]
    assert world.primary.count == expected


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_never_more_than_the_attempts_allowed(mode: Mode, attempts: int) -> None:
    """Promise 2."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        for _ in range(3):
            before = world.primary.count
            got = await world.call(Pipeline(Retry(attempts=attempts, budget=1.0), isolated=True))
            assert got.told.kind is K.TRANSIENT
            assert world.primary.count - before == min(attempts, 3)  # a fresh budget advances two

    world.run(mode, script)


def test_a_body_that_can_be_sent_only_once_is_sent_once(mode: Mode) -> None:
    """Promise 8."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))

    async def script() -> None:
        await world.call(Pipeline.default(Fallback([target()])), repeatable=False)

    world.run(mode, script)
    assert (world.primary.count, world.backup.count) == (1, 0)


def test_back_off_is_full_jitter(mode: Mode) -> None:
    """Promise 5: uniform in [0, min(8, 0.5 * 2**i)], by the Kolmogorov-Smirnov distance."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    waits: list[list[float]] = [[], [], [], [], [], []]

    async def script() -> None:
        for _ in range(400):
            world.clock.slept.clear()
            pipeline = Pipeline(Retry(attempts=3, budget=1.0), isolated=True)
            await world.call(pipeline)
            for i, slept in enumerate(world.clock.slept):
                waits[i].append(slept)

    world.run(mode, script)
    for i, sample in enumerate(waits[:2]):
        top = min(8.0, 0.5 * 2**i)
        assert len(sample) == 400
        assert all(0 <= wait <= top for wait in sample)
        ranks = sorted(wait / top for wait in sample)
        distance = max(abs(rank - (n + 0.5) / len(ranks)) for n, rank in enumerate(ranks))
        assert distance < 2.2 / math.sqrt(len(ranks))  # one run in ten thousand is further off
        assert mean(ranks) == pytest.approx(0.5, abs=0.06)


def test_back_off_is_capped() -> None:
    """Promise 5."""
    failure = Failure("down", kind=K.UNREACHABLE)
    states = [state_after(failure, Past(number, 0.0, 0.0), 1.0) for number in range(1, 40)]
    waits = [Retry()._backoff(state) for state in states for _ in range(50)]
    assert max(waits) <= 8.0
    assert max(waits) > 7.0


def test_a_wait_asked_for_is_a_floor_with_jitter_only(mode: Mode) -> None:
    """Promise 4."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED, retry_after=10.0))

    async def script() -> None:
        for _ in range(50):
            await world.call(Pipeline(Retry(attempts=2), isolated=True))

    world.run(mode, script)
    assert len(world.clock.slept) == 50
    assert min(world.clock.slept) >= 10.0
    assert max(world.clock.slept) <= 12.5
    assert max(world.clock.slept) - min(world.clock.slept) > 0.5


@pytest.mark.parametrize(("asked", "limit"), [(61.0, None), (86_400.0, None), (10.0, 5.0), (4.9, 4.9)])
def test_a_wait_that_does_not_fit_is_not_begun(mode: Mode, asked: float, limit: float | None) -> None:
    """Promise 4: no sleep beyond cap and deadline."""
    world = World()
    world.primary.answers(fails(K.RATE_LIMITED, retry_after=asked))

    async def script() -> None:
        got = await world.call(Pipeline(Deadline(total=limit), Retry()))
        assert got.told.kind is K.RATE_LIMITED

    world.run(mode, script)
    assert world.clock.slept == []
    assert world.primary.count == 1


@given(
    retry_after=st.floats(min_value=0, max_value=86_400, exclude_min=True),
    limit=st.none() | st.floats(min_value=0.001, max_value=1000),
    kind=st.sampled_from([K.OVERLOADED, K.RATE_LIMITED, K.TRANSIENT, K.UNREACHABLE]),
    another=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_no_wait_passes_the_deadline(retry_after: float, limit: float | None, kind: K, another: bool) -> None:
    """Promises 4 and 6."""
    world = World()
    world.primary.answers(fails(kind, retry_after=retry_after))
    pipeline = Pipeline(
        Deadline(total=limit), Fallback([target()] if another else []), Retry(), CircuitBreaker(), isolated=True
    )

    async def script() -> None:
        await world.call(pipeline)

    world.run("sync", script)
    assert all(0 <= slept <= 75 for slept in world.clock.slept)
    assert world.clock.time - 1000 <= (math.inf if limit is None else limit)


@pytest.mark.parametrize("kind", list(K))
def test_with_another_target_standing_by_no_one_waits(mode: Mode, kind: K) -> None:
    """Promise 17: the fallback answers at once, however long the primary's Retry-After."""
    world = World()
    world.primary.answers(fails(kind, retry_after=20.0))
    pipeline = Pipeline.default(Deadline(total=600), Fallback([target()]))

    async def script() -> None:
        await world.call(pipeline)

    world.run(mode, script)
    assert world.clock.time - 1000 <= 0.1


def test_a_number_or_a_tenacity_object_says_how_long(mode: Mode) -> None:
    tenacity = pytest.importorskip("tenacity")
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))

    async def script() -> None:
        await world.call(Pipeline(Retry(wait=2)))
        await world.call(Pipeline(Retry(wait=tenacity.wait_incrementing(start=1, increment=3))))

    world.run(mode, script)
    assert world.clock.slept == [2, 2, 1, 4]


@pytest.mark.parametrize(("calls", "most"), [(40, 1.5), (1000, 1.1)])
@pytest.mark.parametrize("every", [0.05, 0.5])
@pytest.mark.parametrize("kind", [K.UNREACHABLE, K.OVERLOADED, K.RATE_LIMITED])
def test_total_outage_upstream_requests_per_call(mode: Mode, calls: int, most: float, every: float, kind: K) -> None:
    """Promise 1: the default pipeline, no fallback."""
    world = World()
    world.primary.answers(fails(kind))

    async def script() -> None:
        await world.calls(Pipeline.default(), calls, every=every)

    world.run(mode, script)
    assert world.primary.count <= most * calls


def test_the_budget_alone_holds_too(mode: Mode) -> None:
    """Promise 1, where no circuit opens."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        await world.calls(Pipeline(Retry(wait=0)), 1000, every=0.01)

    world.run(mode, script)
    assert 1050 <= world.primary.count <= 1100


def test_the_budget_is_shared_by_those_who_ask_for_the_same(mode: Mode) -> None:
    """A client built anew for each call has no budget of its own (promise 43)."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        for _ in range(200):
            await world.call(Pipeline(Retry(wait=0)))

    world.run(mode, script)
    assert world.primary.count <= 222


def test_a_repeat_that_the_circuit_refuses_is_not_told_and_costs_nothing(mode: Mode) -> None:
    """The caller hears what the provider said, and the token of a repeat that was not sent goes back."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT, status=500))
    retry = Retry(wait=0)
    pipeline = Pipeline(retry, CircuitBreaker(consecutive=1))

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.told.status == 500
        budget = pipeline.states.of(retry).get(("api.openai.com", "chat", "gpt"))
        assert budget.tokens(world.clock.time) == pytest.approx(2.0)

    world.run(mode, script)
    assert world.primary.count == 1


def test_waits_are_told(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED, retry_after=2.0, delay=1.0), ok(delay=0.5))

    async def script() -> None:
        got = await world.call(Pipeline.default())
        assert got.text == "hello from primary"
        assert 2.0 <= got.outcome.waited <= 2.5
        assert got.seconds == pytest.approx(got.outcome.waited + 1.5)
        assert [line.split(" after")[0] for line in got.outcome.attempts] == [
            "primary: overloaded",
            "primary: answered",
        ]
        assert got.outcome.source == "fresh"
        assert not got.outcome.degraded

    world.run(mode, script)


def test_several_budgets_for_several_scopes(mode: Mode) -> None:
    """One family's outage does not spend another's repeats."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        pipeline = Pipeline(Retry(wait=0, attempts=2))
        for family, model in itertools.product(["chat", "images"], ["a", "b"]):
            before = world.primary.count
            await world.calls(pipeline, 2, family=family, model=model)
            assert world.primary.count - before == 4

    world.run(mode, script)


def test_a_loop_above_is_told_once_and_draws_on_the_same_budget(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Ask 8: the same request seconds after it was given up earns no repeats, and is told of once."""
    world = World(told_apart=True)
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        pipeline = Pipeline(Retry(wait=0))
        await world.calls(pipeline, 30, every=0.1)
        looped = world.primary.count
        assert looped <= 30 + 3  # the first one's two repeats, and the floor of one in ten seconds
        world.primary.answers(ok())
        await world.calls(pipeline, 3, every=61.0)  # what is sent again later is another request
        assert world.primary.count == looped + 3

    with caplog.at_level(logging.WARNING, logger="resilient_ai"):
        world.run(mode, script)
    (told,) = [line.getMessage() for line in caplog.records]
    assert "comes again" in told
    assert "hi" not in told.split()


@pytest.mark.parametrize("kind", [K.CALLER, K.REFUSED, K.AUTH])
def test_a_mistake_made_twice_is_no_loop(mode: Mode, kind: K, caplog: pytest.LogCaptureFixture) -> None:
    world = World(told_apart=True)
    world.primary.answers(fails(kind))

    async def script() -> None:
        await world.calls(Pipeline(Retry()), 5)

    world.run(mode, script)
    assert caplog.records == []


def test_different_requests_are_no_loop(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    world = World(told_apart=True)
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        for number in range(5):
            await world.call(Pipeline(Retry(attempts=1)), body=f"question {number}")

    world.run(mode, script)
    assert caplog.records == []


# ---- tenacity's objects


def ample(pipeline: Pipeline) -> None:
    """Save up a budget that is no limit."""
    retry = pipeline.find(Retry)
    assert retry is not None
    budget = pipeline.states.of(retry).get(("api.openai.com", "chat", "gpt"))
    for _ in range(10):
        budget.deposit(1000.0)


def test_tenacity_is_asked_as_tenacity_asks(mode: Mode) -> None:
    """Its objects get a RetryCallState: the outcome, the attempt's number, times of the runtime's clock."""
    tenacity = pytest.importorskip("tenacity")
    world = World()
    world.primary.answers(fails(K.TRANSIENT, delay=2.0))
    seen: list[Any] = []

    def note(state: Any) -> bool:
        failure = state.outcome.exception()
        seen.append(
            (state.attempt_number, state.seconds_since_start, state.idle_for, state.outcome.failed, failure.kind)
        )
        return True

    async def script() -> None:
        pipeline = Pipeline(Retry(retry=note, stop=tenacity.stop_after_attempt(4), wait=1, budget=1.0))
        ample(pipeline)
        await world.call(pipeline)

    world.run(mode, script)
    assert seen == [(n, 3.0 * n - 1.0, n - 1.0, True, K.TRANSIENT) for n in (1, 2, 3, 4)]
    assert world.primary.count == 4


@pytest.mark.parametrize(
    ("said", "sends"),
    [
        ({"stop": "stop_after_delay(7)"}, 3),
        ({"stop": "stop_before_delay(6)"}, 2),
        ({"stop": "stop_after_attempt(5)"}, 5),
        ({"stop": "stop_after_attempt(5)", "attempts": 2}, 2),
        ({"stop": "(stop_after_attempt(5) | stop_after_delay(4))"}, 2),
        ({"retry": "retry_if_not_exception_type(Exception)"}, 1),
        ({"retry": "retry_if_exception(lambda e: e.status == 500)"}, 3),
        ({"retry": "retry_if_exception_message(match='transient')"}, 3),
        ({"retry": "retry_never"}, 1),
        ({"wait": "wait_exponential(multiplier=2)", "attempts": 3}, 3),
        ({"wait": "wait_chain(wait_fixed(1), wait_fixed(2))", "attempts": 3}, 3),
    ],
)
def test_any_of_tenacity_s_objects(mode: Mode, said: dict[str, Any], sends: int) -> None:
    tenacity = pytest.importorskip("tenacity")
    made = {name: eval(text, vars(tenacity)) if isinstance(text, str) else text for name, text in said.items()}
    world = World()
    world.primary.answers(fails(K.TRANSIENT, delay=2.0, status=500))

    async def script() -> None:
        pipeline = Pipeline(Retry(**{"wait": 1, "budget": 1.0} | made))
        ample(pipeline)
        await world.call(pipeline)

    world.run(mode, script)
    assert world.primary.count == sends


@pytest.mark.parametrize("kind", [K.CALLER, K.AUTH, K.QUOTA, K.REFUSED])
def test_a_tenacity_object_allows_nothing_that_is_not_safe(mode: Mode, kind: K) -> None:
    """Promise 3."""
    tenacity = pytest.importorskip("tenacity")
    world = World()
    world.primary.answers(fails(kind))

    async def script() -> None:
        await world.call(Pipeline(Retry(retry=tenacity.retry_always, stop=tenacity.stop_after_attempt(9))))

    world.run(mode, script)
    assert world.primary.count == 1


@pytest.mark.parametrize("word", [None, "soon", math.nan, True])
def test_a_wait_object_that_gives_no_seconds_is_told(mode: Mode, word: object) -> None:
    world = World()
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        with pytest.raises(ConfigurationError, match="instead of seconds"):
            await world.call(Pipeline(Retry(wait=lambda _: word)))

    world.run(mode, script)


@pytest.mark.parametrize("word", [math.inf, 1e300, 10**400], ids=["infinite", "float", "int"])
def test_a_wait_without_end_is_no_repeat(mode: Mode, word: float) -> None:
    """The program sees the provider's failure; a clock's own OverflowError says nothing to it."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT))

    async def script() -> None:
        await world.call(Pipeline(Retry(wait=lambda _: word)))

    world.run(mode, script)
    assert world.primary.count == 1


def test_what_should_not_be_repeated_is_not(mode: Mode) -> None:
    """``x-should-retry: false``; the next target is asked all the same."""

    def failure() -> Failure:
        return Failure("HTTP 500", kind=K.TRANSIENT, target="primary", status=500, should_retry=False)

    world = World()
    world.primary.answers(raises(failure))

    async def script() -> None:
        await world.call(Pipeline.default())
        assert world.primary.count == 1
        assert (await world.call(Pipeline.default(Fallback([target()])))).outcome.source == "fallback"
        assert world.primary.count == 2

    world.run(mode, script)
