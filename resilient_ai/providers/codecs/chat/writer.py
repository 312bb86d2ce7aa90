"""The pieces of an answer, as the chunks of a Chat stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...canonical import Closed, Finished, Opened, PartClosed, PartDelta, PartOpened, Used
from ...streams.base import members
from .answer import write_usage
from .written import call_id

if TYPE_CHECKING:
    from ...canonical import Delta, Usage
    from ..base import Asked

__all__ = ["Writer"]

Json = dict[str, Any]
_DONE = b"data: [DONE]\n\n"


class Writer:
    """Writes one stream. The first chunk says whether there will be words, and so waits for the first part."""

    def __init__(self, asked: Asked) -> None:
        options: Any = asked.body.get("stream_options")
        self._counts = bool(members(options if isinstance(options, dict) else None).get("include_usage"))
        self._frame = self._before = self._after = ""
        self._begun = self._silent = False
        self._sort = "text"
        self._calls = -1
        self._usage: Usage | None = None

    def write(self, delta: Delta) -> bytes:
        """The chunks that say it. A sign of life has none, and an error is told by `Codec.write_error`."""
        if isinstance(delta, PartDelta):
            return self._part_delta(delta.text)
        if isinstance(delta, PartOpened):
            return self._part_opened(delta)
        if isinstance(delta, PartClosed):
            # Programs parse a tool's arguments: a call of a vendor that says nothing of one without any is completed.
            return self._part_delta("{}") if self._sort == "tool" and self._silent else b""
        if isinstance(delta, Finished):
            return self._finished(delta)
        if isinstance(delta, Closed):
            return self._closed()
        if isinstance(delta, Opened):
            self._opened(delta)
        elif isinstance(delta, Used):
            self._usage = delta.usage
        return b""

    def _opened(self, delta: Opened) -> None:
        frame = {
            "id": delta.id,
            "object": "chat.completion.chunk",
            "created": delta.created or 0,
            "model": delta.model,
        }
        self._frame = json.dumps(frame, separators=(",", ":"))[:-1]
        self._before = f'data: {self._frame},"choices":[{{"index":0,"delta":'
        usage = ',"usage":null' if self._counts else ""
        self._after = f',"logprobs":null,"finish_reason":null}}]{usage}}}\n\n'

    def _chunk(self, delta: str) -> bytes:
        return (self._before + delta + self._after).encode()

    def _beginning(self, sort: str) -> bytes:
        """The chunk that says who speaks."""
        if self._begun:
            return b""
        self._begun = True
        words = '""' if sort == "text" else "null"
        return self._chunk(f'{{"role":"assistant","content":{words},"refusal":null}}')

    def _part_opened(self, delta: PartOpened) -> bytes:
        self._sort = delta.sort
        beginning = self._beginning(delta.sort)
        if delta.sort != "tool":
            return beginning
        self._calls += 1
        self._silent = True
        function = {"name": delta.name, "arguments": ""}
        call = {"index": self._calls, "id": call_id(delta.id), "type": "function", "function": function}
        return beginning + self._chunk(json.dumps({"tool_calls": [call]}, separators=(",", ":")))

    def _part_delta(self, words: str) -> bytes:
        if not words:
            return b""
        self._silent = False
        text = json.dumps(words)
        if self._sort == "text":
            return self._chunk('{"content":' + text + "}")
        if self._sort == "tool":
            return self._chunk(f'{{"tool_calls":[{{"index":{self._calls},"function":{{"arguments":{text}}}}}]}}')
        return self._chunk('{"refusal":' + text + "}")

    def _finished(self, delta: Finished) -> bytes:
        usage = ',"usage":null' if self._counts else ""
        end = f'{{}},"logprobs":null,"finish_reason":"{delta.stop}"}}]{usage}}}\n\n'
        return self._beginning("text") + (self._before + end).encode()

    def _closed(self) -> bytes:
        if self._usage is None or not self._counts:
            return _DONE
        usage = json.dumps(write_usage(self._usage), separators=(",", ":"))
        return f'data: {self._frame},"choices":[],"usage":{usage}}}\n\n'.encode() + _DONE
