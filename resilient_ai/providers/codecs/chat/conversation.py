"""The messages of a Chat request, to and from the canonical form."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from ...canonical import Audio, Document, Image, Message, Refusal, Text, ToolCall, ToolResult, arguments_of
from ..base import FAILED, Untranslatable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ...canonical import Part, Role
    from ..base import Lost

__all__ = ["compact", "read_messages", "write_messages"]

Json = dict[str, Any]

# Reading. -------------------------------------------------------------------------------------------------------------

_MARKS = frozenset({"cache_control", "prompt_cache_breakpoint"})
"""Of prompt caches: bound to their vendor, and nothing of what is said."""
_TEXT = frozenset({"type", "text"}) | _MARKS
_SAID = frozenset({"role", "content"}) | _MARKS
_KNOWN: dict[str, frozenset[str]] = {
    "system": _SAID,
    "developer": _SAID,
    "user": _SAID,
    "tool": _SAID | {"tool_call_id", "name"},
    # An answer's message is sent back as it came: with what the vendor told beside it, or bound to itself (thoughts).
    "assistant": _SAID
    | {"refusal", "tool_calls", "annotations", "reasoning", "reasoning_content", "reasoning_details", "thinking"},
}
"""The fields of messages that are carried over, or are nothing of what is said."""
_BOUND = "it is kept by the vendor, and cannot be had elsewhere"
_NO_NAMES = "other dialects do not tell several speakers of one role apart"
_WHY = {
    "name": _NO_NAMES,
    "audio": _BOUND,
    "function_call": "functions are retired: use tools",
    "prefix": "not every vendor goes on with an answer that has begun",
}
_OTHER = "no other dialect has it"


def read_messages(given: Iterable[Any], lost: Lost) -> list[Message]:
    """The conversation, in the normal form."""
    found: list[Message] = []
    names: dict[str, str] = {}
    for index, message in enumerate(given):
        at, role = f"messages[{index}]", message["role"]
        known = _KNOWN.get(role)
        if known is None:
            raise Untranslatable(f"{at}.role", _WHY["function_call"] if role == "function" else "not a known role")
        for name in message.keys() - known:
            if message[name]:
                if name == "audio":
                    raise Untranslatable(f"{at}.audio", _BOUND)
                lost(f"{at}.{name}", _WHY.get(name, _OTHER))
        if role == "user":
            _add(found, "user", _content(message["content"], at, lost), at)
        elif role == "assistant":
            _add(found, "assistant", _turn(message, at, lost, names), at)
        elif role == "tool":
            _add(found, "tool", [_result(message, at, lost, names)], at)
        else:
            found += [Message("system", [part], at) for part in _content(message["content"], at, lost)]
    return found


def _add(found: list[Message], role: Role, parts: list[Part], at: str) -> None:
    if not parts:
        return
    if found and found[-1].role == role:
        found[-1].parts += parts
    else:
        found.append(Message(role, parts, at))


def _content(content: Any, at: str, lost: Lost) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    found: list[Part] = []
    parts: list[Any] = content or []
    for index, part in enumerate(parts):
        if isinstance(part, str):  # as some hosts take it
            one: Part | None = Text(part) if part else None
        elif part["type"] == "text":
            one = Text(part["text"]) if part["text"] else None
            if not part.keys() <= _TEXT:
                _unknown(part, _TEXT, f"{at}.content[{index}]", lost)
        else:
            one = _other_part(part, f"{at}.content[{index}]", lost)
        if one is not None:
            found.append(one)
    return found


def _unknown(given: Json, known: frozenset[str], at: str, lost: Lost) -> None:
    for name, value in given.items():
        if name not in known and value is not None:
            lost(f"{at}.{name}", _OTHER)


def _other_part(part: Json, at: str, lost: Lost) -> Part | None:
    sort = part["type"]
    read = _PARTS.get(sort)
    if read is None:
        lost(at, "not a part that other dialects have")
        return None
    _unknown(part, frozenset({"type", sort}) | _MARKS, at, lost)
    return read(part[sort], at, lost)


def _image(given: Any, at: str, lost: Lost) -> Part | None:
    if isinstance(given, str):  # as some hosts take it
        given = {"url": given}
    _unknown(given, frozenset({"url", "detail"}), f"{at}.image_url", lost)
    url, detail = given["url"], given.get("detail")
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, at=at)
    data = _data(url, at, lost)
    return None if data is None else Image(data[1], data[0], detail=detail, at=at)


def _file(given: Json, at: str, lost: Lost) -> Part | None:
    if given.get("file_id"):
        raise Untranslatable(f"{at}.file.file_id", _BOUND)
    _unknown(given, frozenset({"file_data", "filename", "file_id"}), f"{at}.file", lost)
    url, name = given["file_data"], given.get("filename")
    data = _data(url, at, lost) if url.startswith("data:") else (_PDF, url)
    return None if data is None else Document(data[1], data[0], name=None if name == _NAMELESS else name, at=at)


def _audio(given: Json, at: str, lost: Lost) -> Part | None:
    _unknown(given, frozenset({"data", "format"}), f"{at}.input_audio", lost)
    return Audio(given["data"], f"audio/{given['format']}", at)


def _refusal(given: str, _at: str, _lost: Lost) -> Part | None:
    return Refusal(given) if given else None


_PARTS: dict[str, Callable[[Any, str, Lost], Part | None]] = {
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
    "refusal": _refusal,
}


def _data(url: str, at: str, lost: Lost) -> tuple[str, str] | None:
    """The media type and the base64 of a data URL."""
    head, _, data = url.partition(",")
    kind, *settings = head[len("data:") :].split(";")
    if "base64" not in settings:
        lost(at, "a data URL whose data is not base64")
        return None
    return kind, data


def _turn(message: Json, at: str, lost: Lost, names: dict[str, str]) -> list[Part]:
    """What the assistant said; the names of the tools that it called are noted."""
    found = _content(message.get("content"), at, lost)
    if message.get("refusal"):
        found.append(Refusal(message["refusal"]))
    for index, call in enumerate(message.get("tool_calls") or ()):
        where = f"{at}.tool_calls[{index}]"
        if call.get("type", "function") != "function":
            raise Untranslatable(where, "no other dialect has custom tools")
        function = call["function"]
        names[call["id"]] = function["name"]
        found.append(ToolCall(call["id"], function["name"], compact(function.get("arguments")), where))
    return found


def compact(arguments: Any) -> str:
    """A tool's arguments, as JSON without spaces; as they are if they are no JSON."""
    if not isinstance(arguments, str):
        return "{}" if arguments is None else arguments_of(arguments)
    if " " not in arguments and "\\" not in arguments and "\n" not in arguments:
        return arguments or "{}"
    try:
        return arguments_of(json.loads(arguments))
    except ValueError:
        return arguments


def _result(message: Json, at: str, lost: Lost, names: dict[str, str]) -> ToolResult:
    call, parts, failed = message["tool_call_id"], list[Text | Image | Document](), False
    for part in _content(message["content"], at, lost):
        if isinstance(part, Text | Image | Document):
            parts.append(part)
        else:
            lost(f"{at}.content", "a tool's result is text, pictures and documents")
    first = parts[0] if parts else None
    if isinstance(first, Text) and first.text.startswith(FAILED):
        failed = True
        parts[:1] = [Text(first.text[len(FAILED) :])] if len(first.text) > len(FAILED) else []
    return ToolResult(call, names.get(call) or message.get("name") or "", parts, failed, at)


# Writing. -------------------------------------------------------------------------------------------------------------

_PDF = "application/pdf"
_NAMELESS = "document.pdf"
"""A file's name is required. (Without one OpenAI answers that a `file_id` is missing.)"""


def write_messages(messages: Iterable[Message], lost: Lost) -> list[Json]:
    """The conversation, as Chat has it."""
    found: list[Json] = []
    for message in messages:
        role = message.role
        if role == "tool":
            found += [_write_result(part, lost) for part in message.parts if isinstance(part, ToolResult)]
        elif role == "assistant":
            found.append(_write_turn(message.parts))
        else:
            content = _write_parts(message.parts, lost)
            if content:
                found.append({"role": role, "content": content})
    return found


def _write_parts(parts: Iterable[Part], lost: Lost) -> str | list[Json]:
    """A lone text as such: not every host takes a list."""
    found: list[Json] = []
    for part in parts:
        if isinstance(part, Text):
            found.append({"type": "text", "text": part.text})
        else:
            one = _write_part(part, lost)
            if one is not None:
                found.append(one)
    return found[0]["text"] if len(found) == 1 and found[0]["type"] == "text" else found


def _write_part(part: Part, lost: Lost) -> Json | None:
    if isinstance(part, Image):
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
    raise TypeError("not a part of what a user says")


def _write_document(part: Document, lost: Lost) -> Json | None:
    """A PDF is a file; of others OpenAI says to send their text as such.

    (https://developers.openai.com/api/docs/guides/file-inputs, autumn 2026.)
    """
    if part.data is None:
        lost(part.at, "Chat reads no documents by their web address")
        return None
    if part.media_type == _PDF:
        data = f"data:{_PDF};base64,{part.data}"
        return {"type": "file", "file": {"filename": part.name or _NAMELESS, "file_data": data}}
    if part.media_type is not None and part.media_type.startswith("text/"):
        try:
            return {"type": "text", "text": base64.b64decode(part.data).decode()}
        except ValueError:
            pass
    lost(part.at, "Chat reads documents of application/pdf and text only")
    return None


def _write_turn(parts: Iterable[Part]) -> Json:
    """What the assistant said: its words, then the tools it called, whatever their order was."""
    said: list[Json] = []
    calls: list[Json] = []
    for part in parts:
        if isinstance(part, Text):
            said.append({"type": "text", "text": part.text})
        elif isinstance(part, Refusal):
            said.append({"type": "refusal", "refusal": part.text})
        elif isinstance(part, ToolCall):
            function = {"name": part.name, "arguments": part.arguments}
            calls.append({"id": part.id, "type": "function", "function": function})
        else:
            raise TypeError("not a part of what an assistant says")
    content = said[0]["text"] if len(said) == 1 and said[0]["type"] == "text" else said or None
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
    return {"role": "tool", "tool_call_id": result.call, "content": content}
