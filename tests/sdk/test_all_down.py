"""Everything is down and there is no fallback: the SDK's own exception, once, in time, explained."""

from __future__ import annotations

import re
import time
from typing import Any

import openai
import pytest

import resilient_ai
from resilient_ai import CircuitBreaker, Deadline, Pipeline, Retry, options, outcome, wrap
from resilient_ai.errors import CircuitOpen, Failure
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, close, each, failing, flavours, modes, notes, two_modes

QUICK = Retry(wait=0.01, budget=1.0)

FAULTS = {
    "500": (Fault.status(500), openai.InternalServerError, 3),
    "503": (Fault.status(503), openai.InternalServerError, 3),
    "html": (Fault.html(502), openai.InternalServerError, 3),
    "429": (Fault.rate_limited(retry_after=None), openai.RateLimitError, 3),
    "reset": (Fault.reset(), openai.APIConnectionError, 3),
    "refused": (Fault.refused(), openai.APIConnectionError, 0),
    "truncated": (Fault.truncated(), openai.APIConnectionError, 3),
    "wrong length": (Fault.wrong_length(), openai.APIConnectionError, 3),
    "cut": (Fault.truncated_clean(), openai.APIConnectionError, 3),
    "malformed": (Fault.malformed_json(), openai.APIConnectionError, 3),
    # An error body under HTTP 200 (promise 22); regression: it came back as an answer without choices.
    "error in 200": (Fault.error_in_stream(after_tokens=0), openai.APIConnectionError, 3),
}


@modes
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("retries", ["left", "5"])
def test_the_sdk_s_own_error_once(mode: Mode, primary: Any, name: str, retries: str) -> None:
    """Promises 2 and 25: never more requests than the pipeline's, whatever ``max_retries`` says."""
    fault, kind, sends = FAULTS[name]

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(QUICK))
        caller = client if retries == "left" else client.with_options(max_retries=int(retries))
        primary.fault(fault)
        error = await failing(chat(caller))
        assert type(error) is kind
        told = notes(error)
        assert told.startswith("resilient_ai: chat call failed: ")
        assert len(told.splitlines()) == 1 + 3
        assert "attempt 3: primary: " in told
        assert isinstance(error.__cause__, Failure)
        assert len(outcome(error).attempts) == 3
        assert outcome(error).answered_by is None
        await close(client)

    mode.run(script)
    assert primary.count() == sends


@two_modes
def test_a_mistake_is_told_once_and_as_it_is(mode: Mode, primary: Any) -> None:
    """Promise 3."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(QUICK))
        with pytest.raises(openai.BadRequestError) as caught:
            await chat(client, temperature=17)
        assert caught.value.param == "temperature"
        with pytest.raises(openai.NotFoundError):
            await chat(client, model="no-such-model")
        with pytest.raises(openai.AuthenticationError):
            await chat(client.with_options(api_key="sk-wrong"))
        await close(client)

    mode.run(script)
    assert primary.count() == 3


LIMITS = ["pipeline", "with_options", "block", "header"]


async def _limited(client: Any, how: str, seconds: float, **more: Any) -> Any:
    if how == "with_options":
        return await chat(client.with_options(timeout=seconds), **more)
    if how == "header":
        return await chat(client, extra_headers={"x-resilient-ai-deadline": str(seconds)}, **more)
    if how == "block":
        with options(deadline=seconds):
            return await chat(client, **more)
    return await chat(client, **more)


@modes
@pytest.mark.parametrize("how", LIMITS)
def test_a_black_hole_ends_at_the_deadline(mode: Mode, primary: Any, how: str) -> None:
    """Promise 6. One that is mute is asked once: there is no time for a second."""

    async def script() -> None:
        total = Deadline(total=0.4) if how == "pipeline" else Deadline()
        client = wrap(mode.openai(primary), Pipeline.default(total, QUICK))
        primary.fault(Fault.blackhole())
        started = time.monotonic()
        error = await failing(_limited(client, how, 0.4))
        assert time.monotonic() - started < 0.4 + 0.25
        assert type(error) is openai.APITimeoutError
        assert "primary: " in notes(error)
        await close(client)

    mode.run(script)
    assert primary.count() == 1
    assert not any(name.startswith("x-resilient-ai") for name in primary.requests()[0].headers)


@modes
@pytest.mark.parametrize(
    ("how", "drip", "stream"),
    [("pipeline", "drip", False), ("pipeline", "drip_body", False), ("block", "drip_body", True)],
)
def test_one_byte_at_a_time_ends_at_the_deadline(mode: Mode, primary: Any, how: str, drip: str, stream: bool) -> None:
    """Promise 6: the deadline holds although each read finds a byte in time."""

    async def script() -> None:
        total = Deadline(total=1) if how == "pipeline" else Deadline()
        client = wrap(mode.openai(primary), Pipeline.default(total))
        primary.fault(getattr(Fault, drip)(0.4))

        async def read() -> None:
            answer = await _limited(client, how, 1.0, stream=stream)
            if stream:
                async for _ in each(answer):
                    pass

        started = time.monotonic()
        error = await failing(read())
        assert time.monotonic() - started < 1.25
        assert type(error) is openai.APITimeoutError
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@modes
def test_the_open_circuit_refuses_at_once_and_says_when_it_reopens(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        pipeline = Pipeline.default(Retry(attempts=1), CircuitBreaker(consecutive=3, open_for=(20, 30)))
        client = wrap(mode.openai(primary), pipeline)
        primary.fault(Fault.status(503))
        for _ in range(3):
            assert type(await failing(chat(client))) is openai.InternalServerError
        await failing(chat(client))
        started = time.perf_counter()
        error = await failing(chat(client))
        assert time.perf_counter() - started < 0.5  # 1 ms on an idle machine: benchmarks.refusals
        assert type(error) is openai.APIConnectionError
        cause = error.__cause__
        assert isinstance(cause, CircuitOpen)
        assert 15 < cause.reopens_in <= 20
        told = re.search(r"tried again in ([\d.]+) s", str(error))
        assert told is not None
        assert 10 <= float(told[1]) <= 20
        assert "circuit open for chat gpt-4o-mini at 127.0.0.1" in notes(error)
        assert outcome(error).attempts == ()
        # Neither another model nor another endpoint is kept from being asked (promise 15).
        primary.heal()
        assert await chat(client, model="gpt-4o")
        await close(client)

    mode.run(script)
    assert primary.count() == 4


@two_modes
def test_a_total_outage_costs_about_one_request_a_call(mode: Mode, primary: Any) -> None:
    """Promise 1, over the first 40 calls."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(wait=0)))
        primary.fault(Fault.status(500))
        for _ in range(40):
            await failing(chat(client))
        await close(client)

    mode.run(script)
    assert primary.count() <= 60


@two_modes
@flavours
def test_under_no_sdk_the_errors_are_the_http_package_s(mode: Mode, flavour: Any, primary: Any) -> None:
    async def script() -> None:
        given = mode.http_client(flavour, base_url=primary.base_url, headers={"authorization": f"Bearer {primary.key}"})
        client = wrap(given, Pipeline.default(QUICK, CircuitBreaker(consecutive=4, open_for=(20, 30))))

        async def call(**more: Any) -> Any:
            answer = client.post("/chat/completions", json={"model": MODEL, "messages": HELLO}, **more)
            answer = await answer if mode.is_async else answer
            answer.raise_for_status()

        primary.fault(Fault.status(500))
        error = await failing(call())
        assert isinstance(error, flavour.HTTPStatusError)
        assert "attempt 3: primary: transient (HTTP 500)" in notes(error)
        resilient_ai.control.reset()
        primary.fault(Fault.reset())
        error = await failing(call())
        assert isinstance(error, (flavour.ReadError, flavour.RemoteProtocolError))
        assert "attempt 3: primary: transient" in notes(error)
        primary.fault(Fault.blackhole())
        error = await failing(call(timeout=0.3))
        assert isinstance(error, flavour.ReadTimeout)
        primary.fault(Fault.reset())
        await failing(call())
        error = await failing(call())
        assert isinstance(error, flavour.ConnectError)
        assert isinstance(error.__cause__, CircuitOpen)
        await close(client, given)

    mode.run(script)


@two_modes
def test_a_raw_response_tells_its_error_as_well(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(QUICK))
        primary.fault(Fault.status(500))
        call = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO) if mode.is_async else None

        async def raw() -> Any:
            if call is not None:
                return await call
            return client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)

        error = await failing(raw())
        assert type(error) is openai.InternalServerError
        assert "attempt 3: primary" in notes(error)
        await close(client)

    mode.run(script)
    assert primary.count() == 3


@two_modes
def test_retry_after_is_kept_to(mode: Mode, primary: Any) -> None:
    """Promise 4, as far as one call can show it."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(QUICK))
        primary.fault(Fault.rate_limited(retry_after=0.3, count=1))
        answer = await chat(client)
        assert 0.3 <= resilient_ai.outcome(answer).waited <= 0.3 * 1.25
        primary.fault(Fault.rate_limited(retry_after=86400))
        started = time.monotonic()
        assert type(await failing(chat(client))) is openai.RateLimitError
        assert time.monotonic() - started < 0.5
        await close(client)

    mode.run(script)
    assert primary.count() == 3
