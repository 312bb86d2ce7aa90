"""Observe mode: all is judged and told, and the program sees what it would see without us."""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import CircuitBreaker, Deadline, Pipeline, Retry, control, options, outcome, record, wrap
from resilient_ai.events import AttemptFailed, CallFinished, CircuitChanged
from resilient_ai.failures import FailureKind
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
    http,
    modes,
    two_modes,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

QUICK: Any = {"retry-after-ms": "1"}


def observing(*strategies: Any, **said: Any) -> Pipeline:
    return Pipeline.default(*strategies, **said).observe()


async def settled(call: Awaitable[Any]) -> None:
    """However it ends."""
    with contextlib.suppress(openai.OpenAIError):
        await call


@modes
def test_a_persistent_failure_is_told_attempt_by_attempt(mode: Mode, primary: Any, to_backup: Any, backup: Any) -> None:
    """As many requests as the bare SDK makes, the same exception, and each attempt told: a listener hears of each."""
    seen: list[Any] = []

    async def script(wrapped: bool) -> type[BaseException]:
        client = mode.openai(primary)
        if wrapped:
            client = wrap(client, observing(listeners=[seen.append]), fallback=to_backup)
        primary.fault(Fault.status(503, headers=QUICK))
        error = await failing(chat(client))
        await close(client)
        assert not hasattr(error, "__notes__")
        if wrapped:
            told = outcome(error)
            assert (told.observed, told.would_have, told.answered_by) == (True, ("asked backup:*",), None)
        return type(error)

    bare, requests = mode.run(script, False), primary.count()
    primary._simulator.reset()
    assert mode.run(script, True) is bare is openai.InternalServerError
    assert (primary.count(), backup.count()) == (requests, 0) == (3, 0)
    failed = [event for event in seen if isinstance(event, AttemptFailed)]
    assert [(event.kind, event.status, event.observed) for event in failed] == [(FailureKind.OVERLOADED, 503, True)] * 3
    assert len([event for event in seen if isinstance(event, CallFinished)]) == 3


@two_modes
def test_an_answer_is_the_provider_s_and_its_outcome_is_known(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), observing())
        with options(tag="mine"), record() as calls:
            answer = await chat(client)
            raw = await do(client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO))
        told = outcome(answer)
        assert (told.observed, told.answered_by, told.source, told.tag) == (True, "primary", "fresh", "mine")
        assert not any(name.startswith("x-resilient-ai") for name in raw.headers)
        assert [call.observed for call in calls] == [True, True]
        await close(client)

    mode.run(script)


@two_modes
def test_what_would_have_been_done_is_noted(mode: Mode, primary: Any, to_backup: Any, backup: Any, caplog: Any) -> None:
    """Asked again, waited, moved on, given up, refused: each noted, none done."""
    caplog.set_level(logging.INFO, logger="resilient_ai")

    async def noted(fault: Fault, pipeline: Pipeline, **said: Any) -> tuple[str, ...]:
        primary.fault(fault)
        client = wrap(mode.openai(primary, max_retries=0), pipeline, **said)
        with record() as calls:
            await settled(chat(client))
        await close(client)
        primary.heal()
        assert len(calls) == 1
        return calls[0].would_have

    async def script() -> None:
        down = Fault.status(500)
        assert await noted(down, observing(Retry(wait=3.0), isolated=True)) == ("waited 3.00 s, then asked again",)
        assert await noted(down, observing(Retry(attempts=1), isolated=True), fallback=to_backup) == ("asked backup:*",)
        assert await noted(down, observing(Retry(attempts=1), isolated=True)) == ()
        late = await noted(Fault.slow(0.3), observing(Deadline(first_byte=0.1), isolated=True))
        assert late == ("given up after 0.10 s",)
        strict = observing(Retry(attempts=1), CircuitBreaker(consecutive=1), isolated=True)
        await noted(down, strict)
        (refused,) = await noted(down, strict)
        assert refused.startswith("refused it: circuit open for chat")

    mode.run(script)
    assert backup.count() == 0
    assert primary.count() == 6
    lines = [record.getMessage() for record in caplog.records if record.name == "resilient_ai"]
    assert any(line.endswith("would have waited 3.00 s, then asked again") for line in lines)
    assert [line for line in lines if not line.startswith("observed: ")] == []


@two_modes
def test_circuits_are_measured_and_refuse_nothing(mode: Mode, primary: Any) -> None:
    """Open in the shadow, closed again in the shadow; every call is sent all the same."""
    seen: list[Any] = []

    async def script() -> None:
        pipeline = observing(Retry(attempts=1), CircuitBreaker(consecutive=3), listeners=[seen.append])
        client = wrap(mode.openai(primary, max_retries=0), pipeline)
        primary.fault(Fault.status(500))
        for _ in range(6):
            await failing(chat(client))
        (circuit,) = circuits().values()
        assert circuit.state == "open"
        primary.heal()
        await chat(client)
        assert circuit.state == "open"  # it would not have been asked, so it tells nothing
        control.close("127.0.0.1")
        await chat(client)
        await close(client)

    mode.run(script)
    assert primary.count() == 8
    changes = [event for event in seen if isinstance(event, CircuitChanged)]
    assert [(event.new, event.observed) for event in changes[:1]] == [("open", True)]


@two_modes
@pytest.mark.parametrize(
    ("fault", "stream", "kind"),
    [
        (Fault.truncated(after_tokens=2), True, FailureKind.TRANSIENT),
        (Fault.truncated_clean(after_tokens=2), True, FailureKind.BROKEN),
        (Fault.malformed_json(), False, FailureKind.BROKEN),
        (Fault.error_in_stream(after_tokens=0), False, None),
        (Fault.html(502), False, FailureKind.TRANSIENT),
        (Fault.reset(), False, FailureKind.TRANSIENT),
        (Fault.refused(), False, FailureKind.UNREACHABLE),
    ],
    ids=lambda value: str(getattr(value, "kind", value)),
)
def test_every_failure_is_classified_as_it_passes(
    mode: Mode, primary: Any, fault: Fault, stream: bool, kind: FailureKind | None
) -> None:
    """Also where the bare SDK sees none: a stream that ends early, an error inside HTTP 200."""
    seen: list[Any] = []

    async def script() -> None:
        client = wrap(mode.openai(primary, max_retries=0), observing(listeners=[seen.append]))
        primary.fault(fault)
        try:
            answer = await chat(client, stream=stream)
            if stream:
                await everything(answer)
        except (openai.OpenAIError, ValueError, http.HTTPError):
            pass
        await close(client)

    mode.run(script)
    failed = [event for event in seen if isinstance(event, AttemptFailed)]
    assert len(failed) == 1, seen
    assert kind is None or failed[0].kind is kind
    assert isinstance(seen[-1], CallFinished)
    assert seen[-1].outcome.attempts[0].startswith(f"primary: {failed[0].kind.value}")


@two_modes
def test_a_stream_s_end_is_the_call_s(mode: Mode, primary: Any) -> None:
    seen: list[Any] = []

    async def script() -> None:
        client = wrap(mode.openai(primary), observing(listeners=[seen.append]))
        stream = await chat(client, stream=True)
        assert seen == []
        assert len(await everything(stream)) > 3
        assert [type(event) for event in seen] == [CallFinished]
        async with entered(await chat(client, stream=True)) as left:
            async for _ in each(left):
                break
        assert len(seen) == 2
        await close(client)

    mode.run(script)


def test_a_dropped_stream_holds_nothing(primary: Any) -> None:
    """The collector's find is no evidence, and the probe's permit comes back: the next call closes the circuit."""
    seen: list[Any] = []
    breaker = CircuitBreaker(consecutive=1, open_for=(0.05, 0.05))
    client = wrap(http.Client(), observing(breaker, listeners=[seen.append]))
    url, headers = f"{primary.base_url}/chat/completions", {"authorization": f"Bearer {primary.key}"}
    asked = {"model": MODEL, "messages": HELLO}
    primary.fault(Fault.status(500, count=1))
    assert client.post(url, json=asked, headers=headers).status_code == 500
    (circuit,) = (one for one in circuits().values() if one.state == "open")
    time.sleep(0.2)
    request = client.build_request("POST", url, json=asked | {"stream": True}, headers=headers)
    response = client.send(request, stream=True)
    assert circuit.state == "half-open"
    del response
    gc.collect()
    assert client.post(url, json=asked, headers=headers).status_code == 200
    assert circuit.state == "closed"
    assert len([event for event in seen if isinstance(event, CallFinished)]) == 3
    client.close()


@two_modes
def test_an_error_s_body_that_breaks_is_the_program_s_to_see(mode: Mode, primary: Any) -> None:
    """What was read ahead to classify an error is handed on, and so is the exception in the middle of it."""

    async def script(wrapped: bool) -> tuple[Any, ...]:
        client = mode.http_client()
        if wrapped:
            client = wrap(client, observing())
        primary.fault(Fault.wrong_length())
        url = f"{primary.base_url}/chat/completions"
        headers = {"authorization": f"Bearer {primary.key}"}
        with pytest.raises(http.HTTPError) as raised:
            await do(client.post(url, json={}, headers=headers))
        error = raised.value
        await close(client)
        return type(error), str(error)

    assert mode.run(script, True) == mode.run(script, False)


@two_modes
def test_state_is_kept_apart_from_pipelines_that_act(mode: Mode, primary: Any) -> None:
    """What is only observed opens no circuit of a client that is not."""

    async def script() -> None:
        acting = Pipeline.default(Retry(attempts=1), CircuitBreaker(consecutive=2))
        assert "none of it done" in str(acting.observe())
        assert "none of it done" not in str(acting)
        watching = wrap(mode.openai(primary, max_retries=0), acting.observe())
        primary.fault(Fault.status(500))
        for _ in range(4):
            await failing(chat(watching))
        primary.heal()
        client = wrap(mode.openai(primary), acting)
        await chat(client)
        await close(client, watching)

    mode.run(script)
    assert primary.count() == 5


@two_modes
def test_from_observing_to_acting_and_back(mode: Mode, primary: Any, to_backup: Any, backup: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(503))
        control.observe()
        assert isinstance(await failing(chat(client)), openai.InternalServerError)
        control.enable()
        assert outcome(await chat(client)).answered_by == "backup:*"
        control.observe()
        assert isinstance(await failing(chat(client)), openai.InternalServerError)
        await close(client)

    mode.run(script)
    assert (primary.count(), backup.count()) == (3, 1)


JSON = {"content-type": "application/json"}
NO_ANSWERS: dict[str, tuple[Fault, bool, str]] = {
    "html": (Fault.status(200, body="<html></html>", headers={"content-type": "text/html"}), False, "a page of HTML"),
    "words": (Fault.status(200, body="upstream error", headers={"content-type": "text/plain"}), False, "neither JSON"),
    "nothing": (Fault.status(200, body=""), False, "neither JSON"),
    "another schema": (Fault.status(200, body='{"hello": 1}', headers=JSON), False, "a failure inside HTTP 200"),
    "malformed": (Fault.malformed_json(), False, "its JSON is malformed"),
    "words for a stream": (Fault.status(200, body="upstream error"), True, "neither JSON"),
    "JSON for a stream": (Fault.not_streamed(), True, "plain JSON, where a stream was asked for"),
    "a cut stream": (Fault.truncated_clean(after_tokens=2), True, "the stream ended without its terminal event"),
}


@two_modes
@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_told_as_such(mode: Mode, primary: Any, to_backup: Any, backup: Any, name: str) -> None:
    """Regression: of what comes with HTTP 200, only HTML was refused; and of what was refused at the end of its body
    the outcome said that nothing would have been done."""
    fault, stream, said = NO_ANSWERS[name]
    seen: list[Any] = []

    async def script() -> None:
        client = wrap(mode.openai(primary, max_retries=0), observing(Retry(attempts=1), listeners=[seen.append]))
        primary.fault(fault)
        with record() as calls, contextlib.suppress(openai.OpenAIError, ValueError, http.HTTPError, AttributeError):
            answer = await chat(client, stream=stream)
            if stream:
                await everything(answer)
        await close(client)
        (told,) = calls
        assert told.attempts[0].startswith("primary: broken")
        if name == "html":  # judged by its head: the strategies see it, and have nobody else to ask
            return
        (would,) = told.would_have
        assert would.startswith("taken it for no answer: ")
        assert said in would

    mode.run(script)
    failed = [event for event in seen if isinstance(event, AttemptFailed)]
    assert [(event.kind, event.observed) for event in failed] == [(FailureKind.BROKEN, True)]
    assert (primary.count(), backup.count()) == (1, 0)


@pytest.mark.parametrize("status", [201, 202])
def test_another_status_s_json_is_its_own(primary: Any, status: int) -> None:
    """Regression: an accepted job, which says so in a body of its own, was a failure inside HTTP 200."""
    seen: list[Any] = []
    client = wrap(Mode("sync").openai(primary, max_retries=0), observing(listeners=[seen.append]))
    primary.fault(Fault.status(status, body='{"accepted": true}', headers=JSON))
    client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
    assert not [event for event in seen if isinstance(event, AttemptFailed)]
    client.close()


@two_modes
def test_a_primary_that_is_passed_over_is_told(mode: Mode, primary: Any, to_backup: Any, backup: Any) -> None:
    """Regression: that it would not have been asked at all was not said; only who would have been."""

    async def script() -> None:
        pipeline = observing(Retry(attempts=1), CircuitBreaker(consecutive=1), isolated=True)
        client = wrap(mode.openai(primary, max_retries=0), pipeline, fallback=to_backup)
        primary.fault(Fault.status(500, count=1))
        with record() as calls:
            await settled(chat(client))
            await chat(client)
        await close(client)
        assert calls[0].would_have == ("asked backup:*",)
        assert calls[1].would_have == ("passed the primary over, and asked backup:*",)

    mode.run(script)
    assert (primary.count(), backup.count()) == (2, 0)
