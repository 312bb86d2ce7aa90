"""Streams that nobody reads to their end, and browsers that leave while they are served: what stays behind."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any

import anyio
import openai

from resilient_ai import Fallback, Pipeline, RateLimiter, wrap
from resilient_ai.testing import Fault, Provider, Simulator

from ._storm_cancel import _state as taken
from ._storm_kit import HELLO, MODEL, Storm, circuits, forgotten, target_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from resilient_ai.testing import Request, SimulatedProvider

STREAMS, SHORT = 1000, 120
"""In all three modes together; a third of them is left."""
BROWSERS, FEW = 500, 50
LEFT_MODEL = "gpt-4o"
"""What is left is asked of this model, whose streams last for a minute: none of them ends by itself."""
SLOW, QUICK = 1.0, 0.002
"""Seconds between two events of a stream that is left, and of one that is read."""
AT_ONCE = 30
SYNC_WAYS = ("break", "close", "with", "del", "thread ended")
ASYNC_WAYS = ("break", "close", "with", "del", "cancel")
PROMPT = frozenset({"close", "with", "cancel"})
"""Ways that say so: these sockets have to be closed at once, the others as with the bare SDK."""
SOON, BUSY = 0.1, 1.0
"""Seconds until nearly every one of them is closed; in short, on a machine that does other things beside it."""
BY_CHANCE = 1
"""Streams that stay open on trio now and then, of the bare SDK's as of ours: trio finalises the SDK's generators, one
inside the other, at the same time ("aclose(): asynchronous generator is already running"), and one closes nothing."""
PASSING = 0.7
"""Seconds after which what will be closed is closed."""
LAST: dict[str, Any] = {"model": LEFT_MODEL, "messages": HELLO, "extra_headers": {"x-number": "-1"}}
"""One more call, of the kind that was left: it sees to what finalisers, which may do nothing, have put down."""


@dataclass(slots=True)
class Run:
    """One mode's streams, by the bare SDK or wrapped."""

    left: dict[int, tuple[str, float]] = field(default_factory=dict[int, tuple[str, float]])
    """By the number of each stream that was left: how, and when."""
    short: int = 0
    """Streams that were to be read, and had not sixty tokens."""
    before: int = 0
    """Threads, or tasks, before the first stream."""
    after: int = 0
    open: int = 0
    """Streams that were left and that the provider still sends, a while later."""
    late: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """Seconds from leaving to the closed socket, by how it was left."""
    requests: int = 0
    elsewhere: int = 0
    held: dict[str, int] = field(default_factory=dict[str, int])
    """Permits and places that were not given back."""
    closed: int = 0
    """Connections that are open when the client is closed."""

    @property
    def prompt(self) -> list[float]:
        """Seconds until a socket was closed where the program said that it leaves."""
        return sorted(seconds for way in self.late if way in PROMPT for seconds in self.late[way])


def leave(storm: Storm, *, short: bool) -> None:
    """Every way to leave a stream, in threads, asyncio and trio, beside the bare SDK."""
    count = (SHORT if short else STREAMS) // 3
    with forgotten(), Simulator(Provider("primary"), Provider("backup")) as sim:
        for mode in ("threads", "asyncio", "trio"):
            bare = _streams(sim, mode, count, wrapped=False)
            wrapped = _streams(sim, mode, count, wrapped=True)
            _judge(storm, f"{mode}, {count} streams, {len(wrapped.left)} left", bare, wrapped, BUSY if short else SOON)


def browsers(storm: Storm, *, short: bool) -> None:
    """A server that hands a stream on, and browsers that disconnect, beside the same server with the bare SDK."""
    count = FEW if short else BROWSERS
    with forgotten(), Simulator(Provider("primary"), Provider("backup")) as sim:
        bare = asyncio.run(_served(sim, count, wrapped=False))
        wrapped = asyncio.run(_served(sim, count, wrapped=True))
        _judge(storm, f"{count} browsers", bare, wrapped, BUSY if short else SOON)


def _judge(storm: Storm, what: str, bare: Run, wrapped: Run, soon: float) -> None:
    times, usual = wrapped.prompt, bare.prompt
    p99, limit = _share(times, 0.99), max(soon, 2 * _share(usual, 0.99))
    shown = f"median {_share(times, 0.5) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms (bare: {_share(usual, 0.99) * 1e3:.1f})"
    storm.check(bool(times) and p99 <= limit, f"{what}: sockets closed after a close or cancel", shown)
    storm.check(wrapped.short == 0, f"{what}: streams read, and not whole", wrapped.short)
    most = max(bare.open, BY_CHANCE if what.startswith("trio") else 0)
    storm.check(wrapped.open <= most, f"{what}: left open a while later (bare: {bare.open})", wrapped.open)
    storm.check(wrapped.closed == 0, f"{what}: open once the client is closed (bare: {bare.closed})", wrapped.closed)
    storm.check(wrapped.after <= wrapped.before, f"{what}: threads or tasks", f"{wrapped.before} -> {wrapped.after}")
    # What even the bare SDK's collector does not find, no finaliser can give back either.
    kept = {name: held - (wrapped.open if name == "running" else 0) for name, held in wrapped.held.items()}
    storm.check(not any(kept.values()), f"{what}: permits and places", wrapped.held)
    asked = f"{wrapped.requests} requests, {wrapped.elsewhere} elsewhere (bare: {bare.requests})"
    storm.check((wrapped.requests, wrapped.elsewhere) == (bare.requests, 0), f"{what}: no retry, no fallback", asked)


def _share(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0


# ---- streams


def _prepare(sim: Simulator) -> None:
    sim.reset()
    sim["primary"].fault(Fault.paced(SLOW, model=LEFT_MODEL))
    sim["primary"].fault(Fault.paced(QUICK, model=MODEL))


def _streams(sim: Simulator, mode: str, count: int, *, wrapped: bool) -> Run:
    _prepare(sim)
    chance = random.Random(f"{mode}/{count}")
    left = set(chance.sample(range(count), count // 3))
    ways = cycle(SYNC_WAYS if mode == "threads" else ASYNC_WAYS)
    plan = [next(ways) if number in left else None for number in range(count)]
    if mode == "threads":
        return _in_threads(sim, plan, wrapped=wrapped)
    run: Run = anyio.run(_in_tasks, sim, plan, wrapped, backend=mode)
    return run


def _client(kind: type[Any], sim: Simulator, *, wrapped: bool) -> tuple[Any, Any]:
    """The client to use, and the bare one it was made of."""
    primary = sim["primary"]
    given = kind(base_url=primary.base_url, api_key=primary.key, timeout=60.0, max_retries=2)
    if not wrapped:
        return given, given
    pipeline = Pipeline.default(Fallback([target_of(sim["backup"])]), RateLimiter(concurrency=1000), isolated=True)
    return wrap(given, pipeline), given


def _asked(number: int, way: str | None) -> dict[str, Any]:
    model = MODEL if way is None else LEFT_MODEL
    return {"model": model, "messages": HELLO, "stream": True, "extra_headers": {"x-number": str(number)}}


def _tokens(events: list[Any]) -> int:
    return sum(bool(event.choices and event.choices[0].delta.content) for event in events)


def _in_threads(sim: Simulator, plan: list[str | None], *, wrapped: bool) -> Run:
    client, given = _client(openai.OpenAI, sim, wrapped=wrapped)
    run = Run(before=threading.active_count())

    def one(number: int, way: str | None) -> None:
        stream = client.chat.completions.create(**_asked(number, way))
        if way is None:
            run.short += _tokens(list(stream)) != 60
            return
        _left_in_thread(run, stream, number, way)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for begun in [pool.submit(one, number, way) for number, way in enumerate(plan)]:
            begun.result()
    gc.collect()
    time.sleep(PASSING)
    sim["primary"].heal()
    client.chat.completions.create(**LAST)
    run.after = threading.active_count()
    _look(sim, run, wrapped=wrapped)
    client.close()
    given.close()
    time.sleep(0.5)
    run.closed = sim["primary"].open_connections
    return run


def _left_in_thread(run: Run, stream: Any, number: int, way: str) -> None:
    match way:
        case "break":
            for _ in stream:
                break
        case "with":
            with stream:
                next(iter(stream))
                run.left[number] = way, time.monotonic()
        case "close":
            next(iter(stream))
            run.left[number] = way, time.monotonic()
            stream.close()
        case "thread ended":
            thread = threading.Thread(target=lambda: next(iter(stream)))
            thread.start()
            thread.join()
        case _:
            next(iter(stream))
    run.left.setdefault(number, (way, time.monotonic()))


async def _in_tasks(sim: Simulator, plan: list[str | None], wrapped: bool) -> Run:
    client, given = _client(openai.AsyncOpenAI, sim, wrapped=wrapped)
    run = Run(before=_tasks())
    places = anyio.CapacityLimiter(AT_ONCE)

    async def one(number: int, way: str | None) -> None:
        async with places:
            if way == "cancel":
                await _cancelled(client, run, number)
                return
            stream = await client.chat.completions.create(**_asked(number, way))
            if way is None:
                run.short += _tokens([event async for event in stream]) != 60
                return
            await _left_in_task(run, stream, number, way)

    async with anyio.create_task_group() as group:
        for number, way in enumerate(plan):
            group.start_soon(one, number, way)
    gc.collect()
    await anyio.sleep(PASSING)
    sim["primary"].heal()
    await client.chat.completions.create(**LAST)
    run.after = _tasks()
    _look(sim, run, wrapped=wrapped)
    await client.close()
    await given.close()
    await anyio.sleep(0.5)
    run.closed = sim["primary"].open_connections
    return run


async def _left_in_task(run: Run, stream: Any, number: int, way: str) -> None:
    match way:
        case "break":
            async for _ in stream:
                break
        case "with":
            async with stream:
                await anext(aiter(stream))
                run.left[number] = way, time.monotonic()
        case "close":
            await anext(aiter(stream))
            run.left[number] = way, time.monotonic()
            await stream.close()
        case _:
            await anext(aiter(stream))
    run.left.setdefault(number, (way, time.monotonic()))


async def _cancelled(client: Any, run: Run, number: int) -> None:
    begun = anyio.Event()

    async def read() -> None:
        async for _ in await client.chat.completions.create(**_asked(number, "cancel")):
            begun.set()

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await begun.wait()
        run.left[number] = "cancel", time.monotonic()
        group.cancel_scope.cancel()


def _tasks() -> int:
    """Tasks of this loop; trio has none that outlive their nursery."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0


# ---- browsers


async def _served(sim: Simulator, count: int, *, wrapped: bool) -> Run:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    _prepare(sim)
    sim["primary"].fault(Fault.paced(0.05, model=LEFT_MODEL))
    client, given = _client(openai.AsyncOpenAI, sim, wrapped=wrapped)

    async def answer(request: Any) -> StreamingResponse:
        stream = await client.chat.completions.create(**_asked(int(request.query_params["n"]), "cancel"))

        async def words() -> AsyncIterator[str]:
            async for event in stream:
                yield event.choices[0].delta.content or "" if event.choices else ""

        return StreamingResponse(words(), media_type="text/plain")

    app = Starlette(routes=[Route("/", answer)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    run = Run(before=_tasks())
    chance = random.Random(count)
    places = asyncio.Semaphore(AT_ONCE)

    async def browse(number: int, reads: int) -> None:
        async with places:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /?n=%d HTTP/1.1\r\nhost: x\r\n\r\n" % number)
            for _ in range(reads):
                await reader.read(65536)
            run.left[number] = "cancel", time.monotonic()
            writer.close()
            await writer.wait_closed()

    await asyncio.gather(*(browse(number, chance.randint(1, 6)) for number in range(count)))
    await anyio.sleep(PASSING)
    gc.collect()
    await anyio.sleep(PASSING)
    sim["primary"].heal()
    await client.chat.completions.create(**LAST)
    run.after = _tasks()
    _look(sim, run, wrapped=wrapped)
    server.should_exit = True
    await serving
    await client.close()
    await given.close()
    await asyncio.sleep(0.5)
    run.closed = sim["primary"].open_connections
    return run


# ---- looking


def _ahead(sim: Simulator) -> float:
    """What has to be added to a time of the simulator to have one of ours."""
    found = list[tuple[float, float]]()
    for _ in range(20):
        before = time.monotonic()
        now = sim.now()
        after = time.monotonic()
        found.append((after - before, (before + after) / 2 - now))
    return min(found)[1]


def _look(sim: Simulator, run: Run, *, wrapped: bool) -> None:
    """What the provider saw of it."""
    primary: SimulatedProvider = sim["primary"]
    ahead = _ahead(sim)
    seen: dict[int, Request] = {int(request.headers["x-number"]): request for request in primary.requests()}
    run.requests, run.elsewhere = primary.count(), sim["backup"].count()
    for number, (way, at) in run.left.items():
        closed = seen[number].closed_early if number in seen else None
        if number in seen and seen[number].ended is None:
            run.open += 1
        elif closed is not None:
            run.late.setdefault(way, []).append(closed + ahead - at)
    if wrapped:
        run.held = taken()
        run.held["circuits not closed"] = sum(
            circuit.state != "closed" for state in circuits() for _, circuit in state.by_host()
        )
