"""The ids and names that Anthropic takes."""

from __future__ import annotations

import re

from ..base import made_up

__all__ = ["own_id", "proper_name"]

_ID = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")
"""Of a tool's call, and of a tool's name: other letters are a 400."""


def own_id(call: str) -> str:
    """The id of a tool's call, in letters that Anthropic takes. The same one becomes the same."""
    return call if _ID.match(call) else made_up("toolu_", call)


def proper_name(name: str) -> bool:
    """Whether a tool may be called so."""
    return _ID.match(name) is not None
