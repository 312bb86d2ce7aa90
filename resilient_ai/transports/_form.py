"""The form that a request asks its answer in. Equal requests share a key in a cache, whatever form they ask for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from ..providers.forms.base import EVENTS, PLAIN, USAGE

if TYPE_CHECKING:
    from ._request import Prepared

__all__ = ["form_of"]

_PADDING = "include_obfuscation"
"""Only the length of what is sent depends on it."""


def form_of(prepared: Prepared) -> str:
    """The form that a request asks for."""
    path = prepared.endpoint.path or ""
    if prepared.dialect.name == "gemini" and path.endswith(":streamGenerateContent"):
        return EVENTS if b"alt=sse" in prepared.request.url.query.split(b"&") else PLAIN  # a list, of a path of its own
    return _of_events(prepared.body or b"") if prepared.streams else PLAIN


def _of_events(body: bytes) -> str:
    if b'"stream_options"' not in body:
        return EVENTS
    given: Any = json.loads(body).get("stream_options")
    if not isinstance(given, dict):
        return EVENTS
    options = cast("dict[str, Any]", given)
    asked = {name: value for name, value in options.items() if value not in (None, False) and name != _PADDING}
    if not asked:
        return EVENTS
    if asked == {"include_usage": True}:
        return USAGE
    return f"{EVENTS}, {json.dumps(asked, sort_keys=True)}"
