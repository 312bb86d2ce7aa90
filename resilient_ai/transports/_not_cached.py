"""The answer to a call that was to ask nobody and found nothing kept: HTTP 504, as RFC 9111, 5.2.1.7 has it."""

from __future__ import annotations

import json
from typing import Any

from ..providers.registry import dialect_of
from ._answer import Answer
from ._flavour import fields

__all__ = ["not_cached"]

STATUS = 504
_SAID = "nothing is kept that answers this request, and nobody was to be asked (x-resilient-ai-cache: only)"

_BODIES: dict[str, Any] = {
    "openai": {"error": {"message": _SAID, "type": "not_cached", "param": None, "code": "not_cached"}},
    "anthropic": {"type": "error", "error": {"type": "not_cached", "message": _SAID}},
    "gemini": {"error": {"code": STATUS, "message": _SAID, "status": "UNAVAILABLE"}},
    "cohere": {"message": _SAID},
    "ollama": {"error": _SAID},
}
"""By dialect, in the form of its errors."""


def not_cached(request: Any) -> Answer:
    """The answer for a request, in its dialect."""
    dialect = dialect_of(request.method, request.url.path, fields(request.headers))
    body = json.dumps(_BODIES[dialect.name]).encode()
    return Answer(STATUS, ((b"content-type", b"application/json"),), body, dialect.request_id)
