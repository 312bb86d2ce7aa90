"""Clients made by Stainless: openai, anthropic, groq. They copy themselves."""

from __future__ import annotations

import copy
import functools
import itertools
import logging
from typing import TYPE_CHECKING, Any

from ..transports._private import HTTP_CLIENT, KEY_CALLABLES, TRANSPORT
from ..transports._sdk import GROQ, known_as
from ..transports.transport import guard_of
from .http import first_given, keep, wrapped_inner

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..transports._sdk import Sdk

__all__ = ["wrapped_stainless"]

log = logging.getLogger("resilient_ai")

_numbers = itertools.count(1)
"""Of clients whose keys change. By the client, not by the callable's name: that may give the keys of many tenants, and
that one's key has worked says nothing of another's."""


def wrapped_stainless(client: Any, pipeline: Pipeline, sdk: Sdk) -> Any:
    """The client's own copy, on a guarded http client and without retries."""
    http_client = wrapped_inner(getattr(client, HTTP_CLIENT), pipeline, known_by_id=sdk is GROQ)
    # Switched off, or observed, the program is to see exactly what it would see without us, the SDK's retries included.
    own = client.max_retries or first_given(client, lambda one: getattr(one, HTTP_CLIENT)).max_retries
    retries = 0 if pipeline.mode == "on" else own
    known_as(type(client).__name__, sdk)
    try:
        wrapped = client.copy(http_client=http_client, max_retries=retries)
    except TypeError:  # a subclass whose __init__ takes other arguments
        wrapped = _shallow(client, http_client, retries)
    keep(http_client, client)
    guard = guard_of(getattr(http_client, TRANSPORT, None))
    if guard is not None and any(getattr(client, name, None) is not None for name in KEY_CALLABLES):
        guard.wire.giver = f"client {next(_numbers)}"
    _tell_of_leaving(wrapped)
    return wrapped


def _tell_of_leaving(client: Any) -> None:
    """Say so if a copy of it is given an http client without the engine: the program may think it is guarded."""
    copy_of: Any = client.__class__.copy

    @functools.wraps(copy_of)
    def copied(*args: Any, **said: Any) -> Any:
        made: Any = copy_of(client, *args, **said)
        if guard_of(getattr(getattr(made, HTTP_CLIENT), TRANSPORT, None)) is not None:
            _tell_of_leaving(made)
        else:
            _say_it_left(made.max_retries)
        return made

    client.copy = client.with_options = copied


@functools.cache  # once: a program may do it at every call
def _say_it_left(retries: int) -> None:
    log.warning(
        "with_options(http_client=…) has left resilient_ai: that http client has no engine in it, and the SDK's own "
        "retries are %s; wrap() the http client, or the result (told once)",
        retries,
    )


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
