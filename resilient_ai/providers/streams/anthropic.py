"""The streams of the Anthropic dialect: Messages.

Source: the event types of anthropic-python 2.12.
"""

from __future__ import annotations

from typing import Any

from .base import ENDS, FAILS, NOTHING, Grammar, Part, Said, members

__all__ = ["STREAMS"]

_TEXTS = {"text_delta": ("text", "text"), "thinking_delta": ("reasoning", "thinking")}
_SILENT = frozenset({"message_start", "content_block_stop", "message_delta", "ping"})
_WORDED = frozenset({"text", "thinking"})
"""Blocks whose words come by themselves."""


def _message(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    if kind == "content_block_delta":
        return _delta(event["delta"], event.get("index", 0))
    if kind in _SILENT:
        return NOTHING
    if kind == "message_stop":
        return ENDS
    if kind == "error":
        return FAILS
    if kind == "content_block_start" and members(event.get("content_block")).get("type") in _WORDED:
        return NOTHING
    return Said((Part((kind, event.get("index", 0), 0), None),))


def _delta(delta: dict[str, Any], index: int) -> Said:
    kind = delta["type"]
    if kind in _TEXTS:
        sort, field = _TEXTS[kind]
        return Said((Part((sort, index, 0), delta[field]),)) if delta[field] else NOTHING
    # A signature belongs to the thought before it, and is none by itself.
    return NOTHING if kind == "signature_delta" else Said((Part((kind, index, 0), None),))


def _completion(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    if kind == "error":
        return FAILS
    text = event.get("completion")
    ends = bool(event.get("stop_reason"))
    return Said((Part(("text", 0, 0), str(text)),) if text else (), ends=ends)


STREAMS = {"messages": Grammar(read=_message, texts=True), "completions": Grammar(read=_completion)}
"""By endpoint family."""
