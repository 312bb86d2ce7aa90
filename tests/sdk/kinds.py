"""What one failing call does under a real SDK, measured: every error of every vendor, and what has no answer."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import openai

from resilient_ai import CircuitBreaker, Deadline, Pipeline, Retry, Target, control, outcome, wrap
from resilient_ai.events import CircuitChanged
from resilient_ai.failures import Again, FailureKind
from resilient_ai.testing import Fault, Provider, Simulator, VendorError, vendor_errors

from .modes import Mode, do

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resilient_ai.events import Event
    from resilient_ai.testing import SimulatedProvider

SHORT, LONGER = 0.25, 0.5
"""Seconds that a mute provider is waited for; the longer where a healthy one has to answer within the same limit."""

LONG, TOO_LONG, SOON = 20.0, 30.0, 0.01
"""Seconds that a call may take; a wait that does not fit into them; one that a test can wait for."""

OTHER = "other:*"
"""The fallback's name."""

ATTEMPTS = 3
"""Sends at one target: Retry's default."""

HI: list[Any] = [{"role": "user", "content": "hello"}]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A way to ask: an SDK's client and one of its endpoints.

    Attributes:
        name: as it stands in the table.
        module: the SDK. dialect: what it speaks. vendors: whose errors it can meet.
        family: the endpoint's. connection: the class that no sound answer ends in.
        make: (async?, provider, seconds it may take, retries of its own): a bare client.
        ask: (client, async?): one call.
    """

    name: str
    module: str
    dialect: str
    vendors: tuple[str, ...]
    family: str
    connection: str
    make: Callable[[bool, SimulatedProvider, float, int], Any]
    ask: Callable[[Any, bool], Any]


def _client(module: str, name: str, is_async: bool, provider: SimulatedProvider, timeout: float, retries: int) -> Any:
    made = getattr(importlib.import_module(module), f"Async{name}" if is_async else name)
    return made(api_key=provider.key, base_url=provider.base_url, max_retries=retries, timeout=timeout)


def _azure(is_async: bool, provider: SimulatedProvider, timeout: float, retries: int) -> Any:
    return (openai.AsyncAzureOpenAI if is_async else openai.AzureOpenAI)(
        azure_endpoint=provider.origin,
        api_version="2024-10-21",
        api_key=provider.key,
        max_retries=retries,
        timeout=timeout,
    )


def _genai(is_async: bool, provider: SimulatedProvider, timeout: float, retries: int) -> Any:
    genai = importlib.import_module("google.genai")
    repeats = genai.types.HttpRetryOptions(attempts=1 + retries, initial_delay=0.01, max_delay=0.02)
    options = genai.types.HttpOptions(
        base_url=provider.origin, timeout=int(timeout * 1000), retry_options=repeats if retries else None
    )
    return genai.Client(api_key=provider.key, http_options=options)


def _chat(client: Any, is_async: bool) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=HI)


def _response(client: Any, is_async: bool) -> Any:
    return client.responses.create(model="gpt-4o-mini", input="hello")


def _message(client: Any, is_async: bool) -> Any:
    return client.messages.create(model="claude-haiku-4-5", max_tokens=20, messages=HI)


def _content(client: Any, is_async: bool) -> Any:
    models = client.aio.models if is_async else client.models
    return models.generate_content(model="gemini-2.5-flash", contents="hello")


_openai = partial(_client, "openai", "OpenAI")
CHAT = Subject(
    name="openai, chat",
    module="openai",
    dialect="openai",
    vendors=("openai", "compatible", "cdn"),
    family="chat",
    connection="APIConnectionError",
    make=_openai,
    ask=_chat,
)
RESPONSES = replace(CHAT, name="openai, responses", vendors=("openai",), family="responses", ask=_response)
AZURE = replace(CHAT, name="AzureOpenAI, chat", vendors=("azure",), make=_azure)
ANTHROPIC = Subject(
    name="anthropic",
    module="anthropic",
    dialect="anthropic",
    vendors=("anthropic", "cdn"),
    family="messages",
    connection="APIConnectionError",
    make=partial(_client, "anthropic", "Anthropic"),
    ask=_message,
)
GENAI = Subject(
    name="google-genai",
    module="google.genai",
    dialect="gemini",
    vendors=("gemini", "cdn"),
    family="generate_content",
    connection="ConnectError",
    make=_genai,
    ask=_content,
)
SUBJECTS = (CHAT, RESPONSES, AZURE, ANTHROPIC, GENAI)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One failure, met through one SDK.

    Attributes:
        vendor: whose; "any" for what every provider can do. what: its name there.
        status: what is answered; None: nothing is. kind: what it has to be taken for.
        asks: whether it asks to wait.
        unsound: whether it is a whole answer of HTTP 200, and none that its endpoint gives.
    """

    subject: Subject
    vendor: str
    what: str
    status: int | None
    kind: FailureKind
    fault: Fault
    asks: bool = False
    unsound: bool = False

    def __str__(self) -> str:
        return f"{self.subject.name}-{self.vendor}-{self.kind.value}-{self.what}".replace(", ", "-")

    @property
    def mute(self) -> bool:
        return self.fault.kind == "blackhole"

    def asking(self, seconds: float) -> Row:
        return replace(self, fault=Fault.vendor(self.vendor, self.what, retry_after=seconds))


ANYBODY = (
    ("refused", None, FailureKind.UNREACHABLE, Fault.refused()),
    ("reset", None, FailureKind.TRANSIENT, Fault.reset()),
    ("blackhole", None, FailureKind.SILENT, Fault.blackhole()),
    ("truncated", 200, FailureKind.TRANSIENT, Fault.truncated()),
    ("truncated_clean", 200, FailureKind.BROKEN, Fault.truncated_clean()),
    ("malformed_json", 200, FailureKind.BROKEN, Fault.malformed_json()),
)
"""What no vendor has words for, by the simulator's (docs/simulator.md)."""

MUTE = (CHAT, ANTHROPIC, GENAI)
"""Silence takes time: it is met once through each SDK."""


def _rows() -> Iterator[Row]:
    for subject in SUBJECTS:
        for error in vendor_errors():
            if error.vendor in subject.vendors and error.family in (None, subject.family):
                yield _row(subject, error)
        for what, status, kind, fault in ANYBODY:
            if kind is not FailureKind.SILENT or subject in MUTE:
                unsound = kind is FailureKind.BROKEN
                yield Row(
                    subject=subject, vendor="any", what=what, status=status, kind=kind, fault=fault, unsound=unsound
                )


def _row(subject: Subject, error: VendorError) -> Row:
    row = Row(
        subject=subject,
        vendor=error.vendor,
        what=error.name,
        status=error.status,
        kind=FailureKind(error.kind),
        fault=Fault.vendor(error.vendor, error.name),
        asks="retry-after" in error.headers or "RetryInfo" in error.body,
        # What only one family can say is a proper answer of it: that it failed.
        unsound=error.status == 200 and error.family is None,
    )
    return row.asking(SOON) if row.asks else row


ROWS = tuple(_rows())


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What was seen of one row.

    Attributes:
        kinds: what the attempts were taken for.
        alone: attempts of one call that has nowhere else to go. raised: the class it ended in, or "an answer".
        counts: whether the circuit counted it.
        first: attempts at the primary and at a healthy fallback, of a program's very first call.
        later: the same of a call after one that the primary answered; seen where the first one stayed.
    """

    kinds: frozenset[str]
    alone: int
    raised: str
    counts: bool
    first: tuple[int, int]
    later: tuple[int, int]


def expected(row: Row, bare: str) -> Behaviour:
    """What the row of `MEANINGS` says. ``bare``: what the SDK by itself ends in."""
    meaning = row.kind.meaning
    alone = {Again.NEVER: 1, Again.ALONE: 2}.get(meaning.again, ATTEMPTS)
    quick = 2 if meaning.again in (Again.ALWAYS, Again.REPEATABLE) else 1
    moved, stayed = (quick, 1), (alone, 0)
    return Behaviour(
        kinds=frozenset({row.kind.value}),
        alone=alone,
        raised=row.subject.connection if row.unsound else bare,
        counts=meaning.counts,
        first=moved if meaning.moves_on and not meaning.if_worked else stayed,
        later=moved if meaning.moves_on else stayed,
    )


class Bench:
    """One SDK's clients for two simulated providers, in one mode. Each is made when it is first asked for."""

    def __init__(self, subject: Subject, simulator: Simulator, mode: Mode) -> None:
        self.subject, self._simulator = subject, simulator
        self._async = mode.is_async
        self.primary, self._backup = (simulator[f"{subject.dialect}-{number}"] for number in (1, 2))
        self._clients: dict[tuple[str, bool], Any] = {}
        self._made: list[tuple[Any, bool]] = []
        self._events: list[Event] = []

    async def behaviour(self, row: Row) -> Behaviour:
        """All that is to be seen of a row."""
        error = await self._ended(row, "alone")
        told = outcome(error)
        assert told is not None
        self._check(row, len(told.attempts))
        first = await self._with_fallback(row, worked=False)
        return Behaviour(
            kinds=frozenset(line.split()[1] for line in told.attempts),
            alone=len(told.attempts),
            raised=_name(error),
            counts=await self._opens(row),
            first=first,
            later=first if first[1] else await self._with_fallback(row, worked=True),
        )

    def bare(self, row: Row) -> str:
        """What the SDK by itself ends in. Its sync half says so: google-genai's other half may stand on aiohttp."""
        self._fresh(row.fault)
        client = self._client("bare", mute=row.mute)
        try:
            return _name(self.subject.ask(client, False))
        except Exception as error:
            return _name(error)

    async def alone(self, row: Row) -> tuple[int, str]:
        """Requests of one call that has nowhere else to go, and what it ends in."""
        ended = await self._ended(row, "alone")
        return self.primary.count(), _name(ended)

    async def end(self) -> None:
        """Close every client; the wrapped ones first."""
        for client, is_async in reversed(self._made):
            if is_async and self.subject is GENAI:
                await client.aio.aclose()
            await do(client.close())

    async def _ended(self, row: Row, what: str) -> Any:
        self._fresh(row.fault)
        return await self._asked(self._client(what, mute=row.mute))

    async def _asked(self, client: Any) -> Any:
        """What one call ends in: an answer, or an exception."""
        try:
            return await do(self.subject.ask(client, self._async))
        except Exception as error:
            return error

    async def _opens(self, row: Row) -> bool:
        """Whether one such failure opens a circuit that bears none."""
        self._events.clear()
        await self._ended(row, "strict")
        return any(isinstance(event, CircuitChanged) and event.new == "open" for event in self._events)

    async def _with_fallback(self, row: Row, *, worked: bool) -> tuple[int, int]:
        """Attempts at either provider, of one call that has somewhere to go."""
        self._fresh(None)
        client = self._client("with fallback", mute=row.mute)
        before = 0
        if worked:
            assert _name(await self._asked(client)) == "an answer"
            before = self.primary.count()
        self.primary.fault(row.fault)
        told = outcome(await self._asked(client))
        assert told is not None
        here = sum(line.startswith("primary:") for line in told.attempts)
        there = len(told.attempts) - here
        self._check(row, here, before=before)
        assert self._backup.count() == there
        assert (told.answered_by == OTHER) is bool(there)
        return here, there

    def _check(self, row: Row, attempts: int, *, before: int = 0) -> None:
        """What is told of a call is what the provider saw; of a refused connection it saw nothing."""
        seen = self.primary.count() - before
        assert seen == (0 if row.fault.kind == "refused" else attempts)

    def _fresh(self, fault: Fault | None) -> None:
        self._simulator.reset()
        control.reset()
        if fault is not None:
            self.primary.fault(fault)

    def _client(self, what: str, *, mute: bool) -> Any:
        if (what, mute) not in self._clients:
            self._clients[what, mute] = self._new(what, mute=mute)
        return self._clients[what, mute]

    def _new(self, what: str, *, mute: bool) -> Any:
        if what == "bare":
            return self._given(False, SHORT if mute else LONG, retries=0)
        given = self._given(self._async, LONG, retries=2)  # the SDKs' own default: here it must not add up
        if what == "with fallback":
            pipeline, fallback = _pipeline(LONGER if mute else None, Retry(wait=0)), [self._target()]
            client = wrap(given, pipeline, fallback=fallback)
        elif what == "alone":
            client = wrap(given, _pipeline(SHORT if mute else None, Retry(wait=0)))
        else:
            once, strict = Retry(attempts=1), CircuitBreaker(consecutive=1)
            listeners = [self._events.append]
            client = wrap(given, _pipeline(SHORT if mute else None, once, strict, listeners=listeners))
        self._made.append((client, self._async))
        return client

    def _given(self, is_async: bool, timeout: float, *, retries: int) -> Any:
        """A bare client."""
        client = self.subject.make(is_async, self.primary, timeout, retries)
        self._made.append((client, is_async))
        return client

    def _target(self) -> Target:
        backup = self._backup
        return Target(OTHER, base_url=backup.base_url, api_key=backup.key, dialect=self.subject.dialect)


def _pipeline(first_byte: float | None, *strategies: Any, **how: Any) -> Pipeline:
    return Pipeline.default(Deadline(total=LONG, first_byte=first_byte), *strategies, isolated=True, **how)


def _name(ended: Any) -> str:
    return type(ended).__name__ if isinstance(ended, Exception) else "an answer"


def providers() -> Simulator:
    """Two of each dialect."""
    return Simulator(
        *(Provider(f"{dialect}-{n}", dialect=dialect) for dialect in ("openai", "anthropic", "gemini") for n in (1, 2))
    )
