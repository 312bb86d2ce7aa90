"""Two requests at once under the real SDK, counted at the simulator; and that the loser is gone, thread and socket."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import CircuitBreaker, Hedge, Pipeline, outcome, record, wrap
from resilient_ai._runtime import race
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, do, each, flavours, modes

if TYPE_CHECKING:
    from resilient_ai._state.permit import Permit
    from resilient_ai.testing import SimulatedProvider

AFTER = 0.2


def hedged(mode: Mode, provider: SimulatedProvider) -> Any:
    return wrap(mode.openai(provider, timeout=20), Pipeline(Hedge(after=AFTER, budget=1.0), CircuitBreaker()))


def until(true: Any, seconds: float = 5.0) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(true())


def all_gone(provider: SimulatedProvider) -> bool:
    """No thread runs a side of a race any more, and the provider waits for nobody."""
    return until(lambda: race._threads.count == 0 and all(one.ended is not None for one in provider.requests()))


@modes
def test_a_mute_first_request_costs_a_moment(mode: Mode, primary: SimulatedProvider, permits: list[Permit]) -> None:
    """The second answers; the first one's connection is closed at once, long before its own time-out of 20 s."""
    primary.fault(Fault.blackhole(count=1))

    async def script() -> None:
        client = hedged(mode, primary)
        started = time.monotonic()
        answer = await do(chat(client))
        assert time.monotonic() - started < 5
        lost, won = outcome(answer).attempts
        assert lost.startswith("primary: hedged, lost after")
        assert won.startswith("primary: answered")
        await close(client)

    mode.run(script)
    assert all_gone(primary)
    assert [one.fault for one in primary.requests()] == ["blackhole", None]
    assert all(permit.ended for permit in permits)


@modes
def test_the_pool_is_sound_after_a_race(mode: Mode, primary: SimulatedProvider) -> None:
    """What was shut is not used again: later calls are answered, and no request is made but those that are told (one
    for each of them, unless the machine is so slow that a call is hedged once more)."""
    primary.fault(Fault.blackhole(count=1))

    async def script() -> None:
        client = hedged(mode, primary)
        for _ in range(10):
            assert (await do(chat(client))).choices
        await close(client)

    with record() as calls:
        mode.run(script)
    assert len(calls[0].attempts) == 2
    assert min(len(call.attempts) for call in calls[1:]) == 1
    assert primary.count() == sum(len(call.attempts) for call in calls)


@modes
def test_a_stream_goes_on_after_the_race(mode: Mode, primary: SimulatedProvider) -> None:
    """The loser never began; its end is not the call's: the outcome is told when the winner's stream ends."""
    primary.fault(Fault.blackhole(count=1))

    async def script() -> None:
        client = hedged(mode, primary)
        with record() as calls:
            stream = await do(chat(client, stream=True))
            assert calls == []
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in each(stream) if chunk.choices])
        assert text
        (told,) = calls
        assert [line.split()[1] for line in told.attempts] == ["hedged,", "answered"]
        await close(client)

    mode.run(script)
    assert all_gone(primary)


@modes
def test_two_streams_of_which_one_is_closed(mode: Mode, primary: SimulatedProvider) -> None:
    """Both begin at about the same moment: one is read to its end, the other one let go of."""
    primary.fault(Fault.slow_first_token(AFTER * 1.5, count=1))

    async def script() -> None:
        client = hedged(mode, primary)
        with record() as calls:
            for _ in range(3):
                stream = await do(chat(client, stream=True))
                assert [chunk async for chunk in each(stream)]
        assert len(calls) == 3
        await close(client)

    mode.run(script)
    assert all_gone(primary)


@modes
def test_creating_calls_are_sent_once(mode: Mode, primary: SimulatedProvider) -> None:
    """Promise: what makes something is never hedged, however long it takes."""
    primary.fault(Fault.slow(AFTER * 3))

    async def script() -> None:
        client = hedged(mode, primary)
        tools: Any = [{"type": "code_interpreter", "container": {"type": "auto"}}]
        await do(client.responses.create(model=MODEL, input="hello", tools=tools))
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@modes
@flavours
def test_a_transport_of_the_program_s_own(mode: Mode, flavour: Any) -> None:
    """It cannot be ended from outside in a thread: it is left to itself, and its late answer is closed."""
    closed: list[int] = []
    lost = threading.Event()

    class Slow(flavour.AsyncBaseTransport if mode.is_async else flavour.BaseTransport):
        sent = 0

        def answer(self) -> Any:
            class Body(flavour.SyncByteStream):
                def __iter__(self) -> Any:
                    yield b"data: [DONE]\n\n"

                def close(self) -> None:
                    closed.append(1)
                    lost.set()

            return flavour.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())

        def handle_request(self, request: Any) -> Any:
            Slow.sent += 1
            if Slow.sent == 1:
                time.sleep(AFTER * 4)
                return self.answer()
            return flavour.Response(200, json={"id": "x", "choices": [], "usage": {}})

        async def handle_async_request(self, request: Any) -> Any:
            Slow.sent += 1
            if Slow.sent == 1:
                import anyio

                await anyio.sleep(20)
            return flavour.Response(200, json={"id": "x", "choices": [], "usage": {}})

    async def script() -> None:
        client = wrap(
            mode.http_client(flavour, transport=Slow(), base_url="http://own/v1", timeout=20),
            Pipeline(Hedge(after=AFTER, budget=1.0), CircuitBreaker()),
        )
        started = time.monotonic()
        answer = await do(client.post("/chat/completions", json={"model": MODEL, "messages": HELLO}))
        assert answer.status_code == 200
        assert time.monotonic() - started < 10
        await close(client)

    mode.run(script)
    if not mode.is_async:
        assert lost.wait(5)
        assert closed == [1]
    assert until(lambda: race._threads.count == 0)


@flavours
def test_a_late_stream_s_end_is_not_the_call_s(flavour: Any) -> None:
    """The loser's stream comes and is closed while the winner's is still being read: the call has not ended."""
    closed = threading.Event()

    class Body(flavour.SyncByteStream):
        def __init__(self, number: int) -> None:
            self.number = number

        def __iter__(self) -> Any:
            yield b"data: {}\n\n"
            yield b"data: [DONE]\n\n"

        def close(self) -> None:
            if self.number == 1:
                closed.set()

    class Slow(flavour.BaseTransport):
        sent = 0

        def handle_request(self, request: Any) -> Any:
            Slow.sent += 1
            number = Slow.sent
            if number == 1:
                time.sleep(AFTER * 3)
            return flavour.Response(200, headers={"content-type": "text/event-stream"}, stream=Body(number))

    client = wrap(
        flavour.Client(transport=Slow(), base_url="http://own/v1", timeout=20),
        Pipeline(Hedge(after=AFTER, budget=1.0), CircuitBreaker()),
    )
    body = {"model": MODEL, "messages": HELLO, "stream": True}
    with record() as calls, client.stream("POST", "/chat/completions", json=body) as response:
        assert closed.wait(5)
        assert calls == []
        assert response.read()
    (told,) = calls
    assert sorted(line.split()[1] for line in told.attempts) == ["answered", "hedged,"]
    client.close()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer's signal")
def test_an_interrupt_ends_both(primary: SimulatedProvider, permits: list[Permit]) -> None:
    """A signal's exception comes out as itself, at once; both requests are ended, permits are back."""
    primary.fault(Fault.blackhole())
    client = hedged(Mode("sync"), primary)

    def strike(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, strike)
    try:
        signal.setitimer(signal.ITIMER_REAL, AFTER * 3)
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client.chat.completions.create(model=MODEL, messages=HELLO)
        assert time.monotonic() - started < 10
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all_gone(primary)
    assert until(lambda: all(permit.ended for permit in permits))
    client.close()
