"""Clients made by Stainless: openai, anthropic, groq. They copy themselves."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

from ..transports._private import HTTP_CLIENT
from ..transports._sdk import GROQ, known_as
from .http import first_given, keep, wrapped_inner

if TYPE_CHECKING:
    from ..pipeline import Pipeline
    from ..transports._sdk import Sdk

__all__ = ["wrapped_stainless"]


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
    return wrapped


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
