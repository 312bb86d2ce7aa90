"""Promise 45: calls that make something, beyond OpenAI's (those are tests/sdk/test_creating.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Hedge, Retry, options, outcome
from resilient_ai.testing import Fault
from tests.sdk.modes import do, failing, notes

from .big import ANTHROPIC, GENAI, Api, in_two, needs, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.testing import SimulatedProvider
    from tests.sdk.modes import Mode

HI: list[Any] = [{"role": "user", "content": "hello"}]


@dataclass(frozen=True, kw_only=True)
class Makes:
    """A call that makes something, or has a server act: (client, async?)."""

    name: str
    api: Api
    ask: Callable[[Any, bool], Any]
    family: str


def _batch(client: Any, is_async: bool) -> Any:
    params: Any = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": HI}
    return client.messages.batches.create(requests=[{"custom_id": "one", "params": params}])


def _claude_code(client: Any, is_async: bool) -> Any:
    tool: Any = {"type": "code_execution_20250825", "name": "code_execution"}
    return client.messages.create(model="claude-haiku-4-5", max_tokens=10, messages=HI, tools=[tool])


def _claude_mcp(client: Any, is_async: bool) -> Any:
    server: Any = {"type": "url", "url": "https://example.com/sse", "name": "x"}
    return client.messages.create(
        model="claude-haiku-4-5", max_tokens=10, messages=HI, extra_body={"mcp_servers": [server]}
    )


def _gemini_code(client: Any, is_async: bool) -> Any:
    from google.genai import types

    config = types.GenerateContentConfig(tools=[types.Tool(code_execution=types.ToolCodeExecution())])
    models = client.aio.models if is_async else client.models
    return models.generate_content(model="gemini-2.5-flash", contents="hello", config=config)


MAKERS = (
    Makes(name="batch", api=ANTHROPIC, ask=_batch, family="batches"),
    Makes(name="code", api=ANTHROPIC, ask=_claude_code, family="messages"),
    Makes(name="mcp", api=ANTHROPIC, ask=_claude_mcp, family="messages"),
    Makes(name="code", api=GENAI, ask=_gemini_code, family="generate_content"),
)
makers = pytest.mark.parametrize(
    ("api", "makes"),
    [pytest.param(one.api, one, id=f"{one.api.dialect}-{one.name}", marks=needs(one.api)) for one in MAKERS],
)

UNPROVEN = {
    "500": Fault.status(500, made=True),
    "504": Fault.status(504, made=True),
    "reset": Fault.reset(made=True),
    "silence": Fault.blackhole(made=True),
    "cut": Fault.truncated_clean(after_tokens=0),
}
PROVEN = {"503": Fault.status(503), "429": Fault.rate_limited(retry_after=None), "refused": Fault.refused()}


@makers
@in_two
@pytest.mark.parametrize("how", UNPROVEN)
def test_sent_once_without_proof(
    api: Api, mode: Mode, makes: Makes, primary: SimulatedProvider, backup: SimulatedProvider, how: str
) -> None:
    """Not repeated, not hedged, not sent elsewhere; told as unknown."""

    async def script() -> None:
        hurried = Retry(wait=0, budget=1.0), Hedge(after=0.05, budget=1.0)
        given, client = wrapped(api, mode, primary, *hurried, fallback=[backup])
        primary.fault(UNPROVEN[how], family=makes.family)
        with options(deadline=0.4 if how == "silence" else 20.0):
            error = await failing(made(makes, client, mode))
        assert isinstance(error, api.errors()), repr(error)
        assert outcome(error).unknown
        assert "unknown: the request may have been carried out" in notes(error)
        await api.end(client, given)

    mode.run(script)
    assert (primary.count(makes.family), backup.count()) == (1, 0)


@makers
@in_two
@pytest.mark.parametrize("how", PROVEN)
def test_moves_on_with_proof(
    api: Api, mode: Mode, makes: Makes, primary: SimulatedProvider, backup: SimulatedProvider, how: str
) -> None:
    """Nothing can have been made: the fallback is asked, once."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(wait=0), fallback=[backup])
        primary.fault(PROVEN[how])
        answer = await ended(makes, client, mode)
        assert outcome(answer).attempts[-1].startswith("backup:*: ")
        await api.end(client, given)

    mode.run(script)
    assert backup.count(makes.family) == 1


async def made(makes: Makes, client: Any, mode: Mode) -> Any:
    return await do(makes.ask(client, mode.is_async))


async def ended(makes: Makes, client: Any, mode: Mode) -> Any:
    """The answer, or the error where the simulated vendor has no such tool."""
    try:
        return await made(makes, client, mode)
    except Exception as error:
        return error
