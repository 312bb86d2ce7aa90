"""How an answer's body begins, and whether that is what was asked for."""

from __future__ import annotations

import json
import re
from typing import Any, cast

__all__ = ["asks_for_stream", "may_be_answer"]

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How a line of an event stream begins."""


def may_be_answer(beginning: bytes | None) -> bool:
    """Whether what begins so is JSON or an event stream, whatever its content type says: compatible servers leave it
    out, or say ``text/plain`` of a sound stream, and the words of a gateway begin with neither."""
    start = (beginning or b"").removeprefix(b"\xef\xbb\xbf").lstrip()[:8]
    return start.startswith((b"{", b"[")) or any(start[: len(name)] == name[: len(start)] for name in _FIELDS if start)


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
