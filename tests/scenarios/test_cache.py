"""What was answered before: kept only when asked for, served only when right, always said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import trio

from resilient_ai import Cache, CircuitBreaker, Deadline, Fallback, Pipeline, Retry, options
from resilient_ai._call import Operation, Verdict
from resilient_ai.failures import FailureKind as K
from resilient_ai.stores import Entry, MemoryStore

from .harness import Mode, World, fails, mute, ok, raises, stream, target

DOWN = [K.UNREACHABLE, K.TRANSIENT, K.OVERLOADED, K.SILENT, K.RATE_LIMITED, K.QUOTA, K.BROKEN, K.DEADLINE, K.LOCAL]
MISTAKES = [K.CALLER, K.AUTH, K.TOO_LONG, K.REFUSED]


class Counting(MemoryStore):
    """Tells how often it was used."""

    def __init__(self) -> None:
        super().__init__()
        self.gets = self.sets = 0

    def get(self, key: str) -> Entry | None:
        self.gets += 1
        return super().get(key)

    def set(self, key: str, entry: Entry) -> None:
        self.sets += 1
        super().set(key, entry)


def stale(seconds: float = 3600, **said: Any) -> Pipeline:
    return Pipeline.default(Cache(stale_if_error=seconds, **said))


def test_off_by_default(mode: Mode) -> None:
    """DESIGN: nothing is kept and no key is computed unless it was asked for."""
    world = World()
    store = Counting()

    async def script() -> None:
        for pipeline in (Pipeline.default(), Pipeline.default(Cache(store=store))):
            await world.call(pipeline)
            world.primary.answers(fails(K.OVERLOADED))
            assert (await world.call(pipeline)).told.kind is K.OVERLOADED
            world.primary.answers(ok())

    world.run(mode, script)
    assert (store.gets, store.sets) == (0, 0)


def test_a_hit_is_served_inside_its_time_only(mode: Mode) -> None:
    world = World()
    pipeline = Pipeline.default(Cache(ttl=60))

    async def script() -> None:
        await world.call(pipeline)
        await world.until(1059.9)
        got = await world.call(pipeline)
        assert (got.outcome.source, got.outcome.answered_by) == ("cache", "primary")
        assert got.outcome.age == pytest.approx(59.9)
        assert not got.outcome.degraded
        assert got.outcome.attempts == ()
        assert world.primary.count == 1
        await world.until(1060.1)
        assert (await world.call(pipeline)).outcome.source == "fresh"

    world.run(mode, script)


def test_a_ttl_alone_serves_nothing_old(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(), fails(K.OVERLOADED))
    pipeline = Pipeline.default(Cache(ttl=60))

    async def script() -> None:
        await world.call(pipeline)
        await world.until(1100)
        assert (await world.call(pipeline)).told.kind is K.OVERLOADED

    world.run(mode, script)


@pytest.mark.parametrize("kind", DOWN)
def test_a_stale_answer_when_all_failed(mode: Mode, kind: K, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 28: inside its window only, and marked."""
    world = World()
    world.primary.answers(ok(), fails(kind))
    pipeline = stale(100)

    async def script() -> None:
        await world.call(pipeline)
        await world.until(1050)
        got = await world.call(pipeline)
        assert got.text == "hello from primary"
        assert got.outcome.source == "stale"
        assert got.outcome.degraded
        assert got.outcome.age is not None
        assert 50 <= got.outcome.age <= 100
        assert got.outcome.attempts
        await world.until(1101)
        assert (await world.call(pipeline)).told.kind in (kind, K.LOCAL)

    world.run(mode, script)
    assert "stale answer served, 5" in caplog.text


@pytest.mark.parametrize("kind", MISTAKES)
def test_never_for_the_callers_own_mistakes(mode: Mode, kind: K) -> None:
    world = World()
    world.primary.answers(ok(), fails(kind))
    pipeline = stale()

    async def script() -> None:
        await world.call(pipeline)
        assert (await world.call(pipeline)).told.kind is kind

    world.run(mode, script)


def test_never_for_a_cancellation(mode: Mode) -> None:
    cancelled = {"sync": KeyboardInterrupt, "asyncio": asyncio.CancelledError, "trio": KeyboardInterrupt}[mode]
    world = World()
    world.primary.answers(ok(), raises(cancelled))
    pipeline = stale()

    async def script() -> None:
        await world.call(pipeline)
        with pytest.raises(cancelled):
            await world.call(pipeline)

    world.run(mode, script)


def test_never_for_a_trio_cancellation() -> None:
    world = World()
    world.primary.answers(ok(), mute())
    pipeline = stale()

    async def script() -> None:
        await world.call(pipeline)
        with trio.CancelScope() as scope:
            scope.cancel()
            await world.call(pipeline, timeout=5.0)
            raise AssertionError("it was answered")
        assert scope.cancelled_caught

    world.run("trio", script)


def test_never_while_any_target_answers(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(), fails(K.UNREACHABLE))
    pipeline = Pipeline.default(Cache(stale_if_error=3600), Fallback([target()]))

    async def script() -> None:
        await world.call(pipeline)
        got = await world.calls(pipeline, 50, every=0.1)
        assert {one.outcome.source for one in got} == {"fallback"}

    world.run(mode, script)


def test_behind_a_deadline_alike_in_every_mode(mode: Mode) -> None:
    """Promise 6 and DESIGN 2: Deadline only writes the limit, so that the cache still gets its turn."""
    world = World()
    world.primary.answers(ok(), mute())
    world.backup.answers(mute())
    pipeline = Pipeline.default(Deadline(total=10), Cache(stale_if_error=3600), Fallback([target()]))

    async def script() -> None:
        await world.call(pipeline)
        got = await world.call(pipeline)
        assert got.outcome.source == "stale"
        assert got.seconds == pytest.approx(10)

    world.run(mode, script)


def test_behind_an_open_circuit(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(), fails(K.UNREACHABLE))

    async def script() -> None:
        await world.call(stale())
        got = await world.calls(stale(), 30)
        assert {one.outcome.source for one in got} == {"stale"}
        assert got[-1].outcome.attempts == ()

    world.run(mode, script)


def test_what_is_not_kept(mode: Mode) -> None:
    """Promise 28: only complete, successful answers of calls that create nothing."""
    world = World()
    store = Counting()
    pipeline = stale(store=store)

    async def script() -> None:
        await world.call(pipeline, operation=Operation.CREATING)
        await world.call(pipeline, operation=Operation.IDEMPOTENT)
        await world.call(pipeline, ids=("file_1",))
        with options(cache="no-store"):
            await world.call(pipeline)
        world.primary.answers(fails(K.CALLER))
        await world.call(pipeline)
        world.primary.answers(stream())
        for verdict in (Verdict.FAILURE, Verdict.NONE, Verdict.DROPPED):
            got = await world.call(pipeline)
            assert got.reply is not None
            got.reply.end(verdict)

    world.run(mode, script)
    assert store.sets == 0


def test_a_stream_is_kept_when_its_end_was_seen(mode: Mode) -> None:
    world = World()
    world.primary.answers(stream(), fails(K.OVERLOADED))
    pipeline = stale()

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.reply is not None
        got.reply.end(Verdict.SUCCESS)
        assert (await world.call(pipeline)).outcome.source == "stale"

    world.run(mode, script)


def test_no_store_reads_nothing_and_refresh_only_writes(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(text="first"), ok(text="second"), ok(text="third"), fails(K.OVERLOADED))
    pipeline = Pipeline.default(Cache(ttl=3600, stale_if_error=3600))

    async def script() -> None:
        assert (await world.call(pipeline)).text == "first"
        with options(cache="no-store"):
            assert (await world.call(pipeline)).text == "second"
        assert (await world.call(pipeline)).text == "first"
        with options(cache="refresh"):
            assert (await world.call(pipeline)).text == "third"
        assert (await world.call(pipeline)).text == "third"
        for use in ("no-store", "refresh"):
            with options(cache=use):
                assert (await world.call(pipeline)).told.kind is K.OVERLOADED

    world.run(mode, script)


def test_a_fallbacks_answer_is_never_fresh_for_the_primary(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.AUTH), fails(K.OVERLOADED), ok(), fails(K.OVERLOADED))
    pipeline = Pipeline(Cache(ttl=3600, stale_if_error=3600), Fallback([target()]), Retry(attempts=1))

    async def script() -> None:
        await world.call(pipeline, body="other")  # a key that never worked: told
        assert (await world.call(pipeline)).outcome.source == "fallback"
        assert (await world.call(pipeline)).outcome.source == "fresh"
        assert (await world.call(pipeline)).outcome.source == "cache"
        assert world.primary.count == 3

    world.run(mode, script)


def test_a_fallbacks_answer_may_stand_in_and_says_whose_it_is(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.OVERLOADED))
    world.backup.answers(ok(), fails(K.OVERLOADED))
    pipeline = Pipeline.default(Cache(stale_if_error=3600), Fallback([target("backup:small")]))

    async def script() -> None:
        await world.call(pipeline)
        got = await world.call(pipeline)
        assert (got.outcome.source, got.outcome.answered_by) == ("stale", "backup:small")
        assert got.outcome.model == "small"

    world.run(mode, script)


def test_an_answer_with_tool_calls_is_not_served_stale(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(tools=True), fails(K.OVERLOADED))
    pipeline = Pipeline.default(Cache(ttl=60, stale_if_error=3600))

    async def script() -> None:
        await world.call(pipeline)
        assert (await world.call(pipeline)).outcome.source == "cache"
        await world.until(1100)
        assert (await world.call(pipeline)).told.kind is K.OVERLOADED

    world.run(mode, script)


@pytest.mark.parametrize("differs", [{"key": "sk-two"}, {"host": "eu.api"}, {"model": "other"}, {"body": "else"}])
def test_nothing_is_shared(mode: Mode, differs: dict[str, str]) -> None:
    """Promise 27, as far as the strategy goes."""
    world = World()
    pipeline = Pipeline.default(Cache(ttl=3600))

    async def script() -> None:
        await world.call(pipeline)
        assert (await world.call(pipeline, **differs)).outcome.source == "fresh"

    world.run(mode, script)


def test_a_namespace_is_shared_when_it_is_named(mode: Mode) -> None:
    world = World()
    pipeline = Pipeline.default(Cache(ttl=3600, namespace="team"))

    async def script() -> None:
        await world.call(pipeline)
        assert (await world.call(pipeline, key="sk-two")).outcome.source == "cache"

    world.run(mode, script)


class Failing(Counting):
    """A disk that is full and cannot be read."""

    def get(self, key: str) -> Entry | None:
        raise OSError("no such device")

    def set(self, key: str, entry: Entry) -> None:
        raise OSError("disk full")


@pytest.mark.parametrize("blocking", [False, True])
def test_a_failing_store_breaks_no_call(mode: Mode, blocking: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 31, as far as the strategy goes: a failing store is a miss; one warning."""
    world = World()
    store = Failing()
    store.blocking = blocking
    pipeline = Pipeline.default(Cache(ttl=3600, stale_if_error=3600, store=store))

    async def script() -> None:
        got = await world.calls(pipeline, 5)
        assert {one.outcome.source for one in got} == {"fresh"}
        world.primary.answers(stream())
        streamed = await world.call(pipeline)
        assert streamed.reply is not None
        streamed.reply.end(Verdict.SUCCESS)
        world.primary.answers(fails(K.OVERLOADED))
        assert (await world.call(pipeline)).told.kind is K.OVERLOADED

    world.run(mode, script)
    assert [r.getMessage() for r in caplog.records if "store" in r.getMessage()] == [
        "the cache's store failed: OSError: no such device; calls go on without it"
    ]


class Unwritable(Counting):
    """A disk that is full."""

    full = False

    def set(self, key: str, entry: Entry) -> None:
        if self.full:
            self.sets += 1
            raise OSError("disk full")
        super().set(key, entry)


def test_a_store_that_cannot_be_written_is_still_read(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """In an outage what is there may be all there is to serve; it is tried again after a while, and told once."""
    world = World()
    store = Unwritable()
    pipeline = stale(store=store)

    async def script() -> None:
        await world.call(pipeline)
        store.full = True
        for _ in range(3):
            await world.call(pipeline, body="other")
            await world.until(world.clock.now() + 6)
        assert store.sets == 1 + 3
        world.primary.answers(fails(K.OVERLOADED))
        assert (await world.call(pipeline)).outcome.source == "stale"

    world.run(mode, script)
    assert len([r for r in caplog.records if "store failed" in r.getMessage()]) == 1


def test_a_store_that_blocks_holds_up_no_event_loop(mode: Mode) -> None:
    import threading

    seen: list[str] = []

    class Slow(Counting):
        blocking = True

        def get(self, key: str) -> Entry | None:
            seen.append(threading.current_thread().name)
            return super().get(key)

        def set(self, key: str, entry: Entry) -> None:
            seen.append(threading.current_thread().name)
            super().set(key, entry)

    world = World()

    async def script() -> None:
        pipeline = Pipeline.default(Cache(ttl=3600, store=Slow()))
        await world.call(pipeline)
        assert (await world.call(pipeline)).outcome.source == "cache"

    world.run(mode, script)
    here = threading.current_thread().name
    assert len(seen) == 3
    assert all((name == here) is (mode == "sync") for name in seen)


def test_no_permit_is_left_out(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(), fails(K.UNREACHABLE))
    breaker = CircuitBreaker()
    pipeline = Pipeline.default(Cache(stale_if_error=3600), breaker)

    async def script() -> None:
        await world.calls(pipeline, 100, every=0.5)

    world.run(mode, script)
    assert all(not circuit.probing for _, circuit in pipeline.states.of(breaker).scopes.items())


@pytest.mark.parametrize(("set_by", "source"), [(-4.0, "cache"), (-60.0, "fresh"), (-3e8, "fresh"), (3e8, "fresh")])
def test_the_wall_clock_is_set(mode: Mode, set_by: float, source: str) -> None:
    """An age that nobody can tell is no young age, and none that may be served."""
    world = World()
    pipeline = Pipeline.default(Cache(ttl=3600, stale_if_error=3600))

    async def script() -> None:
        await world.call(pipeline)
        world.clock.wall_ahead += set_by
        assert (await world.call(pipeline)).outcome.source == source
        if source == "fresh":
            world.clock.wall_ahead += set_by
            world.primary.answers(fails(K.OVERLOADED))
            assert (await world.call(pipeline)).told.kind is K.OVERLOADED

    world.run(mode, script)
