"""One line around a client: the same class comes back, with the engine inside."""

from __future__ import annotations

import copy
import functools
import sys
import weakref
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ._context import switch
from .errors import ConfigurationError, UnsupportedClient
from .pipeline import Pipeline
from .strategies.fallback import Fallback
from .transports._flavour import Flavour, flavour_of
from .transports._private import COOKIE_POLICY, HEADERS, HTTP_CLIENT, MOUNTS, STATE, TRANSPORT, TRANSPORT_FOR_URL
from .transports.transport import completed, guard_of, guarded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._target import Target

__all__ = ["wrap"]

ClientT = TypeVar("ClientT")

SUPPORTED = (
    "openai.OpenAI, openai.AsyncOpenAI, their Azure kin, and any Client or AsyncClient of httpx or httpx2 "
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
        client: an ``OpenAI``, ``AsyncOpenAI``, ``AzureOpenAI`` or ``AsyncAzureOpenAI`` of openai 2 or 3, or a
            ``Client`` or ``AsyncClient`` of httpx or httpx2.
        pipeline: what to do. Default: ``Pipeline.default()``.
        fallback: who may answer when the client's own provider cannot: targets (or their names, ``"vendor:model"``) in
            order, or a mapping from the caller's model to such a list. Default: nobody.

    Raises:
        UnsupportedClient: the object is no such client.
        ConfigurationError: an unknown vendor, a target that speaks another dialect, no key for any of the targets,
            targets given twice.
    """
    pipeline = completed(_chosen(pipeline, fallback), "openai")
    switch.mode()  # a word it does not know is told now, not at the first call
    flavour = flavour_of(client)
    if flavour is not None and isinstance(client, (flavour.module.Client, flavour.module.AsyncClient)):
        return cast("ClientT", _wrap_http(client, pipeline, flavour))
    openai = sys.modules.get("openai")
    if openai is not None and isinstance(client, (openai.OpenAI, openai.AsyncOpenAI)):
        return cast("ClientT", _wrap_openai(client, pipeline))
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
    return pipeline.replaced(named)


def _wrap_http(client: Any, pipeline: Pipeline, flavour: Flavour) -> Any:
    """A copy of the http client, its transport and every mount guarded."""
    twin = copy.copy(client)
    _part(twin, client, flavour)
    state: Any = getattr(client, STATE)
    if state.name == "OPENED":  # the given one was; this one can be
        setattr(twin, STATE, state.__class__.UNOPENED)
    weak = weakref.ref(twin)

    def route(url: str) -> Any:
        return getattr(weak(), TRANSPORT_FOR_URL)(flavour.module.URL(url))

    is_async = isinstance(client, flavour.module.AsyncClient)
    guard_one = functools.partial(guarded, pipeline=pipeline, route=route, flavour=flavour, is_async=is_async)
    setattr(twin, TRANSPORT, guard_one(getattr(client, TRANSPORT)))
    mounts: dict[Any, Any] = getattr(client, MOUNTS)
    setattr(twin, MOUNTS, {pattern: mounted and guard_one(mounted) for pattern, mounted in mounts.items()})
    # A transport that is not httpx's is shared: it must live as long as its first owner would let it.
    guard = guard_of(getattr(twin, TRANSPORT))
    if guard is not None:
        guard.kept = client
    return twin


def _part(twin: Any, client: Any, flavour: Flavour) -> None:
    """Give the copy headers, hooks and cookies of its own, so that what is done to one is not done to the other."""
    setattr(twin, HEADERS, client.headers.copy())
    twin.event_hooks = client.event_hooks
    jar = client.cookies.jar
    if type(jar) is type(flavour.module.Cookies().jar):  # a user's own kind of jar is theirs to share
        own = type(jar)(getattr(jar, COOKIE_POLICY, None))
        for cookie in jar:
            own.set_cookie(cookie)
        twin.cookies = own


def _wrap_openai(client: Any, pipeline: Pipeline) -> Any:
    given = getattr(client, HTTP_CLIENT)
    flavour = flavour_of(given)
    if flavour is None:
        raise UnsupportedClient(f"its http client, a {type(given).__name__}, is neither of httpx nor of httpx2")
    http_client = _wrap_http(given, pipeline, flavour)
    # Switched off, the program is to see exactly what it would see without us, the SDK's retries included.
    retries = _own_retries(client) if switch.mode() == "off" or not pipeline.strategies else 0
    try:
        wrapped = client.copy(http_client=http_client, max_retries=retries)
    except TypeError:  # a subclass whose __init__ takes other arguments
        wrapped = _shallow(client, http_client, retries)
    guard = guard_of(getattr(http_client, TRANSPORT))
    if guard is not None:
        guard.kept = client
    return wrapped


def _own_retries(client: Any) -> int:
    """What the program set, also if the client is a wrapped one, whose retries we took over."""
    guard = guard_of(getattr(getattr(client, HTTP_CLIENT), TRANSPORT))
    if guard is None or client.max_retries:
        return int(client.max_retries)
    return int(getattr(guard.kept, "max_retries", 0))


def _shallow(client: Any, http_client: Any, retries: int) -> Any:
    """A copy without calling ``__init__``; the cached resources are dropped, since they hold on to the old client."""
    wrapped = copy.copy(client)
    cached: dict[str, Any] = wrapped.__dict__
    for owner in type(client).__mro__:
        for name, value in vars(owner).items():
            if isinstance(value, functools.cached_property):
                cached.pop(name, None)
    setattr(wrapped, HTTP_CLIENT, http_client)
    wrapped.max_retries = retries
    return wrapped


def _why_not(client: object) -> str:
    if isinstance(client, type):
        return f"wrap() takes a client, not its class: write wrap({client.__name__}())"
    if type(client).__name__ == "module":
        return f"wrap() takes a client, not a module: make one, e.g. wrap(openai.OpenAI()); supported: {SUPPORTED}"
    return f"wrap() cannot wrap a {type(client).__module__}.{type(client).__name__}; supported: {SUPPORTED}"
