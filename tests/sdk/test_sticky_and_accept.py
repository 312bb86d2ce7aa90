"""Fallback(accept=…): whose answers will do. Fallback(sticky=True): a conversation stays with whom it is."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Fallback, Outcome, Pipeline, Retry, control, outcome, record, wrap
from resilient_ai.errors import ConfigurationError
from resilient_ai.strategies._talks import KEPT_FOR
from resilient_ai.testing import Fault

from .modes import HELLO, MODEL, MODES, Mode, chat, close, failing, modes, notes, two_modes
from .translated import MODELS, target

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai import Target
    from resilient_ai.testing import SimulatedProvider, Simulator

CLAUDE = f"anthropic:{MODELS['anthropic']}"
MORE: list[Any] = [*HELLO, {"role": "assistant", "content": "hello you"}, {"role": "user", "content": "and now?"}]


def once(*targets: Target, **how: Any) -> Pipeline:
    return Pipeline.default(Fallback(list(targets), **how), Retry(attempts=1))


# ---- accept


@modes
def test_an_answer_that_will_not_do_is_followed_by_the_next(mode: Mode, vendors: Simulator) -> None:
    """It is asked about each answer, in the caller's own terms, and of a copy."""
    seen: list[Any] = []

    def accept(answer: Any) -> bool:
        seen.append(copy.deepcopy(answer))
        answer["choices"] = "ours"
        return str(answer["model"]).startswith("claude")

    async def script() -> tuple[Any, Outcome]:
        bare = mode.openai(vendors["own-openai"])
        client = wrap(bare, once(target(vendors, "openai"), target(vendors, "anthropic"), accept=accept))
        answer = await chat(client)
        await close(client, bare)
        return answer, outcome(answer)

    answer, told = mode.run(script)
    assert answer.choices[0].message.content
    assert told.answered_by == CLAUDE
    assert [one["model"] for one in seen] == [MODEL, MODELS["openai"], MODELS["anthropic"]]
    assert all(one["choices"][0]["message"]["content"] for one in seen)
    assert [line.partition(" after")[0] for line in told.attempts] == [
        "primary: broken (HTTP 200)",
        f"openai:{MODELS['openai']}: broken (HTTP 200)",
        f"{CLAUDE}: answered",
    ]


@two_modes
def test_if_none_will_do_the_caller_hears_of_it(mode: Mode, vendors: Simulator) -> None:
    async def script(*targets: Target) -> BaseException:
        bare = mode.openai(vendors["own-openai"])
        client = wrap(bare, once(*targets, accept=_never))
        with record() as calls:
            error = await failing(chat(client))
        await close(client, bare)
        assert calls[0].answered_by is None
        return error

    for targets in ((), (target(vendors, "anthropic"),)):
        error = mode.run(script, *targets)
        assert isinstance(error, openai.APIConnectionError)
        assert "no sound answer: accept() says so" in notes(error)


@two_modes
def test_what_it_raises_is_the_programs_own(mode: Mode, vendors: Simulator) -> None:
    def accept(answer: Any) -> bool:
        raise ZeroDivisionError("a bug")

    async def script() -> BaseException:
        bare = mode.openai(vendors["own-openai"])
        client = wrap(bare, once(target(vendors, "anthropic"), accept=accept))
        error = await failing(chat(client))
        await close(client, bare)
        return error

    error: BaseException | None = mode.run(script)
    while error is not None and not isinstance(error, ZeroDivisionError):  # an SDK wraps what it does not know
        error = error.__cause__ or error.__context__
    assert isinstance(error, ZeroDivisionError)
    assert vendors["other-anthropic"].count() == 0


def test_streams_are_not_asked_about(vendors: Simulator) -> None:
    with MODES[0].openai(vendors["own-openai"]) as bare:
        client = wrap(bare, once(accept=_never))
        assert list(client.chat.completions.create(model=MODEL, messages=HELLO, stream=True))
        client.close()


def test_a_function_s_answer_is_what_it_returned() -> None:
    asked: list[int] = []

    def twice() -> int:
        asked.append(len(asked))
        return len(asked)

    pipeline = Pipeline(Fallback(accept=lambda answer: answer == 1), isolated=True)
    assert pipeline.call(twice) == 1
    assert asked == [0]


def _never(answer: Any) -> bool:
    return False


async def _later(answer: Any) -> bool:
    return True


@pytest.mark.parametrize("given", [True, "yes", _later])
def test_what_cannot_be_asked(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Fallback\(accept=…\) is a plain function"):
        Fallback(accept=given)


# ---- sticky


def talking(
    mode: Mode, vendors: Simulator, **how: Any
) -> tuple[Callable[..., Any], SimulatedProvider, SimulatedProvider]:
    """(script of conversations while the primary goes and comes), the primary, the other."""
    first, other = vendors["own-openai"], vendors["other-anthropic"]

    async def script(*talks: list[Any], between: Any = None) -> list[str | None]:
        bare = mode.openai(first)
        client = wrap(bare, once(target(vendors, "anthropic"), **how))
        first.fault(Fault.status(503))
        told = [outcome(await chat(client, messages=talks[0])).answered_by]
        first.heal()
        if between is not None:
            between()
        told += [outcome(await chat(client, messages=talk)).answered_by for talk in talks[1:]]
        await close(client, bare)
        return told

    return script, first, other


@modes
def test_a_conversation_stays_with_whom_it_is(mode: Mode, vendors: Simulator) -> None:
    """Others, and new ones that begin alike, go to the primary."""
    script, _, _ = talking(mode, vendors, sticky=True)
    another: list[Any] = [{"role": "user", "content": "another"}, *MORE[1:]]
    assert mode.run(script, HELLO, MORE, HELLO, another, MORE) == [CLAUDE, CLAUDE, "primary", "primary", "primary"]


@two_modes
def test_by_default_it_returns(mode: Mode, vendors: Simulator) -> None:
    script, _, _ = talking(mode, vendors)
    assert mode.run(script, HELLO, MORE) == [CLAUDE, "primary"]


@two_modes
def test_it_moves_on_when_that_one_fails(mode: Mode, vendors: Simulator) -> None:
    script, _, other = talking(mode, vendors, sticky=True)

    async def then() -> list[str | None]:
        told: list[str | None] = await script(HELLO, MORE, between=lambda: other.fault(Fault.status(503)))
        other.heal()
        return told

    assert mode.run(then) == [CLAUDE, "primary"]


def test_nothing_is_computed_unless_asked_for(vendors: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from resilient_ai.transports import _port

    monkeypatch.setattr(_port, "conversation", None)
    vendors["own-openai"].fault(Fault.status(503))
    with MODES[0].openai(vendors["own-openai"]) as bare:
        client = wrap(bare, once(target(vendors, "anthropic")))
        assert client.chat.completions.create(model=MODEL, messages=MORE)
        client.close()


def test_it_is_forgotten_in_time(vendors: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from resilient_ai.strategies import _talks

    script, _, _ = talking(MODES[0], vendors, sticky=True)
    later = lambda: monkeypatch.setattr(_talks, "KEPT_FOR", -1.0)  # noqa: E731
    assert MODES[0].run(lambda: script(HELLO, MORE, between=later)) == [CLAUDE, "primary"]
    assert KEPT_FOR == 3600.0
    control.reset()
