"""Who else is asked, when, and what the caller is told."""

from __future__ import annotations

import gc
import logging
from typing import Any

import pytest

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, Retry, options
from resilient_ai._call import Operation
from resilient_ai.errors import AllFailed, CircuitOpen, NotSent
from resilient_ai.events import Returned, Switched
from resilient_ai.failures import FailureKind as K

from .harness import Mode, World, circuit_of, fails, mute, ok, raises, target

# Written by hand from the table of failures: is the next target asked?
MOVES_ON = {
    K.UNREACHABLE: True,
    K.TRANSIENT: True,
    K.OVERLOADED: True,
    K.SILENT: True,
    K.RATE_LIMITED: True,
    K.QUOTA: True,
    K.AUTH: False,  # this key has never worked
    K.CALLER: False,
    K.TOO_LONG: False,
    K.REFUSED: False,
    K.GONE: False,  # this model has never worked
    K.BROKEN: True,
    K.DEADLINE: False,
    K.LOCAL: True,
}
PROOF_THAT_NOTHING_WAS_MADE = {
    K.UNREACHABLE,
    K.OVERLOADED,
    K.RATE_LIMITED,
    K.QUOTA,
    K.LOCAL,
}


def test_the_table_is_complete() -> None:
    assert set(MOVES_ON) == set(K)


@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize("operation", list(Operation))
def test_the_next_target_is_asked(mode: Mode, kind: K, operation: Operation) -> None:
    """Promises 17 and 45."""
    world = World()
    world.primary.answers(fails(kind))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        got = await world.call(pipeline, operation=operation)
        moves = MOVES_ON[kind] and (operation is not Operation.CREATING or kind in PROOF_THAT_NOTHING_WAS_MADE)
        assert world.backup.count == moves
        if moves:
            assert got.text == "hello from backup:*"
            assert (got.outcome.answered_by, got.outcome.source) == ("backup:*", "fallback")
            assert got.outcome.degraded
        else:
            assert got.told.kind is kind

    world.run(mode, script)


@pytest.mark.parametrize("kind", [K.AUTH, K.GONE])
def test_what_has_worked_before_is_an_outage_and_no_mistake(mode: Mode, kind: K) -> None:
    world = World()
    world.primary.answers(ok(), fails(kind))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        await world.call(pipeline)
        assert (await world.call(pipeline)).outcome.source == "fallback"
        other = {"key": "sk-typo"} if kind is K.AUTH else {"model": "gtp"}
        assert (await world.call(pipeline, **other)).told.kind is kind
        # an equal pipeline round another host's client shares the state: what worked here has not worked there
        world.provider("other.example").answers(fails(kind))
        assert (await world.call(pipeline, host="other.example")).told.kind is kind

    world.run(mode, script)


def test_tokens_that_rotate_have_worked_if_their_giver_has(mode: Mode) -> None:
    """A client whose key is a callable's: its new token, refused, is an outage; another client's first is a mistake."""
    world = World()
    world.primary.answers(ok(), fails(K.AUTH))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        await world.call(pipeline, key="token 1", giver="client 1")
        assert (await world.call(pipeline, key="token 2", giver="client 1")).outcome.source == "fallback"
        assert (await world.call(pipeline, key="token 3", giver="client 2")).told.kind is K.AUTH
        assert (await world.call(pipeline, key="token 4")).told.kind is K.AUTH

    world.run(mode, script)


def test_what_is_told_of_one_primary_is_not_told_of_another(mode: Mode) -> None:
    """Two clients with equal pipelines that point to two hosts: one being well is no return of the other."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    events: list[object] = []
    pipeline = Pipeline.default(Fallback([target()]), listeners=[events.append])

    async def script() -> None:
        await world.call(pipeline)
        await world.runtime.sleep(10.0)
        assert (await world.call(pipeline, host="other.example")).outcome.source == "fresh"
        await world.call(pipeline)

    world.run(mode, script)
    assert [type(event) for event in events if isinstance(event, Switched | Returned)] == [Switched]


def test_a_rescued_call_leaves_nothing_for_the_collector() -> None:
    """An answer from elsewhere, a stream for one, is freed when it is let go of, not some time later."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    pipeline = Pipeline.default(Fallback([target()]))

    left: list[int] = []

    async def script() -> None:
        await world.call(pipeline)
        await world.calls(pipeline, 10)
        gc.collect()
        gc.disable()
        try:
            await world.calls(pipeline, 20)
            left.append(gc.collect())
        finally:
            gc.enable()

    world.run("sync", script)
    assert left[0] < 20  # per call it would be some thirty


def test_order_and_models(mode: Mode) -> None:
    world = World()
    for host in ("api.openai.com", "one", "two"):
        world.provider(host).answers(fails(K.OVERLOADED))
    pipeline = Pipeline.default(Fallback([target("one:small"), target("two:*"), target("three:x:y")]))

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.text == "hello from three:x:y"
        assert got.outcome.model == "x:y"
        assert [world.provider(h).seen[0].model for h in ("one", "two", "three")] == ["small", "gpt", "x:y"]

    world.run(mode, script)


def test_a_mapping_is_read_by_the_callers_model(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    named = {"gpt": [target("one:a")], "*": [target("two:*")]}

    async def script() -> None:
        pipeline = Pipeline.default(Fallback(named))
        assert (await world.call(pipeline)).outcome.answered_by == "one:a"
        assert (await world.call(pipeline, model="else")).outcome.answered_by == "two:*"
        assert (await world.call(pipeline, model=None)).outcome.answered_by == "two:*"
        without = Pipeline.default(Fallback({"gpt": [target("one:a")]}))
        assert (await world.call(without, model="else")).told.kind is K.OVERLOADED  # "*" must be written

    world.run(mode, script)


def test_embeddings_never_change_their_model(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    pipeline = Pipeline.default(Fallback([target("one:other"), target("two:*"), target("three:gpt")]))

    async def script() -> None:
        assert (await world.call(pipeline, family="embeddings")).outcome.answered_by == "two:*"
        assert world.provider("one").count == 0

    world.run(mode, script)


def test_switched_off_for_a_block(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        with options(fallback=False):
            assert (await world.call(pipeline)).told.kind is K.OVERLOADED
        assert world.backup.count == 0
        assert (await world.call(pipeline)).outcome.source == "fallback"

    world.run(mode, script)


# ---- what was made somewhere


@pytest.mark.parametrize("mapping", [False, True])
def test_what_a_target_made_is_asked_for_there_and_nowhere_else(mode: Mode, mapping: bool) -> None:
    """Also where targets are mapped by model: a request for a thing that was made names none."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.backup.answers(ok(ids=("video_1",)), ok())
    targets = [target("first:*"), target()]
    world.provider("first").answers(fails(K.UNREACHABLE))
    pipeline = Pipeline.default(Fallback({"sora": targets} if mapping else targets))

    async def script() -> None:
        await world.call(pipeline, family="videos", model="sora", operation=Operation.CREATING)
        world.primary.answers(ok())
        before = world.primary.count
        for fallback in (True, False):
            with options(fallback=fallback):
                got = await world.call(
                    pipeline, family="videos", model=None, operation=Operation.IDEMPOTENT, ids=("video_1",)
                )
            assert got.outcome.answered_by == "backup:*"
        world.backup.answers(fails(K.TRANSIENT))
        got = await world.call(pipeline, family="videos", model=None, operation=Operation.IDEMPOTENT, ids=("video_1",))
        assert got.told.kind is K.TRANSIENT
        assert world.primary.count == before

    world.run(mode, script)


def test_of_two_targets_with_one_name_the_right_one_is_asked(mode: Mode) -> None:
    """The same vendor and model in two regions differ by their base URL."""
    from resilient_ai import Target

    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.provider("east").answers(fails(K.OVERLOADED))
    world.provider("west").answers(ok(ids=("video_1",)), ok())
    regions = [Target("azure:*", base_url=f"https://{place}", api_key="k") for place in ("east", "west")]
    pipeline = Pipeline.default(Fallback(regions))

    async def script() -> None:
        await world.call(pipeline, family="videos", operation=Operation.CREATING)
        before = world.provider("east").count
        await world.call(pipeline, family="videos", operation=Operation.IDEMPOTENT, ids=("video_1",))
        assert world.provider("east").count == before

    world.run(mode, script)


def test_what_nobody_saw_being_made_is_the_primarys(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        got = await world.call(pipeline, operation=Operation.IDEMPOTENT, ids=("video_9",))
        assert got.told.kind is K.OVERLOADED
        assert world.backup.count == 0

    world.run(mode, script)


def test_what_the_primary_made_stays_there(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(ids=("video_1",)), fails(K.UNREACHABLE))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        await world.call(pipeline, operation=Operation.CREATING)
        got = await world.call(pipeline, operation=Operation.IDEMPOTENT, ids=("video_1",))
        assert got.told.kind is K.UNREACHABLE
        assert world.backup.count == 0

    world.run(mode, script)


def test_a_creating_call_stops_at_the_first_target_that_may_have_made_something(mode: Mode) -> None:
    """Promise 45."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.provider("one").answers(fails(K.TRANSIENT))
    pipeline = Pipeline.default(Fallback([target("one:*"), target("two:*")]))

    async def script() -> None:
        got = await world.call(pipeline, operation=Operation.CREATING)
        assert got.told.kind is K.TRANSIENT
        assert world.provider("one").count == 1
        assert world.provider("two").count == 0

    world.run(mode, script)


# ---- when all fail


@pytest.mark.parametrize(
    ("primary", "backup", "told"),
    [
        (K.TRANSIENT, K.OVERLOADED, ("backup:*", K.OVERLOADED)),
        (K.OVERLOADED, K.UNREACHABLE, ("backup:*", K.UNREACHABLE)),
        # News about the fallback, not about the outage:
        (K.OVERLOADED, K.AUTH, ("primary", K.OVERLOADED)),
        (K.OVERLOADED, K.CALLER, ("primary", K.OVERLOADED)),
        (K.OVERLOADED, K.GONE, ("primary", K.OVERLOADED)),
        (K.OVERLOADED, K.LOCAL, ("primary", K.OVERLOADED)),
        (K.OVERLOADED, K.QUOTA, ("primary", K.OVERLOADED)),
        (K.OVERLOADED, K.TOO_LONG, ("primary", K.OVERLOADED)),
        (K.OVERLOADED, K.REFUSED, ("primary", K.OVERLOADED)),
        (K.LOCAL, K.CALLER, ("primary", K.LOCAL)),
        (K.QUOTA, K.AUTH, ("primary", K.QUOTA)),
    ],
)
def test_what_the_caller_is_told(mode: Mode, primary: K, backup: K, told: tuple[str, K]) -> None:
    world = World()
    world.primary.answers(fails(primary))
    world.backup.answers(fails(backup))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        got = await world.call(pipeline)
        assert isinstance(got.failure, AllFailed)
        assert (got.told.target, got.told.kind) == told
        assert got.failure.kind is got.told.kind
        assert [failure.kind for failure in got.failure.failures] == [primary, backup]
        assert got.outcome.answered_by is None
        assert got.outcome.source is None

    world.run(mode, script)


def test_one_failure_is_told_as_it_is(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.CALLER, status=422))

    async def script() -> None:
        got = await world.call(Pipeline.default(Fallback([target()])))
        assert not isinstance(got.failure, AllFailed)
        assert got.told.status == 422

    world.run(mode, script)


def test_all_circuits_open_is_a_refusal_that_says_when(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    world.backup.answers(fails(K.UNREACHABLE))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        await world.calls(pipeline, 20)
        before = world.primary.count + world.backup.count
        got = await world.call(pipeline)
        assert isinstance(got.told, CircuitOpen)
        assert 0 < got.told.reopens_in <= 2
        assert got.seconds == 0
        assert world.primary.count + world.backup.count == before

    world.run(mode, script)


# ---- time


def test_a_mute_primary_gets_its_share_only(mode: Mode) -> None:
    """Promise 17 and DESIGN 5: no target but the last gets more than a share of what is left."""
    world = World()
    for host in ("api.openai.com", "one"):
        world.provider(host).answers(mute())
    pipeline = Pipeline.default(Deadline(total=30), Fallback([target("one:*"), target("two:*")]))

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.text == "hello from two:*"
        assert got.seconds == pytest.approx(20)

    world.run(mode, script)


@pytest.mark.parametrize("call", [{"operation": Operation.CREATING}, {"repeatable": False}])
def test_what_may_not_move_on_after_silence_is_not_cut_short(mode: Mode, call: dict[str, Any]) -> None:
    """Naming a fallback harms no healthy call: a slow one that is never sent twice has the whole time."""
    world = World()
    world.primary.answers(ok(delay=9.0))
    pipeline = Pipeline.default(Deadline(total=10), Fallback([target("one:*"), target("two:*")]))

    async def script() -> None:
        assert (await world.call(pipeline, **call)).outcome.source == "fresh"
        world.primary.answers(raises(lambda: NotSent("its line is full", target="primary", reopens_in=9.0), delay=1.0))
        world.provider("one").answers(ok(delay=8.5))  # nearly all of what is left
        got = await world.call(pipeline, **call)
        assert (got.outcome.source, got.seconds) == ("fallback", 9.5)

    world.run(mode, script)


def test_all_mute_ends_at_the_deadline(mode: Mode) -> None:
    """Promise 6."""
    world = World()
    world.primary.answers(mute())
    world.backup.answers(mute())

    async def script() -> None:
        got = await world.call(Pipeline.default(Fallback([target()])), timeout=12.0)
        assert got.seconds == pytest.approx(12)
        assert got.told.kind is K.DEADLINE
        assert (world.primary.count, world.backup.count) == (1, 1)

    world.run(mode, script)


def test_new_calls_no_longer_go_to_a_mute_primary(mode: Mode) -> None:
    """Promise 17."""
    world = World()
    world.primary.answers(mute())
    pipeline = Pipeline.default(Deadline(first_byte=2), Fallback([target()]))

    async def script() -> None:
        got = await world.calls(pipeline, 30)
        assert {one.outcome.source for one in got} == {"fallback"}
        assert got[-1].seconds == 0
        assert world.primary.count <= 8

    world.run(mode, script)


# ---- the way back


def test_during_the_ramp_nobody_fails_for_being_sent_elsewhere(mode: Mode) -> None:
    """The ramp turns calls away to where they may be answered; if they are not, the primary answers them."""
    world = World()
    world.primary.answers(*[fails(K.UNREACHABLE)] * 7, ok())
    pipeline = Pipeline.default(Fallback([target()]), Retry(attempts=1))

    async def script() -> None:
        await world.calls(pipeline, 8, every=0.01)
        assert circuit_of(pipeline).state == "open"
        world.primary.answers(ok())
        await world.until(world.clock.time + 1.5)
        assert (await world.call(pipeline)).outcome.source == "fresh"
        assert circuit_of(pipeline).state == "closed"
        ramp = await world.calls(pipeline, 10)
        assert "fallback" in {got.outcome.source for got in ramp}
        world.backup.answers(fails(K.RATE_LIMITED))
        got = await world.calls(pipeline, 20)
        assert {one.outcome.source for one in got} == {"fresh"}
        assert max(one.seconds for one in got) < 1.5  # each on its own: nobody comes behind it for whom it could wait

    world.run(mode, script)


def test_the_return_is_ramped(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    pipeline = Pipeline.default(Fallback([target()]), CircuitBreaker(ramp=5))

    async def script() -> None:
        await world.calls(pipeline, 20, every=0.01)
        world.primary.answers(ok())
        await world.until(world.clock.time + 2)
        got = await world.calls(pipeline, 1000, every=0.01)  # ten seconds
        fresh = [one.outcome.source == "fresh" for one in got]
        assert 0.1 < sum(fresh[:100]) / 100 < 0.35
        assert 0.7 < sum(fresh[400:500]) / 100 < 1
        assert all(fresh[510:])

    world.run(mode, script)


# ---- what is said


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("every", [0.1, 1.0, 10.0, 60.0])
def test_one_line_for_the_switch_and_one_for_the_return(
    mode: Mode, caplog: pytest.LogCaptureFixture, every: float
) -> None:
    world = World()
    heard: list[object] = []
    pipeline = Pipeline.default(Fallback([target()]), listeners=[heard.append])

    async def script() -> None:
        await world.calls(pipeline, 10, every=every)
        world.primary.answers(fails(K.UNREACHABLE))
        assert {got.outcome.source for got in await world.calls(pipeline, 50, every=every)} == {"fallback"}
        world.primary.answers(ok())
        await world.calls(pipeline, 100, every=every if every > 0.1 else 0.4)

    with caplog.at_level(logging.INFO, logger="resilient_ai"):
        world.run(mode, script)
    said = lines(caplog)
    assert sum("now answered by backup:*" in line for line in said) == 1
    assert sum("answered by the primary again" in line for line in said) == 1
    assert sum("circuit open" in line for line in said) == 1
    assert sum("circuit closed" in line for line in said) == 1
    assert len(said) == 4
    assert sum(isinstance(event, Switched) for event in heard) == 1
    assert sum(isinstance(event, Returned) for event in heard) == 1


@pytest.mark.parametrize("rate", [1.0, 0.92])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_outage_of_a_minute_is_not_chatter(
    mode: Mode, caplog: pytest.LogCaptureFixture, rate: float, seed: int
) -> None:
    import random

    dice = random.Random(seed)
    world = World()
    world.primary.follows(lambda _: fails(K.TRANSIENT) if dice.random() < rate else ok())
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        got = await world.calls(pipeline, 600, every=0.1)
        assert all(one.failure is None for one in got)
        world.primary.answers(ok())
        await world.calls(pipeline, 400, every=0.1)

    with caplog.at_level(logging.INFO, logger="resilient_ai"):
        world.run(mode, script)
    assert len(lines(caplog)) <= (4 if rate == 1.0 else 12), lines(caplog)
    assert world.primary.count <= 1.1 * 600 + 400
