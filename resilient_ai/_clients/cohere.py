"""cohere's clients: what hangs on them is bound to them when they are made, so that a copy is made as they were."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedClient
from ..transports._private import CLIENT_WRAPPER, COHERE_SETTINGS, EXECUTOR
from .http import first_given, keep, wrapped_inner

if TYPE_CHECKING:
    from ..pipeline import Pipeline

__all__ = ["wrapped_cohere"]


def wrapped_cohere(client: Any, pipeline: Pipeline) -> Any:
    """A client made with the given one's settings, on a guarded http client and without retries.

    Raises:
        UnsupportedClient: a client of another platform's (Bedrock, SageMaker), which signs what it sends.
    """
    cohere = sys.modules["cohere"]
    ours = (cohere.Client, cohere.ClientV2, cohere.AsyncClient, cohere.AsyncClientV2)
    kinds: tuple[Any, ...] = client.__class__.__mro__
    made_by = next(kind for kind in kinds if kind.__module__.partition(".")[0] == "cohere")
    if made_by not in ours:
        raise UnsupportedClient(f"wrap() takes {', '.join(kind.__name__ for kind in ours)} of cohere's clients")
    given = getattr(client, CLIENT_WRAPPER)
    http_client = wrapped_inner(_http_client(client), pipeline, known_by_id=True)
    settings = {argument: getattr(given, name) for argument, name in COHERE_SETTINGS.items()}
    first = getattr(first_given(client, _http_client), CLIENT_WRAPPER)
    settings["max_retries"] = 0 if pipeline.mode == "on" else getattr(first, COHERE_SETTINGS["max_retries"])
    executor = getattr(client, EXECUTOR, None)
    if executor is not None:
        settings["thread_pool_executor"] = executor
    wrapped: Any = object.__new__(client.__class__)
    made_by.__init__(wrapped, httpx_client=http_client, **settings)
    wrapped.__dict__ = client.__dict__ | wrapped.__dict__  # with what a subclass has set
    keep(http_client, client)
    return wrapped


def _http_client(client: Any) -> Any:
    return getattr(client, CLIENT_WRAPPER).httpx_client.httpx_client
