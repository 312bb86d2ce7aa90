"""Equal calls at the same time share one request: real SDKs, real sockets, counted at the simulator."""

from __future__ import annotations

import gc
import os
import time
from typing import TYPE_CHECKING, Any

import anyio
import openai
import pytest

from resilient_ai import CircuitBreaker, Deadline, Pipeline, RateLimiter, Retry, SingleFlight, options, outcome, wrap
from resilient_ai.testing import Fault

from .flights import Gathered, at_once, in_flight, nothing_left, soon
from .modes import MODEL, Mode, chat, close, do, each, entered, everything, failing, http, modes, notes

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider

SURE: dict[str, Any] = {"temperature": 0}


def flying(mode: Mode, provider: SimulatedProvider, *strategies: Any, **said: Any) -> Any:
    pipeline = Pipeline(*(strategies or (Deadline(total=30), SingleFlight(), Retry(), CircuitBreaker())))
    limits: dict[str, Any] = {"max_connections": 2000, "max_keepalive_connections": 100, "keepalive_expiry": 60}
    kind = http.AsyncClient if mode.is_async else http.Client
    client = kind(limits=http.Limits(**limits), timeout=said.get("timeout", 60))
    return wrap(mode.openai(provider, http_client=client, **said), pipeline)


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


MANY = 1000 if os.environ.get("SOAK") else 200
COUNTS = {"sync": 200, "asyncio": MANY, "trio": MANY}
"""As many threads as a small machine has within a second."""
UNTIL_ALL_ARE_HERE = {"sync": 2.0, "asyncio": MANY / 100, "trio": MANY / 100}
"""Seconds until the answer begins: who comes when it is over asks anew, and a busy machine takes two for a thousand."""


@modes
def test_a_thousand_plain_calls(mode: Mode, primary: SimulatedProvider) -> None:
    count = COUNTS[mode.name]
    primary.fault(Fault.slow(UNTIL_ALL_ARE_HERE[mode.name]))

    async def script() -> None:
        client = flying(mode, primary)
        answers = await at_once(mode, [lambda: chat(client, **SURE)] * count)
        assert {answer.choices[0].message.content for answer in answers} == {answers[0].choices[0].message.content}
        assert len({id(answer) for answer in answers}) == count
        told = [outcome(answer) for answer in answers]
        assert sorted(one.joined for one in told) == [False] + [True] * (count - 1)
        assert {(one.source, one.answered_by) for one in told} == {("fresh", "primary")}
        assert sum(len(one.attempts) for one in told) == 1
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@modes
def test_a_thousand_streams(mode: Mode, primary: SimulatedProvider) -> None:
    count = COUNTS[mode.name]
    primary.fault(Fault.slow(UNTIL_ALL_ARE_HERE[mode.name]))

    async def script() -> None:
        client = flying(mode, primary)

        async def read() -> str:
            stream = await chat(client, stream=True, **SURE)
            return text_of(await everything(stream))

        texts = await at_once(mode, [read] * count)
        assert texts[0]
        assert set(texts) == {texts[0]}
        assert await soon(mode, nothing_left)
        primary.heal()
        assert (await chat(client)).choices  # the pool is free
        await close(client)

    mode.run(script)
    assert primary.count() == 2
    assert primary.connections == 1


@modes
def test_a_stream_is_handed_on_as_it_comes(mode: Mode, primary: SimulatedProvider) -> None:
    """Also to one who comes when part of it has been read."""
    primary.fault(Fault.paced(0.1))

    async def script() -> None:
        client = flying(mode, primary)
        first = each(await chat(client, stream=True, **SURE))
        began = [await anext(first) for _ in range(3)]
        started = time.monotonic()
        second = each(await chat(client, stream=True, **SURE))
        caught_up = [await anext(second) for _ in range(3)]
        assert [chunk.id for chunk in caught_up] == [chunk.id for chunk in began]
        assert time.monotonic() - started < 0.25 or mode.name == "sync"
        rest = await at_once(mode, [lambda: everything_of(first), lambda: everything_of(second)])
        assert text_of(began + rest[0]) == text_of(caught_up + rest[1])
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


async def everything_of(items: each) -> list[Any]:
    return [item async for item in items]


@modes
def test_not_asked_for_nothing_is_shared(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(0.3))

    async def script() -> None:
        plain = wrap(mode.openai(primary), Pipeline.default())
        await at_once(mode, [lambda: chat(plain, **SURE)] * 5)
        asked = flying(mode, primary)
        await at_once(mode, [lambda: chat(asked)] * 5)  # no temperature, no seed
        await close(plain, asked)

    mode.run(script)
    assert primary.count() == 10


@modes
def test_joins_all(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(0.5))

    async def script() -> None:
        client = flying(mode, primary, SingleFlight(joins="all"))
        await at_once(mode, [lambda: chat(client)] * 5)
        assert primary.count() == 1

        async def apart() -> Any:
            with options(cache="no-store"):
                return await chat(client)

        await at_once(mode, [apart] * 5)
        assert primary.count() == 6
        create = client.responses.create
        await at_once(mode, [lambda: do(create(model=MODEL, input="hi"))] * 3)  # stored there, each under its own id
        assert primary.count() == 9
        await at_once(mode, [lambda: do(create(model=MODEL, input="hi", store=False))] * 3)
        assert primary.count() == 10
        await close(client)

    mode.run(script)


@modes
@pytest.mark.parametrize(
    "other",
    [{"temperature": 0.0, "max_tokens": 5}, {"temperature": 0, "extra_headers": {"x-tenant": "b"}}, {"seed": 1}],
)
def test_what_differs_is_not_shared(mode: Mode, primary: SimulatedProvider, other: dict[str, Any]) -> None:
    primary.fault(Fault.slow(0.4))

    async def script() -> None:
        client = flying(mode, primary)
        await at_once(mode, [lambda: chat(client, **SURE), lambda: chat(client, **other)] * 3)
        await close(client)

    mode.run(script)
    assert primary.count() == 2


@modes
def test_another_key_is_not_shared(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(0.4))

    async def script() -> None:
        one = flying(mode, primary)
        two = one.with_options(organization="another")
        same = flying(mode, primary)  # a client of its own, and the same in all that counts
        await at_once(mode, [lambda: chat(one, **SURE), lambda: chat(two, **SURE), lambda: chat(same, **SURE)])
        await close(one, same)

    mode.run(script)
    assert primary.count() == 2


@modes
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_reaches_each_once(mode: Mode, primary: SimulatedProvider, stream: bool) -> None:
    """Repeats are made for all together: a failure is no stampede."""
    primary.fault(Fault.status(500))

    async def script() -> None:
        client = flying(mode, primary, Deadline(total=60), SingleFlight(), Gathered(mode, 50), Retry(attempts=3))
        errors = await at_once(mode, [lambda: chat(client, stream=stream, **SURE)] * 50)
        assert {type(error) for error in errors} == {openai.InternalServerError}
        assert len({id(error) for error in errors}) == 50
        assert len({id(error.__cause__) for error in errors}) == 50
        joined = ["joined: the request was an equal call's" in notes(error) for error in errors]
        assert sorted(joined) == [False] + [True] * 49
        assert all("call failed: " in notes(error) for error in errors)
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)
    assert primary.count() <= 3


@modes
def test_no_connection_is_each_one_s_own_error(mode: Mode, primary: SimulatedProvider) -> None:
    async def script() -> None:
        client = flying(mode, primary, SingleFlight())
        primary.fault(Fault.blackhole(count=1))
        client = client.with_options(timeout=0.7)
        errors = await at_once(mode, [lambda: chat(client, **SURE)] * 20)
        assert {type(error) for error in errors} == {openai.APITimeoutError}
        assert len({id(error) for error in errors}) == 20
        await close(client)

    mode.run(script)
    assert primary.count() <= 2


@modes
def test_one_with_a_short_deadline_leaves_alone(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(1.5))

    async def script() -> None:
        client = flying(mode, primary)

        async def short() -> Any:
            await soon(mode, lambda: in_flight() >= 1)
            started = time.monotonic()
            with options(deadline=0.3):
                error = await failing(chat(client, **SURE))
            assert 0.25 < time.monotonic() - started < 1.2
            return error

        got = await at_once(mode, [*[lambda: chat(client, **SURE)] * 99, short])
        assert isinstance(got.pop(), openai.APITimeoutError)
        assert all(answer.choices for answer in got)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@modes
@pytest.mark.parametrize("how", ["options", "with_options"])
def test_a_leader_with_a_short_deadline_takes_nobody_along(mode: Mode, primary: SimulatedProvider, how: str) -> None:
    primary.fault(Fault.slow(1.2))

    async def script() -> None:
        client = flying(mode, primary, SingleFlight()) if how == "with_options" else flying(mode, primary)

        async def short() -> Any:
            if how == "with_options":
                return await failing(chat(client.with_options(timeout=0.4), **SURE))
            with options(deadline=0.4):
                return await failing(chat(client, **SURE))

        async def follows() -> Any:
            await soon(mode, lambda: in_flight() >= 1)
            return await chat(client, **SURE)

        got = await at_once(mode, [short, *[follows] * 20])
        assert isinstance(got[0], openai.APITimeoutError)
        assert all(answer.choices for answer in got[1:]), got
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)
    assert primary.count() <= 2


@pytest.mark.parametrize("mode", [Mode("asyncio"), Mode("trio")], ids=lambda mode: mode.name)
@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_leader_takes_nobody_along(mode: Mode, primary: SimulatedProvider, stream: bool) -> None:
    primary.fault(Fault.slow(0.8))

    async def script() -> None:
        client = flying(mode, primary)
        scope = anyio.CancelScope()

        async def call() -> Any:
            got = await chat(client, stream=stream, **SURE)
            return text_of(await everything(got)) if stream else got.choices[0].message.content

        async def leader() -> None:
            with scope:
                await call()

        async def cancel() -> None:
            assert await soon(mode, lambda: in_flight() == 51)
            started = time.monotonic()
            scope.cancel()
            await anyio.sleep(0)
            assert await soon(mode, lambda: in_flight() == 50)
            assert time.monotonic() - started < 0.5

        async def follows() -> Any:
            await soon(mode, lambda: in_flight() >= 1)
            return await call()

        got = await at_once(mode, [leader, *[follows] * 50, cancel])
        assert got[0] is None
        assert got[-1] is None, got[-1]
        assert len(set(got[1:-1])) == 1
        assert got[1]
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@pytest.mark.parametrize("mode", [Mode("asyncio"), Mode("trio")], ids=lambda mode: mode.name)
def test_the_last_to_leave_ends_the_request(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.blackhole())

    async def script() -> None:
        client = flying(mode, primary)
        with anyio.move_on_after(0.5):
            await at_once(mode, [lambda: chat(client, **SURE)] * 5)
        assert await soon(mode, nothing_left)
        assert await soon(mode, lambda: all(one.ended is not None for one in primary.requests()))
        primary.heal()
        assert (await chat(client, **SURE)).choices
        await close(client)

    mode.run(script)
    assert primary.count() == 2


@modes
def test_readers_that_leave_leave_the_others(mode: Mode, primary: SimulatedProvider) -> None:
    """Closed early, dropped to the collector, read to the end: the last one ends the request."""
    primary.fault(Fault.paced(0.05))

    async def script() -> None:
        client = flying(mode, primary)
        streams = [await chat(client, stream=True, **SURE) for _ in range(4)]
        items = [each(stream) for stream in streams]
        began = [await anext(item) for item in items]
        assert len({chunk.id for chunk in began}) == 1
        await close(streams[0])
        del streams[1], items[1]
        gc.collect()
        texts = [text_of(await everything_of(item)) for item in (items[1], items[2])]
        assert texts[0] == texts[1] != ""
        await close(*streams[1:])
        assert (await chat(client)).choices
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)
    assert primary.count() == 2


@modes
def test_the_last_reader_s_close_ends_the_request(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.stalled(after_tokens=3))

    async def script() -> None:
        client = flying(mode, primary)
        streams = [await chat(client, stream=True, **SURE) for _ in range(3)]
        for stream in streams:
            await anext(each(stream))
        started = time.monotonic()
        await close(*streams)
        assert time.monotonic() - started < 2
        assert await soon(mode, nothing_left)
        assert await soon(mode, lambda: primary.requests()[0].ended is not None)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@modes
def test_a_stream_that_breaks_is_each_one_s_own_error(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.truncated(after_tokens=3))

    async def script() -> None:
        client = flying(mode, primary)

        async def read() -> Any:
            words, stream = "", each(await chat(client, stream=True, **SURE))
            try:
                async for chunk in stream:
                    words += text_of([chunk])
            except openai.APIError as error:
                return words, error
            return words, None

        got = await at_once(mode, [read] * 10)
        errors = [error for _, error in got]
        assert all(isinstance(error, openai.APIConnectionError) for error in errors), errors
        assert len({id(error) for error in errors}) == 10
        assert {outcome(error).delivered for error in errors} == {got[0][0]}
        assert {words for words, _ in got} == {got[0][0]}
        assert got[0][0]
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)


@modes
def test_a_rate_limiter_counts_one(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(0.4))

    async def script() -> None:
        limiter = RateLimiter(requests_per_minute=10, max_wait=0.1)
        client = flying(mode, primary, Deadline(total=5), SingleFlight(), limiter)
        assert all(one.choices for one in await at_once(mode, [lambda: chat(client, **SURE)] * 30))
        await close(client)

    mode.run(script)
    assert primary.count() == 1


def test_a_thread_does_not_wait_for_its_own_loop(primary: SimulatedProvider) -> None:
    """A sync call on a loop's thread, while an equal async one of that loop is under way."""
    primary.fault(Fault.slow(0.6))
    mode = Mode("asyncio")

    async def script() -> None:
        one = flying(mode, primary)
        other = flying(Mode("sync"), primary)
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: chat(one, **SURE))
            assert await soon(mode, lambda: in_flight() == 1)
            assert other.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hello"}], **SURE)
        await close(one, other)

    mode.run(script)
    assert primary.count() == 2


@modes
def test_embeddings_are_shared(mode: Mode, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(0.4))

    async def script() -> None:
        client = flying(mode, primary)
        create = client.embeddings.create
        got = await at_once(mode, [lambda: do(create(model="text-embedding-3-small", input="a"))] * 5)
        assert {tuple(one.data[0].embedding) for one in got} == {tuple(got[0].data[0].embedding)}
        raw = client.embeddings.with_raw_response.create
        told = await at_once(mode, [lambda: do(raw(model="text-embedding-3-small", input="a"))] * 5)
        assert sorted(one.headers.get("x-resilient-ai-joined", "") for one in told) == [""] + ["true"] * 4
        streaming = client.embeddings.with_streaming_response.create
        async with entered(streaming(model="text-embedding-3-small", input="b")) as one:
            assert await do(one.json())
        await close(client)

    mode.run(script)
    assert primary.count() == 3
