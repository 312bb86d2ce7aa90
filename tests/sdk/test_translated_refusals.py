"""What cannot be carried over to a target of another dialect: it is skipped and says why, or what is lost is named."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import CircuitBreaker, Fallback, Outcome, Pipeline, RateLimiter, Retry, outcome, record, wrap
from resilient_ai.errors import ConfigurationError
from resilient_ai.models import Capabilities
from resilient_ai.testing import Fault

from .modes import MODES, Mode, chat, circuits, close, do, failing, notes, two_modes
from .translated import CHAT, MODELS, target

if TYPE_CHECKING:
    from resilient_ai import Target
    from resilient_ai.testing import Simulator

BIAS: dict[str, Any] = {"logit_bias": {"50256": -100}}
"""What Anthropic has nothing like."""
CLAUDE = f"anthropic:{MODELS['anthropic']}"


def claude_first(vendors: Simulator, *others: Any, **how: Any) -> Pipeline:
    return Pipeline.default(Fallback([target(vendors, "anthropic"), *others], **how), Retry(attempts=1))


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_it_is_skipped_and_says_why_and_the_next_one_answers(mode: Mode, vendors: Simulator) -> None:
    vendors["own-openai"].fault(Fault.status(503))
    other = vendors["other-anthropic"]

    async def script() -> tuple[Any, Outcome]:
        bare = mode.openai(vendors["own-openai"])
        client = wrap(bare, claude_first(vendors, target(vendors, "openai")))
        answer = await chat(client, **BIAS)
        await close(client, bare)
        return answer, outcome(answer)

    answer, told = mode.run(script)
    assert answer.choices[0].message.content
    assert told.answered_by == f"openai:{MODELS['openai']}"
    (line,) = told.skipped
    assert line.startswith(f"{CLAUDE}: not sent: logit_bias: ")
    assert len(told.attempts) == 2  # nothing was sent there, and it is no attempt
    assert (other.count(), other.connections) == (0, 0)
    assert [scope for scope in circuits() if other.origin.endswith(scope[0])] == []  # nor evidence


@two_modes
def test_if_nobody_is_left_the_caller_reads_of_it(mode: Mode, vendors: Simulator) -> None:
    vendors["own-openai"].fault(Fault.status(503))

    async def script() -> BaseException:
        bare = mode.openai(vendors["own-openai"])
        client = wrap(bare, claude_first(vendors))
        error = await failing(chat(client, **BIAS))
        await close(client, bare)
        return error

    error = mode.run(script)
    assert isinstance(error, CHAT.failed(503))
    told = notes(error)
    assert f"skipped {CLAUDE}: not sent: logit_bias: " in told
    assert "-100" not in told


@two_modes
def test_what_may_be_dropped_is_named(mode: Mode, vendors: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    vendors["own-openai"].fault(Fault.status(503))

    async def script() -> list[Outcome]:
        bare = mode.openai(vendors["own-openai"])
        client = wrap(bare, claude_first(vendors, on_untranslatable="drop"))
        told = [outcome(await chat(client, **BIAS)) for _ in range(2)]
        told.append(outcome(await chat(client)))
        await close(client, bare)
        return told

    with caplog.at_level(logging.WARNING, "resilient_ai"):
        first, second, whole = mode.run(script)
    assert first.answered_by == second.answered_by == CLAUDE
    assert first.dropped == second.dropped == ("logit_bias",)
    assert first.degraded
    assert (whole.dropped, whole.skipped) == ((), ())
    said = [line for line in caplog.messages if "answered without" in line]
    assert len(said) == 1, "once for the same fields"
    assert said[0].endswith("answered without logit_bias, which cannot be said in its dialect")


def test_what_lives_at_the_vendor_goes_nowhere_else(vendors: Simulator) -> None:
    """Not even where fields may be dropped: the conversation is not here."""
    first = vendors["own-openai"]
    with MODES[0].openai(first) as bare:
        client = wrap(bare, claude_first(vendors, on_untranslatable="drop"))
        earlier = client.responses.create(model=MODELS["openai"], input="hello")
        first.fault(Fault.status(503))
        with pytest.raises(CHAT.failed(503)) as failed:
            client.responses.create(model=MODELS["openai"], input="and?", previous_response_id=earlier.id)
        client.close()
    assert vendors["other-anthropic"].count() == 0
    assert f"skipped {CLAUDE}: the request speaks of what is kept elsewhere, by its id" in notes(failed.value)


@two_modes
def test_what_another_vendor_answered_is_not_kept_there(mode: Mode, vendors: Simulator) -> None:
    """The id of its answer is one of ours: asked for by it, or gone on with, it is told that it is nowhere."""
    first = vendors["own-openai"]

    async def script() -> list[BaseException]:
        bare = mode.openai(first)
        client = wrap(bare, claude_first(vendors))
        first.fault(Fault.status(503))
        made = await do(client.responses.create(model=MODELS["openai"], input="hello", max_output_tokens=9))
        assert outcome(made).answered_by == CLAUDE
        first.heal()
        further = {"model": MODELS["openai"], "input": "and?", "previous_response_id": made.id}

        async def retrieved() -> Any:
            return await do(client.responses.retrieve(made.id))

        async def gone_on() -> Any:
            return await do(client.responses.create(**further))

        errors = [await failing(retrieved()), await failing(gone_on())]
        await close(client, bare)
        return errors

    for error in mode.run(script):
        assert isinstance(error, openai.APIError)
    assert vendors["other-anthropic"].count() == 1


def test_an_endpoint_that_is_not_translated_is_not_asked_elsewhere(vendors: Simulator) -> None:
    vendors["own-openai"].fault(Fault.status(503))
    with MODES[0].openai(vendors["own-openai"]) as bare, record() as calls:
        client = wrap(bare, claude_first(vendors))
        with pytest.raises(CHAT.failed(503)):
            client.embeddings.create(model="text-embedding-3-small", input="hello")
        client.close()
    assert vendors["other-anthropic"].count() == 0
    assert calls[0].skipped == (
        f"{CLAUDE}: it speaks the anthropic dialect, and no embeddings request of openai's is translated",
    )


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("NaN", "messages[1].tool_calls[0]: the arguments are no JSON object"),
        ("1e999", "the request has another schema"),
    ],
)
def test_what_is_no_json_is_not_sent(vendors: Simulator, number: str, why: str) -> None:
    """Regression: Python reads such numbers, and wrote them into a body that no vendor can read."""
    vendors["own-openai"].fault(Fault.status(503))
    called = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": f'{{"a":{number}}}'}}
    talk: list[Any] = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call_1", "content": "done"},
    ]
    with MODES[0].openai(vendors["own-openai"]) as bare, record() as calls:
        client = wrap(bare, claude_first(vendors))
        with pytest.raises(CHAT.failed(503)):
            client.chat.completions.create(model=MODELS["openai"], messages=talk)
        client.close()
    assert vendors["other-anthropic"].count() == 0
    assert calls[0].skipped[0].startswith(f"{CLAUDE}: not sent: {why}")


@pytest.mark.parametrize("ask", ["compact", "input_tokens"])
def test_what_asks_for_no_answer_is_not_answered_elsewhere(vendors: Simulator, ask: str) -> None:
    """Regression: to count tokens, or to shorten a conversation, is asked for as an answer is, and one was given."""
    vendors["own-openai"].fault(Fault.status(503))
    asked: Any = {"model": MODELS["openai"], "input": "hello"}
    with MODES[0].openai(vendors["own-openai"]) as bare, record() as calls:
        client = wrap(bare, claude_first(vendors, target(vendors, "openai-chat")))
        with pytest.raises(CHAT.failed(503)):
            client.post(f"/responses/{ask}", cast_to=object, body=asked)
        client.close()
    assert (vendors["other-anthropic"].count(), vendors["other-openai"].count()) == (0, 0)
    assert [line.partition(", and ")[2] for line in calls[0].skipped] == ["such a request is not translated"] * 2


@two_modes
def test_health_is_that_of_the_endpoint_which_answers(mode: Mode, vendors: Simulator) -> None:
    """Chat calls that fail at Claude are evidence about its Messages; the scope of calls of its own."""
    vendors["own-openai"].fault(Fault.status(503))
    other = vendors["other-anthropic"]
    other.fault(Fault.status(500))

    async def script() -> None:
        bare = mode.openai(vendors["own-openai"])
        breaker = CircuitBreaker(consecutive=2, minimum_calls=2)
        client = wrap(bare, Pipeline(Fallback([target(vendors, "anthropic")]), Retry(attempts=1), breaker))
        for _ in range(3):
            await failing(chat(client))
        await close(client, bare)

    mode.run(script)
    host = other.origin.removeprefix("http://")
    (scope,) = [scope for scope in circuits() if scope[0] == host]
    assert scope == (host, "messages", MODELS["anthropic"])
    assert circuits()[scope].state == "open"
    assert other.count() == 2


@two_modes
def test_what_a_translated_answer_cost_is_counted(mode: Mode, vendors: Simulator) -> None:
    """RateLimiter's tokens are those that the answering vendor told, plain and streamed."""
    vendors["own-openai"].fault(Fault.status(503))

    async def script() -> list[Any]:
        bare = mode.openai(vendors["own-openai"])
        limited = Pipeline.default(
            Fallback([target(vendors, "anthropic")]), Retry(attempts=1), RateLimiter(tokens_per_minute=100_000)
        )
        client = wrap(bare, limited)
        first = await chat(client)
        stream = await do(
            client.chat.completions.create(
                model=MODELS["openai"],
                messages=[{"role": "user", "content": "hello"}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        events = [event async for event in stream] if mode.is_async else list(stream)
        await close(client, bare)
        return [first.usage, events[-1].usage]

    plain, streamed = mode.run(script)
    assert plain.total_tokens > 0
    assert streamed.total_tokens == plain.total_tokens


def test_packed_streams_are_unpacked_before_they_are_turned(vendors: Simulator) -> None:
    vendors["own-openai"].fault(Fault.status(503))
    vendors["other-anthropic"].fault(Fault.gzip())
    with MODES[0].openai(vendors["own-openai"]) as bare:
        client = wrap(bare, claude_first(vendors))
        stream = client.chat.completions.create(
            model=MODELS["openai"], messages=[{"role": "user", "content": "hello"}], stream=True
        )
        assert CHAT.said(list(stream))
        client.close()


TOOLS: list[Any] = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]


@two_modes
def test_a_model_that_cannot_is_not_asked(mode: Mode, vendors: Simulator) -> None:
    """Of the same dialect, too; nothing is sent there, and the outcome says why."""
    vendors["own-openai"].fault(Fault.status(503))
    small, able = Capabilities(tools=False), target(vendors, "anthropic")
    cannot = [replace(target(vendors, spoken), capabilities=small) for spoken in ("openai", "gemini")]

    async def script() -> tuple[Outcome, Outcome]:
        bare = mode.openai(vendors["own-openai"])
        client = wrap(bare, Pipeline.default(Fallback([*cannot, able]), Retry(attempts=1)))
        with_tools = outcome(await chat(client, tools=TOOLS, max_tokens=9))
        without = outcome(await chat(client))
        await close(client, bare)
        return with_tools, without

    with_tools, without = mode.run(script)
    assert with_tools.answered_by == CLAUDE
    assert with_tools.skipped == tuple(f"{one.name}: not sent: its model calls no tools" for one in cannot)
    assert (without.answered_by, without.skipped) == (cannot[0].name, ())
    assert vendors["other-openai"].count() == 1


@two_modes
def test_what_is_too_long_goes_to_a_larger_model_only(mode: Mode, vendors: Simulator) -> None:
    first = vendors["own-openai"]
    same, larger = target(vendors, "openai"), target(vendors, "anthropic")
    unknown = target(vendors, "openai", place="own", model="gpt-9")

    async def script(*targets: Target) -> Any:
        first.fault(Fault.vendor("openai", "context_length_exceeded"))
        bare = mode.openai(first)
        client = wrap(bare, Pipeline.default(Fallback(list(targets)), Retry(attempts=1)))
        try:
            return outcome(await chat(client))
        except openai.BadRequestError as error:
            return error
        finally:
            await close(client, bare)

    told = mode.run(script, same, unknown, larger)
    assert told.answered_by == CLAUDE
    assert len(told.attempts) == 2
    error = mode.run(script, same, unknown)
    assert error.code == "context_length_exceeded"
    assert vendors["other-openai"].count() == 0


@pytest.mark.parametrize("given", ["warn", None, True])
def test_an_argument_that_says_something_else(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Fallback\(on_untranslatable=…\) is 'refuse' or 'drop'"):
        Fallback([], on_untranslatable=given)
