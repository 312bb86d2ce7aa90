"""What `resilient-ai cache warm` does: the requests of a file, asked through a client of the program's own."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from .._clients.http import pipeline_in
from ..errors import ConfigurationError, ResilienceError
from ..stores import MemoryStore, Warmed, awarm, warm
from ..strategies.cache import Cache
from .named import named
from .show import complain

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["warm_from"]


def warm_from(file: Path, source: str) -> int:
    """Ask, and say how many; the exit code: 0, 1 if a request failed, 2 for wrong use.

    The client is the program's, since a key holds all of a request: its URL, its headers, whose key it is.
    """
    try:
        client = _client(source)
        counted = _warmed(client, file)
    except (ResilienceError, OSError) as error:
        return complain(error, "cache")
    except Exception as error:
        line = next((note for note in getattr(error, "__notes__", ()) if note.startswith("line ")), None)
        if line is None:
            raise
        # By its class alone: its words may hold a prompt.
        complain(f"{file}, {line}: {type(error).__name__}; what was asked before it is kept", "cache")
        return 1
    print(f"{counted.asked:,} asked, {counted.had:,} had a fresh answer")
    return 0


def _client(source: str) -> Any:
    thing = named(source)
    client = thing() if inspect.isroutine(thing) else thing
    pipeline = pipeline_in(client)
    cache = None if pipeline is None else pipeline.find(Cache)
    if cache is None or cache.does_nothing:
        raise ConfigurationError(
            f"--from {source}: a wrapped client whose pipeline has a Cache is wanted, or a function that makes one; "
            f"got a {type(client).__name__}"
        )
    if cache.store is None or isinstance(cache.store, MemoryStore):
        raise ConfigurationError(
            f"--from {source}: its cache is in the memory of this process, which ends: give the Cache a store of files "
            "(SQLiteStore) or a server (RedisStore), which the program shares"
        )
    return client


def _warmed(client: Any, file: Path) -> Warmed:
    if not inspect.iscoroutinefunction(getattr(client, "post", None)):
        return warm(client, requests=file)

    async def run() -> Warmed:
        try:
            return await awarm(client, requests=file)
        finally:
            await (client.aclose() if hasattr(client, "aclose") else client.close())

    return asyncio.run(run())
