"""OpenAI's error bodies, which tell an error in a stream too."""

from __future__ import annotations

from typing import Any

from ....failures import FailureKind
from ...said import said_by

__all__ = ["read_error", "write_error"]

_K = FailureKind
_CALLER = "invalid_request_error"
_SAID: dict[FailureKind, tuple[str, str | None]] = {
    _K.OVERLOADED: ("service_unavailable_error", "server_is_overloaded"),
    _K.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    _K.QUOTA: ("insufficient_quota", "insufficient_quota"),
    _K.AUTH: (_CALLER, "invalid_api_key"),
    _K.CALLER: (_CALLER, None),
    _K.TOO_LONG: (_CALLER, "context_length_exceeded"),
    _K.REFUSED: (_CALLER, "content_filter"),
    _K.GONE: (_CALLER, "model_not_found"),
}
"""By what went wrong: the type and the code with which OpenAI says so. Of all others it is the server's fault."""


def read_error(body: Any) -> str | None:
    """The words of an error body, or of a stream's error event."""
    said = said_by(body)
    return None if said is None else said.words or None


def write_error(status: int, kind: FailureKind, words: str) -> dict[str, Any]:
    """The error body."""
    fallback = ("server_error", None) if status >= 500 or status < 400 else (_CALLER, None)
    sort, code = _SAID.get(kind, fallback)
    return {"error": {"message": words, "type": sort, "param": None, "code": code}}
