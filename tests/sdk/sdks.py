"""Every SDK that wrap() takes, as data: how a client of it is made and asked, and what it raises."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.testing import Fault

from .modes import MODES, Mode, do, each

if TYPE_CHECKING:
    from collections.abc import Callable

HI: list[Any] = [{"role": "user", "content": "hello"}]


def installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class Upstream:
    """A simulated provider, or a little one: what the tests of this folder need of either."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self.origin, self.key = provider.origin, provider.key
        self._little = not hasattr(provider, "fault")

    def fail(self, status: int) -> None:
        if self._little:
            self._provider.failing = status
        else:
            self._provider.fault(Fault.status(status))

    def refuse(self) -> None:
        if self._little:
            self._provider.refuse()
        else:
            self._provider.fault(Fault.refused())

    def count(self) -> int:
        return len(self._provider.asked) if self._little else self._provider.count()


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """One SDK.

    Attributes:
        name: its module.
        dialect: what it speaks: the providers to test it with.
        make: (async?, origin, key): a bare client, told to retry by itself, as far as it can be told.
        ask, stream: (client, async?): one call; stream's is iterated.
        text: an answer's text.
        insists: the same call or client, told once more to retry by itself, where that can be said later.
        status, bad, connection: what it raises for 503, 400 and no connection.
        close: (client, async?).
        api: what stands between the origin and the dialect's own path, for a fallback.
        model: what a fallback's target names.
    """

    name: str
    dialect: str
    make: Callable[[bool, str, str], Any]
    ask: Callable[[Any, bool], Any]
    stream: Callable[[Any, bool], Any]
    text: Callable[[Any], str]
    status: Callable[[], type[BaseException]]
    bad: Callable[[], type[BaseException]]
    connection: Callable[[], type[BaseException]]
    insists: Callable[[Any, bool], Any] | None = None
    close: Callable[[Any, bool], Any] = field(default=lambda client, is_async: client.close())
    known_by: str = "answer"
    api: str = ""

    def client(self, mode: Mode, upstream: Upstream) -> Any:
        return self.make(mode.is_async, upstream.origin, upstream.key)

    async def answer(self, mode: Mode, client: Any) -> Any:
        return await do(self.ask(client, mode.is_async))

    async def streamed(self, mode: Mode, client: Any) -> int:
        """How many events a streamed answer has."""
        stream = await do(self.stream(client, mode.is_async))
        return len([event async for event in each(stream)])

    async def end(self, mode: Mode, *clients: Any) -> None:
        for client in clients:
            await do(self.close(client, mode.is_async))


def of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def raised(module: str, name: str) -> Callable[[], type[BaseException]]:
    return lambda: of(module, name)


def _client(module: str, name: str, **how: Any) -> Callable[[bool, str, str], Any]:
    return lambda is_async, origin, key: of(module, f"Async{name}" if is_async else name)(
        api_key=key, base_url=origin, max_retries=4, **how
    )


def _messages(client: Any, **options: Any) -> Any:
    return client.messages.create(model="claude-haiku-4-5", max_tokens=20, messages=HI, **options)


def _completion(client: Any, **options: Any) -> Any:
    return client.chat.completions.create(model="gpt-4o-mini", messages=HI, **options)


def _with_options(client: Any, is_async: bool) -> Any:
    return client.with_options(max_retries=1)


ANTHROPIC = Sdk(
    name="anthropic",
    dialect="anthropic",
    make=_client("anthropic", "Anthropic"),
    ask=lambda client, is_async: _messages(client),
    stream=lambda client, is_async: _messages(client, stream=True),
    text=lambda answer: answer.content[0].text,
    status=raised("anthropic", "InternalServerError"),
    bad=raised("anthropic", "BadRequestError"),
    connection=raised("anthropic", "APIConnectionError"),
    insists=_with_options,
)

GROQ = Sdk(
    name="groq",
    dialect="openai",
    make=_client("groq", "Groq"),
    ask=lambda client, is_async: _completion(client),
    stream=lambda client, is_async: _completion(client, stream=True),
    text=lambda answer: answer.choices[0].message.content,
    status=raised("groq", "InternalServerError"),
    bad=raised("groq", "BadRequestError"),
    connection=raised("groq", "APIConnectionError"),
    insists=_with_options,
    api="/v1",
)


def _genai(is_async: bool, origin: str, key: str) -> Any:
    types = importlib.import_module("google.genai").types
    retries = types.HttpRetryOptions(attempts=4, initial_delay=0.01, max_delay=0.02)
    return of("google.genai", "Client")(
        api_key=key, http_options=types.HttpOptions(base_url=origin, retry_options=retries)
    )


def _models(client: Any, is_async: bool) -> Any:
    return client.aio.models if is_async else client.models


def _genai_insists(client: Any, is_async: bool) -> Any:
    types = importlib.import_module("google.genai").types
    retries = types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.02)
    config = types.GenerateContentConfig(http_options=types.HttpOptions(retry_options=retries))
    return _Asked(lambda: _models(client, is_async).generate_content(model=_GEMINI, contents="hello", config=config))


@dataclass
class _Asked:
    """A client whose every call says something more."""

    ask: Callable[[], Any]


_GEMINI = "gemini-2.5-flash"


async def _close_both(client: Any, is_async: bool) -> None:
    if is_async:
        await client.aio.aclose()
    client.close()


GENAI = Sdk(
    name="google.genai",
    dialect="gemini",
    make=_genai,
    ask=lambda client, is_async: (
        client.ask()
        if isinstance(client, _Asked)
        else _models(client, is_async).generate_content(model=_GEMINI, contents="hello")
    ),
    stream=lambda client, is_async: _models(client, is_async).generate_content_stream(model=_GEMINI, contents="hello"),
    text=lambda answer: answer.text,
    status=raised("google.genai.errors", "ServerError"),
    bad=raised("google.genai.errors", "ClientError"),
    connection=lambda: of("httpx2" if installed("httpx2") else "httpx", "ConnectError"),
    insists=_genai_insists,
    close=_close_both,
)


def _mistral(is_async: bool, origin: str, key: str) -> Any:
    return of("mistralai.client", "Mistral")(api_key=key, server_url=origin, retry_config=_mistral_retries())


def _mistral_retries() -> Any:
    utils = importlib.import_module("mistralai.client.utils")
    return utils.RetryConfig("backoff", utils.BackoffStrategy(10, 20, 1.1, 300, 1), True)


def _mistral_chat(client: Any, is_async: bool) -> Any:
    return client.chat.complete_async if is_async else client.chat.complete


async def _leave(client: Any, is_async: bool) -> None:
    configuration = client.sdk_configuration
    configuration.client.close()
    if is_async:
        await configuration.async_client.aclose()


MISTRAL = Sdk(
    name="mistralai.client",
    dialect="openai",
    make=_mistral,
    ask=lambda client, is_async: (
        client.ask()
        if isinstance(client, _Asked)
        else _mistral_chat(client, is_async)(model="gpt-4o-mini", messages=HI)
    ),
    stream=lambda client, is_async: (client.chat.stream_async if is_async else client.chat.stream)(
        model="gpt-4o-mini", messages=HI
    ),
    text=lambda answer: answer.choices[0].message.content,
    status=raised("mistralai.client.errors", "SDKError"),
    bad=raised("mistralai.client.errors", "SDKError"),
    connection=raised("httpx2", "ConnectError"),
    close=_leave,
    api="/v1",
)


def _cohere(is_async: bool, origin: str, key: str) -> Any:
    return of("cohere", "AsyncClientV2" if is_async else "ClientV2")(api_key=key, base_url=origin, max_retries=4)


async def _close_cohere(client: Any, is_async: bool) -> None:
    http_client = client._client_wrapper.httpx_client.httpx_client
    await do(http_client.aclose() if is_async else http_client.close())


COHERE = Sdk(
    name="cohere",
    dialect="cohere",
    make=_cohere,
    ask=lambda client, is_async: (
        client.ask() if isinstance(client, _Asked) else client.chat(model="command", messages=HI)
    ),
    stream=lambda client, is_async: client.chat_stream(model="command", messages=HI),
    text=lambda answer: answer.message.content[0].text,
    status=raised("cohere", "ServiceUnavailableError"),
    bad=raised("cohere", "BadRequestError"),
    connection=raised("httpx", "ConnectError"),
    close=_close_cohere,
)

OLLAMA = Sdk(
    name="ollama",
    dialect="ollama",
    make=lambda is_async, origin, key: of("ollama", "AsyncClient" if is_async else "Client")(
        host=origin, headers={"authorization": f"Bearer {key}"}
    ),
    ask=lambda client, is_async: client.chat(model="llama", messages=HI),
    stream=lambda client, is_async: client.chat(model="llama", messages=HI, stream=True),
    text=lambda answer: answer.message.content,
    status=raised("ollama", "ResponseError"),
    bad=raised("ollama", "ResponseError"),
    connection=lambda: ConnectionError,
    known_by="record",
)

SDKS = (ANTHROPIC, GENAI, GROQ, MISTRAL, COHERE, OLLAMA)
sdks = pytest.mark.parametrize(
    "sdk",
    [
        pytest.param(
            sdk,
            id=sdk.name.split(".")[-1] if sdk is not MISTRAL else "mistral",
            marks=() if installed(sdk.name) else pytest.mark.skip(f"{sdk.name} is not installed"),
        )
        for sdk in SDKS
    ],
)
both = pytest.mark.parametrize("mode", MODES[:2], ids=lambda mode: mode.name)
