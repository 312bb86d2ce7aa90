"""The messages of a Chat request, written from the canonical form."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ...canonical import Audio, Document, Image, Refusal, Text, ToolCall, ToolResult
from ..base import FAILED, made_up, on_the_web
from ..openai_reading import unnamed
from ..openai_rules import PICTURES, PICTURES_WANTED, proper_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...canonical import Message, Part
    from ..base import Lost

__all__ = ["call_id", "write_messages"]

Json = dict[str, Any]
_LONGEST_ID = 40
"""Characters of a tool call's id: OpenAI answers a longer one with 400 ("Expected a string with maximum length 40")."""


def call_id(given: str) -> str:
    """An id that the vendor takes, in this request as in the program's next one."""
    return given if len(given) <= _LONGEST_ID else made_up("call_", given)


def write_messages(messages: Iterable[Message], lost: Lost) -> list[Json]:
    """The conversation, as Chat has it."""
    found: list[Json] = []
    for message in messages:
        role = message.role
        if role == "tool":
            found += [_write_result(part, lost) for part in message.parts if isinstance(part, ToolResult)]
        elif role == "assistant":
            turn = _write_turn(message, lost)
            if turn is not None:
                found.append(turn)
        else:
            content = _write_parts(message, lost)
            if content:
                found.append({"role": role, "content": content})
    return found


def _write_parts(message: Message, lost: Lost) -> str | list[Json]:
    """A lone text as such: not every host takes a list."""
    found: list[Json] = []
    for part in message.parts:
        if isinstance(part, Text):
            found.append({"type": "text", "text": part.text})
        else:
            one = _write_part(part, message.at, lost)
            if one is not None:
                found.append(one)
    return found[0]["text"] if len(found) == 1 and found[0]["type"] == "text" else found


def _write_part(part: Part, at: str, lost: Lost) -> Json | None:
    if isinstance(part, Image):
        if not _readable(part):
            lost(part.at, PICTURES_WANTED)
            return None
        url = part.url if part.data is None else f"data:{part.media_type};base64,{part.data}"
        detail = {} if part.detail is None else {"detail": part.detail}
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    if isinstance(part, Document):
        return _write_document(part, lost)
    if isinstance(part, Audio):
        sort = part.media_type.removeprefix("audio/")
        if sort in ("wav", "mp3"):
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": sort}}
        lost(part.at, "Chat hears audio/wav and audio/mp3 only")
        return None
    lost(getattr(part, "at", at), "Chat takes texts, pictures, files and sounds")
    return None


def _readable(image: Image) -> bool:
    return image.media_type in PICTURES if image.data is not None else on_the_web(image.url)


def _write_document(part: Document, lost: Lost) -> Json | None:
    """A PDF is a file; of others OpenAI says to send their text as such.

    (https://developers.openai.com/api/docs/guides/file-inputs, autumn 2026.)
    """
    if part.data is None:
        lost(part.at, "Chat reads no documents by their web address")
        return None
    if part.media_type == "application/pdf":
        data = f"data:application/pdf;base64,{part.data}"
        return {"type": "file", "file": {"filename": part.name or unnamed(part.media_type), "file_data": data}}
    if part.media_type is not None and part.media_type.startswith("text/"):
        try:
            return {"type": "text", "text": base64.b64decode(part.data).decode()}
        except ValueError:
            pass
    lost(part.at, "Chat reads documents of application/pdf and text only")
    return None


def _write_turn(message: Message, lost: Lost) -> Json | None:
    """What the assistant said: its words, then the tools it called, whatever their order was."""
    said: list[Json] = []
    calls: list[Json] = []
    for part in message.parts:
        if isinstance(part, Text):
            said.append({"type": "text", "text": part.text})
        elif isinstance(part, Refusal):
            said.append({"type": "refusal", "refusal": part.text})
        elif isinstance(part, ToolCall):
            function = {"name": proper_name(part.name), "arguments": part.arguments}
            calls.append({"id": call_id(part.id), "type": "function", "function": function})
        else:
            lost(getattr(part, "at", message.at), "OpenAI's models are not taken to have said it")
    if not (said or calls):
        return None
    content = said[0]["text"] if len(said) == 1 and said[0]["type"] == "text" else said or None  # nothing beside calls
    turn: Json = {"role": "assistant", "content": content}
    return {**turn, "tool_calls": calls} if calls else turn


def _write_result(result: ToolResult, lost: Lost) -> Json:
    texts: list[str] = []
    for part in result.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        else:
            lost(part.at or result.at, "in Chat the result of a tool is text")
    if result.failed:
        texts[:1] = [FAILED + texts[0]] if texts else [FAILED]
    content = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts] or ""
    return {"role": "tool", "tool_call_id": call_id(result.call), "content": content}
