"""Clients made by Stainless: openai, anthropic, groq. They copy themselves."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

from ..transports._private import HTTP_CLIENT
from ..transports._sdk import GROQ, known_as
from .http import guard_in, keep, wrapped_inner

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..transports._sdk import Sdk

__all__ = ["wrapped_stainless"]


def wrapped_stainless(client: Any, pipeline: Pipeline, sdk: Sdk) -> Any:
    """The client's own copy, on a guarded http client and without retries."""
    http_client = wrapped_inner(getattr(client, HTTP_CLIENT), pipeline, known_by_id=sdk is GROQ)
    # Switched off, or observed, the program is to see exactly what it would see without us, the SDK's retries included.
    retries = _own_retries(client) if pipeline.mode != "on" else 0
    known_as(type(client).__name__, sdk)
    try:
        wrapped = client.copy(http_client=http_client, max_retries=retries)
    except TypeError:  # a subclass whose __init__ takes other arguments
        wrapped = _shallow(client, http_client, retries)
    keep(http_client, client)
    return wrapped


def _own_retries(client: Any) -> int:
    """What the program set, also if the client is a wrapped one, whose retries we took over."""
    guard = guard_in(getattr(client, HTTP_CLIENT))
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
