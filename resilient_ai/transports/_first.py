"""How an answer's body begins, and whether that is what was asked for."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from ._flavour import Flavour
    from ._wire import Wire

__all__ = ["FIRST_ERRORS", "asks_for_stream", "may_be_answer", "whole_event"]

FIRST_ERRORS = (b'data: {"error"', b'data:{"error"', b"event: error")
"""How an event stream begins that has nothing but an error to tell, in whichever dialect."""

_EVENT_ENDS = (b"\n\n", b"\r\n\r\n")
"""The empty line that ends an event."""

MOST_EVENT = 1024 * 1024
"""Bytes of an error that a stream tells first that are read."""


async def whole_event(begun: bytes, source: Any, wire: Wire, flavour: Flavour) -> bytes:
    """The event that ``begun`` is the beginning of, as far as it comes."""
    with suppress(*flavour.known):
        while len(begun) < MOST_EVENT and not any(end in begun for end in _EVENT_ENDS):
            chunk = await wire.first(source)
            if chunk is None:
                break
            begun += chunk
    return begun


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
