"""One script for sync, asyncio and trio, on whichever openai SDK is installed."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openai
import pytest
import trio

from resilient_ai._states import every_state
from resilient_ai.strategies.breaker import Circuits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

FLAVOURS = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
OPENAI_3 = int(openai.__version__.split(".")[0]) >= 3
SDK_FLAVOUR = "httpx2" if OPENAI_3 else "httpx"
http = importlib.import_module(SDK_FLAVOUR)
"""The http package the installed SDK stands on."""

HELLO: list[Any] = [{"role": "user", "content": "hello"}]
MODEL = "gpt-4o-mini"


@dataclass(frozen=True)
class Mode:
    """How a script is run. In sync it is driven without a loop, as the engine's coroutines are."""

    name: str

    @property
    def is_async(self) -> bool:
        return self.name != "sync"

    def run(self, script: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        if self.name == "asyncio":
            return asyncio.run(script(*args))
        if self.name == "trio":
            return trio.run(script, *args)
        try:
            script(*args).send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a sync script waited")

    def openai(self, provider: Any, **options: Any) -> Any:
        """A bare client for a simulated provider."""
        options = {"api_key": provider.key, "base_url": provider.base_url} | options
        return (openai.AsyncOpenAI if self.is_async else openai.OpenAI)(**options)

    def azure(self, provider: Any, **options: Any) -> Any:
        options = {"azure_endpoint": provider.origin, "api_version": "2024-10-21"} | options
        return (openai.AsyncAzureOpenAI if self.is_async else openai.AzureOpenAI)(**options)

    def http_client(self, flavour: Any = http, **options: Any) -> Any:
        return (flavour.AsyncClient if self.is_async else flavour.Client)(**options)


MODES = [Mode("sync"), Mode("asyncio"), Mode("trio")]
modes = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
two_modes = pytest.mark.parametrize("mode", MODES[:2], ids=lambda mode: mode.name)
flavours = pytest.mark.parametrize("flavour", [importlib.import_module(name) for name in FLAVOURS], ids=FLAVOURS)


async def do(result: Any) -> Any:
    """The result of a call that is awaited in one mode and not in the other."""
    return await result if inspect.isawaitable(result) else result


class each:  # a class: trio complains of a generator that is not exhausted
    """The items of either kind of iterator."""

    def __init__(self, stream: Any) -> None:
        self._is_async = hasattr(stream, "__aiter__")
        self._items = aiter(stream) if self._is_async else iter(stream)

    def __aiter__(self) -> each:
        return self

    async def __anext__(self) -> Any:
        if self._is_async:
            return await anext(self._items)
        try:
            return next(self._items)
        except StopIteration:
            raise StopAsyncIteration from None


async def everything(stream: Any) -> list[Any]:
    return [item async for item in each(stream)]


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    """Either kind of context manager."""
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


async def close(*things: Any) -> None:
    for thing in things:
        # An httpx AsyncClient has aclose, an SDK's async client an async close.
        await do(thing.aclose() if hasattr(thing, "aclose") else thing.close())


async def chat(client: Any, **options: Any) -> Any:
    return await do(client.chat.completions.create(**{"model": MODEL, "messages": HELLO} | options))


async def failing(call: Awaitable[Any]) -> BaseException:
    """The exception a call ends in."""
    try:
        await call
    except BaseException as error:
        return error
    raise AssertionError("it did not fail")


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


def circuits() -> dict[Any, Any]:
    """Every circuit there is, by scope."""
    known = [state for state in every_state() if isinstance(state, Circuits)]
    return {scope: circuit for state in known for scope, circuit in state.scopes.items()}
