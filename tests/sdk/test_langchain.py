"""LangChain's ChatOpenAI, through its documented client arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Pipeline, Retry, Target, outcome, record, wrap
from resilient_ai.testing import Fault

from .modes import Mode, do, each, failing, http, notes
from .sdks import both

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

langchain = pytest.importorskip("langchain_openai", exc_type=ImportError)

Chat = Any


def made(provider: Any, fallback: list[Target]) -> tuple[Chat, list[Any]]:
    """A ChatOpenAI on wrapped http clients, its own retries left as they are (2)."""
    pipeline = Pipeline.default(Retry(wait=0), isolated=True)
    inner = [wrap(http.Client(), pipeline, fallback=fallback), wrap(http.AsyncClient(), pipeline, fallback=fallback)]
    chat = langchain.ChatOpenAI(
        model="gpt-4o-mini",
        api_key=provider.key,
        base_url=provider.base_url,
        http_client=inner[0],
        http_async_client=inner[1],
    )
    return chat, inner


async def ask(mode: Mode, chat: Chat) -> Any:
    return await do(chat.ainvoke("hello") if mode.is_async else chat.invoke("hello"))


def stream(mode: Mode, chat: Chat) -> AsyncIterator[Any]:
    return each(chat.astream("hello") if mode.is_async else chat.stream("hello"))


async def end(mode: Mode, inner: list[Any]) -> None:
    inner[0].close()
    if mode.is_async:
        await inner[1].aclose()


@both
def test_answers_and_streams(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        chat, inner = made(primary, [])
        with record() as calls:
            assert (await ask(mode, chat)).content
            assert [chunk async for chunk in stream(mode, chat)]
        assert [call.answered_by for call in calls] == ["primary", "primary"]
        await end(mode, inner)

    mode.run(script)


@both
@pytest.mark.parametrize("dead", ["503", "refused"])
def test_the_sdk_s_retries_are_none(mode: Mode, primary: Any, dead: str) -> None:
    """ChatOpenAI's ``max_retries`` is left at its default: the pipeline decides. LangChain raises its own exceptions,
    which are openai's as well, and openai's, with what was tried, is their cause."""

    async def script() -> None:
        chat, inner = made(primary, [])
        primary.fault(Fault.status(503) if dead == "503" else Fault.refused())
        with record() as calls:
            error = await failing(ask(mode, chat))
        assert isinstance(error, openai.InternalServerError if dead == "503" else openai.APIConnectionError)
        assert [len(call.attempts) for call in calls] == [3]
        cause = error.__cause__
        assert cause is not None
        assert notes(cause).count("attempt ") == 3
        assert len(outcome(cause).attempts) == 3
        await end(mode, inner)

    mode.run(script)


@both
def test_a_fallback(mode: Mode, primary: Any, backup: Any, to_backup: list[Target]) -> None:
    async def script() -> None:
        chat, inner = made(primary, to_backup)
        primary.fault(Fault.status(503))
        answer = await ask(mode, chat)
        assert answer.response_metadata["system_fingerprint"] == "fp_backup"
        assert [chunk async for chunk in stream(mode, chat)]
        assert backup.count() == 2
        await end(mode, inner)

    mode.run(script)
