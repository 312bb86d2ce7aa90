"""Callers and targets of different dialects: who asks by which SDK, and how the same is said by each."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Target
from resilient_ai.providers.codecs.table import TONGUES
from resilient_ai.testing import Provider, Simulator

from .modes import Mode, do, each
from .sdks import installed, of, raised

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.testing import SimulatedProvider

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}
"""What is asked for at the primary, and at a target, of each dialect."""

SAYS: list[Any] = [{"role": "user", "content": "hello"}]
MOST = 20


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A program's own way to ask.

    Attributes:
        name: as it stands in a test's name. module: the SDK. dialect, family: what it speaks.
        make: (async?, provider): a bare client.
        ask: (client, async?, streamed?, more): one call.
        text, model, usage: of an answer: (input, output) tokens.
        piece: the text of one event of a stream.
        failed: (status): the class of the SDK's exception for it. connection: for no sound answer.
        words: what an exception says.
    """

    name: str
    module: str
    dialect: str
    family: str
    make: Callable[[bool, SimulatedProvider], Any]
    ask: Callable[..., Any]
    text: Callable[[Any], str]
    model: Callable[[Any], str | None]
    usage: Callable[[Any], tuple[int, int]]
    piece: Callable[[Any], str]
    failed: Callable[[int], type[BaseException]]
    connection: Callable[[], type[BaseException]]

    async def answer(self, mode: Mode, client: Any, **more: Any) -> Any:
        return await do(self.ask(client, mode.is_async, streamed=False, **more))

    async def pieces(self, mode: Mode, client: Any, **more: Any) -> list[Any]:
        stream = await do(self.ask(client, mode.is_async, streamed=True, **more))
        return [event async for event in each(stream)]

    def said(self, events: list[Any]) -> str:
        return "".join(map(self.piece, events))

    async def end(self, mode: Mode, *clients: Any) -> None:
        for client in clients:
            if mode.is_async and hasattr(client, "aio"):
                await client.aio.aclose()
            await do(client.close())


def _client(module: str, name: str) -> Callable[[bool, SimulatedProvider], Any]:
    return lambda is_async, provider: of(module, f"Async{name}" if is_async else name)(
        api_key=provider.key, base_url=provider.base_url, max_retries=3
    )


def _genai(is_async: bool, provider: SimulatedProvider) -> Any:
    types = importlib.import_module("google.genai").types
    return of("google.genai", "Client")(api_key=provider.key, http_options=types.HttpOptions(base_url=provider.origin))


def _chat(client: Any, is_async: bool, *, streamed: bool, **more: Any) -> Any:
    given = {"model": MODELS["openai"], "messages": SAYS, "max_tokens": MOST} | more
    return client.chat.completions.create(stream=streamed, **given)


def _responses(client: Any, is_async: bool, *, streamed: bool, **more: Any) -> Any:
    given = {"model": MODELS["openai"], "input": "hello", "max_output_tokens": MOST, "store": False} | more
    return client.responses.create(stream=streamed, **given)


def _messages(client: Any, is_async: bool, *, streamed: bool, **more: Any) -> Any:
    given = {"model": MODELS["anthropic"], "messages": SAYS, "max_tokens": MOST} | more
    return client.messages.create(stream=streamed, **given)


def _content(client: Any, is_async: bool, *, streamed: bool, contents: Any = "hello", **more: Any) -> Any:
    models = client.aio.models if is_async else client.models
    ask = models.generate_content_stream if streamed else models.generate_content
    return ask(model=MODELS["gemini"], contents=contents, config={"max_output_tokens": MOST} | more)


def _delta(event: Any) -> str:
    return "".join(choice.delta.content or "" for choice in event.choices)


def _classes(module: str) -> Callable[[int], type[BaseException]]:
    names = {400: "BadRequestError", 401: "AuthenticationError", 429: "RateLimitError"}
    return lambda status: of(module, names.get(status, "InternalServerError"))


CHAT = Caller(
    name="chat",
    module="openai",
    dialect="openai",
    family="chat",
    make=_client("openai", "OpenAI"),
    ask=_chat,
    text=lambda answer: answer.choices[0].message.content,
    model=lambda answer: answer.model,
    usage=lambda answer: (answer.usage.prompt_tokens, answer.usage.completion_tokens),
    piece=_delta,
    failed=_classes("openai"),
    connection=raised("openai", "APIConnectionError"),
)
RESPONSES = Caller(
    name="responses",
    module="openai",
    dialect="openai",
    family="responses",
    make=_client("openai", "OpenAI"),
    ask=_responses,
    text=lambda answer: answer.output_text,
    model=lambda answer: answer.model,
    usage=lambda answer: (answer.usage.input_tokens, answer.usage.output_tokens),
    piece=lambda event: event.delta if event.type == "response.output_text.delta" else "",
    failed=_classes("openai"),
    connection=raised("openai", "APIConnectionError"),
)
ANTHROPIC = Caller(
    name="anthropic",
    module="anthropic",
    dialect="anthropic",
    family="messages",
    make=_client("anthropic", "Anthropic"),
    ask=_messages,
    text=lambda answer: "".join(block.text for block in answer.content),
    model=lambda answer: answer.model,
    usage=lambda answer: (answer.usage.input_tokens, answer.usage.output_tokens),
    piece=lambda event: event.delta.text if event.type == "content_block_delta" else "",
    failed=_classes("anthropic"),
    connection=raised("anthropic", "APIConnectionError"),
)
GENAI = Caller(
    name="genai",
    module="google.genai",
    dialect="gemini",
    family="generate_content",
    make=_genai,
    ask=_content,
    text=lambda answer: answer.text,
    model=lambda answer: answer.model_version,
    usage=lambda answer: (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count),
    piece=lambda event: event.text or "",
    failed=lambda status: of("google.genai.errors", "ClientError" if status < 500 else "ServerError"),
    connection=lambda: of("httpx2" if installed("httpx2") else "httpx", "TransportError"),
)
CALLERS = (CHAT, RESPONSES, ANTHROPIC, GENAI)

DIALECTS = ("openai-chat", "openai-responses", "anthropic", "gemini")
"""What targets may say that they speak."""

PAIRS = [
    (caller, spoken)
    for caller in CALLERS
    for spoken in DIALECTS
    if (TONGUES[spoken].dialect, TONGUES[spoken].into) != (caller.dialect, caller.family)
]


def pairs(*, callers: tuple[Caller, ...] = CALLERS) -> pytest.MarkDecorator:
    """Every caller with every target of another dialect."""
    return pytest.mark.parametrize(
        ("caller", "spoken"),
        [
            pytest.param(caller, spoken, id=f"{caller.name}-{spoken}", marks=_needed(caller))
            for caller, spoken in PAIRS
            if caller in callers
        ],
    )


def _needed(caller: Caller) -> tuple[pytest.MarkDecorator, ...]:
    return () if installed(caller.module) else (pytest.mark.skip(f"{caller.module} is not installed"),)


def providers() -> Simulator:
    """A primary and a target of each dialect."""
    return Simulator(
        *(Provider(f"{place}-{dialect}", dialect=dialect) for place in ("own", "other") for dialect in MODELS)
    )


def target(vendors: Simulator, spoken: str, model: str | None = None, place: str = "other") -> Target:
    """A target that speaks so."""
    dialect = TONGUES[spoken].dialect
    provider = vendors[f"{place}-{dialect}"]
    name = f"{spoken}:{model or MODELS[dialect]}"
    return Target(name, base_url=provider.base_url, api_key=provider.key, dialect=spoken)
