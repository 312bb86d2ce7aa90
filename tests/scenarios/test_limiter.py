"""Turns: in order, within limits, by priority; and what those hear who get none."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, RateLimiter, Retry, Target, options
from resilient_ai._call import Verdict
from resilient_ai.errors import AllFailed, ConfigurationError, NotSent
from resilient_ai.failures import FailureKind

from .harness import Mode, World, fails, ok, stream, target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from resilient_ai._state.queue import Lane

    from .harness import Got

CONCURRENT = pytest.mark.parametrize("mode", ["asyncio", "trio"])


def most_within(seconds: float, times: Sequence[float]) -> int:
    """The most requests in any window of so many seconds."""
    return max(sum(start <= at < start + seconds for at in times) for start in times)


def lanes_of(pipeline: Pipeline) -> list[Lane]:
    limiter = pipeline.find(RateLimiter)
    assert limiter is not None
    return pipeline.states.of(limiter).every()


def test_calls_wait_for_their_turn(mode: Mode) -> None:
    """Never more in a minute than allowed, a tenth of it at once, and nothing of it left unused."""
    pipeline = Pipeline(RateLimiter(requests_per_minute=60))
    world = World()

    async def script() -> None:
        got = await world.calls(pipeline, 180)
        times = [sent.at for sent in world.primary.seen]
        assert most_within(60, times) <= 60
        assert most_within(5.9, times) <= 6
        assert times[-1] - times[0] < 185
        assert got[0].outcome.waited == 0
        assert sum(one.outcome.waited for one in got) == pytest.approx(times[-1] - times[0])

    world.run(mode, script)


def test_tokens_are_counted_too(mode: Mode) -> None:
    """What a request may cost is the port's to say: here its length."""
    pipeline = Pipeline(RateLimiter(tokens_per_minute=600))
    world = World()

    async def script() -> None:
        await world.calls(pipeline, 90, body="x" * 20)
        assert most_within(60, [sent.at for sent in world.primary.seen]) <= 30
        await world.call(pipeline, body="x" * 5000)  # more than a whole minute's: alone in a minute, never refused

    world.run(mode, script)


def test_keys_and_models_have_lines_of_their_own(mode: Mode) -> None:
    pipeline = Pipeline(RateLimiter(requests_per_minute=1))
    world = World()

    async def script() -> None:
        for key in ("sk-one", "sk-two"):
            for model in ("gpt", "other"):
                assert (await world.call(pipeline, key=key, model=model)).seconds == 0
        assert (await world.call(pipeline)).seconds > 30

    world.run(mode, script)


def test_a_turn_that_comes_too_late_is_refused_at_once(mode: Mode) -> None:
    """Nobody waits in vain: what cannot be had in time is told without a wait, and moves on to the next target."""
    limited = RateLimiter(requests_per_minute=1)
    alone = Pipeline(Deadline(total=5), limited, isolated=True)
    rescued = Pipeline(Deadline(total=5), Fallback([target()]), limited, isolated=True)
    world = World()

    async def script() -> None:
        await world.call(alone)
        got = await world.call(alone)
        assert got.seconds == 0
        assert isinstance(got.failure, NotSent)
        assert got.told.kind is FailureKind.LOCAL
        assert 55 < got.failure.reopens_in <= 61
        assert "rate limit full" in str(got.failure)
        assert world.primary.count == 1

        await world.call(rescued)
        got = await world.call(rescued)
        assert (got.outcome.answered_by, got.seconds) == ("backup:*", 0)

    world.run(mode, script)


def test_a_target_has_limits_of_its_own(mode: Mode) -> None:
    """Said where the target is; no RateLimiter need be written. The primary is not limited by them."""
    pipeline = Pipeline.default(
        Deadline(total=10),
        Fallback([Target("backup:*", base_url="https://backup", requests_per_minute=5)]),
        Retry(attempts=1),
    )
    world = World()
    world.primary.answers(fails(FailureKind.OVERLOADED))

    async def script() -> None:
        got = await world.calls(pipeline, 20)
        answered = [one for one in got if one.reply is not None]
        assert world.backup.count == len(answered) == 5
        refused = got[-1].failure
        assert isinstance(refused, AllFailed)
        assert refused.told.target == "primary"
        assert "backup:*: rate limit full" in str(refused)
        assert "primary: " in str(refused)

    world.run(mode, script)


def test_a_target_whose_tokens_rotate_has_one_line(mode: Mode) -> None:
    """The limits are the account's: a callable that gives another token each time does not escape them."""
    world = World()
    world.primary.answers(fails(FailureKind.UNREACHABLE))
    tokens = iter(range(1000))

    def calls_at_once(*keys: Callable[[], str]) -> Pipeline:
        small = Target("backup:*", base_url="https://backup", api_key=keys, requests_per_minute=1)
        return Pipeline.default(Fallback([small]), Retry(attempts=1), RateLimiter(max_wait=1), isolated=True)

    async def script() -> None:
        await world.calls(calls_at_once(lambda: f"token {next(tokens)}"), 3)
        assert world.backup.count == 1
        # Two callables of one name are two keys: each has its own.
        await world.calls(calls_at_once(*(partial(str, key) for key in ("k1", "k2"))), 3)
        assert world.backup.count == 3

    world.run(mode, script)


def test_a_call_that_was_not_sent_counts_for_nothing(mode: Mode) -> None:
    """A refused admission gives its turn back."""
    pipeline = Pipeline(RateLimiter(requests_per_minute=7), CircuitBreaker(consecutive=2, open_for=(30, 30)))
    world = World()
    world.primary.answers(fails(FailureKind.UNREACHABLE), fails(FailureKind.UNREACHABLE), ok())

    async def script() -> None:
        await world.calls(pipeline, 60, every=0.1)
        assert world.primary.count == 2
        assert all(lane.running == 0 for lane in lanes_of(pipeline))
        await world.until(world.clock.time + 40)
        got = await world.call(pipeline)
        assert (got.text, got.outcome.waited) == ("hello from primary", 0)

    world.run(mode, script)


def test_a_stream_holds_its_place_until_its_end(mode: Mode) -> None:
    """Also one that is found by the collector: its place is free at the next look."""
    pipeline = Pipeline(RateLimiter(concurrency=2, max_wait=3))
    world = World()
    world.primary.answers(stream())

    async def script() -> None:
        first, second = await world.calls(pipeline, 2)
        assert isinstance((await world.call(pipeline)).failure, NotSent)
        assert first.reply is not None
        assert second.reply is not None
        first.reply.end(Verdict.SUCCESS)
        third = await world.call(pipeline)
        assert third.seconds == 0
        assert isinstance((await world.call(pipeline)).failure, NotSent)
        second.reply.end(Verdict.DROPPED)
        assert (await world.call(pipeline)).seconds == 0

    world.run(mode, script)


@CONCURRENT
def test_interactive_calls_go_first(mode: Mode) -> None:
    """In order within their kind; and one turn in ten is a waiting batch call's, so that none waits for ever."""
    pipeline = Pipeline(RateLimiter(concurrency=1))
    world = World()
    world.primary.answers(ok(1))
    went: list[str] = []

    async def one(name: str) -> None:
        with options(priority="batch" if name.startswith("b") else "interactive"):
            await world.call(pipeline, body=name)
        went.append(name)

    async def script() -> None:
        def later(index: int, name: str) -> Any:
            async def work() -> None:
                await world.clock.wait(0.001 * (index + 1))
                await one(name)

            return work

        names = ["first", *(f"b{i}" for i in range(3)), *(f"i{i:02}" for i in range(12))]
        await world.at_once([later(index, name) for index, name in enumerate(names)])

    world.run(mode, script)
    assert [name for name in went if name[0] == "i"] == [f"i{i:02}" for i in range(12)]
    assert [name for name in went if name[0] == "b"] == ["b0", "b1", "b2"]
    assert went.index("i08") < went.index("b0") < went.index("i11")
    assert went[-2:] == ["b1", "b2"]


@CONCURRENT
def test_waiters_are_bounded_and_batch_calls_make_room(mode: Mode) -> None:
    pipeline = Pipeline(RateLimiter(concurrency=1, max_waiters=3))
    world = World()
    world.primary.answers(ok(10))
    got: dict[str, Got] = {}

    async def script() -> None:
        def later(index: int, name: str) -> Any:
            async def work() -> None:
                await world.clock.wait(0.001 * (index + 1))
                with options(priority="batch" if name.startswith("b") else "interactive"):
                    got[name] = await world.call(pipeline, body=name)

            return work

        names = ["first", "b0", "b1", "b2", "b3", "i0", "i1", "i2", "i3"]
        await world.at_once([later(index, name) for index, name in enumerate(names)])

    world.run(mode, script)
    refused = {name for name, one in got.items() if one.failure is not None}
    assert refused == {"b0", "b1", "b2", "b3", "i3"}
    assert all(isinstance(got[name].failure, NotSent) and got[name].seconds < 1 for name in refused)


@CONCURRENT
def test_a_cancelled_waiter_leaves_all_as_it_was(mode: Mode) -> None:
    pipeline = Pipeline(RateLimiter(requests_per_minute=600, concurrency=1))
    world = World()
    world.primary.answers(ok(5))

    async def script() -> None:
        async with anyio.create_task_group() as group:

            async def cancel() -> None:
                await world.clock.wait(2)
                assert [(lane.running, lane.waiters) for lane in lanes_of(pipeline)] == [(1, 9)]
                group.cancel_scope.cancel()

            world.clock.expect(11)
            for _ in range(10):
                group.start_soon(world.clock.task, lambda: world.call(pipeline))
            group.start_soon(world.clock.task, cancel)
        assert [(lane.running, lane.waiters) for lane in lanes_of(pipeline)] == [(0, 0)]
        assert world.primary.count == 1
        assert (await world.call(pipeline)).text

    world.run(mode, script)


@CONCURRENT
def test_who_stands_in_line_waits_as_the_provider_asked(mode: Mode) -> None:
    """One is told to wait; those behind it in the line of that key and model are not sent before."""
    pipeline = Pipeline(Retry(), RateLimiter(concurrency=1))
    world = World()
    world.primary.answers(fails(FailureKind.RATE_LIMITED, 0.1, status=429, retry_after=5), ok())

    async def script() -> None:
        await world.at_once([lambda: world.call(pipeline) for _ in range(4)])

    world.run(mode, script)
    first, *others = [sent.at for sent in world.primary.seen]
    assert len(others) == 4
    assert min(others) >= first + 5.1


@CONCURRENT
def test_a_small_fallback_is_filled_and_never_stormed(mode: Mode) -> None:
    """Promise: a fallback with quota for a fifth of the traffic is filled, interactive calls first; the rest hear of
    each target and why."""
    quota, rate, seconds = 120, 10, 120
    pipeline = Pipeline.default(
        Deadline(total=8),
        Fallback([Target("backup:*", base_url="https://backup", requests_per_minute=quota, concurrency=20)]),
    )
    world = World()
    world.primary.answers(fails(FailureKind.UNREACHABLE))
    world.backup.answers(ok(0.5))
    got: list[tuple[bool, Got]] = []

    async def script() -> None:
        def caller(index: int) -> Any:
            async def work() -> None:
                await world.clock.wait(0.001 + index / rate)
                batch = index % 5 != 0  # a fifth of the calls is interactive: just what fits
                with options(priority="batch" if batch else "interactive"):
                    got.append((batch, await world.call(pipeline)))

            return work

        await world.at_once([caller(index) for index in range(rate * seconds)])

    world.run(mode, script)
    times = [sent.at for sent in world.backup.seen]
    assert most_within(60, times) <= quota
    assert len(times) >= 0.95 * quota * seconds / 60
    interactive = [one for batch, one in got if not batch]
    assert sum(one.reply is not None for one in interactive) >= 0.8 * len(interactive)
    refused = [one for _, one in got if one.failure is not None]
    assert all("primary: " in str(one.failure) and "backup:*: " in str(one.failure) for one in refused)
    assert all(one.seconds <= 8.1 for one in refused)
    in_vain = sum("rate limit full" not in str(one.failure) for one in refused)  # a turn with too little time left
    assert in_vain <= 0.05 * len(refused)


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute", "concurrency"])
@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "60", float("inf")])
def test_wrong_numbers_are_told(name: str, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"RateLimiter: {name} is a whole number from 1"):
        RateLimiter(**{name: wrong})
    with pytest.raises(ConfigurationError, match=f"backup:x: {name} is a whole number from 1"):
        Target("backup:x", **{name: wrong})


def test_what_else_is_wrong_is_told() -> None:
    for said in ({"max_waiters": -1}, {"max_waiters": True}, {"max_wait": 0}, {"learn": 1}):
        with pytest.raises(ConfigurationError, match=next(iter(said))):
            RateLimiter(**said)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ConfigurationError, match="interactive, batch"), options(priority="high"):  # type: ignore[arg-type]  # wrong on purpose
        pass
