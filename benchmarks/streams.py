"""What a stream costs: bare against wrapped, paired and interleaved in one run on one core.

    python -m benchmarks.streams [--pairs 300] [--cached]

Prints the wall time to the first token (medians, and the median of the pairs' differences), the CPU a chunk (from
streams of two lengths, lower quartiles), and how far memory grows while a long stream is read. The server is a process
of its own that sends all it has at once: what is measured is the client. With ``--cached`` the sides are wrapped
without a cache and with one that keeps every stream and serves none.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

import resilient_ai

from ._server import serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x" * 900}], "stream": True}
LENGTHS = (50, 550)
LONG = 100_000
"""Chunks of the stream whose memory is looked at, and of one tenth of it before."""
WARM_UP = 20

Figures = tuple[float, float]
"""Seconds to the first token (wall), seconds for the whole (CPU)."""


def _sync(client: OpenAI) -> Figures:
    began, cpu, first = time.perf_counter(), time.process_time(), 0.0
    for chunk in client.chat.completions.create(**ASK):
        if not first and chunk.choices[0].delta.content:
            first = time.perf_counter() - began
    return first, time.process_time() - cpu


async def _async(client: AsyncOpenAI) -> Figures:
    began, cpu, first = time.perf_counter(), time.process_time(), 0.0
    async for chunk in await client.chat.completions.create(**ASK):
        if not first and chunk.choices[0].delta.content:
            first = time.perf_counter() - began
    return first, time.process_time() - cpu


Sides = tuple[list[Figures], list[Figures]]


async def _pairs(calls: tuple[Callable[[], Awaitable[Figures]], ...], pairs: int) -> Sides:
    sides: Sides = ([], [])
    for number in range(-WARM_UP, pairs):
        for side in (0, 1) if number % 2 else (1, 0):
            figures = await calls[side]()
            if number >= 0:
                sides[side].append(figures)
    return sides


async def _called(call: Callable[[Any], Figures], client: Any) -> Figures:
    return call(client)


def _measured(url: str, *, is_async: bool, pairs: int, cached: bool) -> Sides:
    keeping = resilient_ai.Pipeline.default(resilient_ai.Cache(stale_if_error=60)) if cached else None

    async def run_async() -> Sides:
        async with (
            AsyncOpenAI(base_url=url, api_key="sk-x") as bare,
            AsyncOpenAI(base_url=url, api_key="sk-x") as given,
        ):
            first = resilient_ai.wrap(bare) if cached else bare
            second = resilient_ai.wrap(given, keeping)
            sides = await _pairs((lambda: _async(first), lambda: _async(second)), pairs)
            await first.close()
            await second.close()
            return sides

    async def run_sync() -> Sides:
        with OpenAI(base_url=url, api_key="sk-x") as bare, OpenAI(base_url=url, api_key="sk-x") as given:
            first = resilient_ai.wrap(bare) if cached else bare
            second = resilient_ai.wrap(given, keeping)
            return await _pairs((lambda: _called(_sync, first), lambda: _called(_sync, second)), pairs)

    return asyncio.run(run_async() if is_async else run_sync())


def _low(figures: list[Figures]) -> float:
    return statistics.quantiles([cpu for _, cpu in figures], n=4)[0]


def _report(mode: str, short: Sides, long: Sides) -> None:
    firsts = [statistics.median(first for first, _ in side) * 1e3 for side in short]
    added = statistics.median(w - b for (b, _), (w, _) in zip(*short, strict=True)) * 1e3
    chunks = LENGTHS[1] - LENGTHS[0]
    bare, wrapped = ((_low(long[side]) - _low(short[side])) / chunks * 1e6 for side in (0, 1))
    print(
        f"{mode:6} {firsts[0]:9.2f} {firsts[1]:9.2f} {added:9.2f}    {bare:9.1f} {wrapped:9.1f} {wrapped - bare:9.1f}",
        flush=True,
    )


def _peak(tokens: int) -> float:
    """Bytes more than before, at most, while a stream of so many chunks is read through a wrapped client."""
    with serving(tokens) as url, OpenAI(base_url=url, api_key="sk-x") as given:
        client = resilient_ai.wrap(given)
        client.chat.completions.create(**ASK).close()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in client.chat.completions.create(**ASK):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak - before


def main() -> None:
    """Measure all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--cached", action="store_true", help="wrapped with a cache against wrapped without one")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"{'':6} {'first token, ms (median)':>29}    {'CPU a chunk, µs':>29}")
    one, other = ("wrapped", "cached") if arguments.cached else ("bare", "wrapped")
    print(f"{'mode':6} {one:>9} {other:>9} {'added':>9}    {one:>9} {other:>9} {'added':>9}")
    for is_async in (False, True):
        sides: list[Sides] = []
        for length in LENGTHS:
            with serving(length) as url:
                sides.append(_measured(url, is_async=is_async, pairs=arguments.pairs, cached=arguments.cached))
        _report("async" if is_async else "sync", *sides)
    short, long = _peak(LONG // 10), _peak(LONG)
    print(f"memory above the start, at most: {short / 1024:.0f} KiB in {LONG // 10:,} chunks,", end=" ")
    print(f"{long / 1024:.0f} KiB in {LONG:,}")


if __name__ == "__main__":
    main()
