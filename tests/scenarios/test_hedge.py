"""Two requests at once: who is hedged, who wins, what is told, and that nothing is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai import CircuitBreaker, Fallback, Hedge, Pipeline, RateLimiter
from resilient_ai._call import Operation, Verdict
from resilient_ai.errors import ConfigurationError
from resilient_ai.events import Hedged
from resilient_ai.failures import FailureKind

from .harness import Mode, Step, World, circuit_of, fails, ok, permits_back, raises, stream, target

if TYPE_CHECKING:
    from resilient_ai.events import Event


def hedging(*more: Any, after: float | str = 1.0, budget: float = 1.0, **said: Any) -> Pipeline:
    return Pipeline(*more, Hedge(after=after, budget=budget), CircuitBreaker(), **said)


def test_a_slow_first_request_is_overtaken(mode: Mode) -> None:
    """Promise: the first good answer wins; the loser is told as such, and is no evidence."""
    heard: list[Event] = []
    pipeline = hedging(listeners=[heard.append])
    world = World()
    world.primary.answers(ok(10, text="late"), ok(0.5, text="quick"))

    async def script() -> None:
        with permits_back(pipeline):
            got = await world.call(pipeline)
        assert got.text == "quick"
        assert got.seconds == pytest.approx(1.5)
        assert [sent.at for sent in world.primary.seen] == [1000.0, 1001.0]
        first, second = got.outcome.attempts
        assert first == "primary: hedged, lost after 1.50 s"
        assert second.startswith("primary: answered")

    world.run(mode, script)
    (hedged,) = (event for event in heard if isinstance(event, Hedged))
    assert (hedged.won, hedged.after, hedged.target) == (True, 1.0, "primary")


def test_a_quick_one_is_alone(mode: Mode) -> None:
    pipeline = hedging()
    world = World()
    world.primary.answers(ok(0.9))

    async def script() -> None:
        for got in await world.calls(pipeline, 5):
            assert len(got.outcome.attempts) == 1
        assert world.primary.count == 5

    world.run(mode, script)


def test_the_first_may_still_win(mode: Mode) -> None:
    """The second has then lost; an answer of it that came all the same would be let go of."""
    pipeline = hedging()
    world = World()
    world.primary.answers(ok(1.5, text="first"), ok(5, text="second"))

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.text == "first"
        assert got.seconds == pytest.approx(1.5)
        assert got.outcome.attempts == ("primary: answered after 1.50 s", "primary: hedged, lost after 0.50 s")

    world.run(mode, script)


def test_a_failure_before_the_hedge_is_the_call_s(mode: Mode) -> None:
    pipeline = hedging()
    world = World()
    world.primary.answers(fails(FailureKind.OVERLOADED, 0.2))

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.told.kind is FailureKind.OVERLOADED
        assert world.primary.count == 1

    world.run(mode, script)


@pytest.mark.parametrize("steps", [(fails(FailureKind.TRANSIENT, 2), ok(3)), (ok(4), fails(FailureKind.TRANSIENT, 1))])
def test_one_fails_and_the_other_goes_on(mode: Mode, steps: tuple[Step, Step]) -> None:
    pipeline = hedging()
    world = World()
    world.primary.answers(*steps)

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.text
        assert got.seconds == pytest.approx(4)
        assert sum("transient" in line for line in got.outcome.attempts) == 1
        assert not any("lost" in line for line in got.outcome.attempts)

    world.run(mode, script)


def test_both_fail_and_the_first_one_s_failure_is_told(mode: Mode) -> None:
    pipeline = hedging()
    world = World()
    world.primary.answers(fails(FailureKind.TRANSIENT, 5), fails(FailureKind.OVERLOADED, 1))

    async def script() -> None:
        with permits_back(pipeline):
            got = await world.call(pipeline)
        assert got.told.kind is FailureKind.TRANSIENT
        assert len(got.outcome.attempts) == 2

    world.run(mode, script)


class Interrupt(BaseException):
    """Stands for a signal's exception."""


@pytest.mark.parametrize("kind", [ValueError, Interrupt])
def test_what_is_no_failure_passes_as_itself(mode: Mode, kind: type[BaseException]) -> None:
    """No exception group, no wait for the other side, permits back."""
    pipeline = hedging()
    world = World()
    world.primary.answers(ok(10), raises(lambda: kind("mine"), 0.1))

    async def script() -> None:
        with permits_back(pipeline), pytest.raises(kind, match="mine"):
            await world.call(pipeline)
        assert world.clock.time < 1005

    world.run(mode, script)


@pytest.mark.parametrize(
    "said", [{"operation": Operation.CREATING}, {"repeatable": False}, {"operation": Operation.CREATING, "ids": ("r",)}]
)
def test_what_may_not_be_repeated_is_not_hedged(mode: Mode, said: dict[str, Any]) -> None:
    """Promise: never what creates something (server-side tools make a call such), nor a body that is sent only once."""
    pipeline = hedging()
    world = World()
    world.primary.answers(ok(10))

    async def script() -> None:
        assert (await world.call(pipeline, **said)).text
        assert world.primary.count == 1

    world.run(mode, script)


def test_the_budget_is_kept(mode: Mode) -> None:
    """Slow for good: one in twenty is hedged, whatever the rate of calls."""
    pipeline = hedging(budget=0.05)
    world = World()
    world.primary.answers(ok(3))

    async def script() -> None:
        await world.calls(pipeline, 100, every=60)
        assert 100 <= world.primary.count <= 105

    world.run(mode, script)


def test_a_hedge_that_was_not_sent_costs_nothing(mode: Mode) -> None:
    """Refused by the limiter (or by the circuit), its token goes back."""
    hedge = Hedge(after=1.0, budget=0.05)
    pipeline = Pipeline(hedge, RateLimiter(concurrency=1, max_wait=0.1))
    world = World()
    world.primary.answers(ok(3))

    async def script() -> None:
        got = await world.calls(pipeline, 3)
        assert [one.text for one in got] == ["hello from primary"] * 3
        assert world.primary.count == 3
        (_, usual), *_ = pipeline.states.of(hedge).items()
        assert usual.budget.tokens(world.clock.time) >= 1

    world.run(mode, script)


def test_a_percentile_is_learnt_first(mode: Mode) -> None:
    """Thirty answers before anything is hedged; then what is slower than nearly all of them."""
    pipeline = hedging(after="p90")
    world = World()
    world.primary.follows(lambda sent: ok(9 if sent.number == 50 else 1.0))

    async def script() -> None:
        got = await world.calls(pipeline, 50, every=5)
        assert world.primary.count == 51
        assert len(got[-1].outcome.attempts) == 2
        assert got[-1].seconds < 3

    world.run(mode, script)


def test_each_kind_of_call_has_a_percentile_of_its_own(mode: Mode) -> None:
    """Regression: large answers, which always take long, were hedged for being slower than the small ones."""
    pipeline = hedging(after="p90")
    world = World()
    taken: list[float] = []
    world.primary.follows(lambda _: ok(taken[-1]))

    async def asked(body: str, seconds: float, times: int) -> None:
        for _ in range(times):
            taken.append(seconds)
            await world.call(pipeline, body=body)

    async def script() -> None:
        await asked("small", 1.0, 60)
        await asked("large", 9.0, 60)
        assert world.primary.count == 120
        await asked("large", 30.0, 1)  # slow for a large one
        assert world.primary.count == 122

    world.run(mode, script)


def test_a_hedge_stays_at_its_target(mode: Mode) -> None:
    """The fallback's second request goes to the fallback."""
    pipeline = hedging(Fallback([target()]))
    world = World()
    world.primary.answers(fails(FailureKind.TRANSIENT))
    world.backup.answers(ok(8), ok(0.5))

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.outcome.answered_by == "backup:*"
        assert (world.primary.count, world.backup.count) == (1, 2)
        assert [line.partition(":*")[0] for line in got.outcome.attempts] == [
            "primary: transient after 0.00 s",
            "backup",
            "backup",
        ]

    world.run(mode, script)


def test_a_stream_races_until_it_begins(mode: Mode) -> None:
    """The loser's stream is closed, and its end is not the call's."""
    pipeline = Pipeline(Hedge(after=1.0, budget=1.0), RateLimiter(concurrency=2), CircuitBreaker())
    world = World()
    world.primary.answers(stream(1.5), stream(0.7))

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.seconds == pytest.approx(1.5)
        assert got.reply is not None
        assert got.reply.verdict is None
        got.reply.end(Verdict.SUCCESS)
        world.primary.answers(ok())
        await world.calls(pipeline, 3)  # the places are free again

    world.run(mode, script)


def test_the_circuit_hears_nothing_of_losers(mode: Mode) -> None:
    pipeline = hedging()
    world = World()
    world.primary.follows(lambda sent: ok(50 if sent.number % 2 else 0.1))

    async def script() -> None:
        await world.calls(pipeline, 20)
        assert world.primary.count == 40
        assert circuit_of(pipeline).state == "closed"

    world.run(mode, script)


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
def test_cancelling_the_call_ends_both(mode: Mode) -> None:
    """Nothing runs on, permits and places come back, and no exception group comes out."""
    pipeline = Pipeline(Hedge(after=1.0, budget=1.0), RateLimiter(concurrency=2), CircuitBreaker())
    world = World()
    world.primary.answers(ok(100))

    async def script() -> None:
        async with anyio.create_task_group() as group:

            async def cancel() -> None:
                await world.clock.wait(3)
                group.cancel_scope.cancel()

            world.clock.expect(2)
            group.start_soon(world.clock.task, cancel)
            with permits_back(pipeline):
                group.start_soon(world.clock.task, lambda: world.call(pipeline))
        assert world.primary.count == 2
        world.primary.answers(ok())
        assert (await world.call(pipeline)).text

    world.run(mode, script)


@pytest.mark.parametrize("wrong", ["q95", "p", "95", "p0", "p100", 0, -1, True, None, float("nan")])
def test_wrong_settings_are_told(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Hedge\(after=…\)"):
        Hedge(after=wrong)


def test_without_a_budget_it_is_not_there() -> None:
    assert Hedge(budget=0).does_nothing
    with pytest.raises(ConfigurationError, match="did you mean"):
        Hedge(budget=5)
