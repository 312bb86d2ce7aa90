"""mistralai's client: one object for sync and async calls, with an http client for each."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ..transports._private import SUB_SDKS
from .http import first_given, keep, wrapped_inner

if TYPE_CHECKING:
    from ..pipeline import Pipeline

__all__ = ["wrapped_mistral"]


def wrapped_mistral(client: Any, pipeline: Pipeline) -> Any:
    """A copy with a configuration of its own: guarded http clients, no retries.

    What hangs on the client (``chat``, ``embeddings``, …) is made when it is first asked for, and kept: the copy's is
    made anew.
    """
    wrapped = copy.copy(client)
    configuration = wrapped.sdk_configuration = copy.copy(client.sdk_configuration)
    wrapped.parent_ref = wrapped if client.parent_ref is client else client.parent_ref
    held: dict[str, Any] = wrapped.__dict__
    for name in getattr(client, SUB_SDKS):
        held.pop(name, None)
    for name in ("client", "async_client"):
        given = getattr(client.sdk_configuration, name)
        if given is not None:  # None: it was closed
            twin = wrapped_inner(given, pipeline, known_by_id=True)
            keep(twin, client)
            setattr(configuration, name, twin)
    # Whoever made the given ones, these are the copy's to close.
    configuration.client_supplied = configuration.async_client_supplied = False
    first = first_given(client, lambda one: one.sdk_configuration.client)
    configuration.retry_config = None if pipeline.mode == "on" else first.sdk_configuration.retry_config
    return wrapped
