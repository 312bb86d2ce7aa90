"""An event stream's bytes, taken apart into events: incremental, without I/O.

A server may end its lines with any of the three line ends (WHATWG HTML, 9.2.6) and send them in whatever chunks it
likes. Every byte of a stream belongs to exactly one event: what is handed on is what came.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["MOST_EVENT", "Event", "EventDecoder", "TooLong"]

MOST_EVENT = 32 * 1024 * 1024
"""Bytes of one event that are taken into memory, as of a plain answer. (A partial image has a few million.)"""

_LONGEST_END = 4
"""Bytes of the longest line end before an empty line, and that line's own."""

_END = re.compile(rb"(?>\r\n|\n|\r){2,}+")
"""The end of a line and an empty one, with all empty ones behind: megabytes of them are one event, not millions. (Of
``\\r\\n`` neither half is a line end by itself.)"""

_MARK = b"\xef\xbb\xbf"


class TooLong(Exception):
    """An event has more bytes than we take into memory."""


class Event(NamedTuple):
    """One event.

    Attributes:
        raw: its bytes as they came, to the end of the empty line that ends it.
        name: its ``event`` field.
        data: its ``data`` fields, joined by line feeds; empty for a comment.
    """

    raw: bytes
    name: bytes
    data: bytes


_LARGE = 64 * 1024
"""Bytes from which on an event's lines are not copied to be looked at."""

_DATA = re.compile(rb"data(?::[ ]?([^\r\n]*))?(?:\r\n|\r|\n|\Z)")
_EVENT = re.compile(rb"event(?::[ ]?([^\r\n]*))?(?:\r\n|\r|\n|\Z)")
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


def _large_event(raw: bytes, at: int) -> Event:
    """The same as `_event`, of which nothing is copied but the data."""
    name, data = b"", list[bytes]()
    while at < len(raw):
        line = _DATA.match(raw, at)
        if line is not None:
            data.append(line[1] or b"")
        else:
            line = _EVENT.match(raw, at)
            if line is not None:
                name = line[1] or b""
            else:
                line = _LINE.match(raw, at)
        at = len(raw) if line is None else line.end()
    return Event(raw, name, data[0] if len(data) == 1 else b"\n".join(data))


def _event(raw: bytes, at: int = 0) -> Event:
    """The event that its bytes are, read from ``at`` on."""
    if len(raw) > _LARGE:
        return _large_event(raw, at)
    name, data = b"", list[bytes]()
    for line in raw[at:].splitlines():
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return Event(raw, name, b"\n".join(data))


class EventDecoder:
    """Takes chunks, gives events. What it keeps is the unfinished event only.

    Attributes:
        size: bytes of an event that has begun and not ended.
    """

    __slots__ = ("_begun", "_pieces", "_tail", "size")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0
        self._tail = b""
        self._begun = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that a chunk ends.

        Raises:
            TooLong: the one it leaves unfinished.
        """
        if not self.size and chunk.startswith((b"\n", b"\r")):  # empty lines, or half the end of the last one
            rest = chunk.lstrip(b"\r\n")
            self._begun = True
            return [Event(chunk[: len(chunk) - len(rest)], b"", b""), *(self.feed(rest) if rest else ())]
        if _END.search(self._tail + chunk) is None:
            self._keep(chunk)
            return []
        text = b"".join((*self._pieces, chunk))
        self._forget()
        events, start = list[Event](), 0
        for end in _END.finditer(text):
            raw = text[start : end.end()]
            events.append(_event(raw) if self._begun else self._first(raw))
            start = end.end()
        self._keep(text[start:])
        return events

    def end(self) -> Event | None:
        """The event that the stream left unfinished, if it left one. (SDKs read it as if an empty line had come.)"""
        rest = b"".join(self._pieces)
        self._forget()
        if not rest:
            return None
        return _event(rest) if self._begun else self._first(rest)

    def _first(self, raw: bytes) -> Event:
        """A stream may begin with a byte order mark; anywhere else it is part of a field's name."""
        self._begun = True
        return _event(raw, len(_MARK) if raw.startswith(_MARK) else 0)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)
            self._tail = (self._tail + piece)[1 - _LONGEST_END :]
            if self.size > MOST_EVENT:
                self._forget()  # an exception holds this frame, and may be kept while the next answer is read
                raise TooLong(f"an event of more than {MOST_EVENT} bytes")

    def _forget(self) -> None:
        self._pieces.clear()
        self.size, self._tail = 0, b""
