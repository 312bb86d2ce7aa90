"""The three big SDKs as data: how a client of each is made and asked, so that a promise is one script for all."""

from __future__ import annotations

import contextlib
import importlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Pipeline, Target, wrap
from tests.sdk.modes import MODES, Mode, do, each
from tests.sdk.sdks import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from resilient_ai.testing import SimulatedProvider

LONG = bool(os.environ.get("SOAK"))
"""`SOAK=1`: the long forms."""

HI = "hello"


@dataclass(frozen=True, kw_only=True)
class Api:
    """One SDK's client and its chat endpoint.

    Attributes:
        name: the module. dialect: what it speaks; two simulated providers of it are named dialect-1 and dialect-2.
        family: the endpoint's. path: of a provider's origin, what the client is given. models: two that are served.
        make: (async?, base URL, key, more): a bare client. trio: whether its async half runs there.
        ask: (client, async?, stream?, what is said): one call.
        text: an answer's, or a stream's event's, words.
        errors: the classes that everything it raises is of.
    """

    name: str
    dialect: str
    family: str
    path: str
    models: tuple[str, str]
    make: Callable[..., Any]
    ask: Callable[..., Any]
    text: Callable[[Any], str]
    errors: Callable[[], tuple[type[BaseException], ...]]
    trio: bool = True

    def client(self, mode: Mode, provider: SimulatedProvider, **said: Any) -> Any:
        """A bare one, told to retry by itself as the SDK's default is."""
        return self.make(mode.is_async, provider.origin + self.path, provider.key, **said)

    async def call(self, client: Any, mode: Mode, **said: Any) -> Any:
        """One call's answer."""
        return await do(self.ask(client, mode.is_async, False, **said))

    async def streamed(self, client: Any, mode: Mode, into: list[str] | None = None, **said: Any) -> str:
        """The words of one streamed call, put down as they come."""
        words: list[str] = [] if into is None else into
        stream = await do(self.ask(client, mode.is_async, True, **said))
        async for event in each(stream):
            words.append(self.text(event))
        return "".join(words)

    async def end(self, *clients: Any) -> None:
        for client in clients:
            aio = getattr(client, "aio", None)
            if aio is not None:
                await aio.aclose() if not _is_shut(aio) else None
            await do(client.close())


def _is_shut(aio: Any) -> bool:
    """Whether nobody asked google-genai's async half: outside of a loop there is nothing to close."""
    import sniffio

    with contextlib.suppress(sniffio.AsyncLibraryNotFoundError):
        sniffio.current_async_library()
        return False
    return True


def _of(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _stainless(module: str, name: str) -> Callable[..., Any]:
    def make(is_async: bool, base_url: str, key: str, *, headers: Any = None, timeout: float = 30.0) -> Any:
        made = _of(module, f"Async{name}" if is_async else name)
        return made(api_key=key, base_url=base_url, default_headers=headers, timeout=timeout)

    return make


def _chat(client: Any, is_async: bool, stream: bool, *, model: str = "gpt-4o-mini", headers: Any = None) -> Any:
    asked: Any = {"model": model, "messages": [{"role": "user", "content": HI}], "extra_headers": headers}
    return client.chat.completions.create(**asked, **({"stream": True} if stream else {}))


def _message(client: Any, is_async: bool, stream: bool, *, model: str = "claude-haiku-4-5", headers: Any = None) -> Any:
    asked: Any = {"model": model, "messages": [{"role": "user", "content": HI}], "extra_headers": headers}
    return client.messages.create(max_tokens=100, **asked, **({"stream": True} if stream else {}))


def _genai(is_async: bool, base_url: str, key: str, *, headers: Any = None, timeout: float = 30.0) -> Any:
    types = _of("google.genai", "types")
    # Retries like the other SDKs' own default: generateContent has none unless it is told.
    retries = types.HttpRetryOptions(attempts=3, initial_delay=0.01, max_delay=0.02)
    options = types.HttpOptions(base_url=base_url, timeout=int(timeout * 1000), headers=headers, retry_options=retries)
    return _of("google.genai", "Client")(api_key=key, http_options=options)


def _content(client: Any, is_async: bool, stream: bool, *, model: str = "gemini-2.5-flash", headers: Any = None) -> Any:
    types = _of("google.genai", "types")
    models = client.aio.models if is_async else client.models
    config = types.GenerateContentConfig(http_options=types.HttpOptions(headers=headers)) if headers else None
    ask = models.generate_content_stream if stream else models.generate_content
    return ask(model=model, contents=HI, config=config)


def _openai_text(answer: Any) -> str:
    if not answer.choices:
        return ""
    said = answer.choices[0]
    return (said.delta if hasattr(said, "delta") else said.message).content or ""


def _anthropic_text(answer: Any) -> str:
    if hasattr(answer, "content"):
        return str(answer.content[0].text)
    return str(getattr(getattr(answer, "delta", None), "text", ""))


def _raised_by_genai() -> tuple[type[BaseException], ...]:
    # Its own, and its http package's, which the bare SDK lets through.
    module = "httpx2" if installed("httpx2") else "httpx"
    return _of("google.genai.errors", "APIError"), _of(module, "HTTPError")


OPENAI = Api(
    name="openai",
    dialect="openai",
    family="chat",
    path="/v1",
    models=("gpt-4o-mini", "gpt-4o"),
    make=_stainless("openai", "OpenAI"),
    ask=_chat,
    text=_openai_text,
    errors=lambda: (_of("openai", "APIError"),),
)
ANTHROPIC = Api(
    name="anthropic",
    dialect="anthropic",
    family="messages",
    path="",
    models=("claude-haiku-4-5", "claude-opus-4-8"),
    make=_stainless("anthropic", "Anthropic"),
    ask=_message,
    text=_anthropic_text,
    errors=lambda: (_of("anthropic", "APIError"),),
)
GENAI = Api(
    name="google.genai",
    dialect="gemini",
    family="generate_content",
    path="",
    models=("gemini-2.5-flash", "gemini-2.5-pro"),
    make=_genai,
    ask=_content,
    text=lambda answer: answer.text or "",
    errors=_raised_by_genai,
    trio=False,
)

BIG = (OPENAI, ANTHROPIC, GENAI)


def needs(api: Api) -> Sequence[pytest.MarkDecorator]:
    """Skipped where its SDK is not installed."""
    return () if installed(api.name) else (pytest.mark.skip(f"{api.name} is not installed"),)


big = pytest.mark.parametrize("api", [pytest.param(api, id=api.dialect, marks=needs(api)) for api in BIG])
in_sync = pytest.mark.parametrize("mode", MODES[:1], ids=lambda mode: mode.name)
in_two = pytest.mark.parametrize("mode", MODES[:2], ids=lambda mode: mode.name)
in_long = pytest.mark.parametrize("mode", MODES[: 1 + LONG], ids=lambda mode: mode.name)
"""Without a loop; in the long form in asyncio, too. For wide tables of what the engine, which is one, does alike."""
in_each = pytest.mark.parametrize(
    ("api", "mode"),
    [
        pytest.param(api, mode, id=f"{api.dialect}-{mode.name}", marks=needs(api))
        for api in BIG
        for mode in MODES
        if api.trio or mode.name != "trio"
    ],
)
"""Each SDK in every mode that it has."""


def to(provider: SimulatedProvider, api: Api) -> Target:
    """The same models at another provider."""
    base_url = provider.origin + api.path
    return Target("backup:*", base_url=base_url, api_key=provider.key, dialect=api.dialect)


def wrapped(
    api: Api, mode: Mode, provider: SimulatedProvider, *strategies: Any, fallback: Any = (), **said: Any
) -> tuple[Any, Any]:
    """A bare client, and it wrapped with the default pipeline but for ``strategies``, which learns for itself."""
    given = api.client(mode, provider, **said)
    pipeline = Pipeline.default(*strategies, isolated=True)
    return given, wrap(given, pipeline, fallback=[to(one, api) for one in fallback])


__all__ = [
    "ANTHROPIC",
    "BIG",
    "GENAI",
    "LONG",
    "OPENAI",
    "Api",
    "big",
    "in_each",
    "in_long",
    "in_sync",
    "in_two",
    "needs",
    "to",
    "wrapped",
]
