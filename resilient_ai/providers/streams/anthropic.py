"""The streams of the Anthropic dialect: Messages.

Source: the event types of anthropic-python 2.12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import ENDS, FAILS, NOTHING, Grammar, Said, members
from .sequel import Sequel

if TYPE_CHECKING:
    from .delivered import Delivered

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
    if kind == "content_block_start":
        block = members(event.get("content_block"))
        if block.get("type") in _WORDED and not (block.get("text") or block.get("thinking")):
            return NOTHING
    return _saying(kind, event.get("index", 0), None)


def _delta(delta: dict[str, Any], index: int) -> Said:
    kind = delta["type"]
    if kind in _TEXTS:
        sort, field = _TEXTS[kind]
        return _saying(sort, index, delta[field]) if delta[field] else NOTHING
    # A signature belongs to the thought before it, and is none by itself.
    return NOTHING if kind == "signature_delta" else _saying(kind, index, None)


def _saying(sort: str, index: int, text: str | None) -> Said:
    part = (sort, index, 0), text
    return Said((part,))


def _completion(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    if kind == "error":
        return FAILS
    text = event.get("completion")
    part = ("text", 0, 0), str(text)
    return Said((part,) if text else (), ends=bool(event.get("stop_reason")))


_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class _Messages(Sequel):
    """Anthropic's Messages. Usage is what the answers told, added up."""

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        super().__init__(delivered, continues=continues)
        self._earlier = delivered.told
        self._first: dict[str, Any] = {}
        self._second: dict[str, Any] = {}

    @property
    def told(self) -> dict[str, Any]:
        return members(_added(self._earlier or self._first, self._second))

    def heard(self, name: bytes, event: dict[str, Any]) -> None:
        kind, index = event.get("type") or name.decode(), event.get("index", 0)
        if kind == "message_start":
            self.mark(kind)
            self._first = {**self._first, **members(members(event.get("message")).get("usage"))}
        elif kind == "message_delta":
            self.mark(kind, members(event.get("delta")).get("stop_reason"))
            self._first = _told(self._first, event)
        elif kind == "content_block_start":
            self.mark((kind, index), members(event.get("content_block")).get("type"))
        elif kind == "content_block_delta":
            if members(event.get("delta")).get("type") == "signature_delta":
                self.mark(("signature", index))
        elif kind == "content_block_stop":
            self.mark((kind, index))
            self.close(index)

    def rest(self, name: bytes, event: dict[str, Any]) -> bool:
        kind, index = event.get("type") or name.decode(), event.get("index", 0)
        if kind == "content_block_delta":
            return self._delta(members(event.get("delta")), index)
        if kind == "content_block_start":
            return not self.repeats((kind, index), members(event.get("content_block")).get("type"))
        if kind == "content_block_stop":
            self.ends(index)
            return not self.repeats((kind, index))
        if kind == "message_start":
            self._second = members(members(event.get("message")).get("usage"))
            return not self.repeats(kind)
        if kind == "message_delta":
            self.repeats(kind, members(event.get("delta")).get("stop_reason"))  # a later one corrects the counts
            self._second = _told(self._second, event)
            counted = {*members(event.get("usage")), *_COUNTS}
            event["usage"] = {field: value for field, value in self.told.items() if field in counted}
            return True
        return kind != "ping" or self.caught_up

    def _delta(self, delta: dict[str, Any], index: int) -> bool:
        kind = delta.get("type")
        if kind in _TEXTS:
            sort, field = _TEXTS[kind]
            delta[field] = self.beyond((sort, index, 0), delta[field])
            return bool(delta[field])
        if kind == "signature_delta":
            return not self.repeats(("signature", index))
        self.other(index)
        return True


def _told(so_far: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Counts are of the whole so far: the last ones hold, of those that are told."""
    now = members(event.get("usage"))
    return {**so_far, **{field: value for field, value in now.items() if value is not None}}


def _added(first: Any, second: Any) -> Any:
    """Counts added up; what is no count is the second one's."""
    match first, second:
        case {}, {}:
            one, two = members(first), members(second)
            return {field: _added(one.get(field), two.get(field)) for field in {**one, **two}}
        case bool(), _:
            return second
        case int(), int():
            return first + second
        case _, None:
            return first
        case _:
            return second


_NAMES = frozenset(
    {
        b"",
        b"completion",
        b"content_block_delta",
        b"content_block_start",
        b"content_block_stop",
        b"error",
        b"message_delta",
        b"message_start",
        b"message_stop",
    }
)
"""The events that are read: SDKs up to 1.0 pass all others over, later ones ``ping``. (Without a name, one may be any.)
"""

STREAMS = {
    "messages": Grammar(read=_message, sequel=_Messages, names=_NAMES, final=True),
    "completions": Grammar(read=_completion, names=_NAMES),
}
"""By endpoint family."""
