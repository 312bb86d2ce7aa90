"""Gemini's streams: each event is a whole answer, with the next parts; the one with the reason to finish ends it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...canonical import (
    Alive,
    Closed,
    Delta,
    Failed,
    Finished,
    Opened,
    PartClosed,
    PartDelta,
    PartOpened,
    Used,
    arguments_of,
)
from ...streams.base import items, members
from ...streams.gemini import MALFORMED
from ..base import Untranslatable, made_up
from .answer import REASONS, call_of, created_of, stop_of, time_told, usage_of, usage_told, written_call
from .fields import Json, signed

if TYPE_CHECKING:
    from ...canonical import Stop, Usage
    from ..base import Asked

__all__ = ["Reader", "Writer"]

_ALIVE = Alive()


class Reader:
    """Reads one stream."""

    __slots__ = ("_calls", "_ended", "_id", "_open", "_opened", "_parts", "_usage")

    def __init__(self) -> None:
        self._opened = self._open = self._ended = False  # _open: a text goes on
        self._id = ""
        self._parts = -1  # the number of the last one
        self._calls = 0
        self._usage: Json | None = None

    def read(self, name: bytes, fields: Json) -> list[Delta]:
        """What an event says."""
        del name  # events have none here
        candidates: Any = fields.get("candidates")
        if self._ended:
            if any(_says(candidate) for candidate in candidates or ()):
                raise ValueError("words behind the end")
            return [_ALIVE]
        if fields.get("error") or (not candidates and _blocked(fields.get("promptFeedback"))):
            self._ended = True
            return [Failed(fields)]
        self._usage = fields.get("usageMetadata") or self._usage
        if not candidates:
            return [_ALIVE]
        (candidate,) = items(candidates)
        if candidate.get("index"):
            raise Untranslatable("candidates", "more than one answer")
        found: list[Delta] = []
        if not self._opened:
            self._opened = True
            self._id = fields.get("responseId") or made_up("gemini_", fields)
            found.append(Opened(self._id, fields.get("modelVersion") or "", created_of(fields)))
        content = candidate.get("content")
        if content:
            for part in content.get("parts") or ():
                self._part(part, found)
        reason = candidate.get("finishReason")
        if reason:
            if reason in MALFORMED and self._parts < 0:
                self._ended = True
                return [Failed(fields)]
            self._end(reason, found)
        return found or [_ALIVE]

    def done(self) -> list[Delta]:
        """There is no such data in these streams."""
        return []

    def _part(self, part: Json, found: list[Delta]) -> None:
        if part.get("thought"):
            return
        text = part.get("text")
        if text:
            if not self._open:
                self._open = True
                self._parts += 1
                found.append(PartOpened(self._parts, "text"))
            found.append(PartDelta(self._parts, text))
            if len(part) == 1:
                return
        call = call_of(part)
        if call is not None:
            self._close(found)
            self._parts += 1
            name: str = call["name"]
            arguments = arguments_of(call.get("args") or {})
            one = call.get("id") or made_up("call_", self._id, self._calls, name, arguments)
            self._calls += 1
            found += (
                PartOpened(self._parts, "tool", one, name),
                PartDelta(self._parts, arguments),
                PartClosed(self._parts),
            )

    def _close(self, found: list[Delta]) -> None:
        if self._open:
            self._open = False
            found.append(PartClosed(self._parts))

    def _end(self, reason: str, found: list[Delta]) -> None:
        self._ended = True
        self._close(found)
        found.append(Finished(stop_of(reason, called=self._calls > 0)))
        usage = usage_of(self._usage)
        if usage is not None:
            found.append(Used(usage))
        found.append(Closed())


class Writer:
    """Writes one stream. The reason to finish is the signal that it is whole: it waits for that.

    With it come the calls of functions, all in one event: google-genai makes a content of every event's parts in the
    history that it sends back, and Gemini wants the calls whose results it gets in the one content before these.
    """

    __slots__ = ("_calls", "_frame", "_name", "_pieces", "_sign", "_stop", "_text", "_usage")

    def __init__(self, asked: Asked) -> None:
        self._sign = signed(asked.model)
        self._frame: Json = {}
        self._text = b""  # what follows the words in an event that has nothing else
        self._calls: list[Json] = []  # that are whole
        self._name: str | None = None  # of the function that is being called
        self._pieces: list[str] = []  # of its arguments
        self._stop: Stop = "stop"
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        """The event that says it, if it is time."""
        match delta:
            case PartDelta(_, text):
                if self._name is not None:
                    self._pieces.append(text)
                elif text:
                    words = b"%b%b%b" % (_BEGIN, json.dumps(text).encode(), self._text)
                    return self._called() + words if self._calls else words
            case PartOpened(_, "tool", _, name):
                self._name = name
            case PartClosed() if self._name is not None:
                self._calls.append(written_call(self._name, "".join(self._pieces), sign=self._sign))
                self._name, self._sign = None, False
                self._pieces.clear()
            case Opened(one, model, created):
                self._frame = {"modelVersion": model, **time_told(created), "responseId": one}
                self._text = b'}],"role":"model"},"index":0}],%b\r\n\r\n' % _json(self._frame)[1:]
            case Finished(stop):
                self._stop = stop
            case Used(usage):
                self._usage = usage
            case Closed():
                return self._last()
            case _:
                pass
        return b""

    def _called(self) -> bytes:
        """The calls of functions that words follow."""
        calls, self._calls = self._calls, []
        return self._event({"content": {"parts": calls, "role": "model"}, "index": 0})

    def _last(self) -> bytes:
        content = {"parts": self._calls or [{"text": ""}], "role": "model"}
        candidate = {"content": content, "finishReason": REASONS[self._stop], "index": 0}
        return self._event(candidate, None if self._usage is None else usage_told(self._usage))

    def _event(self, candidate: Json, usage: Json | None = None) -> bytes:
        event: Json = {"candidates": [candidate]}
        if usage is not None:
            event["usageMetadata"] = usage
        event.update(self._frame)
        return b"data: %b\r\n\r\n" % _json(event)


def _says(candidate: Json) -> bool:
    parts = items(members(candidate.get("content")).get("parts"))
    return any(part.get("text") or part.get("functionCall") for part in parts)


def _blocked(feedback: Json | None) -> bool:
    return bool(feedback and feedback.get("blockReason"))


_BEGIN = b'data: {"candidates":[{"content":{"parts":[{"text":'


def _json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
