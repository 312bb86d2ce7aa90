"""Keys and models: asked to wait, out of money, refused, gone. Who is asked meanwhile, and when they are again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Deadline, Fallback, Pipeline, Retry, Target, record
from resilient_ai.errors import AllFailed, Failure, NotSent
from resilient_ai.events import Parked, Unparked
from resilient_ai.failures import FailureKind as K

from .harness import Got, Mode, Sent, Step, World, circuit_of, fails, mute, ok, target

if TYPE_CHECKING:
    from collections.abc import Callable


def by_key(**steps: Step) -> Callable[[Sent], Step]:
    """What each key meets; any other is answered."""
    return lambda sent: steps.get(sent.key or "", ok())


def keys_seen(world: World, host: str = "backup") -> list[str | None]:
    return [sent.key for sent in world.provider(host).seen]


# ---- waits


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
def test_a_wait_is_shared_and_the_callers_return_spread(mode: Mode) -> None:
    """Promise 4 and ask 21: of 200 callers none asks before the time that one of them was told, nor all at once."""
    world = World()
    world.primary.answers(fails(K.RATE_LIMITED, retry_after=2.0), ok())
    pipeline = Pipeline.default()
    got: list[Got] = []

    async def one() -> None:
        got.append(await world.call(pipeline))

    async def script() -> None:
        assert (await world.call(pipeline, timeout=1.0)).told.kind is K.RATE_LIMITED
        await world.at_once([one] * 200)

    world.run(mode, script)
    assert [one.text for one in got] == ["hello from primary"] * 200
    times = sorted(sent.at for sent in world.primary.seen[1:])
    assert len(times) == 200
    assert times[0] >= 1002
    assert times[-1] <= 1002.5
    assert max(sum(at <= time < at + 0.05 for time in times) for at in times) < 50  # an even spread has 20


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
def test_all_who_were_told_to_wait_are_answered(mode: Mode) -> None:
    """A repeat at the time the provider named is no storm: the budget is for other repeats."""
    world = World()
    told = fails(K.RATE_LIMITED, retry_after=2.0, delay=0.2)
    world.primary.follows(lambda sent: told if sent.at < 1001 else ok())
    pipeline = Pipeline.default()
    got: list[Got] = []

    async def one() -> None:
        await world.runtime.sleep(0.001)
        got.append(await world.call(pipeline))

    async def script() -> None:
        await world.at_once([one] * 100)

    world.run(mode, script)
    assert [one.text for one in got] == ["hello from primary"] * 100
    assert world.primary.count == 200


def test_those_who_wait_heed_what_others_are_told_meanwhile(mode: Mode) -> None:
    """A wait that is made longer while a call waits is waited for whole, without a request to learn it."""
    world = World()
    world.primary.answers(fails(K.RATE_LIMITED, retry_after=10.0), fails(K.RATE_LIMITED, retry_after=10.0), ok())

    async def script() -> None:
        got = await world.call(Pipeline.default())
        assert got.text == "hello from primary"
        assert 20.0 <= got.outcome.waited <= 25.0

    world.run(mode, script)


def test_a_fresh_call_waits_too_or_is_refused_with_the_time(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.RATE_LIMITED, retry_after=10.0), ok())
    pipeline = Pipeline.default(Retry(attempts=1))

    async def script() -> None:
        assert (await world.call(pipeline)).told.kind is K.RATE_LIMITED
        refused = await world.call(pipeline, timeout=5.0)
        assert isinstance(refused.told, NotSent)
        assert refused.told.reopens_in == pytest.approx(10.0)
        assert refused.seconds == 0
        assert (await world.call(pipeline, model="other")).seconds == 0  # limits are per model
        assert (await world.call(pipeline, key="sk-else")).seconds == 0  # and per key
        assert world.primary.count == 3
        got = await world.call(pipeline)
        assert got.text == "hello from primary"
        assert 10.0 <= got.outcome.waited <= 12.5
        assert (await world.call(pipeline)).seconds == 0

    world.run(mode, script)


def test_while_a_key_waits_new_calls_go_elsewhere_at_once(mode: Mode) -> None:
    """Promise 17: no request to the limited one, none lost, nobody waits; afterwards it is used again."""
    world = World()
    world.primary.answers(fails(K.RATE_LIMITED, retry_after=20.0), ok())
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        got = await world.calls(pipeline, 10, every=1.0)
        assert {one.outcome.answered_by for one in got} == {"backup:*"}
        assert {one.seconds for one in got} == {0.0}
        assert world.primary.count == 1
        await world.until(1000 + 20.26)
        assert (await world.call(pipeline)).outcome.source == "fresh"

    world.run(mode, script)


@pytest.mark.parametrize("backup", [K.OVERLOADED, K.UNREACHABLE])
def test_if_the_others_fail_the_wait_is_waited_for(mode: Mode, backup: K) -> None:
    """DESIGN 4: only if no healthy target is left and the wait fits."""
    world = World()
    world.primary.answers(fails(K.RATE_LIMITED, retry_after=5.0), ok())
    world.backup.answers(fails(backup))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        first = await world.call(pipeline)
        assert first.text == "hello from primary"
        assert first.outcome.waited >= 5.0
        world.primary.answers(fails(K.RATE_LIMITED, retry_after=5.0))
        short = await world.call(pipeline, timeout=3.0)
        assert isinstance(short.failure, AllFailed)
        assert short.seconds <= 3.0

    world.run(mode, script)


def test_of_two_that_wait_the_shorter_wait_is_waited_for(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.RATE_LIMITED, retry_after=30.0), ok())
    world.backup.answers(fails(K.RATE_LIMITED, retry_after=3.0), ok())

    async def script() -> None:
        got = await world.call(Pipeline.default(Fallback([target()])))
        assert got.outcome.answered_by == "backup:*"
        assert 3.0 <= got.outcome.waited <= 3.75

    world.run(mode, script)


# ---- several keys


def test_the_next_key_is_used_at_once_when_one_is_limited(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.backup.follows(by_key(k1=fails(K.RATE_LIMITED, retry_after=20.0)))
    several = Target("backup:*", base_url="https://backup", api_key=["k1", "k2"])
    pipeline = Pipeline.default(Fallback([several]))

    async def script() -> None:
        got = await world.calls(pipeline, 3)
        assert {one.outcome.answered_by for one in got} == {"backup:*"}
        assert keys_seen(world) == ["k1", "k2", "k2", "k2"]
        world.backup.answers(ok())
        await world.until(1000 + 21)
        await world.call(pipeline)
        assert keys_seen(world)[-1] == "k1"

    world.run(mode, script)


@pytest.mark.parametrize("kind", [K.TRANSIENT, K.OVERLOADED, K.UNREACHABLE, K.SILENT])
def test_another_key_mends_nothing_else(mode: Mode, kind: K) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.backup.answers(fails(kind))
    several = Target("backup:*", base_url="https://backup", api_key=["k1", "k2"])
    pipeline = Pipeline.default(Fallback([several, target("other:*")]))

    async def script() -> None:
        assert (await world.call(pipeline)).outcome.answered_by == "other:*"
        assert set(keys_seen(world)) == {"k1"}

    world.run(mode, script)


def test_a_callable_key_is_read_again_when_it_is_refused(mode: Mode) -> None:
    """A token that has expired: the new one is used at once, for this very call; one refused twice is given up."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.backup.follows(by_key(old=fails(K.AUTH)))
    tokens = ["old", "new"]
    reads: list[str] = []

    def token() -> str:
        reads.append(tokens[0] if len(tokens) == 1 else tokens.pop(0))
        return reads[-1]

    pipeline = Pipeline.default(Fallback([Target("backup:*", base_url="https://backup", api_key=token)]))

    async def script() -> None:
        assert (await world.call(pipeline)).outcome.answered_by == "backup:*"
        assert keys_seen(world) == ["old", "new"]
        world.backup.answers(fails(K.AUTH))
        assert (await world.call(pipeline)).told.kind is K.OVERLOADED
        assert keys_seen(world) == ["old", "new", "new"]  # the same key again: not asked twice

    world.run(mode, script)
    assert len(reads) <= 6


# ---- refused, out of money, gone


def events_of(kind: type[Any], events: list[object]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("kind", [K.QUOTA, K.AUTH, K.GONE])
def test_what_worked_and_is_refused_is_left_alone_for_a_while(
    mode: Mode, kind: K, caplog: pytest.LogCaptureFixture
) -> None:
    """Moved on, parked, told aloud once; then tried by one call, less and less often; and told when it works."""
    world = World()
    world.primary.answers(ok(), fails(kind))
    events: list[object] = []
    pipeline = Pipeline.default(Fallback([target()]), listeners=[events.append])

    async def script() -> None:
        await world.call(pipeline)
        got = await world.calls(pipeline, 20, every=1.0)
        assert {one.outcome.answered_by for one in got} == {"backup:*"}
        assert world.primary.count == 2
        (parked,) = events_of(Parked, events)
        assert (parked.target, parked.reason, parked.seconds) == ("primary", kind.value, 60.0)
        start = world.clock.time
        await world.calls(pipeline, 300, every=1.0)
        times = [sent.at - start for sent in world.primary.seen[2:]]
        assert len(times) == 2  # after another minute, then two
        assert times[1] - times[0] >= 120
        world.primary.answers(ok())
        await world.until(world.clock.time + 250)
        assert (await world.call(pipeline)).outcome.source == "fresh"
        assert len(events_of(Unparked, events)) == 1
        assert len(events_of(Parked, events)) == 1

    with caplog.at_level(logging.INFO, logger="resilient_ai"):
        world.run(mode, script)
    told = [line.getMessage() for line in caplog.records if "not asked for" in line.getMessage()]
    assert len(told) == 1
    assert "sk-one" not in caplog.text + str(events)


@pytest.mark.parametrize("kind", [K.QUOTA, K.AUTH, K.GONE])
def test_with_nobody_else_its_own_word_is_told(mode: Mode, kind: K) -> None:
    """Nothing is parked where nothing else could answer: one request for each call, and the provider's own error."""
    world = World()
    world.primary.answers(ok(), fails(kind, status=400))
    world.backup.answers(fails(K.QUOTA))

    async def script() -> None:
        alone = Pipeline.default()
        await world.call(alone)
        for _ in range(3):
            assert (await world.call(alone)).told.status == 400
        assert world.primary.count == 4
        both = Pipeline.default(Fallback([target()]))
        world.primary.answers(ok(), fails(kind, status=400))
        await world.call(both)
        before = world.primary.count + world.backup.count
        await world.call(both)
        assert world.primary.count + world.backup.count - before == 2
        assert (await world.call(both)).told.kind is kind  # all are parked: the first is asked for its word
        assert world.primary.count + world.backup.count - before == 3

    world.run(mode, script)


@pytest.mark.parametrize("kind", [K.AUTH, K.GONE])
def test_what_never_worked_is_a_mistake(mode: Mode, kind: K, caplog: pytest.LogCaptureFixture) -> None:
    """One request, the provider's own error, nothing parked, nobody else asked."""
    world = World()
    world.primary.answers(fails(kind, status=404))
    pipeline = Pipeline.default(Fallback([target()]))

    async def script() -> None:
        for number in (1, 2):
            assert (await world.call(pipeline)).told.status == 404
            assert (world.primary.count, world.backup.count) == (number, 0)

    world.run(mode, script)
    assert caplog.records == []


def test_one_call_tries_what_was_parked(mode: Mode) -> None:
    """Of many callers at the end of the minute one learns how things stand."""
    if mode == "sync":
        pytest.skip("the virtual clock has one thread, and so one caller at a time")
    world = World()
    world.primary.follows(lambda sent: ok() if sent.number == 1 else fails(K.QUOTA, delay=0.5))
    pipeline = Pipeline.default(Fallback([target()]))

    async def one() -> None:
        assert (await world.call(pipeline)).reply is not None

    async def script() -> None:
        await world.call(pipeline)
        await world.call(pipeline)
        await world.until(world.clock.time + 61)
        await world.at_once([one] * 50)

    world.run(mode, script)
    assert world.primary.count == 3


def test_a_model_listed_as_retired_needs_no_proof(mode: Mode) -> None:
    world = World()
    world.primary.answers(Step(raises=_retired))

    async def script() -> None:
        got = await world.calls(Pipeline.default(Fallback([target()])), 3)
        assert {one.outcome.answered_by for one in got} == {"backup:*"}

    world.run(mode, script)
    assert world.primary.count == 1


def _retired() -> Exception:
    return Failure("HTTP 404", kind=K.GONE, target="primary", status=404, retired=True)


# ---- nobody else is well


@pytest.mark.parametrize("first", [K.TRANSIENT, K.OVERLOADED, K.UNREACHABLE])
def test_standing_by_with_an_open_circuit_is_not_standing_by(mode: Mode, first: K) -> None:
    """The primary gets all its attempts when the only other target is known to be down."""
    world = World()
    world.primary.answers(fails(first), fails(first), ok())
    pipeline = Pipeline.default(Fallback([target()]), Retry(budget=1.0))

    async def script() -> None:
        circuit_of(pipeline, host="backup").force_open(world.clock.time)
        got = await world.call(pipeline)
        assert got.text == "hello from primary"
        assert (world.primary.count, world.backup.count) == (3, 0)

    world.run(mode, script)


def test_a_hung_primary_leaves_time_for_the_others(mode: Mode) -> None:
    """Two fallbacks and ten seconds: the answer is there in under five, from the first healthy one."""
    world = World()
    world.primary.answers(mute())
    pipeline = Pipeline.default(Deadline(total=10), Fallback([target(), target("other:*")]))

    async def script() -> None:
        with record() as calls:
            got = await world.call(pipeline)
        assert got.seconds < 5.0
        assert calls[0].answered_by == "backup:*"
        several = Target("backup:*", base_url="https://backup", api_key=[f"k{n}" for n in range(9)])
        got = await world.call(Pipeline.default(Deadline(total=10), Fallback([several])))
        assert got.seconds == pytest.approx(5)  # its keys are one place

    world.run(mode, script)


@pytest.mark.parametrize("told", [None, 1.0])
@pytest.mark.parametrize("bunch", [1, 5])
def test_a_limited_key_is_tried_by_one_call_at_a_time(told: float | None, bunch: int) -> None:
    """Issue 3: at most 1.1 requests a call at ten calls a second; not told for how long, it is left alone for longer
    each time; and it is used again once it answers."""
    world = World()
    world.primary.follows(
        lambda sent: fails(K.RATE_LIMITED, 0.05, retry_after=told) if 1001 <= sent.at < 1021 else ok(0.05)
    )
    world.backup.answers(ok(0.05))
    pipeline = Pipeline.default(Fallback([target()]), isolated=True)
    got: list[Got] = []

    def at(when: float) -> Any:
        async def call() -> None:
            await world.until(when)
            got.append(await world.call(pipeline))

        return call

    async def script() -> None:
        await world.at_once([at(1000 + (number // bunch) * bunch / 10) for number in range(600)])

    world.run("asyncio", script)
    limited = [one for one in got if 1001 <= one.at < 1021]
    assert all(one.failure is None for one in got)
    assert sum(len(one.outcome.attempts) for one in limited) <= 1.1 * len(limited)
    assert all(one.outcome.source == "fresh" for one in got if one.at >= 1021 + (17 if told is None else 3))
