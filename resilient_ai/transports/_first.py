"""How an answer's body begins, and what that says of it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._flavour import Flavour
    from ._wire import Wire

__all__ = ["FIRST_ERRORS", "whole_event"]

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
