"""What an answer out of the cache costs: the SDK over a transport that answers at once, against a hit, paired.

    python -m benchmarks.hits [--pairs 2000] [--only sync|async|guard|memory|sqlite] [--profile]

CPU time of this process, lower quartile of each side, and the ratio of the two. Bare: the SDK with a transport that has
its answer at hand. Hit: the same SDK and transport, wrapped, with ``Cache(ttl=…)``; nobody is asked. Then a hit through
``guard(fn)``; and what of a hit is the key and the look-up, by themselves. The machine drifts and is shared: read the
ratios, not the microseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import importlib
import json
import os
import pstats
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
from openai import AsyncOpenAI, OpenAI

import resilient_ai
from resilient_ai import Cache, Pipeline
from resilient_ai._context import NO_OPTIONS
from resilient_ai._runtime.sync import SYNC, drive
from resilient_ai.stores import MemoryStore, SQLiteStore
from resilient_ai.transports._flavour import fields, flavour_of
from resilient_ai.transports._place import place_of
from resilient_ai.transports._port import HttpPort
from resilient_ai.transports._request import prepare
from resilient_ai.transports._said import digest_of

from .overhead import MODEL, WARM_UP, measure_async, measure_sync, messages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": MODEL,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello " * 40}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 40, "total_tokens": 50},
}
BODY = json.dumps(ANSWER).encode()
HEADERS = [("content-type", "application/json"), ("x-request-id", "req_1"), ("openai-version", "2020-10-01")]


def _http(is_async: bool) -> Any:
    """A client of the SDK's own http package over a transport that answers at once."""
    kind = AsyncOpenAI if is_async else OpenAI
    module: Any = importlib.import_module("httpx2" if int(openai.__version__.split(".")[0]) >= 3 else "httpx")

    def answer(self: Any, request: Any) -> Any:  # noqa: ARG001  # a transport's signature
        return module.Response(200, headers=HEADERS, content=BODY)

    async def answer_async(self: Any, request: Any) -> Any:  # noqa: ARG001
        return module.Response(200, headers=HEADERS, content=BODY)

    methods = {"handle_request": answer, "handle_async_request": answer_async}
    at_once: Any = type("AtOnce", (module.BaseTransport, module.AsyncBaseTransport), methods)
    client = module.AsyncClient if is_async else module.Client
    return kind(api_key="sk-x", base_url="http://at.once/v1", http_client=client(transport=at_once()))


def _pipeline() -> Pipeline:
    return Pipeline.default(Cache(ttl=3600, stale_if_error=7200), isolated=True)


def _sync(client: OpenAI, said: Any) -> Callable[[], None]:
    def call() -> None:
        client.chat.completions.create(model=MODEL, messages=said)

    return call


def _async(client: AsyncOpenAI, said: Any) -> Callable[[], Awaitable[None]]:
    async def call() -> None:
        await client.chat.completions.create(model=MODEL, messages=said)

    return call


def _is_hit(answer: Any) -> None:
    assert resilient_ai.outcome(answer).source == "cache"


def _hits(mode: str, pairs: int) -> dict[str, float]:
    said = messages(1000)
    asked: dict[str, Any] = {"model": MODEL, "messages": said}
    if mode == "sync":
        bare = _http(is_async=False)
        wrapped = resilient_ai.wrap(_http(is_async=False), _pipeline())
        wrapped.chat.completions.create(**asked)
        _is_hit(wrapped.chat.completions.create(**asked))
        return measure_sync(_sync(bare, said), _sync(wrapped, said), pairs)

    async def run() -> dict[str, float]:
        bare = _http(is_async=True)
        wrapped = resilient_ai.wrap(_http(is_async=True), _pipeline())
        await wrapped.chat.completions.create(**asked)
        _is_hit(await wrapped.chat.completions.create(**asked))
        return await measure_async(_async(bare, said), _async(wrapped, said), pairs)

    return asyncio.run(run())


def _looked_up(store: Any, rounds: int, *, again: bool) -> float:
    """Microseconds for the key of a request of 1 KB and its look-up, lower quartile; ``again``: of one that was asked
    before."""
    pipeline = Pipeline(Cache(ttl=3600, store=store), isolated=True)
    cache = pipeline.find(Cache)
    assert cache is not None
    client = _http(is_async=False)._client
    request = client.build_request(
        "POST",
        "http://at.once/v1/chat/completions",
        json={"model": MODEL, "messages": messages(1000)},
        headers={"authorization": "Bearer sk-x"},
    )
    flavour = flavour_of(client._transport)
    assert flavour is not None
    wire: Any = type("Wire", (), {"giver": None})()
    headers = fields(request.headers)
    prepared = drive(prepare(request, headers, place_of(request, headers), wire, NO_OPTIONS, equals=True))
    port = HttpPort(prepared, wire, flavour=flavour, route=lambda _: wire, is_async=False)
    body = prepared.body or b""
    sync: Any = SYNC
    call = pipeline.begin(port=port, runtime=sync, facts=prepared.facts, options=NO_OPTIONS)
    shelf = call.state(cache)

    async def once() -> None:
        name = shelf.named(call)
        assert name is not None
        await shelf.get(name.key, call)

    times: list[float] = []
    for number in range(-WARM_UP, rounds):
        asked = body if again else body.replace(b"conversation", b"conversation %d of" % number)
        began = time.process_time()
        port.prepared = prepared._replace(body=asked, digest=digest_of(asked))
        drive(once())
        if number >= 0:
            times.append(time.process_time() - began)
    return statistics.quantiles(times, n=4)[0] * 1e6


def _guarded(mode: str, rounds: int) -> float:
    """Microseconds of a hit through ``guard(fn)``, lower quartile of hundreds: one is shorter than the clock's step."""
    many, said = 100, "Say hello. " * 90

    async def afunction(text: str) -> str:
        return text

    def function(text: str) -> str:
        return text

    given: Any = afunction if mode == "async" else function
    hit: Any = _pipeline().guard(given, name=mode, operation="stateless", key=lambda text: text)
    times: list[float] = []

    async def run() -> None:
        for number in range(-1, max(4, rounds // many)):
            began = time.process_time()
            for _ in range(many):
                if mode == "async":
                    await hit(said)
                else:
                    hit(said)
            if number >= 0:
                times.append((time.process_time() - began) / many)
        with resilient_ai.record() as calls:
            await hit(said) if mode == "async" else hit(said)
        assert calls[0].source == "cache"

    asyncio.run(run())
    return statistics.quantiles(times, n=4)[0] * 1e6


def _profile(calls: int = 5000) -> None:
    """Where a hit's time goes."""
    client = resilient_ai.wrap(_http(is_async=False), _pipeline())
    call = _sync(client, messages(1000))
    for _ in range(WARM_UP):
        call()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(calls):
        call()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats("resilient_ai|httpx|hash|json|marshal", 40)


def main() -> None:
    """Measure every case, or those asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if arguments.profile:
        _profile()
        return
    print(f"{'case':22} {'bare µs':>9} {'hit µs':>9} {'ratio':>7}   (CPU, lower quartile of {arguments.pairs} pairs)")
    for mode in ("sync", "async"):
        if arguments.only in f"{mode}-hit":
            row = _hits(mode, arguments.pairs)
            print(f"{mode + '-hit':22} {row['bare_us']:9.0f} {row['wrapped_us']:9.0f} {row['ratio']:7.3f}", flush=True)
    for mode in ("sync", "async"):
        if arguments.only in f"{mode}-guard":
            took = _guarded(mode, 10 * arguments.pairs)
            print(f"{'guard(fn), ' + mode:22} {'':9} {took:9.1f}   a hit, with a key of 1 KB", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        stores = {"memory": MemoryStore(), "sqlite": SQLiteStore(Path(folder) / "cache.sqlite3")}
        for name, store in stores.items():
            if arguments.only in name:
                for again in (False, True):
                    took = _looked_up(store, arguments.pairs, again=again)
                    which = "asked before" if again else "new"
                    print(
                        f"{'key and look-up, ' + name:22} {'':9} {took:9.1f}   of a request of 1 KB, {which}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
