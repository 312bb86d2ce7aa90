"""Pipelines: shared state, options, outcomes, and nothing secret said."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import subprocess
import sys
import time
from typing import Any

import pytest

from resilient_ai import (
    Cache,
    CircuitBreaker,
    Deadline,
    Fallback,
    Pipeline,
    Retry,
    Target,
    control,
    options,
    record,
)
from resilient_ai._call import Operation, Verdict
from resilient_ai._context import NO_OPTIONS, current
from resilient_ai.errors import Failure
from resilient_ai.failures import FailureKind as K
from resilient_ai.stores import MemoryStore

from .harness import Mode, World, circuit_of, fails, ok, stream, target

CANARY = "sk-canary-9d1f"


# ---- state


def test_pipelines_built_anew_share_what_they_learnt(mode: Mode) -> None:
    """Promise 43."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))

    async def script() -> None:
        for n in range(200):
            pipeline = Pipeline.default(Fallback([target()]), Cache(ttl=1))
            assert (await world.call(pipeline, body=str(n))).failure is None
        assert world.primary.count <= 10

    world.run(mode, script)


def test_a_key_that_is_asked_for_anew_in_each_client_is_shared_too(mode: Mode) -> None:
    """Promise 43: a client per request has a token provider per request."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))

    def provider() -> Any:
        return lambda: "token"

    async def script() -> None:
        for _ in range(200):
            t = Target("backup:*", base_url="https://backup", api_key=provider())
            await world.call(Pipeline.default(Fallback([t])))
        assert world.primary.count <= 10

    world.run(mode, script)


def test_isolated_ones_share_nothing(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))

    async def script() -> None:
        for _ in range(20):
            await world.call(Pipeline.default(Retry(attempts=1), isolated=True))
        assert world.primary.count == 20
        await world.calls(Pipeline.default(Retry(attempts=1)), 20)
        kept = Pipeline.default(Retry(attempts=1), isolated=True)
        before = world.primary.count
        await world.calls(kept, 20)
        assert world.primary.count - before < 10

    world.run(mode, script)


def test_reset_forgets(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    both = [Pipeline.default(), Pipeline.default(isolated=True)]

    async def script() -> None:
        for pipeline in both:
            await world.calls(pipeline, 20)
            assert circuit_of(pipeline).state == "open"
        control.reset()
        for pipeline in both:
            assert circuit_of(pipeline).state == "closed"

    world.run(mode, script)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_starts_fresh() -> None:
    """DESIGN 2: and no lock it inherited is locked."""
    world = World()
    world.primary.answers(fails(K.UNREACHABLE))
    store = MemoryStore()
    both = [Pipeline.default(), Pipeline.default(Cache(ttl=1, store=store), isolated=True)]

    async def learn() -> None:
        for pipeline in both:
            await world.calls(pipeline, 20)

    world.run("sync", learn)
    with store._lock:
        child = os.fork()
        if child == 0:
            try:
                states = [circuit_of(pipeline).state for pipeline in both]
                store.get("key")
                os._exit(0 if states == ["closed", "closed"] else 1)
            finally:
                os._exit(2)
    deadline = time.monotonic() + 5
    done, status = 0, 0
    while not done and time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if not done:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
    assert circuit_of(both[0]).state == "open"


# ---- fingerprint


def test_equal_settings_have_equal_fingerprints() -> None:
    make = [
        Pipeline,
        Pipeline.default,
        lambda: Pipeline.default(Deadline(total=5)),
        lambda: Pipeline.default(Fallback([target()])),
        lambda: Pipeline.default(Fallback([target(key="sk-three")])),
        lambda: Pipeline.default(Fallback({"gpt": [target()]})),
        lambda: Pipeline.default(Cache(ttl=5)),
        lambda: Pipeline.default(Cache(stale_if_error=5)),
        lambda: Pipeline.default(Retry(wait=1)),
    ]
    prints = [build().fingerprint for build in make]
    assert prints == [build().fingerprint for build in make]
    assert len(set(prints)) == len(prints)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    import tenacity

    code = (
        "import tenacity, resilient_ai as r; "
        "print(r.Pipeline.default(r.Retry(wait=tenacity.wait_fixed(2)), r.Fallback(['openrouter:*'])).fingerprint)"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    here = Pipeline.default(Retry(wait=tenacity.wait_fixed(2)), Fallback(["openrouter:*"]))
    assert told.strip() == here.fingerprint


# ---- secrets


def test_no_key_is_said_anywhere(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Promise 29: repr, str, notes, events, outcomes, log records and pickles of every public object."""
    from resilient_ai._journal import notes

    world = World()
    heard: list[Any] = []
    secret = Target("backup:*", base_url="https://backup", api_key=CANARY)
    strategies = (Deadline(total=9), Cache(ttl=1, stale_if_error=60), Fallback([secret]), Retry(wait=0))
    pipeline = Pipeline.default(*strategies, listeners=[heard.append])
    said: list[str] = []

    async def script() -> None:
        world.primary.answers(fails(K.OVERLOADED))
        with record() as outcomes:
            for kind in list(K):
                world.backup.answers(fails(kind))
                call = world.begin(pipeline, key=CANARY + "-primary", body=CANARY + "-prompt")
                try:
                    await pipeline.run(call)
                except Failure as error:
                    said.extend([str(error), repr(error), *notes(call.journal, error)])
                await world.call(pipeline, key=CANARY + "-primary")
            world.backup.answers(ok())
            world.clock.time += 100
            await world.call(pipeline, key=CANARY + "-primary")
        said.extend(repr(outcome) for outcome in outcomes)
        said.extend(pickle.dumps(outcome).decode("latin-1") for outcome in outcomes)

    with caplog.at_level(logging.DEBUG):
        world.run(mode, script)
    assert heard
    said += [repr(event) for event in heard] + [pickle.dumps(event).decode("latin-1") for event in heard]
    said += [f"{entry.getMessage()} {entry.__dict__}" for entry in caplog.records]
    for thing in (secret, *strategies, pipeline, pipeline.states, *pipeline.states.known()):
        said += [repr(thing), str(thing)]
    said += [pipeline.fingerprint, str(secret.identity)]
    assert [line for line in said if "canary" in line] == []


def test_a_pipeline_prints_what_it_does() -> None:
    text = str(Pipeline.default(Fallback([target()]), Cache(stale_if_error=60), Retry(wait=2)))
    assert len(text.splitlines()) <= 10
    for word in ("Deadline", "stale_if_error=60", "*: backup:*", "wait=2", "https://backup", "RESILIENT_AI=off"):
        assert word in text
    assert "nothing is changed" in str(Pipeline())


# ---- options


def test_options_nest(mode: Mode) -> None:
    async def script() -> None:
        with options(deadline=5, tag="outer", fallback=False, cache="refresh"):
            with options(tag="inner"):
                inner = current.get()
                assert (inner.deadline, inner.tag, inner.fallback, inner.cache) == (5, "inner", False, "refresh")
                with options(fallback=True, cache="default", deadline=9):
                    inmost = current.get()
                    assert (inmost.deadline, inmost.tag, inmost.fallback, inmost.cache) == (9, "inner", True, "default")
            assert current.get().tag == "outer"
        assert current.get() is NO_OPTIONS

    World().run(mode, script)


def test_options_of_one_task_are_its_own() -> None:
    async def one(tag: str) -> str | None:
        with options(tag=tag):
            await asyncio.sleep(0)
            return current.get().tag

    async def script() -> None:
        assert await asyncio.gather(one("a"), one("b")) == ["a", "b"]

    asyncio.run(script())


def test_a_deadline_of_the_block_wins(mode: Mode) -> None:
    """With and without a Deadline in the pipeline."""
    from .harness import mute

    world = World()
    world.primary.answers(mute())

    async def script() -> None:
        for pipeline in (Pipeline.default(Deadline(total=50)), Pipeline(Retry()), Pipeline()):
            for seconds in (3.0, 80.0):
                with options(deadline=seconds):
                    got = await world.call(pipeline, timeout=600.0)
                assert got.seconds == pytest.approx(seconds)
                assert got.told.kind is K.DEADLINE

    world.run(mode, script)


# ---- outcomes


def test_a_record_holds_every_call_of_its_block(mode: Mode) -> None:
    world = World()
    world.primary.answers(ok(), fails(K.CALLER), stream())

    async def script() -> None:
        pipeline = Pipeline.default()
        await world.call(pipeline)
        world.primary.answers(ok(), fails(K.CALLER), stream())
        with record() as outer, options(tag="claims"):
            await world.call(pipeline)
            with record() as inner:
                await world.call(pipeline)
            got = await world.call(pipeline)
            assert len(outer) == 2
            assert got.reply is not None
            got.reply.end(Verdict.SUCCESS)
        await world.call(pipeline)
        assert [outcome.source for outcome in outer] == ["fresh", None, "fresh"]
        assert [outcome.source for outcome in inner] == [None]
        assert {outcome.tag for outcome in outer} == {"claims"}
        assert {outcome.fingerprint for outcome in outer} == {pipeline.fingerprint}

    world.run(mode, script)


def test_limits_are_written_not_kept() -> None:
    """DESIGN 2: Deadline opens no scope round the next strategy, it writes the call's limits."""
    from resilient_ai._runtime.sync import drive

    world = World()
    seen: list[Any] = []

    class Look:
        async def execute(self, next: Any, call: Any) -> Any:
            seen.append(call)
            return await next(call)

    async def script() -> None:
        pipeline = Pipeline(Deadline(total=10, per_attempt=4, first_byte=2, idle=1), Look())
        call = world.begin(pipeline, timeout=600.0)
        drive(pipeline.run(call))
        assert (call.deadline, call.per_attempt, call.first_byte) == (None, None, None)  # a call does not change
        inner = seen[0]
        assert (inner.deadline, inner.limit, inner.stream_limit) == (1010, 1010, 1010)
        assert (inner.per_attempt, inner.first_byte, inner.idle) == (4, 2, 1)

    world.run("sync", script)


def test_a_programs_own_time_out_does_not_cut_a_stream(mode: Mode) -> None:
    world = World()
    seen: list[Any] = []

    class Look:
        async def execute(self, next: Any, call: Any) -> Any:
            seen.append(call)
            return await next(call)

    async def script() -> None:
        await world.call(Pipeline(Deadline(), Look()), timeout=60.0)
        assert (seen[0].deadline, seen[0].stream_limit) == (1060, None)

    world.run(mode, script)


def test_copies_of_settings_are_equal() -> None:
    """Configuration is plain data."""
    for thing in (Deadline(total=5), Cache(ttl=3), Fallback([target()]), Retry(), CircuitBreaker(), target()):
        assert copy.deepcopy(thing) == thing
        assert hash(thing) == hash(copy.copy(thing))


def test_empty_is_invisible(mode: Mode) -> None:
    """Promise 44, as far as the engine goes."""
    world = World()
    world.primary.answers(fails(K.OVERLOADED, retry_after=1.0))

    async def script() -> None:
        got = await world.call(Pipeline(), operation=Operation.CREATING)
        assert got.told.kind is K.OVERLOADED
        assert world.primary.count == 1
        assert world.clock.slept == []

    world.run(mode, script)
