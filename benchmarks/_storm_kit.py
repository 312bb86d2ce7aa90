"""What the storms share: an even load through the real SDK, what became of each call, and lines with a verdict."""

from __future__ import annotations

import logging
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from openai import AsyncOpenAI, OpenAIError

import resilient_ai
from resilient_ai import Target, control
from resilient_ai._states import every_state
from resilient_ai.strategies.breaker import Circuits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from resilient_ai import Pipeline
    from resilient_ai.testing import SimulatedProvider

__all__ = [
    "HELLO",
    "MODEL",
    "Done",
    "Line",
    "Storm",
    "chat",
    "circuits",
    "client_of",
    "forgotten",
    "load",
    "median",
    "target_of",
]

MODEL = "gpt-4o-mini"
CERTIFICATE = Path(__file__).parent.parent / "tests" / "transports" / "localhost.pem"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing a storm shows. ok: None where there is nothing to check, only to tell."""

    ok: bool | None
    what: str
    measured: str

    def __str__(self) -> str:
        state = {True: "ok  ", False: "FAIL", None: "    "}[self.ok]
        return f"  {state} {self.what}: {self.measured}"


@dataclass(slots=True)
class Storm:
    """The lines of one storm, printed as they come."""

    name: str
    lines: list[Line] = field(default_factory=list[Line])

    def tell(self, what: str, measured: object) -> None:
        """A figure."""
        self._add(Line(None, what, str(measured)))

    def check(self, ok: bool, what: str, measured: object) -> None:
        """A figure, and whether it is as it must be."""
        self._add(Line(ok, what, str(measured)))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        print(line, flush=True)

    @property
    def failed(self) -> list[Line]:
        """What was not as it must be."""
        return [line for line in self.lines if line.ok is False]


@dataclass(frozen=True, slots=True)
class Place:
    """A provider, as it can be told to another process."""

    name: str
    base_url: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One call. at: seconds after the load began. by: who answered, None if nobody did. cause: our own reason why."""

    at: float
    seconds: float
    by: str | None
    attempts: tuple[str, ...]
    cause: BaseException | None = None


def target_of(provider: Place | SimulatedProvider, requests_per_minute: int | None = None) -> Target:
    """The same models at another provider."""
    return Target(
        f"{provider.name}:*",
        base_url=provider.base_url,
        api_key=provider.key,
        requests_per_minute=requests_per_minute,
    )


def client_of(primary: Place | SimulatedProvider, pipeline: Pipeline, **said: Any) -> AsyncOpenAI:
    """A wrapped client of the primary."""
    bare: AsyncOpenAI = AsyncOpenAI(base_url=primary.base_url, api_key=primary.key, **said)
    return resilient_ai.wrap(bare, pipeline)


async def chat(client: AsyncOpenAI, *, stream: bool = False, **said: Any) -> Any:
    """One call, a stream read to its end; what it returns, or raises, can be asked for its outcome."""
    asked: Any = {"model": MODEL, "messages": HELLO} | said
    if not stream:
        return await client.chat.completions.create(**asked)
    answer = await client.chat.completions.create(stream=True, **asked)
    async for _ in answer:
        pass
    return answer


async def call(ask: Callable[[], Awaitable[Any]], began: float) -> Done:
    """What becomes of one call."""
    at = time.monotonic()
    cause: BaseException | None = None
    try:
        told = resilient_ai.outcome(await ask())
    except OpenAIError as error:
        told, cause = resilient_ai.outcome(error), error.__cause__ or error
    by = None if cause is not None else told.answered_by
    return Done(at=at - began, seconds=time.monotonic() - at, by=by, attempts=told.attempts, cause=cause)


async def load(ask: Callable[[int], Awaitable[Any]], *, rate: float, seconds: float) -> list[Done]:
    """Open loop: `rate` calls a second for so long, each at its time, whether or not earlier ones have ended."""
    found: list[Done] = []
    began = time.monotonic()

    async def one(number: int) -> None:
        found.append(await call(lambda: ask(number), began))

    async with anyio.create_task_group() as group:
        for number in range(round(rate * seconds)):
            await anyio.sleep(max(0.0, began + number / rate - time.monotonic()))
            group.start_soon(one, number)
    return sorted(found, key=lambda done: done.at)


def circuits() -> list[Circuits]:
    """The breakers' states, of all pipelines there are."""
    return [state for state in every_state() if isinstance(state, Circuits)]


def median(calls: Sequence[Done]) -> float:
    """Seconds that half of them took."""
    return statistics.median(call.seconds for call in calls)


def together(*works: Callable[[], object]) -> None:
    """Do all of them beside one another, each in a thread with a loop of its own; raises what one of them raised."""
    with forgotten(), ThreadPoolExecutor(len(works)) as pool:
        for begun in [pool.submit(work) for work in works]:
            begun.result()


_inside: list[bool] = []


@contextmanager
def forgotten() -> Generator[None]:
    """Nothing learnt before, nothing left behind; the log is quiet, and no certificate is loaded for nothing. Entered
    within another one it does nothing."""
    if _inside:
        yield
        return
    _inside.append(True)
    logger = logging.getLogger("resilient_ai")
    level, certificates = logger.level, os.environ.get("SSL_CERT_FILE")
    logger.setLevel(logging.CRITICAL)
    os.environ["SSL_CERT_FILE"] = str(CERTIFICATE)
    control.reset()
    try:
        yield
    finally:
        control.reset()
        logger.setLevel(level)
        os.environ.pop("SSL_CERT_FILE")
        if certificates is not None:
            os.environ["SSL_CERT_FILE"] = certificates
        _inside.clear()
