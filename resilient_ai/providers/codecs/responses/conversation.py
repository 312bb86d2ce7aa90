"""Writes what a conversation is made of here: messages, calls of tools and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Document, Image, Refusal, Text, ToolCall, ToolResult
from ..base import FAILED, made_up, on_the_web
from ..openai_reading import unnamed
from ..openai_rules import PICTURES, proper_name
from .answer import call_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ...canonical import Message, Part
    from ..base import Lost

__all__ = ["write_items"]

_JSON = dict[str, Any]


def write_items(messages: Iterable[Message], lost: Lost) -> list[_JSON]:
    """The items of a conversation."""
    items: list[_JSON] = []
    for message in messages:
        _ROLES[message.role](message, items, lost)
    return items


def _said(message: Message, items: list[_JSON], lost: Lost) -> None:
    """What the system or the user says."""
    parts = message.parts
    first = parts[0]
    if len(parts) == 1 and isinstance(first, Text):
        items.append({"role": message.role, "content": first.text})
        return
    content = [part for one in parts if (part := _content(one, message.at, lost)) is not None]
    if content:
        items.append({"role": message.role, "content": content})


def _answered(message: Message, items: list[_JSON], lost: Lost) -> None:
    """What the model said: a message for each text, since that form needs no id of ours."""
    for part in message.parts:
        if isinstance(part, Text):
            items.append({"role": "assistant", "content": part.text})
        elif isinstance(part, ToolCall):
            made, name = call_id(part.id), proper_name(part.name)
            items.append({"type": "function_call", "call_id": made, "name": name, "arguments": part.arguments})
        elif isinstance(part, Refusal):
            items.append(_refused(part.text))
        else:
            lost(getattr(part, "at", message.at), "OpenAI's models are not taken to have said it")


def _refused(words: str) -> _JSON:
    content = [{"type": "refusal", "refusal": words}]
    made = made_up("msg_", "refusal", words)
    return {"type": "message", "id": made, "role": "assistant", "status": "completed", "content": content}


def _results(message: Message, items: list[_JSON], lost: Lost) -> None:
    for part in message.parts:
        if isinstance(part, ToolResult):
            output = _output(part, lost)
            items.append({"type": "function_call_output", "call_id": call_id(part.call), "output": output})


def _output(result: ToolResult, lost: Lost) -> str | list[_JSON]:
    parts: list[Any] = result.parts
    first = parts[0] if parts else Text("")
    if result.failed:
        if isinstance(first, Text):
            first = Text(FAILED + first.text)
            parts = [first, *parts[1:]]
        else:
            first = Text(FAILED)
            parts = [first, *parts]
    if len(parts) <= 1 and isinstance(first, Text):
        return first.text
    return [part for one in parts if (part := _content(one, result.at, lost)) is not None]


_ROLES: dict[str, Callable[[Message, list[_JSON], Lost], None]] = {
    "system": _said,
    "user": _said,
    "assistant": _answered,
    "tool": _results,
}


def _content(part: Part, at: str, lost: Lost) -> _JSON | None:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        return _image(part, part.at or at, lost)
    if isinstance(part, Document):
        return _file(part, part.at or at, lost)
    lost(getattr(part, "at", "") or at, "OpenAI's Responses take texts, pictures and files")
    return None


_NO_FILES = ("audio/", "image/", "video/")
_ADDRESS = "OpenAI takes nothing from such an address"


def _image(part: Image, at: str, lost: Lost) -> _JSON | None:
    url = part.url
    if part.data is not None:
        if part.media_type not in PICTURES:
            lost(at, "OpenAI takes pictures as PNG, JPEG, WebP or GIF")
            return None
        url = f"data:{part.media_type};base64,{part.data}"
    elif not on_the_web(url):
        lost(at, _ADDRESS)
        return None
    return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}


def _file(part: Document, at: str, lost: Lost) -> _JSON | None:
    if part.data is None:
        if not on_the_web(part.url):
            lost(at, _ADDRESS)
            return None
        return {"type": "input_file", "file_url": part.url}
    if (part.media_type or "").startswith(_NO_FILES):
        lost(at, "OpenAI's Responses take texts, pictures and files")
        return None
    file = {"type": "input_file", "file_data": f"data:{part.media_type};base64,{part.data}"}
    return {**file, "filename": part.name or unnamed(part.media_type)}
