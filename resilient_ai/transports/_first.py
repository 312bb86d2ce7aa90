"""How an answer's body begins, and whether that is what was asked for."""

from __future__ import annotations

import json
import re
from typing import Any, cast

__all__ = ["asks_for_stream", "is_of_events", "may_be_answer", "tells_error"]

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How a line of an event stream begins."""


def may_be_answer(beginning: bytes | None) -> bool:
    """Whether what begins so is JSON or an event stream, whatever its content type says: compatible servers leave it
    out, or say ``text/plain`` of a sound stream, and the words of a gateway begin with neither."""
    return _start(beginning).startswith((b"{", b"[")) or is_of_events(beginning)


def is_of_events(beginning: bytes | None) -> bool:
    """Whether what begins so is an event stream, if it is an answer at all."""
    start = _start(beginning)
    return any(start[: len(name)] == name[: len(start)] for name in _FIELDS if start)


def _start(beginning: bytes | None) -> bytes:
    return (beginning or b"").removeprefix(b"\xef\xbb\xbf").lstrip()[:8]


_ERROR = re.compile(rb"\s*(?:\{\s*\"(?:error|message|detail)\"|<!doctype html|<html)", re.IGNORECASE)


def tells_error(beginning: bytes | None) -> bool:
    """Whether what was to be a sound or a picture begins as an error does, in JSON or HTML. (No format begins so.)"""
    return _ERROR.match(beginning or b"") is not None


_STREAM = re.compile(rb'"stream"\s*:\s*true')


def asks_for_stream(body: bytes | None) -> bool:
    """Whether a request asks for an event stream. Parsed only where it looks as if it did."""
    if not body or b'"stream"' not in body or _STREAM.search(body) is None:
        return False
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(request, dict) and cast("dict[str, Any]", request).get("stream") is True
