"""The streams of Cohere's Chat, version 2.

Source: the event types of cohere 7.3.
"""

from __future__ import annotations

from typing import Any

from .base import ENDS, NOTHING, Grammar, Said, members

__all__ = ["STREAMS"]

_SILENT = frozenset({"message-start", "content-start", "content-end"})


def _chat(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    if kind == "message-end":
        return ENDS
    if kind in _SILENT:
        return NOTHING
    if kind != "content-delta":
        part = (str(kind), event.get("index", 0), 0), None
        return Said((part,))
    message = members(members(event.get("delta")).get("message"))
    content = members(message.get("content"))
    texts = (("text", content.get("text")), ("reasoning", content.get("thinking")))
    return Said(tuple(((sort, event.get("index", 0), 0), str(text)) for sort, text in texts if text))


STREAMS = {"chat": Grammar(read=_chat)}
"""By endpoint family."""
