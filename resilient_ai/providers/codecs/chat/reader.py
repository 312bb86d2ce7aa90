"""The chunks of a Chat stream, as the pieces of an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

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
from ..openai_reading import seconds
from .answer import nothing_else, read_usage, stop_of, words_of

if TYPE_CHECKING:
    from ...canonical import Delta, Usage

__all__ = ["Reader"]

Json = dict[str, Any]
_AT = "choices[0].delta"
_THOUGHTS = ("reasoning_content", "reasoning", "content")
"""(Mistral's are in the content.)"""


_MOST_PARTS = 1024
"""Texts and tool calls of one answer. (OpenAI takes 128 tools.)"""

_Sort = Literal["text", "refusal", "tool"]


class _Part:
    """A part that has begun. What comes while another is open, waits in it."""

    __slots__ = ("id", "index", "name", "number", "said", "sort", "waiting")

    def __init__(self, sort: _Sort, index: Any = None) -> None:
        self.sort: _Sort = sort
        self.index = index
        self.id = self.name = ""
        self.number = -1
        self.said: list[str] = []
        self.waiting: list[str] = []

    def whole(self) -> bool:
        """Whether another part may follow: arguments that are a whole object have no more to them."""
        if self.sort != "tool":
            return True
        if not (self.said and self.said[-1].rstrip().endswith("}")):
            return False
        try:
            return isinstance(json.loads("".join(self.said)), dict)
        except (ValueError, RecursionError):
            return False


class Reader:
    """Reads one stream.

    The parts of a canonical stream follow each other, while the chunks of several tool calls may be told in turns: the
    first that is not whole is handed on as it comes, and the others wait for it.
    """

    def __init__(self) -> None:
        self._id = ""
        self._opened = self._finished = False
        self._parts: list[_Part] = []
        self._at = 0  # the part that is handed on
        self._usage: Usage | None = None
        self._told: list[Delta] = []

    def read(self, name: bytes, fields: dict[str, Any]) -> list[Delta]:
        """What a chunk says."""
        del name
        if fields.get("error") or fields.get("object") == "error":
            return [Failed(fields)]
        told: list[Delta] = []
        self._told = told
        choices = fields.get("choices")
        if choices:
            if not self._opened:
                self._open(fields)
            for choice in choices:
                if choice.get("index"):
                    raise Untranslatable("choices[1]", "one answer was asked for")
                if choice.get("finish_reason") == "error":
                    return [Failed(fields)]
                self._choice(choice)
        if fields.get("usage"):
            self._count(read_usage(fields["usage"]))
        return told

    def done(self) -> list[Delta]:
        """A stream without a reason why the answer ended is not whole, though it ends."""
        return [Closed()] if self._finished else []

    def _open(self, fields: Json) -> None:
        created, model = fields.get("created"), fields.get("model") or ""
        self._id = fields.get("id") or made_up("chatcmpl-", created, model)
        self._opened = True
        self._told.append(Opened(self._id, model, seconds(created)))

    def _choice(self, choice: Json) -> None:
        delta = choice.get("delta")
        if delta:
            content = delta.get("content")
            if content:
                words = content if type(content) is str else words_of(content, f"{_AT}.content")
                if words:
                    self._say("text", words)
            if len(delta) > 1 or type(content) is not str:
                self._more(delta)
        reason = choice.get("finish_reason")
        if reason and not self._finished:
            self._finish(reason)

    def _more(self, delta: Json) -> None:
        if delta.get("refusal"):
            self._say("refusal", delta["refusal"])
        for call in delta.get("tool_calls") or ():
            self._call(call)
        nothing_else(delta, _AT)
        if not self._told and any(delta.get(name) for name in _THOUGHTS):
            self._told.append(Alive())

    def _say(self, sort: Literal["text", "refusal"], words: str) -> None:
        part = self._parts[-1] if self._parts else None
        if part is None or part.sort != sort or self._finished:
            part = self._begin(sort, None)
        if part.number == self._at:
            self._told.append(PartDelta(part.number, words))
        else:
            part.waiting.append(words)
            self._hand_on()

    def _begin(self, sort: _Sort, index: Any) -> _Part:
        if self._finished:
            raise ValueError("an answer goes on behind its end")
        if len(self._parts) == _MOST_PARTS:
            raise ValueError("an answer of too many parts")
        part = _Part(sort, index)
        self._parts.append(part)
        return part

    def _call(self, call: Json) -> None:
        if (call.get("type") or "function") != "function":
            raise Untranslatable(f"{_AT}.tool_calls", "no other dialect has custom tools")
        function: Json = call.get("function") or {}
        part = self._called(call.get("index"), call.get("id") or "", function.get("name") or "")
        arguments = function.get("arguments")
        if arguments:
            piece = arguments if isinstance(arguments, str) else arguments_of(arguments)
            if -1 < part.number < self._at:
                if piece.strip():
                    raise ValueError("a tool call goes on behind its end")
                return
            part.waiting.append(piece)
        self._hand_on()

    def _called(self, index: Any, name: str, function: str) -> _Part:
        """The call that a piece goes on with. Some hosts do not count calls, or give all of them one number."""
        for part in reversed(self._parts):
            mine = part.sort == "tool" and (index is None or part.index == index)
            another = part.id != name if name and part.id else index is None and function and not name
            if mine and not another:
                break
        else:
            part = self._begin("tool", index)
        part.id = part.id or name
        part.name = part.name or function
        return part

    def _hand_on(self, *, end: bool = False) -> None:
        """Tell what may be told, in the order of the parts; all that waits, at the end."""
        told, parts = self._told, self._parts
        while self._at < len(parts):
            part = parts[self._at]
            if part.number < 0 and not self._named(part):
                if end:
                    raise ValueError("a tool call without a name")
                return
            for piece in part.waiting:
                told.append(PartDelta(part.number, piece))
                if part.sort == "tool":
                    part.said.append(piece)
            part.waiting.clear()
            if not end and (self._at + 1 == len(parts) or not part.whole()):
                return
            told.append(PartClosed(part.number))
            self._at += 1

    def _named(self, part: _Part) -> bool:
        """Open the part; of a tool call the name must be known."""
        if part.sort == "tool":
            if not part.name:
                return False
            part.id = part.id or made_up("call_", self._id, self._at, part.name)
        part.number = self._at
        self._told.append(PartOpened(part.number, part.sort, part.id, part.name))
        return True

    def _finish(self, reason: Any) -> None:
        stop = stop_of(reason, called=any(part.sort == "tool" for part in self._parts))
        self._hand_on(end=True)
        self._finished = True
        self._told.append(Finished(stop))
        if self._usage is not None:
            self._told.append(Used(self._usage))

    def _count(self, usage: Usage | None) -> None:
        """Some hosts say what it has cost so far in every chunk."""
        if usage is not None and usage != self._usage:
            self._usage = usage
            if self._finished:
                self._told.append(Used(usage))
