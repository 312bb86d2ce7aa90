"""Streams: handed on as they come, checked at their end, let go of without a trace."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from json import JSONDecodeError
from typing import Any

import httpx
import openai
import pytest
import trio

from resilient_ai import CircuitBreaker, Deadline, Fallback, Pipeline, Retry, outcome, record, wrap
from resilient_ai.testing import Fault

from .modes import (
    HELLO,
    MODEL,
    Mode,
    chat,
    circuits,
    close,
    do,
    each,
    entered,
    everything,
    failing,
    flavours,
    http,
    modes,
    notes,
    two_modes,
)


async def _stream(client: Any, family: str, **options: Any) -> Any:
    if family == "chat":
        return await chat(client, stream=True, **options)
    if family == "completions":
        ask: Any = {"model": "gpt-3.5-turbo-instruct", "prompt": "hello", "stream": True}
        return await do(client.completions.create(**ask, max_tokens=50, **options))
    return await do(client.responses.create(model=MODEL, input="hello", stream=True, **options))


FAMILIES = ["chat", "completions", "responses"]
NONE = Fallback(rescue=("error",))
ALONE = Pipeline.default(NONE)
"""What becomes of a broken stream if nobody goes on with it (else: test_rescue.py)."""


@modes
@pytest.mark.parametrize("family", FAMILIES)
def test_handed_on_as_it_comes(mode: Mode, primary: Any, family: str) -> None:
    """The first event is in the caller's hands while the server still has most to send."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        primary.fault(Fault.paced(0.05))
        stream = await _stream(client, family)
        async for _ in each(stream):
            assert primary.requests()[0].ended is None
            break
        await close(stream)
        await close(client)

    mode.run(script)


BROKEN = {
    "cut": (Fault.truncated(after_tokens=3), openai.APIConnectionError),
    "ended without its end": (Fault.truncated_clean(after_tokens=3), openai.APIConnectionError),
    "error inside": (Fault.error_in_stream(after_tokens=3), openai.APIError),
}


@modes
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", BROKEN)
def test_never_a_silent_end(mode: Mode, primary: Any, to_backup: Any, family: str, how: str) -> None:
    """Promises 19, 20 and 25: what was delivered stays, then the SDK's own error; never a second beginning."""
    fault, kind = BROKEN[how]

    async def script() -> None:
        client = wrap(mode.openai(primary), ALONE, fallback=to_backup)
        whole = await everything(await _stream(client, family))
        primary.fault(fault)
        got: list[Any] = []

        async def read() -> None:
            async for event in each(await _stream(client, family)):
                got.append(event)

        if (how, family) == ("error inside", "responses"):  # this endpoint's error is an event of its own
            await read()
            assert got[-1].type == "error"
            await close(client)
            return
        error = await failing(read())
        assert isinstance(error, kind)
        assert 0 < len(got) < len(whole)
        if how != "error inside":
            assert type(error) is kind
            assert "the stream" in notes(error) or "RemoteProtocolError" in notes(error)
            assert outcome(error).answered_by == "primary"
        await close(client)

    mode.run(script)
    assert primary.count() == 2


@two_modes
@pytest.mark.parametrize("family", ["chat", "responses"])
def test_a_malformed_event_is_the_sdk_s_own_error(mode: Mode, primary: Any, family: str) -> None:
    """Promises 23 and 25: where the SDK alone raises an error of the JSON parser's."""

    async def script() -> None:
        given = mode.openai(primary, max_retries=0)
        client = wrap(given)
        primary.fault(Fault.malformed_json(after_tokens=2))

        async def read(which: Any) -> None:
            await everything(await _stream(which, family))

        bare, wrapped = await failing(read(given)), await failing(read(client))
        assert type(bare) is JSONDecodeError
        assert type(wrapped) is openai.APIConnectionError
        assert "malformed" in notes(wrapped)
        await close(client, given)

    mode.run(script)


@two_modes
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
def test_an_error_inside_a_stream_is_evidence(mode: Mode, primary: Any, family: str, code: str) -> None:
    """Regression: a stream that ended in an error was a success, or nothing at all; no circuit ever opened."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(NONE, CircuitBreaker(consecutive=3, open_for=(20, 30))))
        primary.fault(Fault.error_in_stream(after_tokens=3, code=code))

        async def read() -> None:
            await everything(await _stream(client, family))

        for _ in range(3):
            if family == "responses":
                await read()
            else:
                assert isinstance(await failing(read()), openai.APIError)
        # How often a key may ask says nothing of the provider's health.
        assert [circuit.state for circuit in circuits().values()] == ["open" if code == "server_error" else "closed"]
        await close(client)

    mode.run(script)


@modes
def test_a_stalled_stream_ends_at_the_idle_limit(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(NONE, Deadline(idle=0.3)))
        primary.fault(Fault.stalled(after_tokens=3))
        got: list[Any] = []

        async def read() -> None:
            async for event in each(await chat(client, stream=True)):
                got.append(event)

        started = time.monotonic()
        error = await failing(read())
        assert type(error) is openai.APITimeoutError
        assert time.monotonic() - started < 0.3 + 1.0
        assert got
        await close(client)

    mode.run(script)


@modes
def test_a_long_stream_may_outlast_the_program_s_own_timeout(mode: Mode, primary: Any) -> None:
    """As with the bare SDK: its time-out limits the silences, not the whole."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        primary.fault(Fault.paced(0.01))
        started = time.monotonic()
        assert await everything(await chat(client.with_options(timeout=0.3), stream=True))
        assert time.monotonic() - started > 0.3
        await close(client)

    mode.run(script)


@two_modes
@flavours
def test_a_plain_client_s_stream_is_checked_too(mode: Mode, flavour: Any, primary: Any) -> None:
    async def script() -> None:
        given = mode.http_client(flavour, base_url=primary.base_url, headers={"authorization": f"Bearer {primary.key}"})
        client = wrap(given)
        primary.fault(Fault.truncated_clean(after_tokens=3))

        async def read() -> None:
            body = {"model": MODEL, "messages": HELLO, "stream": True}
            async with entered(client.stream("POST", "/chat/completions", json=body)) as answer:
                await everything(answer.aiter_lines() if mode.is_async else answer.iter_lines())

        error = await failing(read())
        assert isinstance(error, flavour.TransportError)
        assert "without its terminal event" in str(error) + notes(error)
        await close(client, given)

    mode.run(script)


# Letting go

PACE = 0.02


async def _pause(mode: Mode, seconds: float) -> None:
    if mode.name == "asyncio":
        await asyncio.sleep(seconds)
    elif mode.name == "trio":
        await trio.sleep(seconds)
    else:
        time.sleep(seconds)


async def _let_go(mode: Mode, client: Any, how: str) -> None:
    if how == "never entered":
        stream = await chat(client, stream=True)
        del stream
        return
    if how == "with":
        async with entered(await chat(client, stream=True)) as stream:
            async for _ in each(stream):
                break
        return
    if how == "cancelled":
        await _cancelled(mode, client)
        return
    stream = await chat(client, stream=True)
    iterator = aiter(stream) if mode.is_async else iter(stream)
    await (anext(iterator) if mode.is_async else do(next(iterator)))
    if how == "close":
        await close(stream)
    del stream, iterator


async def _cancelled(mode: Mode, client: Any) -> None:
    async def read() -> None:
        async for _ in each(await chat(client, stream=True)):
            pass

    if mode.name == "asyncio":
        task = asyncio.create_task(read())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    elif mode.name == "trio":
        with trio.move_on_after(0.2):
            await read()


def _running(provider: Any) -> int:
    return sum(request.ended is None for request in provider.requests())


@modes
@pytest.mark.parametrize("how", ["never entered", "with", "close", "del", "cancelled"])
def test_let_go_of_early(mode: Mode, primary: Any, permits: list[Any], how: str) -> None:
    """Promises 7, 11 and 12: no connection more than the bare SDK leaves, no permit, no evidence."""
    if how == "cancelled" and mode.name == "sync":
        pytest.skip("nothing cancels a thread")

    async def script(wrapped: bool) -> int:
        client = mode.openai(primary)
        if wrapped:
            client = wrap(client)
        primary.fault(Fault.paced(5 * PACE))  # for six seconds: none ends by itself meanwhile
        for _ in range(3):
            await _let_go(mode, client, how)
        gc.collect()
        await _pause(mode, 10 * PACE)
        for _ in range(20):  # a busy machine lets the provider see it later
            if _running(primary):
                await _pause(mode, PACE)
        left = _running(primary)
        primary.heal()
        assert await chat(client)  # and it works on
        await close(client)
        return left

    bare = mode.run(script, False)
    primary._simulator.reset()
    gc.collect()
    wrapped = mode.run(script, True)
    gc.collect()
    # On trio a forgotten stream is the collector's and the loop's, one at a time: of the bare SDK's, too, one may stay
    # open by chance.
    assert wrapped <= bare + (how == "del" and mode.name == "trio")
    assert len(permits) == 4
    known = circuits()
    assert {circuit.state for circuit in known.values()} == {"closed"}
    for circuit in known.values():
        circuit.admit(time.monotonic()).release()  # what a finaliser left behind is seen to now
    assert all(permit.ended for permit in permits)


def test_the_collector_may_run_inside_the_pool_s_lock(primary: Any) -> None:
    """Regression: the abandoned stream's generator was closed there, and waited for the lock of its own thread.

    (Of httpcore; httpcore2 has made its lock one that a thread may take twice.)
    """
    given = httpx.Client(base_url=primary.base_url, headers={"authorization": f"Bearer {primary.key}"})
    client = wrap(given)
    primary.fault(Fault.paced(PACE))
    body = {"model": MODEL, "messages": HELLO, "stream": True}
    gc.disable()
    try:
        client.send(client.build_request("POST", "/chat/completions", json=body), stream=True)
        pool = client._transport._own._pool._pool

        def collect() -> None:
            with pool._optional_thread_lock:
                gc.collect()

        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        thread.join(2)
        assert not thread.is_alive()
    finally:
        gc.enable()
    primary.heal()
    assert client.post("/chat/completions", json=body | {"stream": False}).json()["choices"]
    time.sleep(0.1)
    assert _running(primary) == 0  # its connection was closed by the call after it
    client.close()
    given.close()


@modes
def test_a_probe_that_was_let_go_of_is_free_again(mode: Mode, primary: Any) -> None:
    """Promise 11: a half-open circuit whose only probe was a stream that nobody read on."""

    async def script() -> None:
        pipeline = Pipeline.default(Retry(attempts=1), CircuitBreaker(consecutive=2, open_for=(0.2, 0.2)))
        client = wrap(mode.openai(primary), pipeline)
        primary.fault(Fault.status(503, count=2))
        for _ in range(2):
            await failing(chat(client))
        await _pause(mode, 0.25)
        stream = await chat(client, stream=True)
        iterator = aiter(stream) if mode.is_async else iter(stream)
        await (anext(iterator) if mode.is_async else do(next(iterator)))
        assert [circuit.state for circuit in circuits().values()] == ["half-open"]
        await close(stream)
        assert await chat(client)
        assert [circuit.state for circuit in circuits().values()] == ["closed"]
        await close(client)

    mode.run(script)


@modes
@pytest.mark.parametrize("family", FAMILIES)
def test_a_whole_stream_is_a_success(mode: Mode, primary: Any, family: str) -> None:
    """The SDK closes right after the terminal event: that is no abandonment."""

    async def script() -> None:
        client = wrap(
            mode.openai(primary),
            Pipeline.default(Retry(attempts=1), CircuitBreaker(consecutive=2, open_for=(0.2, 0.2))),
        )
        primary.fault(Fault.status(503, count=2))
        for _ in range(2):
            await failing(_stream(client, family))
        await _pause(mode, 0.25)
        with record() as calls:
            assert await everything(await _stream(client, family))
        assert [circuit.state for circuit in circuits().values()] == ["closed"]
        assert [(call.answered_by, call.source) for call in calls] == [("primary", "fresh")]
        await close(client)

    mode.run(script)


@modes
def test_connections_are_used_again(mode: Mode, primary: Any) -> None:
    async def script(wrapped: bool) -> None:
        client = mode.openai(primary)
        if wrapped:
            client = wrap(client)
        for _ in range(5):
            await everything(await chat(client, stream=True))
            await chat(client)
        await close(client)

    mode.run(script, False)
    bare = primary.connections
    primary._simulator.reset()
    mode.run(script, True)
    assert primary.connections <= bare


@two_modes
def test_a_stream_that_is_no_stream(mode: Mode, primary: Any) -> None:
    """Promise 22: JSON where an event stream was asked for is handed on as bare; an error body in it is a failure."""

    def handle(request: Any) -> Any:
        return http.Response(200, json={"error": {"message": "busy", "code": "server_error"}})

    async def script() -> None:
        given = mode.http_client(transport=http.MockTransport(handle))
        client = wrap(mode.openai(primary, http_client=given), Pipeline.default(Retry(attempts=1)))
        assert isinstance(await failing(chat(client, stream=True)), openai.APIError)
        await close(client, given)

    mode.run(script)


def test_image_streams(primary: Any) -> None:
    client = wrap(Mode("sync").openai(primary))
    stream = client.images.generate(model="gpt-image-1", prompt="a cat", stream=True, partial_images=2)
    assert [event.type for event in stream][-1] == "image_generation.completed"
    client.close()


@modes
def test_what_breaks_behind_the_end_is_no_matter(mode: Mode, primary: Any) -> None:
    """Regression: a body ten bytes shorter than its length, whole by its terminal event: openai's async SDK reads on
    behind ``[DONE]``, and got an error that the bare one does not."""
    primary.fault(Fault.wrong_length())

    async def script() -> None:
        given = mode.openai(primary)
        client = wrap(given)
        bare = await everything(await _stream(given, "chat"))
        assert len(await everything(await _stream(client, "chat"))) == len(bare)
        assert [circuit.state for circuit in circuits().values()] == ["closed"]
        await close(client, given)

    mode.run(script)
    assert primary.count() == 2
