"""Writes a stream of OpenAI's Responses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ....failures import FailureKind
from ...canonical import Closed, Failed, Finished, Opened, PartClosed, PartDelta, PartOpened, ToolCall, Used
from .answer import call_item, frame, message_item, named, refusal_part, text_part, whole
from .errors import read_error, write_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...canonical import Delta, Usage
    from ..base import Asked

__all__ = ["Writer"]

_JSON = dict[str, Any]
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

_DELTAS = {
    "text": "response.output_text.delta",
    "refusal": "response.refusal.delta",
    "tool": "response.function_call_arguments.delta",
}


_PARTS: dict[str, Callable[[str], _JSON]] = {"text": text_part, "refusal": refusal_part}


class Writer:
    """Items open and close one after the other: texts that follow each other are parts of one message.

    An item is closed only when it is known whether the answer goes on, since one that is cut short says so.
    """

    __slots__ = (
        "_asked",
        "_begun",
        "_head",
        "_id",
        "_item",
        "_number",
        "_output",
        "_pieces",
        "_place",
        "_sort",
        "_stop",
        "_tail",
        "_usage",
    )

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._number = 0
        self._id = ""
        self._begun: _JSON = {}
        self._output: list[_JSON] = []
        self._item: _JSON | None = None
        self._place: _JSON = {}
        self._sort = ""
        self._pieces: list[str] = []
        self._head = self._tail = b""
        self._stop: Finished | None = None
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        """The events that say it."""
        if isinstance(delta, PartDelta):
            return self._piece(delta.text)
        step = self._STEPS.get(type(delta))
        return b"" if step is None else step(self, cast("Any", delta))

    def _event(self, kind: str, /, **fields: Any) -> bytes:
        number = self._number
        self._number = number + 1
        data = _encode({"type": kind, **fields, "sequence_number": number})
        return f"event: {kind}\ndata: {data}\n\n".encode()

    def _piece(self, text: str) -> bytes:
        if not text:
            return b""
        self._pieces.append(text)
        number = self._number
        self._number = number + 1
        return b"%b%b%b%d}\n\n" % (self._head, _encode(text).encode(), self._tail, number)

    def _opened(self, delta: Opened) -> bytes:
        self._id = named(delta.id, self._asked)
        begun = self._begun = frame(self._asked, self._id, delta.model, delta.created)
        response = _encode(begun)
        return self._life("created", response) + self._life("in_progress", response)

    def _life(self, kind: str, response: str) -> bytes:
        """An event with all of the answer as it is: with the request's tools, which may be long."""
        number = self._number
        self._number = number + 1
        name = f"response.{kind}"
        data = f'{{"type":"{name}","response":{response},"sequence_number":{number}}}'
        return f"event: {name}\ndata: {data}\n\n".encode()

    def _part_opened(self, delta: PartOpened) -> bytes:
        events = self._tool(delta) if delta.sort == "tool" else self._words(delta.sort)
        self._sort, self._pieces = delta.sort, []
        kind = _DELTAS[delta.sort]
        place = _encode({"type": kind, **self._place})
        self._head = f'event: {kind}\ndata: {place[:-1]},"delta":'.encode()
        self._tail = b',"logprobs":[],"sequence_number":' if delta.sort == "text" else b',"sequence_number":'
        return events

    def _tool(self, delta: PartOpened) -> bytes:
        closed = self._close("completed")
        item = call_item(self._id, len(self._output), ToolCall(delta.id, delta.name, ""), "in_progress")
        self._place = {"item_id": item["id"], "output_index": len(self._output)}
        return closed + self._open(item)

    def _words(self, sort: str) -> bytes:
        """A message is opened, unless one is; and in it a part."""
        events = b""
        if self._item is None or self._item["type"] != "message":
            events = self._close("completed")
            events += self._open(message_item(self._id, len(self._output), [], "in_progress"))
        item = cast("_JSON", self._item)
        inside = len(item["content"])
        self._place = {"item_id": item["id"], "output_index": len(self._output), "content_index": inside}
        return events + self._event("response.content_part.added", **self._place, part=_PARTS[sort](""))

    def _open(self, item: _JSON) -> bytes:
        self._item = item
        return self._event("response.output_item.added", output_index=len(self._output), item=item)

    def _part_closed(self, delta: PartClosed) -> bytes:  # noqa: ARG002  # one at a time is open
        sort, self._sort = self._sort, ""
        item = self._item
        if not sort or item is None:
            return b""
        text = "".join(self._pieces)
        if sort == "tool":
            item["arguments"] = text
            kind = "response.function_call_arguments.done"
            return self._event(kind, **self._place, name=item["name"], arguments=text)
        part = _PARTS[sort](text)
        item["content"].append(part)
        said: _JSON = {"text": text, "logprobs": []} if sort == "text" else {"refusal": text}
        kind = "response.output_text.done" if sort == "text" else "response.refusal.done"
        done = self._event(kind, **self._place, **said)
        return done + self._event("response.content_part.done", **self._place, part=part)

    def _close(self, status: str) -> bytes:
        item = self._item
        if item is None:
            return b""
        events = self._part_closed(PartClosed(0))
        item["status"] = status
        self._item = None
        self._output.append(item)
        return events + self._event("response.output_item.done", output_index=len(self._output) - 1, item=item)

    def _finished(self, delta: Finished) -> bytes:
        self._stop = delta
        return self._close("completed" if delta.stop in ("stop", "tool_calls") else "incomplete")

    def _used(self, delta: Used) -> bytes:
        self._usage = delta.usage
        return b""

    def _closed(self, delta: Closed) -> bytes:  # noqa: ARG002  # it says nothing more
        if self._stop is None:  # why it ended is not made up: the stream stays without an end
            return b""
        response = whole(self._begun, self._output, self._stop.stop, self._usage)
        return self._event(f"response.{response['status']}", response=response)

    def _failed(self, delta: Failed) -> bytes:
        words = read_error(delta.event) or "The vendor who answered told an error."
        return self._event("error", **write_error(500, FailureKind.TRANSIENT, words))

    _STEPS: ClassVar[dict[type[Any], Callable[[Any, Any], bytes]]] = {
        Opened: _opened,
        PartOpened: _part_opened,
        PartClosed: _part_closed,
        Finished: _finished,
        Used: _used,
        Closed: _closed,
        Failed: _failed,
    }
