"""Reads and writes streams: blocks that are opened, told in pieces and closed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...canonical import (
    Alive,
    Closed,
    Failed,
    Finished,
    Opened,
    PartClosed,
    PartDelta,
    PartOpened,
    Used,
    arguments_of,
)
from ..base import Untranslatable, made_up
from .answer import REFUSED, SKIPPED, given_to, read_usage, reason_of, stop_of, write_usage
from .ids import own_id

if TYPE_CHECKING:
    from ...canonical import Delta, Usage
    from ..base import Asked

__all__ = ["Reader", "Writer"]

_ALIVE: list[Delta] = [Alive()]
_CLOSED: list[Delta] = [Closed()]
_PIECES = {"text_delta": "text", "input_json_delta": "partial_json"}
_SILENT = frozenset({"thinking_delta", "signature_delta"})


class Reader:
    """Reads a stream."""

    __slots__ = ("_finished", "_given", "_index", "_part", "_usage")

    def __init__(self) -> None:
        self._part = -1  # the number of the part that was opened last
        self._index: int | None = None  # Anthropic's of the block that is open, and told
        self._given: str | None = None  # a tool's arguments as far as they came without pieces
        self._usage: dict[str, Any] = {}
        self._finished = False

    def read(self, name: bytes, fields: dict[str, Any]) -> list[Delta]:
        """What an event says."""
        kind = fields.get("type") or name.decode()
        if kind == "content_block_delta":
            return self._delta(fields["index"], fields["delta"])
        if kind == "ping":
            return _ALIVE
        if kind == "content_block_start":
            return self._open(fields["index"], fields["content_block"])
        if kind == "content_block_stop":
            return self._close() if fields["index"] == self._index else []
        if kind == "message_delta":
            return self._end(fields)
        if kind == "message_start":
            message = fields["message"]
            self._usage = _told(message.get("usage"))
            return [Opened(message.get("id") or made_up("msg_", message), message.get("model") or "")]
        if kind == "message_stop":
            if not self._finished:
                raise ValueError("the answer ends, and nobody says why")
            return _CLOSED
        return [Failed(fields)] if kind == "error" else []

    def done(self) -> list[Delta]:
        """Nothing of the kind ends these streams."""
        return []

    def _delta(self, index: int, delta: dict[str, Any]) -> list[Delta]:
        kind = delta["type"]
        field = _PIECES.get(kind)
        if field is None:
            if kind in _SILENT:
                return _ALIVE
            if kind == "citations_delta":  # a mark at what is told anyway
                return []
            raise Untranslatable(f"content[{index}]", "nobody knows what it says")
        if index != self._index:
            raise ValueError("a block goes on that is not open")
        text = delta[field]
        if not text:
            return []
        self._given = None
        return [PartDelta(self._part, text)]

    def _open(self, index: int, block: dict[str, Any]) -> list[Delta]:
        said = self._close()
        kind = block["type"]
        if kind == "text":
            self._part += 1
            self._index = index
            said.append(PartOpened(self._part, "text"))
            if block["text"]:
                said.append(PartDelta(self._part, block["text"]))
        elif kind == "tool_use":
            self._part += 1
            self._index = index
            self._given = arguments_of(given_to(block))
            said.append(PartOpened(self._part, "tool", block["id"], block["name"]))
        elif kind in SKIPPED:
            said.append(Alive())
        else:
            raise Untranslatable(
                f"content[{index}]", "it is of a tool that Anthropic runs, or nobody knows what it says"
            )
        return said

    def _close(self) -> list[Delta]:
        """Close the block that is open. The arguments of a call without any come as none, and mean an object."""
        if self._index is None:
            return []
        self._index = None
        said: list[Delta] = []
        if self._given is not None:
            said.append(PartDelta(self._part, self._given))
            self._given = None
        said.append(PartClosed(self._part))
        return said

    def _end(self, fields: dict[str, Any]) -> list[Delta]:
        """Why it ends, and what it cost: the counts are of the whole so far, and come again if they change."""
        said = self._close()
        delta = fields["delta"]
        reason = delta.get("stop_reason")
        if reason is not None and not self._finished:
            self._finished = True
            said.append(Finished(stop_of(reason), delta.get("stop_sequence")))
        if self._finished:
            usage = self._usage = {**self._usage, **_told(fields.get("usage"))}
            if usage:
                said.append(Used(read_usage(usage)))
        return said


def _told(usage: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (usage or {}).items() if value is not None}


_PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA = """event: content_block_delta
data: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":%s}}

"""
_CLOSE = b"""event: content_block_stop
data: {"type":"content_block_stop","index":%d}

"""
_JSON = json.JSONEncoder(separators=(",", ":"))
_TEXT = ("text_delta", "text")
_INPUT = ("input_json_delta", "partial_json")


class Writer:
    """Writes a stream."""

    __slots__ = ("_block", "_called", "_finished", "_kind", "_open", "_refused", "_usage")

    def __init__(self, asked: Asked) -> None:
        del asked
        self._block = 0  # the number of the block that is open, or opens next
        self._open = False
        self._kind = _TEXT  # of the deltas of the part that is open
        self._called = self._refused = False
        self._finished: Finished | None = None
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        """The events that say it. What ends a stream is told at once: Anthropic has it in one event."""
        if isinstance(delta, PartDelta):
            return self._piece(delta.text) if delta.text else b""
        if isinstance(delta, Alive):
            return _PING
        if isinstance(delta, PartOpened):
            return self._opened(delta)
        if isinstance(delta, PartClosed):
            return self._closed()
        if isinstance(delta, Used):
            self._usage = delta.usage
        elif isinstance(delta, Finished):
            self._finished = delta
        elif isinstance(delta, Closed):
            return self._end()
        elif isinstance(delta, Opened):
            return _event("message_start", message=_message(delta))
        else:
            return _event("error", **{name: value for name, value in delta.event.items() if name != "type"})
        return b""

    def _piece(self, text: str) -> bytes:
        said = b""
        if not self._open:
            self._open = True
            said = _event("content_block_start", index=self._block, content_block={"type": "text", "text": ""})
        return said + (_DELTA % (self._block, *self._kind, json.dumps(text))).encode()

    def _opened(self, part: PartOpened) -> bytes:
        """A tool's call is told at once, a text with its first words: Anthropic has none without any."""
        if part.sort != "tool":
            self._refused = self._refused or part.sort == "refusal"
            self._kind = _TEXT
            return b""
        self._called = self._open = True
        self._kind = _INPUT
        block: dict[str, Any] = {"type": "tool_use", "id": own_id(part.id), "name": part.name, "input": {}}
        return _event("content_block_start", index=self._block, content_block=block)

    def _closed(self) -> bytes:
        if not self._open:
            return b""
        self._open = False
        self._block += 1
        return _CLOSE % (self._block - 1)

    def _end(self) -> bytes:
        if self._finished is None:
            return b""
        stop, sequence = self._finished
        reason = reason_of(stop, sequence, called=self._called, refused=self._refused)
        delta = {
            "stop_reason": reason,
            "stop_sequence": sequence if reason == "stop_sequence" else None,
            "stop_details": REFUSED if reason == "refusal" else None,
        }
        return _event("message_delta", delta=delta, usage=write_usage(self._usage)) + _STOP


def _message(opened: Opened) -> dict[str, Any]:
    return {
        "id": opened.id,
        "type": "message",
        "role": "assistant",
        "model": opened.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": write_usage(None),
    }


def _event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {_JSON.encode({'type': name, **fields})}\n\n".encode()
