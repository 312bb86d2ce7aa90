"""How old a cached answer may be: by model and family, while it is renewed, and for who asks nobody."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import pytest

from resilient_ai import Cache, Pipeline, options
from resilient_ai._call import Facts, Operation
from resilient_ai._runtime.spawn import NAME
from resilient_ai.errors import ConfigurationError, NotCached
from resilient_ai.events import StoreFailed
from resilient_ai.failures import FailureKind as K
from resilient_ai.stores import Entry, MemoryStore
from resilient_ai.strategies._freshness import seconds_for, sound_rule

from .harness import Mode, World, fails, ok, stream

if TYPE_CHECKING:
    from resilient_ai.events import Event


def caching(**said: Any) -> Pipeline:
    return Pipeline.default(Cache(**said))


async def renewed(world: World, pipeline: Pipeline) -> None:
    """Until nothing is asked for in the background."""
    cache = pipeline.find(Cache)
    assert cache is not None
    shelf = pipeline.states.of(cache)
    for _ in range(1000):
        if not shelf.renewing:
            return
        if world.mode == "sync":
            for thread in threading.enumerate():
                if thread.name == NAME:
                    thread.join(20)
        else:
            await anyio.lowlevel.checkpoint()
    raise AssertionError("it is being renewed without end")


# ---- rules


@pytest.mark.parametrize(
    ("model", "family", "seconds"),
    [
        ("gpt-4o-mini", "chat", 60),
        ("gpt-4o", "responses", 60),
        ("text-embedding-3", "embeddings", 3600),
        ("GPT-4o", "chat", 5),
        ("o3", "chat", 0),
        (None, "chat", 5),
    ],
)
def test_the_first_rule_that_fits_holds(model: str | None, family: str, seconds: float) -> None:
    rule = sound_rule("ttl", {"gpt-4o*": 60, "embeddings": 3600, "o3": None, "*": 5})
    assert seconds_for(rule, Facts(family, Operation.STATELESS, model, "api.openai.com")) == seconds


def test_no_rule_is_never() -> None:
    facts = Facts("chat", Operation.STATELESS, "m", "api.openai.com")
    assert seconds_for(sound_rule("ttl", None), facts) == 0
    assert seconds_for(sound_rule("ttl", {"other": 5}), facts) == 0


@pytest.mark.parametrize(
    "given", [0, -1, True, "60", {"a": 0}, {"": 5}, {5: 5}, {"a": "x"}, float("inf"), float("nan")]
)
def test_what_is_no_rule(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Cache\(stale_while_revalidate"):
        Cache(stale_while_revalidate=given)


def test_times_by_model_and_family(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok())
    pipeline = caching(ttl={"embeddings": 100, "gpt-4o*": 10}, stale_if_error={"embeddings": 1000})

    async def script() -> None:
        await world.call(pipeline, model="gpt-4o-mini")
        await world.call(pipeline, family="embeddings", model="e")
        await world.call(pipeline, model="o3")
        await world.until(1050)
        assert (await world.call(pipeline, family="embeddings", model="e")).outcome.source == "cache"
        assert (await world.call(pipeline, model="gpt-4o-mini")).outcome.source == "fresh"
        assert (await world.call(pipeline, model="o3")).outcome.source == "fresh"
        world.primary.answers(fails(K.OVERLOADED))
        await world.until(1200)
        assert (await world.call(pipeline, family="embeddings", model="e")).outcome.source == "stale"
        assert (await world.call(pipeline, model="gpt-4o-mini")).told.kind in (K.OVERLOADED, K.LOCAL)

    world.run(mode, script)


# ---- served while it is renewed


def test_an_old_answer_is_served_while_it_is_renewed(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(text="first"), ok(text="second"), fails(K.OVERLOADED))
    pipeline = caching(ttl=60, stale_while_revalidate=600)

    async def script() -> None:
        await world.call(pipeline)
        await world.until(1100)
        got = await world.call(pipeline)
        assert (got.text, got.outcome.source, got.outcome.degraded) == ("first", "cache", False)
        assert got.outcome.age is not None
        assert got.outcome.age >= 100
        assert got.outcome.attempts == ()
        await renewed(world, pipeline)
        assert world.primary.count == 2
        got = await world.call(pipeline)
        assert (got.text, got.outcome.source) == ("second", "cache")
        assert world.primary.count == 2

    world.run(mode, script)


def test_what_cannot_be_renewed_is_served_for_its_time_only(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(text="first"), fails(K.CALLER))
    pipeline = caching(ttl=60, stale_while_revalidate=600)

    async def script() -> None:
        await world.call(pipeline)
        for at in (1100, 1599):
            await world.until(at)
            assert (await world.call(pipeline)).text == "first"
            await renewed(world, pipeline)
        assert world.primary.count == 3
        await world.until(1601)
        assert (await world.call(pipeline)).told.kind is K.CALLER

    world.run(mode, script)


def test_a_stream_is_read_to_its_end_to_be_kept_anew(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(text="first"), stream(), fails(K.OVERLOADED))
    pipeline = caching(ttl=60, stale_while_revalidate=600)

    async def script() -> None:
        await world.call(pipeline)
        await world.until(1100)
        await world.call(pipeline)
        await renewed(world, pipeline)
        assert (await world.call(pipeline)).text == "hello from primary"
        assert world.primary.count == 2

    world.run(mode, script)


def test_who_asks_nobody_has_nothing_renewed(mode: Mode) -> None:
    world = World()
    pipeline = caching(ttl=60, stale_while_revalidate=600)

    async def script() -> None:
        await world.call(pipeline)
        await world.until(1100)
        with options(cache="only"):
            assert (await world.call(pipeline)).outcome.source == "cache"
        await renewed(world, pipeline)
        assert world.primary.count == 1

    world.run(mode, script)


def test_many_who_meet_an_old_answer_have_it_renewed_once() -> None:
    world = World()
    world.primary.answers(ok(text="first"), ok(delay=5, text="second"))
    pipeline = caching(ttl=60, stale_while_revalidate=600)

    async def script() -> None:
        await world.call(pipeline)
        await world.until(1100)

        async def ask() -> None:
            assert (await world.call(pipeline)).text == "first"

        await world.at_once([ask] * 50)
        await renewed(world, pipeline)
        assert world.primary.count == 2

    world.run("asyncio", script)


# ---- asking nobody


def test_only_serves_what_is_kept_and_asks_nobody(mode: Mode) -> None:
    world = World()
    pipeline = caching(ttl=60, stale_if_error=600)

    async def script() -> None:
        with options(cache="only"):
            assert isinstance((await world.call(pipeline)).told, NotCached)
        await world.call(pipeline)
        for at, source in ((1050, "cache"), (1500, "stale")):
            await world.until(at)
            with options(cache="only"):
                assert (await world.call(pipeline)).outcome.source == source
        await world.until(1601)
        with options(cache="only"):
            assert isinstance((await world.call(pipeline)).told, NotCached)
            assert isinstance((await world.call(Pipeline.default())).told, NotCached)  # with no cache at all
            assert isinstance((await world.call(caching())).told, NotCached)

    world.run(mode, script)
    assert world.primary.count == 1


# ---- whose it is


def test_namespaces_and_subjects_share_nothing(mode: Mode) -> None:
    world = World()
    store = MemoryStore()
    pipeline = caching(ttl=60, store=store)
    said: list[dict[str, Any]] = [
        {},
        {"namespace": "t7"},
        {"namespace": "t8"},
        {"subject": "ann"},
        {"namespace": "t7", "subject": "ann"},
    ]

    async def script() -> None:
        for words in said:
            with options(**words):
                assert (await world.call(pipeline)).outcome.source == "fresh"
        for words in said:
            with options(**words):
                assert (await world.call(pipeline)).outcome.source == "cache"
        with options(namespace="t7"):
            assert (await world.call(pipeline, key="sk-two")).outcome.source == "cache"

    world.run(mode, script)
    kept = [entry for _, entry in store.entries()]
    assert sorted(entry.subject or "" for entry in kept) == ["", "", "", "ann", "ann"]
    assert len({entry.namespace for entry in kept}) == 3


@pytest.mark.parametrize("name", ["", "  ", 7, b"t7"])
def test_an_empty_name_is_none(name: Any) -> None:
    """Whoever's tenant is not known must not share with all others whose is not."""
    ways: list[dict[str, Any]] = [{"namespace": name}, {"subject": name}]
    for said in ways:
        with pytest.raises(ConfigurationError, match="is a name, not empty"), options(**said):
            pass
    with pytest.raises(ConfigurationError, match="is a name, not empty"):
        Cache(namespace=name)


# ---- trouble


class Broken(MemoryStore):
    """Fails as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = True
        self.asked = 0

    def get(self, key: str) -> Entry | None:
        self.asked += 1
        if self.fails:
            raise OSError("no such device")
        return super().get(key)


@pytest.mark.parametrize("blocking", [False, True])
def test_a_store_that_failed_is_left_alone_for_a_while(
    mode: Mode, blocking: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Promise 31, as far as the strategy goes."""
    world = World()
    store = Broken()
    store.blocking = blocking
    seen: list[Event] = []
    pipeline = Pipeline.default(Cache(ttl=3600, store=store), listeners=[seen.append])

    async def script() -> None:
        await world.calls(pipeline, 45, every=0.1)
        assert store.asked == 1
        await world.until(1006)
        await world.call(pipeline)
        assert store.asked == 2
        store.fails = False
        await world.until(1012)
        await world.call(pipeline)
        assert (await world.call(pipeline)).outcome.source == "cache"

    world.run(mode, script)
    told = [event for event in seen if isinstance(event, StoreFailed)]
    assert [(event.store, event.error, event.seconds) for event in told] == [("Broken", "OSError", 5.0)]
    assert sum("the cache's store failed" in record.getMessage() for record in caplog.records) == 1
