"""Amazon's framing of a stream (``application/vnd.amazon.eventstream``), undone: Bedrock's events of the Anthropic
dialect come out as server-sent events, as Anthropic itself sends them. It is an `Unpacker`, as those of gzip are.

A frame: its length and that of its headers (4 bytes each), their check sum, headers, payload, the frame's check sum.
Source: Amazon's description of the encoding, and botocore 1.44 (botocore/eventstream.py), autumn 2026.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any, cast

from .._host import Host
from ._inflate import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._target import Target

__all__ = ["ENCODING", "Frames", "framed"]

MEDIA_TYPE = "application/vnd.amazon.eventstream"
ENCODING = "x-resilient-ai-eventstream"
"""What the transport calls it among a body's encodings."""

MOST = 24 * 1024 * 1024
"""Bytes of a frame; botocore takes payloads of 24 MiB at most."""

_PRELUDE = struct.Struct("!III")
_WIDTHS = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value, by its type, where that is fixed; 6 (bytes) and 7 (text) have a length of their own."""

_ERRORS = {
    "internalServerException": "api_error",
    "modelStreamErrorException": "api_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
}
"""Bedrock's exceptions within a stream (its ``ResponseStream``), in Anthropic's words."""


def framed(response: Any, target: Target) -> None:
    """Have an answer of Bedrock's read as the stream of events that it is."""
    host = target.host
    if not isinstance(host, Host) or host.wrapping != "bedrock":
        return
    headers = response.headers
    if headers.get("content-type", "").startswith(MEDIA_TYPE):
        inner = headers.get("content-encoding")
        headers["content-type"] = "text/event-stream"
        headers["content-encoding"] = ENCODING if inner is None else f"{ENCODING}, {inner}"
        headers.pop("content-length", None)


class Frames:
    """Frames in, events out."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._data += data

    def piece(self) -> bytes:
        """The next event; nothing if more bytes are wanted.

        Raises:
            Damaged: it is no sound frame.
        """
        while len(self._data) >= _PRELUDE.size:
            size, width, check = _PRELUDE.unpack_from(self._data)
            if zlib.crc32(self._data[:8]) != check or not 16 + width <= size <= MOST:
                raise Damaged("no sound head of a frame")
            if len(self._data) < size:
                return b""
            frame = bytes(self._data[:size])
            del self._data[:size]
            if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:]):
                raise Damaged("a frame does not match its check sum")
            event = _event(dict(_headers(frame[12 : 12 + width])), frame[12 + width : -4])
            if event:
                return event
        return b""

    def end(self) -> None:
        """There are no more bytes.

        Raises:
            Damaged: they end within a frame.
        """
        if self._data:
            raise Damaged("it ends within a frame")


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    """The headers of a frame that are text."""
    at = 0
    try:
        while at < len(data):
            name = data[at + 1 : at + 1 + data[at]].decode()
            at += 1 + data[at]
            kind, at = data[at], at + 1
            if kind in (6, 7):
                width = int.from_bytes(data[at : at + 2])
                at += 2
            else:
                width = _WIDTHS[kind]
            if at + width > len(data):
                raise Damaged("a header ends outside its frame")
            if kind == 7:
                yield name, data[at : at + width].decode()
            at += width
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise Damaged("no sound headers of a frame") from error


def _event(headers: dict[str, str], payload: bytes) -> bytes:
    """What a frame says, as a server-sent event; nothing if it is none of a model's."""
    kind = headers.get(":message-type")
    if kind in ("exception", "error"):
        name = headers.get(":exception-type") or headers.get(":error-code") or ""
        words = headers.get(":error-message") or _object(payload).get("message")
        told = {"type": _ERRORS.get(name, "api_error"), "message": words if isinstance(words, str) else name}
        return _written("error", json.dumps({"type": "error", "error": told}).encode())
    packed = _object(payload).get("bytes")
    if kind != "event" or not isinstance(packed, str):
        return b""
    try:
        data = base64.b64decode(packed, validate=True)
    except binascii.Error as error:
        raise Damaged("a frame's payload is no base64") from error
    event = _object(data)
    event_type = event.get("type")
    if b"\n" in data or b"\r" in data:  # a line of an event ends there
        data = json.dumps(event).encode()
    return _written(event_type, data) if isinstance(event_type, str) and event_type.isprintable() else b""


def _object(data: bytes) -> dict[str, Any]:
    try:
        parsed: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Damaged("a frame holds no JSON") from error
    if not isinstance(parsed, dict):
        raise Damaged("a frame holds no object")
    return cast("dict[str, Any]", parsed)


def _written(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
