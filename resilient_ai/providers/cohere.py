"""Cohere's own dialect: Chat, Embed and Rerank, versions 1 and 2.

Sources: the paths, fields and exceptions of cohere-python 7.3 and the published API reference, autumn 2026.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._call import Operation
from ..failures import FailureKind
from . import kinds
from .base import Dialect, Endpoint
from .said import said_by
from .streams.cohere import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALECT", "PATHS"]

_FAMILIES = {"chat": "chat", "embed": "embeddings", "rerank": "rerank", "classify": "classify"}
PATHS = tuple(f"/{version}/{name}" for version in ("v1", "v2") for name in _FAMILIES)
"""How the paths of this dialect end."""


@lru_cache(maxsize=64)
def endpoint(method: str, path: str) -> Endpoint:
    """What a method and a path say. The version is part of the API's path: the two speak differently."""
    below = "/".join(path.split("/")[-2:])
    family = _FAMILIES.get(below.partition("/")[2]) if path.endswith(PATHS) else None
    if family is None or method != "POST":
        reads = method in ("GET", "HEAD", "OPTIONS", "DELETE")
        return Endpoint(family="other", operation=Operation.IDEMPOTENT if reads else Operation.CREATING, path=None)
    return Endpoint(family=family, operation=Operation.STATELESS, path=below)


def classify(status: int, body: Any) -> FailureKind:
    """The kind of an error answer, ``{"message": …}``: as everywhere, but for what only Cohere says."""
    said = said_by(body)
    if said is not None:
        if status == 429 and "/ month" in said.words:  # "a Trial key, which is limited to 1000 API calls / month"
            return FailureKind.QUOTA
        if status == 498:  # blocked input or output
            return FailureKind.REFUSED
        if status == 400 and "too many tokens" in said.words.lower():
            return FailureKind.TOO_LONG
    return kinds.classify(status, body)


_CONTENT = {
    "chat": ("message", "text"),
    "embeddings": ("embeddings",),
    "rerank": ("results",),
    "classify": ("classifications",),
}
"""The top-level fields, of which an answer of the family has at least one (``text``: version 1)."""


def inside_success(family: str, body: Any, asked: bool) -> FailureKind | None:
    """The failure inside an HTTP 200: a chat that ended in ``ERROR`` or ``TIMEOUT``, another schema."""
    content = _CONTENT.get(family) if asked else None
    if content is None:
        return None
    if tells_failure(family, body):
        return FailureKind.TRANSIENT
    return None if isinstance(body, dict) and any(name in body for name in content) else FailureKind.BROKEN


def tells_failure(family: str, body: Any) -> bool:
    """Whether it is a chat's answer that says by itself that it failed."""
    ended: Any = body.get("finish_reason") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return family == "chat" and ended in ("ERROR", "TIMEOUT")


def _made(family: str, body: Any) -> tuple[str, ...]:
    answer: Any = body.get("id") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return (answer,) if family == "chat" and isinstance(answer, str) else ()


def _key_header(key: str, base_url: str, headers: Mapping[bytes, bytes]) -> tuple[str, str]:  # noqa: ARG001
    return "authorization", f"Bearer {key}"


DIALECT = Dialect(
    name="cohere",
    endpoint=endpoint,
    effects=lambda _family, _body: (False, ()),
    classify=classify,
    wait=lambda _body: None,
    inside_success=inside_success,
    tells_failure=tells_failure,
    answers_in_json=_CONTENT.__contains__,
    made=_made,
    made_by_stream=lambda _family, _beginning: (),
    streams=STREAMS,
    told_in_stream=kinds.in_stream,
    request_id=b"x-request-id",
    forwarded=frozenset({"accept", "accept-encoding", "content-type", "user-agent", "traceparent", "x-client-name"}),
    query=frozenset(),
    key_header=_key_header,
)
