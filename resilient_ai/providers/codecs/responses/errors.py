"""OpenAI's errors: what they say, and how another vendor's is told as one of them."""

from __future__ import annotations

from typing import Any

from ....failures import FailureKind
from ...said import said_by
from ...streams.base import OTHER_SCHEMA, members

__all__ = ["read_error", "write_error"]

_K = FailureKind
_CODES: dict[FailureKind, tuple[str, str | None]] = {
    _K.OVERLOADED: ("service_unavailable_error", "server_is_overloaded"),
    _K.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    _K.QUOTA: ("insufficient_quota", "insufficient_quota"),
    _K.AUTH: ("invalid_request_error", "invalid_api_key"),
    _K.CALLER: ("invalid_request_error", None),
    _K.TOO_LONG: ("invalid_request_error", "context_length_exceeded"),
    _K.REFUSED: ("invalid_request_error", "content_policy_violation"),
    _K.GONE: ("invalid_request_error", "model_not_found"),
}
"""By kind: the type and the code that OpenAI gives it. What is not here is the server's own fault."""


def read_error(body: Any) -> str | None:
    """The words of an error body, an error event, or of an answer that failed."""
    try:
        inner = members(body).get("response")
        said = said_by(inner) or said_by(body)
    except OTHER_SCHEMA:
        said = said_by(body)
    return None if said is None else said.words or None


def write_error(status: int, kind: FailureKind, words: str) -> dict[str, Any]:  # noqa: ARG001  # a Codec's signature
    """An error body; in a stream it is an event, by its type, and the SDK raises it, by its error."""
    named, code = _CODES.get(kind, ("server_error", None))
    return {"type": "error", "error": {"message": words, "type": named, "param": None, "code": code}}
