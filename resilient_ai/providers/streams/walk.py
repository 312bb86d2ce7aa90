"""An event stream, walked through event by event."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

from ..sse import EventDecoder, TooLong
from .base import OTHER_SCHEMA

if TYPE_CHECKING:
    from ..sse import Event
    from .base import Grammar

__all__ = ["Walk", "blank", "decode", "parsed", "plain"]

decode = json.JSONDecoder().raw_decode
"""Half the time of json.loads, which guesses the encoding first."""


class Walk(ABC):
    """The steps that are the same for whoever walks through a stream. It never raises: what is wrong with the stream is
    told to ``_wrong``.

    Attributes:
        stopped: whether nothing is handed on any more.
    """

    __slots__ = ("_decoder", "_grammar", "stopped")

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._decoder = EventDecoder()
        self.stopped = False

    @abstractmethod
    def _bare(self, raw: bytes, *, done: bool) -> bytes:
        """An event without an object: a comment, or the data that ends the stream (``done``). What of it may be handed
        on comes back, as from the others."""

    @abstractmethod
    def _told(self, raw: bytes, name: bytes, fields: dict[str, Any]) -> bytes:
        """An event with its object. Of another schema it may raise what is in `OTHER_SCHEMA`."""

    @abstractmethod
    def _wrong(self, raw: bytes, why: str) -> bytes:
        """An event that cannot be read; ``raw`` is empty if it is too long."""

    def _walked(self, chunk: bytes) -> bytes:
        """Take the next bytes; what may be handed on comes back."""
        try:
            events = self._decoder.feed(chunk)
        except TooLong as error:
            return self._wrong(b"", str(error))
        if len(events) == 1:
            return self._step(events.pop())
        return b"".join([self._step(event) for event in events])

    def _step(self, event: Event) -> bytes:
        if self.stopped:
            return b""
        raw, name, data = event
        del event  # an event may have megabytes: of its forms there is no more than is needed
        done = self._grammar.done
        if done and not data and raw.startswith(_ERROR):
            raw, data = _as_data(raw)
        if not data or (done and data.startswith(done)):
            if data and not _is_text(raw):
                return self._wrong(raw, "an event is malformed")
            if not data and not (_COMMENTS.fullmatch(raw) and _is_text(raw)):
                raw = blank(raw)  # it says nothing, but SDKs read it all the same: as JSON
            return self._bare(raw, done=bool(data))
        try:
            if not raw.isascii():
                raw.decode()  # SDKs do so with each of its lines
            text = data.decode()
            del data
            fields = _object(text)
            del text
            return self._told(raw, name, fields)
        except RecursionError:
            return self._wrong(raw, "an event is nested too deeply")
        except OTHER_SCHEMA:
            names = self._grammar.names
            if names and name not in names:  # an SDK that reads it could not either
                return blank(raw)
            return self._wrong(raw, "an event is malformed")


_COMMENTS = re.compile(rb"(?:(?::[^\r\n]*+)?+(?:[\r\n]++|\Z))*+")
"""Empty lines and comments."""
_ERROR = b"error:"
"""llama.cpp tells an error in a field of this name (until autumn 2025), which no SDK reads, and sends ``[DONE]`` behind
it."""


def _as_data(raw: bytes) -> tuple[bytes, bytes]:
    """An error in a field of its own, as SDKs read one: the event, and its data."""
    data = b'{"error":%b}' % raw.splitlines()[0].removeprefix(_ERROR).strip()
    return b"data: " + data + blank(raw), data


def blank(raw: bytes) -> bytes:
    """What is handed on of an event that is left out: empty lines pass, as those that come by themselves do."""
    return raw[len(raw.rstrip(b"\r\n")) :]


def _is_text(raw: bytes) -> bool:
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


_LABEL = len("data: ")
_NAME = len("event: ")


def plain(chunk: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """The name and the object of a chunk that is one event, of one line or with its name before it, as nearly every one
    is; None if it has to be looked at more closely."""
    name, at = b"", _LABEL
    if not chunk.startswith(b"data: {"):
        line = chunk.find(b"\n")
        if not (chunk.startswith(b"event: ") and chunk.startswith(b"data: {", line + 1)):
            return None
        name, at = chunk[_NAME:line], line + 1 + _LABEL
    rest, first = len(chunk) - chunk.find(b"\n", at), chunk.find(b"\r")  # which ends a line, too
    if (rest, first) != (2, -1) and not (rest == 3 and first == len(chunk) - 4):  # as Google writes them
        return None
    try:
        text = chunk.decode()
        event, end = decode(text, at)
    except (ValueError, RecursionError):
        return None
    return (name, event) if text[end:] in _ENDS else None


_ENDS = ("\n\n", "\r\n\r\n")


def parsed(data: bytes) -> dict[str, Any]:
    """The object that an event's data is.

    Raises:
        ValueError: it is none.
    """
    return _object(data.decode())


def _object(text: str) -> dict[str, Any]:
    event, end = decode(text) if text.startswith("{") else (None, 0)
    if end != len(text):
        event = json.loads(text)  # blanks before it or behind it, or something that is not JSON
    if isinstance(event, dict):
        return cast("dict[str, Any]", event)
    raise ValueError("no object")
