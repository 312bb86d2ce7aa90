"""What becomes of one broken stream under a real SDK, measured: every way to break, every endpoint that streams."""

from __future__ import annotations

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resilient_ai import Deadline, Pipeline, Retry, Target, wrap
from resilient_ai.testing import Fault, Provider, Simulator

from .modes import MODES, do, each
from .sdks import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from resilient_ai.testing import SimulatedProvider

    from .modes import Mode

IDLE, LATE, LONG = 1.0, 0.3, 30.0
"""Seconds: of silence that are too many; that a first token is late; that a call may take."""
TOKENS = 60
"""Of a whole answer: the simulator's own."""
WHOLE = "whole answer"
WORKERS = 8
"""Cells that are measured at once: a silence is waited for in all of them together."""

HI: list[Any] = [{"role": "user", "content": "hello"}]


@dataclass(slots=True)
class Read:
    """What a program had of a stream: its tokens, whether the end was told, and an error that is an event."""

    tokens: list[str] = field(default_factory=list[str])
    ended: bool = False
    told: str | None = None

    def take(self, token: str | None) -> None:
        if token:
            self.tokens.append(token)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint that streams, through its SDK.

    Attributes:
        name: as it stands in the table. module: the SDK. dialect, family: the provider's.
        make: (async?, provider, key, time-out): a bare client. open: (client, async?): the stream, awaitable or not.
        read: (what was read so far, event). own: the base classes of the SDK's own exceptions.
        other: another model, which gives another answer.
    """

    name: str
    module: str
    dialect: str
    family: str
    make: Callable[[bool, SimulatedProvider, str, float], Any]
    open: Callable[[Any, bool], Any]
    read: Callable[[Read, Any], None]
    own: Callable[[], tuple[type[Exception], ...]]
    other: str

    @property
    def usable(self) -> bool:
        return installed(self.module)


def _stainless(module: str, name: str) -> Callable[[bool, SimulatedProvider, str, float], Any]:
    def make(is_async: bool, provider: SimulatedProvider, key: str, timeout: float) -> Any:
        made = getattr(importlib.import_module(module), f"Async{name}" if is_async else name)
        return made(api_key=key, base_url=provider.base_url, timeout=timeout)  # max_retries: the SDK's own 2

    return make


def _genai(is_async: bool, provider: SimulatedProvider, key: str, timeout: float) -> Any:
    genai = importlib.import_module("google.genai")
    options = genai.types.HttpOptions(base_url=provider.origin, timeout=int(timeout * 1000))
    return genai.Client(api_key=key, http_options=options)


def _chunk(read: Read, event: Any) -> None:
    for choice in event.choices:
        read.take(choice.delta.content)
        read.ended = read.ended or choice.finish_reason == "stop"


def _response_event(read: Read, event: Any) -> None:
    if event.type == "response.output_text.delta":
        read.take(event.delta)
    elif event.type in ("error", "response.failed"):
        read.told = event.type
    read.ended = read.ended or event.type == "response.completed"


def _message_event(read: Read, event: Any) -> None:
    if event.type == "content_block_delta":
        read.take(getattr(event.delta, "text", None))
    read.ended = read.ended or event.type == "message_stop"


def _content(read: Read, event: Any) -> None:
    for candidate in event.candidates or ():
        for part in (candidate.content and candidate.content.parts) or ():
            read.take(part.text)
        read.ended = read.ended or candidate.finish_reason is not None


def _models(client: Any, is_async: bool) -> Any:
    return client.aio.models if is_async else client.models


def _of_module(module: str) -> Callable[[], tuple[type[Exception], ...]]:
    return lambda: (importlib.import_module(module).APIError,)


def _of_genai() -> tuple[type[Exception], ...]:
    """Its own, and those of the http package it stands on, which it lets through."""
    errors = importlib.import_module("google.genai.errors")
    http = importlib.import_module("httpx2" if installed("httpx2") else "httpx")
    return errors.APIError, http.TransportError


CHAT = Endpoint(
    name="Chat",
    module="openai",
    dialect="openai",
    family="chat",
    make=_stainless("openai", "OpenAI"),
    open=lambda client, is_async: client.chat.completions.create(model="gpt-4o-mini", messages=HI, stream=True),
    read=_chunk,
    own=_of_module("openai"),
    other="gpt-4.1",
)
RESPONSES = Endpoint(
    name="Responses",
    module="openai",
    dialect="openai",
    family="responses",
    make=_stainless("openai", "OpenAI"),
    open=lambda client, is_async: client.responses.create(model="gpt-4o-mini", input="hello", stream=True, store=False),
    read=_response_event,
    own=_of_module("openai"),
    other="gpt-4.1",
)
MESSAGES = Endpoint(
    name="Messages",
    module="anthropic",
    dialect="anthropic",
    family="messages",
    make=_stainless("anthropic", "Anthropic"),
    open=lambda client, is_async: client.messages.create(
        model="claude-haiku-4-5", max_tokens=100, messages=HI, stream=True
    ),
    read=_message_event,
    own=_of_module("anthropic"),
    other="claude-sonnet-5-5",
)
CONTENT = Endpoint(
    name="generateContent",
    module="google.genai",
    dialect="gemini",
    family="generate_content",
    make=_genai,
    open=lambda client, is_async: _models(client, is_async).generate_content_stream(
        model="gemini-2.5-flash", contents="hello"
    ),
    read=_content,
    own=_of_genai,
    other="gemini-2.5-pro",
)
ENDPOINTS = (CHAT, RESPONSES, MESSAGES, CONTENT)

FAULTS: dict[str, Callable[..., Fault]] = {
    "reset before the headers": Fault.reset,
    "error before the first event": lambda **limits: Fault.error_in_stream(opened=False, **limits),
    "error after what opens the stream": lambda **limits: Fault.error_in_stream(after_tokens=0, **limits),
    "slow first token": lambda **limits: Fault.slow_first_token(LATE, **limits),
    "cut after 40 of 60 tokens": lambda **limits: Fault.truncated(after_tokens=40, **limits),
    "silent after 20 tokens": lambda **limits: Fault.stalled(after_tokens=20, **limits),
    "malformed tenth event": lambda **limits: Fault.malformed_json(after_tokens=9, **limits),
    "no terminal event": Fault.unterminated,
    "cut after 40 tokens, HTTP ends well": lambda **limits: Fault.truncated_clean(after_tokens=40, **limits),
    "gzip, cut after 40 tokens": lambda **limits: Fault.gzip_cut(after_tokens=40, **limits),
    "gzip bomb": Fault.gzip_bomb,
    "JSON instead of a stream": Fault.not_streamed,
}
"""Each by what stands in the table."""
INSIDE: dict[str, Callable[..., Fault]] = {
    "cut": lambda **limits: Fault.truncated(after_tokens=2, **limits),
    "cut, HTTP ends well": lambda **limits: Fault.truncated_clean(after_tokens=2, **limits),
    "silent": lambda **limits: Fault.stalled(after_tokens=2, **limits),
    "malformed third event": lambda **limits: Fault.malformed_json(after_tokens=2, **limits),
    "error": lambda **limits: Fault.error_in_stream(after_tokens=2, **limits),
}
"""What strikes within something short: a tool's arguments, an answer that follows a schema."""
HARMLESS, JSON_INSTEAD = "slow first token", "JSON instead of a stream"

SITUATIONS = ("bare", "fallback", "once", "always")
"""The SDK by itself. Wrapped: with a healthy fallback of the same model; alone, the first request broken; alone, all"""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One call to make."""

    endpoint: Endpoint
    fault: str
    situation: str
    mode: Mode


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one call did.

    Attributes:
        shown: as it stands in the table.
        whole: whether all of the text came once, with the end told. prefix: whether what came is its beginning.
        raised: what it ended in, if not well; told: the same, where it is an event.
        first, second: requests that the provider and the fallback saw.
    """

    shown: str
    whole: bool
    prefix: bool
    raised: Exception | None
    told: str | None
    first: int
    second: int


def cells(
    endpoints: Sequence[Endpoint] = ENDPOINTS,
    situations: Sequence[str] = SITUATIONS,
    modes: Sequence[Mode] = tuple(MODES[:2]),
    faults: Sequence[str] = tuple(FAULTS),
) -> Iterator[Cell]:
    """Of the SDK by itself only its sync half is looked at: google-genai's other half may stand on aiohttp."""
    for endpoint in endpoints:
        if endpoint.usable:
            for fault in faults:
                for situation in situations:
                    for mode in modes[:1] if situation == "bare" else modes:
                        yield Cell(endpoint=endpoint, fault=fault, situation=situation, mode=mode)


DIALECTS = ("openai", "anthropic", "gemini")


def providers(count: int) -> Simulator:
    """Two of each dialect. Each cell has a key of its own, and so a fault of its own."""
    keys = tuple(f"sk-{number}" for number in range(count))
    return Simulator(
        *(Provider(f"{dialect}-{place}", dialect=dialect, keys=keys) for dialect in DIALECTS for place in (1, 2))
    )


def measured(wanted: Sequence[Cell]) -> dict[Cell, Seen]:
    """All cells, several at once."""
    with providers(len(wanted) + 1) as simulator:
        asked = {cell.endpoint.name: cell.endpoint for cell in wanted}
        whole = {name: _healthy(endpoint, simulator, len(wanted)) for name, endpoint in asked.items()}
        with ThreadPoolExecutor(WORKERS) as pool:
            seen = pool.map(
                lambda numbered: _measure(numbered[1], numbered[0], simulator, whole[numbered[1].endpoint.name]),
                enumerate(wanted),
            )
            return dict(zip(wanted, seen, strict=True))


def _healthy(endpoint: Endpoint, simulator: Simulator, key: int) -> list[str]:
    """The tokens of a whole answer, by the SDK alone."""
    provider = simulator[f"{endpoint.dialect}-1"]
    client = endpoint.make(False, provider, f"sk-{key}", IDLE)
    read = Read()
    for event in endpoint.open(client, False):
        endpoint.read(read, event)
    client.close()
    assert read.ended
    assert read.tokens
    return read.tokens


def _measure(cell: Cell, number: int, simulator: Simulator, whole: list[str]) -> Seen:
    endpoint, key = cell.endpoint, f"sk-{number}"
    first, second = (simulator[f"{endpoint.dialect}-{place}"] for place in (1, 2))
    limits = {"key": number, **({"count": 1} if cell.situation == "once" else {})}
    first.fault((FAULTS | INSIDE)[cell.fault](**limits), family=endpoint.family)
    run = asyncio.run if cell.mode.is_async else _run
    read, raised = run(_call(cell, first, second, key))
    counts = [provider.tally().by_key.get(f"{provider.name}:{number}", 0) for provider in (first, second)]
    good = raised is None and read.told is None and read.ended
    return Seen(
        shown=_shown(read, raised, whole),
        whole=good and "".join(read.tokens) == "".join(whole),
        prefix="".join(whole).startswith("".join(read.tokens)),
        raised=raised,
        told=read.told,
        first=counts[0],
        second=counts[1],
    )


def _run(script: Any) -> Any:
    try:
        script.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a sync script waited")


async def _call(
    cell: Cell, first: SimulatedProvider, second: SimulatedProvider, key: str
) -> tuple[Read, Exception | None]:
    endpoint, is_async = cell.endpoint, cell.mode.is_async
    given = endpoint.make(is_async, first, key, IDLE)
    client = given if cell.situation == "bare" else wrap(given, _pipeline(), fallback=_targets(cell, second, key))
    read, raised = Read(), None
    try:
        async for event in each(await do(endpoint.open(client, is_async))):
            endpoint.read(read, event)
    except Exception as error:
        raised = error
    for one in {id(client): client, id(given): given}.values():
        if is_async and endpoint is CONTENT:
            await one.aio.aclose()
        await do(one.close())
    return read, raised


def _pipeline() -> Pipeline:
    return Pipeline.default(Deadline(total=LONG, idle=IDLE), Retry(wait=0), isolated=True)


def _targets(cell: Cell, second: SimulatedProvider, key: str) -> list[Target]:
    if cell.situation not in ("fallback", "other model"):
        return []
    model = "*" if cell.situation == "fallback" else cell.endpoint.other
    return [Target(f"other:{model}", base_url=second.base_url, api_key=key, dialect=cell.endpoint.dialect)]


def _shown(read: Read, raised: Exception | None, whole: list[str]) -> str:
    """A cell of the table."""
    got = "".join(read.tokens)
    if raised is None and read.told is None and read.ended and got == "".join(whole):
        return WHOLE
    count = len(read.tokens)
    had = f"{count} tokens" if count else "nothing"
    if not "".join(whole).startswith(got):
        had += " of two answers"
    if raised is not None:
        return f"`{type(raised).__name__}`" + (f" after {had}" if count else "")
    if read.told is not None:
        return f"event `{read.told}`" + (f" after {had}" if count else "")
    return f"**{had}, as if whole**"
