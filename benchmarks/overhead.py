"""What the engine costs: bare against wrapped, paired and interleaved in one run on one core.

    python -m benchmarks.overhead [--pairs 2000] [--only sync-plain-1] [--profile] [--json FILE]

CPU time of this process (the server is another one), lower quartile of each side, and the ratio of the two. The machine
drifts and is shared: read the ratios, not the microseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import itertools
import json
import os
import pstats
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

import resilient_ai
from resilient_ai import Cache, Pipeline

from ._server import serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WARM_UP = 200
MODEL = "gpt-4o-mini"
KEYS = ("nokey", "key")
"""With a key: a cache that looks for every request and stores every answer."""

_conversations = itertools.count()


def messages(size: int) -> list[Any]:
    """About ``size`` bytes of messages, no two conversations alike: nothing may be remembered from an earlier call."""
    opening = {"role": "system", "content": f"This is conversation {next(_conversations)}."}
    return [opening, *[{"role": "user", "content": "x" * 900}] * max(1, size // 1000)]


def pipeline(keyed: bool) -> Pipeline:
    """With a key: a cache that has to look for every request, and never has an answer (``ttl`` of a microsecond)."""
    return Pipeline.default(Cache(ttl=1e-6, stale_if_error=60)) if keyed else Pipeline.default()


def _sync(client: OpenAI, size: int, stream: bool) -> Callable[[], None]:
    def plain() -> None:
        client.chat.completions.create(model=MODEL, messages=messages(size))

    def streamed() -> None:
        for _ in client.chat.completions.create(model=MODEL, messages=messages(size), stream=True):
            pass

    return streamed if stream else plain


def _async(client: AsyncOpenAI, size: int, stream: bool) -> Callable[[], Awaitable[None]]:
    async def plain() -> None:
        await client.chat.completions.create(model=MODEL, messages=messages(size))

    async def streamed() -> None:
        async for _ in await client.chat.completions.create(model=MODEL, messages=messages(size), stream=True):
            pass

    return streamed if stream else plain


def _quartiles(bare: list[float], wrapped: list[float]) -> dict[str, float]:
    low_bare = statistics.quantiles(bare, n=4)[0] * 1e6
    low_wrapped = statistics.quantiles(wrapped, n=4)[0] * 1e6
    return {"bare_us": low_bare, "wrapped_us": low_wrapped, "ratio": low_wrapped / low_bare}


def measure_sync(bare: Callable[[], None], wrapped: Callable[[], None], pairs: int) -> dict[str, float]:
    """CPU time of both sides, by turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(-WARM_UP, pairs):
        order = (0, 1) if number % 2 else (1, 0)
        for side in order:
            call = (bare, wrapped)[side]
            began = time.process_time()
            call()
            if number >= 0:
                times[side].append(time.process_time() - began)
        if number % 50 == 0:
            gc.collect()
    return _quartiles(*times)


async def measure_async(
    bare: Callable[[], Awaitable[None]], wrapped: Callable[[], Awaitable[None]], pairs: int
) -> dict[str, float]:
    """The same in an event loop."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(-WARM_UP, pairs):
        order = (0, 1) if number % 2 else (1, 0)
        for side in order:
            call = (bare, wrapped)[side]
            began = time.process_time()
            await call()
            if number >= 0:
                times[side].append(time.process_time() - began)
        if number % 50 == 0:
            gc.collect()
    return _quartiles(*times)


def _case(url: str, mode: str, shape: str, size: int, keyed: bool, pairs: int) -> dict[str, float]:
    stream = shape == "stream"
    if mode == "sync":
        with OpenAI(base_url=url, api_key="sk-x") as bare, OpenAI(base_url=url, api_key="sk-x") as given:
            wrapped = resilient_ai.wrap(given, pipeline(keyed))
            return measure_sync(_sync(bare, size, stream), _sync(wrapped, size, stream), pairs)

    async def run() -> dict[str, float]:
        async with (
            AsyncOpenAI(base_url=url, api_key="sk-x") as bare,
            AsyncOpenAI(base_url=url, api_key="sk-x") as given,
        ):
            wrapped = resilient_ai.wrap(given, pipeline(keyed))
            figures = await measure_async(_async(bare, size, stream), _async(wrapped, size, stream), pairs)
            await wrapped.close()
            return figures

    return asyncio.run(run())


def _profile(url: str, calls: int = 2000) -> None:
    """Where the wrapped client's time goes."""
    client = resilient_ai.wrap(OpenAI(base_url=url, api_key="sk-x"))
    call = _sync(client, 1000, stream=False)
    for _ in range(WARM_UP):
        call()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(calls):
        call()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats("resilient_ai|_pool|_stream", 40)


def main() -> None:
    """Measure every case, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[-1]})
    figures: dict[str, dict[str, float]] = {}
    with serving() as url:
        if arguments.profile:
            _profile(url)
            return
        print(
            f"{'case':28} {'bare µs':>9} {'wrapped µs':>11} {'ratio':>7}"
            f"   (CPU, lower quartile of {arguments.pairs} pairs)"
        )
        for mode in ("sync", "async"):
            for shape in ("plain", "stream"):
                for size in (1_000, 100_000):
                    for keyed in (False, True):
                        name = f"{mode}-{shape}-{size // 1000}KB-{KEYS[keyed]}"
                        if arguments.only not in name:
                            continue
                        figures[name] = row = _case(url, mode, shape, size, keyed, arguments.pairs)
                        print(
                            f"{name:28} {row['bare_us']:9.0f} {row['wrapped_us']:11.0f} {row['ratio']:7.3f}", flush=True
                        )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
