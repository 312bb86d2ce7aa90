"""Clients of httpx and httpx2: what every SDK's wrapping comes down to."""

from __future__ import annotations

import copy
import functools
import weakref
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedClient
from ..transports._flavour import Flavour, flavour_of
from ..transports._private import COOKIE_POLICY, HEADERS, HTTP_CLIENT, MOUNTS, STATE, TRANSPORT, TRANSPORT_FOR_URL
from ..transports.transport import guard_of, guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..pipeline import Pipeline
    from ..transports.transport import Guard

__all__ = ["first_given", "keep", "pipeline_in", "wrapped_http", "wrapped_inner"]


def wrapped_http(client: Any, pipeline: Pipeline, flavour: Flavour) -> Any:
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
    keep(twin, client)
    return twin


def wrapped_inner(client: Any, pipeline: Pipeline, *, known_by_id: bool = False) -> Any:
    """The same for the http client inside an SDK's; ``known_by_id``: its answers tell nothing of their request.

    Raises:
        UnsupportedClient: it is no client of httpx or httpx2.
    """
    flavour = flavour_of(client)
    if flavour is None or not isinstance(client, (flavour.module.Client, flavour.module.AsyncClient)):
        raise UnsupportedClient(f"its http client, a {type(client).__name__}, is neither of httpx nor of httpx2")
    twin = wrapped_http(client, pipeline, flavour)
    if known_by_id:
        for guard in map(guard_of, (getattr(twin, TRANSPORT), *getattr(twin, MOUNTS).values())):
            if guard is not None:
                guard.known_by_id = True
    return twin


def _guard_in(http_client: Any) -> Guard | None:
    return guard_of(getattr(http_client, TRANSPORT, None))


def pipeline_in(client: Any) -> Pipeline | None:
    """The pipeline of a wrapped client, of http or of an SDK that keeps its http client where most do."""
    guard = _guard_in(client) or _guard_in(getattr(client, HTTP_CLIENT, None))
    return None if guard is None else guard.pipeline


def first_given(client: Any, http_client_of: Callable[[Any], Any]) -> Any:
    """The client as the program made it, whose settings we did not take over, also if this one was wrapped, and so was
    the one before. ``http_client_of``: where such a client keeps its http client."""
    while (guard := _guard_in(http_client_of(client))) is not None and isinstance(guard.kept, type(client)):
        client = guard.kept
    return client


def keep(twin: Any, client: Any) -> None:
    """Keep the client that was given as long as the http client: the finaliser of the one would close a transport that
    is not httpx's own, and so shared by both."""
    guard = _guard_in(twin)
    if guard is not None:
        guard.kept = client


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
