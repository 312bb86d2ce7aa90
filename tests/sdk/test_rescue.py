"""A stream that breaks when its reader has some of it: gone on with by the same answer, or the SDK's own error."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import openai
import pytest

from resilient_ai import Cache, Deadline, Fallback, Pipeline, Retry, Target, options, outcome, record, wrap
from resilient_ai.events import AttemptFailed, CallFinished, StreamRescued
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, Mode, chat, circuits, close, do, each, entered, everything, failing, http, modes
from .stream_faults import CHAT, ENDPOINTS, TOKENS, Endpoint, Read, providers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import SimulatedProvider, Simulator

endpoints = pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.usable], ids=lambda one: one.name)
ALONE: Any = ("error",)
CUT = 40


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with providers(1) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _fresh(world: Simulator) -> Iterator[None]:
    yield
    world.reset()


def _pair(world: Simulator, endpoint: Endpoint) -> tuple[SimulatedProvider, SimulatedProvider]:
    return world[f"{endpoint.dialect}-1"], world[f"{endpoint.dialect}-2"]


def _target(provider: SimulatedProvider, endpoint: Endpoint, model: str = "*") -> Target:
    return Target(f"other:{model}", base_url=provider.base_url, api_key=provider.key, dialect=endpoint.dialect)


def _client(mode: Mode, endpoint: Endpoint, provider: SimulatedProvider, pipeline: Pipeline, **how: Any) -> Any:
    return wrap(endpoint.make(mode.is_async, provider, provider.key, 30.0), pipeline, **how)


async def _end(mode: Mode, endpoint: Endpoint, client: Any) -> None:
    if mode.is_async and endpoint.dialect == "gemini":
        await client.aio.aclose()
    await do(client.close())


async def _read(mode: Mode, endpoint: Endpoint, client: Any) -> Read:
    read = Read()
    async for event in each(await do(endpoint.open(client, mode.is_async))):
        endpoint.read(read, event)
    return read


def _pipeline(*strategies: Any, **how: Any) -> Pipeline:
    retry = () if any(isinstance(one, Retry) for one in strategies) else (Retry(wait=0),)
    return Pipeline.default(*retry, *strategies, isolated=True, **how)


@modes
@endpoints
def test_as_if_nothing_had_happened(mode: Mode, endpoint: Endpoint, world: Simulator, caplog: Any) -> None:
    """Forty tokens, a cut, and the other twenty: once each, in order; and it is told who gave what."""
    first, second = _pair(world, endpoint)
    events: list[Any] = []

    async def script() -> None:
        client = _client(mode, endpoint, first, _pipeline(listeners=[events.append]))
        whole = await _read(mode, endpoint, client)
        first.fault(Fault.truncated(after_tokens=CUT, count=1))
        with record() as calls:
            read = await _read(mode, endpoint, client)
        assert read == whole
        assert len("".join(read.tokens)) == len("".join(whole.tokens))
        (told,) = calls
        assert (told.answered_by, told.source, told.rescued, told.degraded) == ("primary", "fresh", 1, False)
        assert [line.split()[1] for line in told.attempts] == ["transient", "answered"]
        assert told.delivered is None
        await _end(mode, endpoint, client)

    mode.run(script)
    assert (first.count(), second.count()) == (3, 0)
    (rescued,) = [event for event in events if isinstance(event, StreamRescued)]
    assert (rescued.target, rescued.by, rescued.way, rescued.reason) == ("primary", "primary", "replay", "transient")
    assert sum(isinstance(event, AttemptFailed) for event in events) == 1
    assert sum(isinstance(event, CallFinished) for event in events) == 2
    (line,) = [line for line in caplog.messages if "goes on with it" in line]
    assert "primary goes on with it (replay)" in line


@modes
@endpoints
def test_by_the_same_model_elsewhere(mode: Mode, endpoint: Endpoint, world: Simulator) -> None:
    first, second = _pair(world, endpoint)

    async def script() -> None:
        client = _client(mode, endpoint, first, _pipeline(), fallback=[_target(second, endpoint)])
        whole = await _read(mode, endpoint, client)
        first.fault(Fault.truncated(after_tokens=CUT))
        with record() as calls:
            assert await _read(mode, endpoint, client) == whole
        (told,) = calls
        assert (told.answered_by, told.source, told.rescued, told.degraded) == ("other:*", "fallback", 1, True)
        assert len(told.attempts) == first.count() - 1 + 1
        await _end(mode, endpoint, client)

    mode.run(script)
    assert second.count() == 1


@modes
@endpoints
def test_silence_is_not_waited_for_twice(mode: Mode, endpoint: Endpoint, world: Simulator) -> None:
    first, second = _pair(world, endpoint)

    async def script() -> None:
        pipeline = _pipeline(Deadline(idle=0.4))
        client = _client(mode, endpoint, first, pipeline, fallback=[_target(second, endpoint)])
        first.fault(Fault.stalled(after_tokens=20))
        started = time.monotonic()
        assert len((await _read(mode, endpoint, client)).tokens) >= TOKENS
        assert time.monotonic() - started < 0.4 + 1.0
        await _end(mode, endpoint, client)

    mode.run(script)
    assert (first.count(), second.count()) == (1, 1)


@modes
@endpoints
def test_other_words_are_not_glued_on(mode: Mode, endpoint: Endpoint, world: Simulator) -> None:
    """Another model's words are others: the SDK's own error, and what was delivered by it, and nowhere else."""
    first, second = _pair(world, endpoint)
    other = _target(second, endpoint, "gpt-4o")

    async def script(across: bool) -> None:
        fallback = Fallback([other], across_models=across)
        client = _client(mode, endpoint, first, _pipeline(fallback, Retry(attempts=1)))
        whole = await _read(mode, endpoint, client)
        first.fault(Fault.truncated(after_tokens=CUT))
        read, raised = Read(), None
        with record() as calls:
            try:
                async for event in each(await do(endpoint.open(client, mode.is_async))):
                    endpoint.read(read, event)
            except Exception as error:
                raised = error
        assert isinstance(raised, endpoint.own())
        assert read.tokens == whole.tokens[:CUT]
        told, text = outcome(raised), "".join(read.tokens)
        assert told.delivered == text
        assert (told.answered_by, told.rescued) == ("primary", 0)
        assert len(told.attempts) == (2 if across else 1)
        assert [call.delivered for call in calls] == [None]
        said = "\n".join([str(raised), repr(raised), *raised.__notes__, repr(told), repr(vars(raised))])
        assert text not in said
        assert text.encode() not in pickle.dumps(copy.deepcopy(vars(raised).get("resilient_ai_delivered")))
        await _end(mode, endpoint, client)

    for across, asked in ((False, 0), (True, 1)):
        mode.run(script, across)
        assert second.count() == asked
        world.reset()


@modes
def test_a_tool_s_arguments_are_never_of_two_answers(mode: Mode, primary: Any) -> None:
    tool: dict[str, Any] = {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}},
    }
    ask: dict[str, Any] = {"tools": [tool], "tool_choice": {"type": "function", "function": {"name": "f"}}}
    schema = {"name": "s", "schema": {"type": "object", "properties": {"words": {"type": "string"}}}}

    async def script(**more: Any) -> None:
        client = wrap(mode.openai(primary), _pipeline())
        primary.fault(Fault.truncated(after_tokens=2))
        error = await failing(_all(client, **more))
        assert type(error) is openai.APIConnectionError
        assert len(outcome(error).attempts) == 1
        await close(client)

    async def _all(client: Any, **more: Any) -> None:
        await everything(await chat(client, stream=True, **more))

    for more in (ask, {"response_format": {"type": "json_schema", "json_schema": schema}}):
        mode.run(partial(script, **more))
        assert primary.count() == 1
        primary._simulator.reset()


@modes
@pytest.mark.parametrize(
    "fault",
    [Fault.truncated(after_tokens=2), Fault.error_in_stream(after_tokens=2, code="rate_limit_exceeded")],
    ids=lambda fault: fault.kind,
)
def test_what_creates_is_never_asked_for_twice(mode: Mode, primary: Any, fault: Fault) -> None:
    """Once words have come, not even a refusal proves that nothing was made."""

    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline())
        primary.fault(fault)
        assert isinstance(await failing(_all(client)), openai.APIError)
        await close(client)

    async def _all(client: Any) -> None:
        await everything(await chat(client, stream=True, store=True))

    mode.run(script)
    assert primary.count() == 1


@modes
@pytest.mark.parametrize("how", ["options", "header", "pipeline"])
def test_off_when_it_is_said_so(mode: Mode, primary: Any, how: str) -> None:
    async def script() -> None:
        pipeline = _pipeline(Fallback(rescue=ALONE if how == "pipeline" else ("replay",)))
        client = wrap(mode.openai(primary), pipeline)
        primary.fault(Fault.truncated(after_tokens=2))
        more = {"extra_headers": {"x-resilient-ai-rescue": "error"}} if how == "header" else {}
        with options(rescue=ALONE if how == "options" else None):
            stream = await chat(client, stream=True, **more)
        assert isinstance(await failing(everything(stream)), openai.APIConnectionError)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@modes
def test_the_caller_s_own_mistakes_are_not(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline())
        primary.fault(Fault.error_in_stream(after_tokens=3, code="content_filter"))
        error = await failing(_all(client))
        assert isinstance(error, openai.APIError)
        await close(client)

    async def _all(client: Any) -> None:
        await everything(await chat(client, stream=True))

    mode.run(script)
    assert primary.count() == 1


@modes
def test_a_deadline_holds_for_all_of_it(mode: Mode, primary: Any) -> None:
    """A total of the program's own is not begun anew."""

    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline(Deadline(total=0.6, idle=0.4)))
        primary.fault(Fault.stalled(after_tokens=3))
        started = time.monotonic()
        assert isinstance(await failing(_all(client)), openai.APIError)
        assert time.monotonic() - started < 0.6 + 0.4
        await close(client)

    async def _all(client: Any) -> None:
        await everything(await chat(client, stream=True))

    mode.run(script)


@modes
def test_the_program_s_own_time_out_is_one_of_silence(mode: Mode, primary: Any) -> None:
    """It is over by the time a stream has been silent for so long: that is no end of the call."""

    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline())
        whole = await _words(client)
        primary.fault(Fault.stalled(after_tokens=3, count=1))
        assert await _words(client.with_options(timeout=0.4)) == whole
        await close(client)

    mode.run(script)
    assert primary.count() == 3


@modes
def test_choices_are_compared_each_by_itself(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline())

        async def texts() -> dict[int, str]:
            found: dict[int, str] = {}
            async for chunk in each(await chat(client, stream=True, n=2)):
                for choice in chunk.choices:
                    found[choice.index] = found.get(choice.index, "") + (choice.delta.content or "")
            return found

        whole = await texts()
        primary.fault(Fault.truncated(after_tokens=TOKENS + 10, count=1))
        assert await texts() == whole
        await close(client)

    mode.run(script)
    assert primary.count() == 3


@modes
@pytest.mark.parametrize("fault", ["cut", "unterminated", "malformed", "error"])
def test_the_sdk_s_own_helpers_take_it(mode: Mode, primary: Any, fault: str) -> None:
    """What they put together of two answers is one: chat and responses."""
    if not hasattr(openai.OpenAI(api_key="k").chat.completions, "stream"):
        pytest.skip("this openai has no chat.completions.stream(), the helper")
    faults = {
        "cut": Fault.truncated(after_tokens=CUT, count=1),
        "unterminated": Fault.unterminated(count=1),
        "malformed": Fault.malformed_json(after_tokens=9, count=1),
        "error": Fault.error_in_stream(after_tokens=9, count=1),
    }

    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline())

        async def texts() -> list[Any]:
            asked: Any = client.chat.completions.stream(
                model=MODEL, messages=HELLO, stream_options={"include_usage": True}
            )
            async with entered(asked) as stream:
                async for _ in each(stream):
                    pass
                answer = await do(stream.get_final_completion())
            asked = client.responses.stream(model=MODEL, input="hello", store=False)
            async with entered(asked) as stream:
                kinds = [event.type async for event in each(stream)]
                response = await do(stream.get_final_response())
            return [
                answer.choices[0].message.content,
                answer.choices[0].finish_reason,
                response.output_text,
                response.status,
                [kind for kind in kinds if not kind.endswith("delta")],
                (answer.usage is None, response.usage is None),
            ]

        *whole, usage = await texts()
        assert usage == (False, False)
        for family in ("chat", "responses"):
            primary.fault(faults[fault], family=family)
        *got, usage = await texts()
        assert got == whole
        assert usage == (True, True)
        await close(client)

    mode.run(script)
    assert primary.count() == 6


@modes
def test_anthropic_s_helper_takes_it(mode: Mode, world: Simulator) -> None:
    """And its usage is what both answers told."""
    pytest.importorskip("anthropic")
    endpoint = next(one for one in ENDPOINTS if one.dialect == "anthropic")
    first, _ = _pair(world, endpoint)

    async def script() -> None:
        client = _client(mode, endpoint, first, _pipeline())

        async def message() -> Any:
            ask: Any = {"model": "claude-haiku-4-5", "max_tokens": 100, "messages": HELLO}
            async with entered(client.messages.stream(**ask)) as stream:
                async for _ in each(stream):
                    pass
                return await do(stream.get_final_message())

        whole = await message()
        first.fault(Fault.truncated(after_tokens=CUT, count=1))
        got = await message()
        assert (got.content, got.stop_reason) == (whole.content, whole.stop_reason)
        assert got.usage.input_tokens == 2 * whole.usage.input_tokens
        assert got.usage.output_tokens == whole.usage.output_tokens + 1  # the first had told of one
        await _end(mode, endpoint, client)

    mode.run(script)


@modes
def test_gone_on_with(mode: Mode, world: Simulator) -> None:
    """By a model that takes the beginning of its answer: other words may follow, and none comes twice."""
    pytest.importorskip("anthropic")
    endpoint = next(one for one in ENDPOINTS if one.dialect == "anthropic")
    first, second = _pair(world, endpoint)

    async def script() -> None:
        pipeline = _pipeline(Fallback([_target(second, endpoint)], rescue=("continue",)), Deadline(idle=0.4))
        client = _client(mode, endpoint, first, pipeline)
        whole = await _read(mode, endpoint, client)
        first.fault(Fault.stalled(after_tokens=CUT))
        read = await _read(mode, endpoint, client)
        assert read.tokens[:CUT] == whole.tokens[:CUT]
        assert len(read.tokens) == CUT + TOKENS  # to the simulator it is another request
        assert read.ended
        await _end(mode, endpoint, client)

    mode.run(script)
    assert (first.count(), second.count()) == (2, 1)


def _sse(*texts: str, ends: bool = True, **more: Any) -> bytes:
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]} for text in texts
    ]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}] if ends else []
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}
    done = b"data: [DONE]\n\n" if ends else b""
    return b"".join(b"data: " + json.dumps({**frame, **chunk}).encode() + b"\n\n" for chunk in chunks) + done


def _message(*texts: str, ends: bool = True) -> bytes:
    told: list[dict[str, Any]] = [{"type": "content_block_start", "index": 0, "content_block": _block("")}]
    usage = {"input_tokens": 5, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m",
        "usage": usage,
    }
    told.insert(0, {"type": "message_start", "message": message})
    for text in texts:
        told.append({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
    if ends:
        told.append({"type": "content_block_stop", "index": 0})
        told.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}})
        told.append({"type": "message_stop"})
    return b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in told)


def _block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


class Answers:
    """A transport that gives these answers, one after the other; a number is an error status."""

    def __init__(self, *answers: bytes | int) -> None:
        self._answers = list(answers)
        self.asked: list[Any] = []

    def handle(self, request: Any) -> Any:
        self.asked.append(json.loads(request.content))
        body = self._answers.pop(0)
        if isinstance(body, int):
            error = {
                "type": "invalid_request_error",
                "message": "This model does not support assistant message prefill.",
            }
            return http.Response(body, json={"type": "error", "error": error})
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    async def ahandle(self, request: Any) -> Any:
        return self.handle(request)

    def client(self, mode: Mode, pipeline: Pipeline) -> Any:
        transport = http.MockTransport(self.ahandle if mode.is_async else self.handle)
        given = mode.http_client(transport=transport)
        kind = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
        return wrap(kind(api_key="k", base_url="http://primary/v1", http_client=given), pipeline)

    def anthropic(self, mode: Mode, pipeline: Pipeline) -> Any:
        anthropic = pytest.importorskip("anthropic")
        transport = http.MockTransport(self.ahandle if mode.is_async else self.handle)
        kind = anthropic.AsyncAnthropic if mode.is_async else anthropic.Anthropic
        given = mode.http_client(transport=transport)
        return wrap(kind(api_key="k", base_url="http://primary", http_client=given), pipeline)


CONTINUE = Fallback(rescue=("continue", "replay"))


async def _said(client: Any, model: str) -> str:
    ask: Any = {"model": model, "max_tokens": 100, "messages": HELLO, "stream": True}
    events = each(await do(client.messages.create(**ask)))
    return "".join([event.delta.text async for event in events if event.type == "content_block_delta"])


@modes
def test_white_space_is_not_said_twice(mode: Mode) -> None:
    """It is not shown to the model, which would refuse it."""
    answers = Answers(_message("one ", "two \n", ends=False), _message(" \nthree", " four"))
    client = answers.anthropic(mode, _pipeline(CONTINUE))
    assert mode.run(lambda: _said(client, "claude-haiku-4-5")) == "one two \nthree four"
    assert [len(body["messages"]) for body in answers.asked] == [1, 2]
    assert answers.asked[1]["messages"][-1] == {"role": "assistant", "content": "one two"}


@modes
@pytest.mark.parametrize("primary", ["mute", "gone"])
def test_who_refuses_to_go_on_begins_anew(mode: Mode, primary: str, world: Simulator) -> None:
    """And before the primary, which may break off again: with the others every way is tried first."""
    pytest.importorskip("anthropic")
    endpoint = next(one for one in ENDPOINTS if one.dialect == "anthropic")
    first, second = _pair(world, endpoint)
    broken = Fault.stalled if primary == "mute" else Fault.truncated

    async def script() -> None:
        pipeline = _pipeline(CONTINUE, Deadline(idle=0.4))
        client = _client(mode, endpoint, first, pipeline, fallback=[_target(second, endpoint)])
        whole = await _read(mode, endpoint, client)
        first.fault(broken(after_tokens=CUT))
        second.fault(Fault.status(400, count=1))
        with record() as calls:
            read = Read()
            async for event in each(await do(endpoint.open(client, mode.is_async))):
                if not read.tokens and primary == "gone":
                    first.fault(Fault.refused())
                endpoint.read(read, event)
        (told,) = calls
        assert read == whole
        assert (told.answered_by, told.rescued) == ("other:*", 1)
        await _end(mode, endpoint, client)

    mode.run(script)
    assert [request.status for request in second.requests()] == [400, 200]
    assert first.count() == 2


@modes
def test_a_refusal_to_go_on_is_nobody_s_error(mode: Mode) -> None:
    answers = Answers(_message("one ", ends=False), 400, _message("one", " two"))
    client = answers.anthropic(mode, _pipeline(CONTINUE))
    assert mode.run(lambda: _said(client, "claude-haiku-4-5")) == "one two"
    assert [len(body["messages"]) for body in answers.asked] == [1, 2, 1]


@modes
def test_a_model_that_is_not_known_to_is_not_asked(mode: Mode) -> None:
    answers = Answers(_message("one ", ends=False), _message("one", " two"))
    client = answers.anthropic(mode, _pipeline(CONTINUE))
    assert mode.run(lambda: _said(client, "claude-opus-4-6")) == "one two"
    assert [len(body["messages"]) for body in answers.asked] == [1, 1]


@modes
def test_the_first_error_is_the_program_s(mode: Mode) -> None:
    answers = Answers(_message("one ", ends=False), 400, 400)
    client = answers.anthropic(mode, _pipeline(CONTINUE))
    error = mode.run(lambda: failing(_said(client, "claude-haiku-4-5")))
    assert type(error).__name__ == "APIConnectionError"
    told = outcome(error)
    assert told.delivered == "one "
    assert [line.split(" after")[0] for line in told.attempts] == [
        "primary: broken (HTTP 200)",
        "primary: caller (HTTP 400)",
        "primary: caller (HTTP 400)",
    ]


async def _words(client: Any) -> str:
    return "".join([chunk.choices[0].delta.content or "" async for chunk in each(await chat(client, stream=True))])


@modes
def test_chunks_may_be_others(mode: Mode) -> None:
    answers = Answers(_sse("ab", "cd", ends=False), _sse("a", "bcde", "f"))
    assert mode.run(lambda: _words(answers.client(mode, _pipeline()))) == "abcdef"
    assert len(answers.asked) == 2


@modes
def test_each_chunk_names_who_gave_it(mode: Mode) -> None:
    answers = Answers(_sse("ab", ends=False, model="as-asked"), _sse("ab", "cd", model="as-served-elsewhere"))

    async def script() -> list[tuple[str, str]]:
        chunks = each(await chat(answers.client(mode, _pipeline()), stream=True))
        told = [(chunk.choices[0].delta.content, chunk.model) async for chunk in chunks]
        return [one for one in told if one[0]]

    assert mode.run(script) == [("ab", "as-asked"), ("cd", "as-served-elsewhere")]


@modes
@pytest.mark.parametrize("other", ["abX", "abc", "Xabcd", ""])
def test_another_answer_is_not_told(mode: Mode, other: str) -> None:
    """And it is asked for no third time: two that differ are two."""
    answers = Answers(_sse("ab", "cd", ends=False), _sse(*other, "!" * bool(other)), _sse("abcd"))

    async def script() -> None:
        got: list[str] = []

        async def read() -> None:
            async for chunk in each(await chat(answers.client(mode, _pipeline()), stream=True)):
                got.append(chunk.choices[0].delta.content or "")

        error = await failing(read())
        assert type(error) is openai.APIConnectionError
        assert got == ["ab", "cd"]
        told = outcome(error)
        assert told.delivered == "abcd"
        assert [line.split(" after")[0] for line in told.attempts] == [
            "primary: broken (HTTP 200)",
            "primary: answered otherwise",
        ]

    mode.run(script)
    assert len(answers.asked) == 2


@modes
def test_at_most_twice(mode: Mode) -> None:
    cut = [_sse(*"abcd"[: 1 + number], ends=False) for number in range(4)]
    answers = Answers(*cut, _sse("abcde"))

    async def script() -> None:
        pipeline = _pipeline(Retry(attempts=9, wait=0))
        error = await failing(_words(answers.client(mode, pipeline)))
        told = outcome(error)
        assert (told.delivered, told.rescued) == ("abc", 2)

    mode.run(script)
    assert len(answers.asked) == 3


@modes
def test_an_outage_is_not_made_worse(mode: Mode) -> None:
    """Promise 1, of streams that all break: what goes on with one is a repeat, and taken from the budget of repeats."""
    calls = 200
    answers = Answers(*[_sse("ab", ends=False)] * 3 * calls)

    async def script() -> None:
        client = answers.client(mode, _pipeline())
        for _ in range(calls):
            await failing(_words(client))

    mode.run(script)
    assert len(answers.asked) <= 1.2 * calls


@modes
@pytest.mark.parametrize("how", ["close", "del", "end"])
def test_nothing_is_left(mode: Mode, primary: Any, permits: list[Any], how: str) -> None:
    """Of a stream that was gone on with, and let go of, or read to its end."""

    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline(Retry(wait=0, budget=1.0)))
        for _ in range(3):
            primary.fault(Fault.truncated(after_tokens=3, count=1))
            stream = await chat(client, stream=True)
            got = 0
            async for _event in each(stream):
                got += 1
                if got == 10 and how != "end":
                    break
            if how == "close":
                await close(stream)
            del stream
            gc.collect()
            primary.heal()
        assert await chat(client)
        await close(client)

    mode.run(script)
    gc.collect()
    for circuit in circuits().values():
        circuit.admit(time.monotonic()).release()
    assert len(permits) >= 7
    assert all(permit.ended for permit in permits[:7])
    time.sleep(0.05)
    assert all(request.ended is not None for request in primary.requests())


@modes
def test_it_is_never_stored(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline(Cache(ttl=60)))
        primary.fault(Fault.truncated(after_tokens=3, count=1))
        whole = await _words(client)
        assert whole == await _words(client)
        await close(client)

    mode.run(script)
    assert primary.count() == 3


def test_a_plain_client_s_stream_too(primary: Any) -> None:
    """What the http client reads, line by line, is one stream."""
    given = http.Client(base_url=primary.base_url, headers={"authorization": f"Bearer {primary.key}"})
    client = wrap(given, _pipeline())
    body = {"model": MODEL, "messages": HELLO, "stream": True}

    def lines() -> list[str]:
        with client.stream("POST", "/chat/completions", json=body) as answer:
            return [line for line in answer.iter_lines() if line]

    whole = lines()
    primary.fault(Fault.truncated(after_tokens=CUT, count=1))
    assert len(lines()) == len(whole)
    client.close()
    given.close()


def test_the_bare_sdk_is_left_alone(primary: Any) -> None:
    """Switched off, nothing is asked for again."""
    client = wrap(CHAT.make(False, primary, primary.key, 30.0), Pipeline())
    primary.fault(Fault.truncated(after_tokens=3))
    with pytest.raises((openai.APIConnectionError, http.TransportError)):  # openai 2 lets its http client's pass
        list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
    assert primary.count() == 1
    client.close()


@modes
@endpoints
def test_an_error_that_the_provider_told(mode: Mode, endpoint: Endpoint, world: Simulator) -> None:
    """It is the program's to read, as it came; what had come before is told of the exception, or else of the stream."""
    first, _ = _pair(world, endpoint)

    async def script() -> None:
        client = _client(mode, endpoint, first, _pipeline(Fallback(rescue=ALONE)))
        first.fault(Fault.error_in_stream(after_tokens=5))
        read, raised = Read(), None
        stream = await do(endpoint.open(client, mode.is_async))
        try:
            async for event in each(stream):
                endpoint.read(read, event)
        except Exception as error:
            raised = error
        assert read.told or isinstance(raised, endpoint.own())
        known = raised if endpoint.dialect != "openai" else stream
        assert outcome(known).delivered == "".join(read.tokens)
        assert outcome(known).answered_by == "primary"
        await _end(mode, endpoint, client)

    mode.run(script)
    assert first.count() == 1


@pytest.mark.parametrize("mode", [Mode("asyncio"), Mode("trio")], ids=lambda mode: mode.name)
def test_cancelled_while_another_answer_is_asked_for(mode: Mode, primary: Any, permits: list[Any]) -> None:
    """Promise 7: it ends at once, and nothing is left of either."""
    seen: list[Any] = []

    async def script() -> None:
        client = wrap(mode.openai(primary), _pipeline(listeners=[seen.append]))
        primary.fault(Fault.truncated(after_tokens=3, count=1))
        stream = await chat(client, stream=True)
        events = aiter(stream)
        for _ in range(4):
            await anext(events)
        primary.fault(Fault.stalled(after_tokens=1))
        with anyio.move_on_after(0.3) as scope:
            async for _ in events:
                pass
        assert scope.cancelled_caught
        with anyio.CancelScope(shield=True):
            await stream.close()
            await close(client)

    started = time.monotonic()
    mode.run(script)
    assert time.monotonic() - started < 3
    assert primary.count() == 2
    gc.collect()
    assert len(permits) == 2
    assert all(permit.ended for permit in permits)
    assert sum(isinstance(event, CallFinished) for event in seen) == 1
