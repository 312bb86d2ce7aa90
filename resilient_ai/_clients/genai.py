"""google-genai's Client: sync and ``.aio`` in one, over one inner client that knows how to send."""

from __future__ import annotations

import copy
import sys
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedClient
from ..transports import _private as private
from ..transports._answer import tell
from .http import first_given, keep, wrapped_inner

if TYPE_CHECKING:
    from ..pipeline import Pipeline

__all__ = ["wrapped_genai"]


def wrapped_genai(client: Any, pipeline: Pipeline) -> Any:
    """A copy whose every resource sends through guarded http clients, also where aiohttp would be used.

    Raises:
        UnsupportedClient: calls that would go round the http clients: a session of aiohttp given by the program, a
            client certificate of the device's, a client that replays.
    """
    given = getattr(client, private.API_CLIENT)
    api = _wrapped_api(client, given, pipeline)
    wrapped = copy.copy(client)
    _rebuild(wrapped, given, api)
    aio = getattr(client, private.AIO)
    own = copy.copy(aio)
    _rebuild(own, given, api)
    setattr(wrapped, private.AIO, own)
    return wrapped


def _rebuild(owner: Any, given: Any, api: Any) -> None:
    """Make all that hangs on ``owner`` anew, on our inner client; what is made when first asked for is dropped."""
    held: dict[str, Any] = owner.__dict__
    for name, value in list(held.items()):
        if value is given:
            setattr(owner, name, api)
        elif type(value).__module__.startswith(private.MADE_LATER):
            setattr(owner, name, None)
        elif getattr(value, private.API_CLIENT, None) is given and name != private.AIO:
            setattr(owner, name, type(value)(api))


def _wrapped_api(client: Any, given: Any, pipeline: Pipeline) -> Any:
    _check(given)
    api = copy.copy(given)
    works = pipeline.mode == "on"
    api.__class__ = _classes(_base(given))[works]
    options = copy.copy(getattr(given, private.HTTP_OPTIONS))
    for name in (private.SYNC_HTTP, private.ASYNC_HTTP):
        http_client = wrapped_inner(getattr(given, name), pipeline)
        _one_pool(http_client)
        keep(http_client, client)
        setattr(api, name, http_client)
    # Whoever made the given ones, these are the copy's to close: it closes what does not stand in its options.
    options.httpx_client = options.httpx_async_client = None
    if works:  # for the resources that read the retries off the options
        options.retry_options = sys.modules["google.genai"].types.HttpRetryOptions(attempts=1)
    else:
        first = first_given(client, lambda one: getattr(getattr(one, private.API_CLIENT), private.SYNC_HTTP))
        options.retry_options = getattr(getattr(first, private.API_CLIENT), private.HTTP_OPTIONS).retry_options
    setattr(api, private.HTTP_OPTIONS, options)
    setattr(api, private.AIOHTTP_SESSIONS, {})
    return api


def _one_pool(http_client: Any) -> None:
    """The SDK's own async http client opens another one for each event loop, which would go round ours; ours has a pool
    for each loop by itself."""
    if hasattr(http_client, private.PER_LOOP):
        setattr(http_client, private.PER_LOOP, False)
        setattr(http_client, private.LOOP_CLIENTS, {})
        setattr(http_client, private.LOOP_CLIENTS_LOCK, Lock())


def _check(given: Any) -> None:
    base = _base(given)
    if base.__name__ != private.API_CLIENT_CLASS:
        raise UnsupportedClient(f"a genai.Client over a {base.__name__} sends nothing that could be guarded")
    missing = [name for name in private.API_METHODS if not hasattr(given, name)]
    if missing:
        raise UnsupportedClient(f"this google-genai is not known: its client has no {', '.join(missing)}")
    if getattr(given, private.HTTP_OPTIONS).aiohttp_client is not None:
        raise UnsupportedClient(
            "HttpOptions(aiohttp_client=…): a session of aiohttp cannot be guarded; "
            "leave it out, or give httpx_async_client=…"
        )
    if getattr(given, private.AUTH_SYNC)() or getattr(given, private.AUTH_ASYNC)():
        raise UnsupportedClient(
            "this device has a client certificate, for which google-genai sends by other means than httpx; "
            "set GOOGLE_API_USE_CLIENT_CERTIFICATE=false, or give httpx_client=… and httpx_async_client=…"
        )


def _base(given: Any) -> Any:
    """The SDK's own class, of one of ours too."""
    return getattr(given, "resilient_ai_base", given.__class__)


@lru_cache(maxsize=4)
def _classes(base: Any) -> tuple[Any, Any]:
    """The inner client's class with one way to send, httpx; and the same without the SDK's own retries."""
    one_way: dict[str, Any] = dict.fromkeys((private.USE_AIOHTTP, private.AUTH_SYNC, private.AUTH_ASYNC), _never)
    httpx_only = type(base.__name__, (base,), one_way | {"resilient_ai_base": base})
    once = {private.REQUEST: _request, private.ASYNC_REQUEST: _async_request}
    return httpx_only, type(base.__name__, (httpx_only,), once)


def _never(api: Any) -> bool:  # noqa: ARG001  # a method
    return False


def _request(api: Any, http_request: Any, http_options: Any = None, stream: bool = False) -> Any:  # noqa: ARG001
    """Send once: the options say no more than how to repeat it."""
    try:
        return getattr(api, private.REQUEST_ONCE)(http_request, stream)
    except _errors() as error:
        tell(error, error.response)
        raise


async def _async_request(api: Any, http_request: Any, http_options: Any = None, stream: bool = False) -> Any:  # noqa: ARG001
    """The same, awaited."""
    try:
        return await getattr(api, private.ASYNC_REQUEST_ONCE)(http_request, stream)
    except _errors() as error:
        tell(error, error.response)
        raise


def _errors() -> Any:
    return sys.modules["google.genai"].errors.APIError
