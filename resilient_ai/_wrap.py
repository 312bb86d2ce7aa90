"""One line around a client: the same class comes back, with the engine inside."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from ._clients.cohere import wrapped_cohere
from ._clients.genai import wrapped_genai
from ._clients.http import wrapped_http
from ._clients.mistral import wrapped_mistral
from ._clients.ollama import wrapped_ollama
from ._clients.stainless import wrapped_stainless
from ._clients.where import of_cohere, of_genai, of_mistral, of_ollama, of_other
from ._context import switch
from .errors import ConfigurationError, UnsupportedClient
from .pipeline import Pipeline
from .strategies.fallback import Fallback
from .transports import _sdk
from .transports._egress import reachable
from .transports._flavour import flavour_of
from .transports.transport import completed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._target import Target

__all__ = ["wrap"]

ClientT = TypeVar("ClientT")


class _Kind(NamedTuple):
    """A kind of client: where its classes stand, the dialect that it speaks, how it is wrapped, where it points."""

    module: str
    classes: tuple[str, ...]
    dialect: str
    wrapped: Callable[[Any, Pipeline], Any]
    url: Callable[[Any], str | None] = of_other


_KINDS = (
    _Kind("openai", ("OpenAI", "AsyncOpenAI"), "openai", partial(wrapped_stainless, sdk=_sdk.OPENAI)),
    _Kind("anthropic", ("Anthropic", "AsyncAnthropic"), "anthropic", partial(wrapped_stainless, sdk=_sdk.ANTHROPIC)),
    _Kind("google.genai", ("Client",), "gemini", wrapped_genai, of_genai),
    _Kind("groq", ("Groq", "AsyncGroq"), "openai", partial(wrapped_stainless, sdk=_sdk.GROQ)),
    _Kind("mistralai.client", ("Mistral",), "openai", wrapped_mistral, of_mistral),
    _Kind("cohere", ("Client", "AsyncClient"), "cohere", wrapped_cohere, of_cohere),
    _Kind("ollama", ("Client", "AsyncClient"), "ollama", wrapped_ollama, of_ollama),
)

SUPPORTED = (
    "openai.OpenAI, openai.AsyncOpenAI, their Azure kin, Anthropic, AsyncAnthropic, google.genai.Client, Groq, "
    "AsyncGroq, Mistral, cohere's and ollama's clients, and any Client or AsyncClient of httpx or httpx2 "
    "(for another SDK, wrap the http client you give it)"
)


def wrap(
    client: ClientT,
    pipeline: Pipeline | None = None,
    *,
    fallback: Sequence[Target | str] | Mapping[str, Sequence[Target | str]] = (),
) -> ClientT:
    """Return a client of the same class whose calls live through an outage.

    The client given is left as it was and goes on working by itself. The one returned has its own connection pool, and
    all of the given one's settings: base URL, keys, headers, time-outs, proxies, mounts, TLS, limits, cookies, hooks.
    It raises the SDK's own exceptions; the SDK's own retries are off, since the pipeline decides on them. Wrapping a
    wrapped client replaces its pipeline.

    Args:
        client: an ``OpenAI``, ``AsyncOpenAI``, ``AzureOpenAI`` or ``AsyncAzureOpenAI`` of openai 2 or 3; an
            ``Anthropic`` or ``AsyncAnthropic``; a ``google.genai.Client``, its ``aio`` included; a ``Groq`` or
            ``AsyncGroq``, ``Mistral``, ``ClientV2`` or ``AsyncClientV2`` of cohere, ``Client`` or ``AsyncClient`` of
            ollama; or a ``Client`` or ``AsyncClient`` of httpx or httpx2.
        pipeline: what to do. Default: ``Pipeline.default()``.
        fallback: who may answer when the client's own provider cannot: targets (or their names, ``"vendor:model"``) in
            order, or a mapping from the caller's model to such a list. Default: nobody.

    Raises:
        UnsupportedClient: the object is no such client.
        ConfigurationError: an unknown vendor, a target that speaks another dialect, no key for any of the targets,
            targets given twice; an egress that neither the client's host nor any target fits.
    """
    pipeline = _chosen(pipeline, fallback)
    switch.mode()  # a word it does not know is told now, not at the first call
    flavour = flavour_of(client)
    if flavour is not None and isinstance(client, (flavour.module.Client, flavour.module.AsyncClient)):
        pipeline = completed(pipeline)
        reachable(pipeline, of_other(client))
        return cast("ClientT", wrapped_http(client, pipeline, flavour))
    kind = _kind(client)
    pipeline = completed(pipeline, kind.dialect)
    reachable(pipeline, kind.url(client))
    return cast("ClientT", kind.wrapped(client, pipeline))


def _kind(client: object) -> _Kind:
    for kind in _KINDS:
        module = sys.modules.get(kind.module)
        if module is not None and isinstance(client, tuple(getattr(module, name) for name in kind.classes)):
            return kind
    raise UnsupportedClient(_why_not(client))


def _chosen(pipeline: Pipeline | None, fallback: Any) -> Pipeline:
    if pipeline is not None and not isinstance(pipeline, Pipeline):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise ConfigurationError(f"wrap(client, pipeline): a Pipeline is wanted, got {type(pipeline).__name__}")
    named = Fallback(fallback)
    if pipeline is None:
        return Pipeline.default(named)
    if not named.routes:
        return pipeline
    present = pipeline.find(Fallback)
    if present is not None and present.routes:
        raise ConfigurationError("targets are given twice: in the pipeline's Fallback and as fallback=")
    return pipeline.replaced(named if present is None else replace(present, targets=named.routes))


def _why_not(client: object) -> str:
    if isinstance(client, type):
        return f"wrap() takes a client, not its class: write wrap({client.__name__}())"
    if type(client).__name__ == "module":
        return f"wrap() takes a client, not a module: make one, e.g. wrap(openai.OpenAI()); supported: {SUPPORTED}"
    return f"wrap() cannot wrap a {type(client).__module__}.{type(client).__name__}; supported: {SUPPORTED}"
