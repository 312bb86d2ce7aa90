"""Ollama's own dialect (it speaks OpenAI's as well, below ``/v1``).

Sources: the paths and fields of ollama-python 0.6 and the API's documentation, autumn 2026.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._call import Operation
from ..failures import FailureKind
from . import kinds
from .base import Dialect, Endpoint
from .said import said_by

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALECT", "PATHS"]

_FAMILIES = {
    "chat": "chat",
    "generate": "completions",
    "embed": "embeddings",
    "embeddings": "embeddings",
    "show": "models",
    "tags": "models",
    "ps": "models",
}
PATHS = tuple(f"/api/{name}" for name in _FAMILIES)
"""How the paths of this dialect end."""


@lru_cache(maxsize=64)
def endpoint(method: str, path: str) -> Endpoint:
    """What a method and a path say. What changes the server's models (pull, create, delete) stays there."""
    name = path.rpartition("/")[2]
    family = _FAMILIES.get(name) if path.endswith(PATHS) else None
    if family is None:
        reads = method in ("GET", "HEAD", "OPTIONS")
        return Endpoint(family="other", operation=Operation.IDEMPOTENT if reads else Operation.CREATING, path=None)
    asks = Operation.IDEMPOTENT if family == "models" else Operation.STATELESS
    return Endpoint(family=family, operation=asks, path=f"api/{name}")


_CONTENT = {
    "chat": ("message", "done"),
    "completions": ("response", "done"),
    "embeddings": ("embeddings", "embedding"),
}
"""The top-level fields, of which an answer of the family has at least one."""


def inside_success(family: str, body: Any, asked: bool) -> FailureKind | None:
    """The failure inside an HTTP 200: an error, another schema."""
    content = _CONTENT.get(family) if asked else None
    if content is None or (isinstance(body, dict) and any(name in body for name in content)):
        return None
    if said_by(body) is None:
        return FailureKind.BROKEN
    return kinds.in_success(body) or FailureKind.TRANSIENT


def _key_header(key: str, base_url: str, headers: Mapping[bytes, bytes]) -> tuple[str, str]:  # noqa: ARG001
    return "authorization", f"Bearer {key}"


DIALECT = Dialect(
    name="ollama",
    endpoint=endpoint,
    effects=lambda _family, _body: (False, ()),
    classify=kinds.classify,
    wait=lambda _body: None,
    inside_success=inside_success,
    tells_failure=lambda _family, _body: False,
    answers_in_json=lambda _family: False,  # its streams are lines of JSON
    made=lambda _family, _body: (),
    made_by_stream=lambda _family, _beginning: (),
    streams={},
    told_in_stream=kinds.in_stream,
    request_id=b"x-request-id",
    forwarded=frozenset({"accept", "accept-encoding", "content-type", "user-agent", "traceparent"}),
    query=frozenset(),
    key_header=_key_header,
)
