"""One script for each flavour (httpx, httpx2 where installed) in each mode (sync, asyncio, trio)."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

FLAVOURS = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
MODES = ["sync", "asyncio", "trio"]


@dataclass(frozen=True)
class Side:
    """A flavour in a mode. Scripts are coroutines: in sync they are driven without a loop, as the engine's are."""

    flavour: str
    mode: str

    @property
    def module(self) -> Any:
        return importlib.import_module(self.flavour)

    def transport(self, **options: Any) -> Any:
        """A given transport, of httpx's own class."""
        return (self.module.HTTPTransport if self.mode == "sync" else self.module.AsyncHTTPTransport)(**options)

    def client(self, transport: Any, **options: Any) -> Any:
        options = {"timeout": 5, "trust_env": False} | options
        return (self.module.Client if self.mode == "sync" else self.module.AsyncClient)(transport=transport, **options)

    async def get(self, client: Any, url: str, **options: Any) -> str:
        return (await awaited(client.get(url, **options))).text

    async def close(self, it: Any) -> None:
        await awaited(it.close() if self.mode == "sync" else it.aclose())

    def run(self, script: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        if self.mode == "asyncio":
            return asyncio.run(script(*args))
        if self.mode == "trio":
            return trio.run(script, *args)
        try:
            script(*args).send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a sync script waited")


async def awaited(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def sides(*modes: str) -> pytest.MarkDecorator:
    """Parametrise a test's `side` over the flavours and the modes (all of them by default)."""
    found = [Side(flavour, mode) for flavour in FLAVOURS for mode in modes or MODES]
    return pytest.mark.parametrize("side", found, ids=lambda side: f"{side.flavour}-{side.mode}")
