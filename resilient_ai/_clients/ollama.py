"""ollama's clients: an http client, and nothing else that matters."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ..transports._private import HTTP_CLIENT
from .http import keep, wrapped_inner

if TYPE_CHECKING:
    from ..pipeline import Pipeline

__all__ = ["wrapped_ollama"]


def wrapped_ollama(client: Any, pipeline: Pipeline) -> Any:
    """A copy on a guarded http client. It has no retries of its own."""
    http_client = wrapped_inner(getattr(client, HTTP_CLIENT), pipeline)
    wrapped = copy.copy(client)
    setattr(wrapped, HTTP_CLIENT, http_client)
    keep(http_client, client)
    return wrapped
