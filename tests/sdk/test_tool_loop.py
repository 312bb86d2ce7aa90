"""A program that calls tools for twenty steps, while the vendor changes under it: it ends, and never knew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Fallback, Pipeline, record, wrap
from resilient_ai.testing import Fault, Provider, Simulator

from .matrix import FORMS, READERS, TOOLS
from .modes import Mode, two_modes
from .sdks import installed
from .translated import CALLERS, MODELS, Caller, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .matrix import Read

# The bare google-genai's own, on aiohttp.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

STEPS = 20
GEMINI = "gemini-3-pro"
"""Which takes no call of a tool in the running turn without a signature of its own."""


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    places = [(place, dialect) for place in ("own", "other") for dialect in MODELS]
    with Simulator(
        *(Provider(f"{place}-{dialect}", dialect=dialect, tool_rounds=STEPS) for place, dialect in places)
    ) as simulator:
        yield simulator


@pytest.fixture
def vendors(running: Simulator) -> Simulator:
    running.reset()
    return running


RESULT = "done: {} in {}"


def _results(read: Read) -> list[str]:
    return [RESULT.format(name, given["city"]) for _, name, given in read.calls]


# How each SDK's program keeps its conversation: what the user says, and a step with its results.


def _chat(read: Read) -> list[Any]:
    calls = [
        {"id": made, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for made, name, given in read.calls
    ]
    results = zip(read.calls, _results(read), strict=True)
    return [
        {"role": "assistant", "content": read.text or None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": call[0], "content": text} for call, text in results),
    ]


def _responses(read: Read) -> list[Any]:
    return [
        *(
            {"type": "function_call", "call_id": made, "name": name, "arguments": json.dumps(given)}
            for made, name, given in read.calls
        ),
        *(
            {"type": "function_call_output", "call_id": call[0], "output": text}
            for call, text in zip(read.calls, _results(read), strict=True)
        ),
    ]


def _anthropic(read: Read) -> list[Any]:
    calls = [{"type": "tool_use", "id": made, "name": name, "input": given} for made, name, given in read.calls]
    results = [
        {"type": "tool_result", "tool_use_id": call[0], "content": text}
        for call, text in zip(read.calls, _results(read), strict=True)
    ]
    return [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]


def _genai(read: Read) -> list[Any]:
    calls = [{"function_call": {"id": made, "name": name, "args": given}} for made, name, given in read.calls]
    results = [
        {"function_response": {"id": call[0], "name": call[1], "response": {"output": text}}}
        for call, text in zip(read.calls, _results(read), strict=True)
    ]
    return [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]


STEP: dict[str, tuple[str, Callable[[Read], list[Any]]]] = {
    "chat": ("messages", _chat),
    "responses": ("input", _responses),
    "anthropic": ("messages", _anthropic),
    "genai": ("contents", _genai),
}


async def a_program(mode: Mode, caller: Caller, client: Any, form: str, *, before_step: Callable[[int], None]) -> str:
    """What anybody would write: ask, call what is wanted, tell what came of it, until there is an answer."""
    name, step = STEP[caller.name]
    asked = [
        {"role": "user", "parts": [{"text": "go"}]} if caller.name == "genai" else {"role": "user", "content": "go"}
    ]
    ask, read = (
        (caller.answer, READERS[caller.name][0]) if form == "plain" else (caller.pieces, READERS[caller.name][1])
    )
    for number in range(STEPS + 1):
        before_step(number)
        answer = read(await ask(mode, client, tools=TOOLS[caller.name], **{name: asked}))
        if not answer.calls:
            assert number == STEPS
            return answer.text
        assert len({made for made, _, _ in answer.calls}) == len(answer.calls)
        asked += step(answer)
    raise AssertionError("it never answered")


@two_modes
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("caller", [each for each in CALLERS if installed(each.module)], ids=lambda one: one.name)
def test_twenty_steps_and_three_changes_of_vendor(mode: Mode, form: str, caller: Caller, vendors: Simulator) -> None:
    """Its own vendor, a second, a third, and its own again; what each gets is a conversation that it takes."""
    own = vendors[f"own-{caller.dialect}"]
    others = [dialect for dialect in MODELS if dialect != caller.dialect]
    second, third = (vendors[f"other-{dialect}"] for dialect in others)

    def change(number: int) -> None:
        if number == 5:
            own.fault(Fault.status(503))
        elif number == 10:
            second.fault(Fault.status(503))
        elif number == 15:
            own.heal()

    async def script() -> tuple[str, list[str | None]]:
        bare = caller.make(mode.is_async, own)
        targets = [target(vendors, dialect, GEMINI if dialect == "gemini" else None) for dialect in others]
        client = wrap(bare, Pipeline(Fallback(targets)))  # no circuit: the one that heals is asked again at once
        with record() as calls:
            text = await a_program(mode, caller, client, form, before_step=change)
        await caller.end(mode, client, bare)
        return text, [call.answered_by for call in calls]

    text, answered_by = mode.run(script)
    assert text
    names = ["primary", *(f"{one}:{GEMINI if one == 'gemini' else MODELS[one]}" for one in others)]
    assert answered_by == [names[0]] * 5 + [names[1]] * 5 + [names[2]] * 5 + [names[0]] * 6
    assert third.saw("done: weather in")  # what the tools said on the way
    assert third.count() == 5
