"""Writes a conversation: turns of user and assistant, and what the system says."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ...canonical import Document, Image, Refusal, Text, ToolCall, ToolResult, object_of
from ..base import ANSWERS_BEHIND, Untranslatable, on_the_web
from .ids import own_id, proper_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...canonical import Part, Request
    from ..base import Lost
    from .models import Model

__all__ = ["Turns", "write_turns"]

Block = dict[str, Any]

_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_DETAILS = frozenset({None, "auto", "low", "high"})
"""Ways to look at a picture that are no closer than the one way this API has."""


class Turns:
    """A conversation that is being written.

    Attributes:
        system: blocks of the system prompt.
        messages: the turns.
    """

    __slots__ = ("_at", "_late", "_lost", "_model", "messages", "system")

    def __init__(self, model: Model, lost: Lost) -> None:
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        self._late: list[Block] = []
        self._at = ""
        self._model = model
        self._lost = lost

    def say(self, role: str, blocks: list[Block], at: str) -> None:
        """Add a turn; what follows one of the same role goes on with it."""
        if not blocks:
            return
        messages = self.messages
        if role == "assistant":
            self._tell()
            if not messages:
                self._lost(at, "Anthropic's conversations begin with the user")
                return
        elif not messages:  # results are of a turn that is lost
            blocks = [block for block in blocks if block["type"] != "tool_result"]
            if not blocks:
                return
        last = messages[-1] if messages else None
        if last is not None and last["role"] == role:
            last["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})

    def instruct(self, blocks: list[Block], at: str) -> None:
        """Add what the system says: at the beginning to its prompt; later as a message of its own, which is to stand
        between a user's turn and the assistant's: behind the turn that it came before."""
        if not self.messages:
            self.system += blocks
        elif self._model.systems:
            self._late += blocks
            self._at = at
        else:
            self._lost(at, "the model heeds the system only before the conversation")
            self.system += blocks

    def end(self) -> None:
        """The conversation is complete."""
        self._tell()
        if self._late:
            self._lost(
                self._at, "the system says it behind the assistant's last words, where Anthropic does not take it"
            )
            self.system += self._late

    def _tell(self) -> None:
        if self._late and self.messages[-1]["role"] == "user":
            self.messages.append({"role": "system", "content": self._late})
            self._late = []


def write_turns(request: Request, model: Model, lost: Lost) -> Turns:
    """Write a conversation.

    Raises:
        Untranslatable: nothing is asked, or a tool's name is none.
    """
    turns = Turns(model, lost)
    at = "messages"
    for message in request.messages:
        role, at = message.role, message.at or "messages"
        if role == "system":
            turns.instruct(_blocks(message.parts, at, lost, _SAID), at)
        elif role == "assistant":
            turns.say("assistant", _blocks(message.parts, at, lost, _ANSWERED), at)
        else:
            turns.say("user", _blocks(message.parts, at, lost, _ASKED), at)
    turns.end()
    _last(turns, at, request, model, lost)
    return turns


def _last(turns: Turns, at: str, request: Request, model: Model, lost: Lost) -> None:
    """An assistant's message at the end is continued, by models that do so: if the caller's would be."""
    messages = turns.messages
    if messages and messages[-1]["role"] == "assistant":
        blocks = messages[-1]["content"]
        if not (model.prefill and request.goes_on):
            lost(at, "the model does not continue an assistant's message" if request.goes_on else ANSWERS_BEHIND)
            del messages[-1]
        elif blocks[-1]["type"] == "text":
            blocks[-1]["text"] = blocks[-1]["text"].rstrip()  # white space at its end is a 400
    if not messages:
        raise Untranslatable("messages", "Anthropic's conversations begin with the user, and here nothing is asked")


def _blocks(parts: Sequence[Part], at: str, lost: Lost, writers: Writers) -> list[Block]:
    blocks: list[Block] = []
    blank = worded = False
    for part in parts:
        if isinstance(part, Text):
            text = part.text
            if not text:  # a 400
                continue
            if text.isspace():
                blank = True
            else:
                worded = True
            blocks.append({"type": "text", "text": text})
        elif (write := writers.get(type(part))) is None:
            lost(getattr(part, "at", "") or at, "Anthropic does not take it here")
        elif (block := write(part, lost)) is not None:
            blocks.append(block)
    if blank and not worded:  # a 400, too, and says nothing
        return [block for block in blocks if block["type"] != "text"]
    return blocks


def _refusal(part: Refusal, lost: Lost) -> Block | None:  # noqa: ARG001  # a writer's signature
    text = part.text
    return {"type": "text", "text": text} if text and not text.isspace() else None


def _image(part: Image, lost: Lost) -> Block | None:
    if part.detail not in _DETAILS:
        lost(part.at or "messages", "Anthropic looks at all pictures alike, and makes large ones smaller")
    if part.data is not None:
        if part.media_type not in _PICTURES:
            lost(part.at or "messages", "Anthropic takes pictures as JPEG, PNG, GIF or WebP")
            return None
        return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.data}}
    if not on_the_web(part.url):
        lost(part.at or "messages", "Anthropic takes no pictures from such an address")
        return None
    return {"type": "image", "source": {"type": "url", "url": part.url}}


def _document(part: Document, lost: Lost) -> Block | None:
    source = _source(part)
    if source is None:
        lost(part.at or "messages", "Anthropic takes documents as PDF or as text in UTF-8")
        return None
    block: Block = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    return block


def _source(part: Document) -> dict[str, Any] | None:
    kind = part.media_type
    if part.data is None:
        if on_the_web(part.url) and kind in (None, "application/pdf"):
            return {"type": "url", "url": part.url}
    elif kind == "application/pdf":
        return {"type": "base64", "media_type": kind, "data": part.data}
    elif kind is not None and kind.startswith("text/"):
        try:
            text = base64.b64decode(part.data, validate=True).decode()
        except ValueError:
            return None
        return {"type": "text", "media_type": "text/plain", "data": text}
    return None


def _call(part: ToolCall, lost: Lost) -> Block:
    _check_name(part.name, part.at or "messages")
    given: dict[str, Any] = {}
    try:
        given = object_of(part.arguments)
    except (ValueError, TypeError):
        lost(part.at or "messages", "the arguments are no JSON object, and Anthropic takes no others")
    return {"type": "tool_use", "id": own_id(part.id), "name": part.name, "input": given}


def _check_name(name: str, at: str) -> None:
    if not proper_name(name):
        raise Untranslatable(at, "Anthropic takes names of tools with up to 128 letters, digits, _ and - only")


def _result(part: ToolResult, lost: Lost) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": own_id(part.call)}
    parts = part.parts
    if len(parts) == 1 and type(parts[0]) is Text:
        block["content"] = parts[0].text
    elif parts:
        block["content"] = _blocks(parts, part.at or "messages", lost, _SHOWN)
    if part.failed:
        block["is_error"] = True
    return block


Writers = dict[type, "Callable[[Any, Lost], Block | None]"]
"""By part, how it is written where it may stand. A text may stand anywhere."""

_SAID: Writers = {}
_ANSWERED: Writers = {Refusal: _refusal, ToolCall: _call}
_SHOWN: Writers = {Image: _image, Document: _document}
_ASKED: Writers = {**_SHOWN, ToolResult: _result}
