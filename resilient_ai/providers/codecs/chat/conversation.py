"""The messages of a Chat request, read into the canonical form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Audio, Document, Image, Message, Refusal, Text, ToolCall, ToolResult
from ...streams.base import items
from ..base import Untranslatable, add_turn
from ..openai_reading import compact, data_of, document, result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ...canonical import Part
    from ..base import Lost

__all__ = ["MARKS", "read_messages", "unknown"]

Json = dict[str, Any]

MARKS = frozenset({"cache_control", "prompt_cache_breakpoint"})
"""Of prompt caches: bound to their vendor, and nothing of what is said."""
_TEXT = frozenset({"type", "text"}) | MARKS
_SAID = frozenset({"role", "content"}) | MARKS
_KNOWN: dict[Any, frozenset[str]] = {
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
    "function_call": "functions are retired: use tools",
    "prefix": "not every vendor goes on with an answer that has begun",
}
_OTHER = "no other dialect has it"
_BASE64 = "it is not known what it is: no data URL in base64"


def read_messages(given: Iterable[Any], lost: Lost) -> list[Message]:
    """The conversation, in the normal form."""
    found: list[Message] = []
    names: dict[str, str] = {}
    for index, message in enumerate(given):
        at, role = f"messages[{index}]", message["role"]
        known = _KNOWN.get(role)
        if known is None or not message.keys() <= known:
            _unknown_in(message, known, at, lost)
        if role == "user":
            add_turn(found, "user", _content(message["content"], at, lost), at)
        elif role == "assistant":
            add_turn(found, "assistant", _turn(message, at, lost, names), at)
        elif role == "tool":
            add_turn(found, "tool", [_result(message, at, lost, names)], at)
        else:
            found += [Message("system", [part], at) for part in _content(message["content"], at, lost)]
    return found


def _unknown_in(message: Json, known: frozenset[str] | None, at: str, lost: Lost) -> None:
    if known is None:
        why = _WHY["function_call"] if message["role"] == "function" else "not a known role"
        raise Untranslatable(f"{at}.role", why)
    for name in message.keys() - known:
        if message[name]:
            if name == "audio":
                raise Untranslatable(f"{at}.audio", _BOUND)
            lost(f"{at}.{name}", _WHY.get(name, _OTHER))


def _content(content: Any, at: str, lost: Lost) -> list[Part]:
    if type(content) is str:
        return [Text(content)] if content else []
    found: list[Part] = []
    for index, part in enumerate(items(content)):
        if isinstance(part, str):  # as some hosts take it
            one: Part | None = Text(part) if part else None
        elif part["type"] == "text":
            one = Text(part["text"]) if part["text"] else None
            if not part.keys() <= _TEXT:
                unknown(part, _TEXT, f"{at}.content[{index}]", lost)
        else:
            one = _other_part(part, f"{at}.content[{index}]", lost)
        if one is not None:
            found.append(one)
    return found


def unknown(given: Json, known: frozenset[str], at: str, lost: Lost) -> None:
    """Tell of what no other dialect knows."""
    for name, value in given.items():
        if name not in known and value is not None:
            lost(f"{at}.{name}", _OTHER)


def _other_part(part: Json, at: str, lost: Lost) -> Part | None:
    sort = part["type"]
    read = _PARTS.get(sort)
    if read is None:
        lost(at, "not a part that other dialects have")
        return None
    unknown(part, frozenset({"type", sort}) | MARKS, at, lost)
    return read(part[sort], at, lost)


def _image(given: Any, at: str, lost: Lost) -> Part | None:
    if isinstance(given, str):  # as some hosts take it
        given = {"url": given}
    unknown(given, frozenset({"url", "detail"}), f"{at}.image_url", lost)
    url, detail = given["url"], given.get("detail")
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, at=at)
    data = data_of(url)
    if data is None:
        lost(at, _BASE64)
        return None
    return Image(data[1], data[0], detail=detail, at=at)


def _file(given: Json, at: str, lost: Lost) -> Part | None:
    if given.get("file_id"):
        raise Untranslatable(f"{at}.file.file_id", _BOUND)
    unknown(given, frozenset({"file_data", "filename", "file_id"}), f"{at}.file", lost)
    file = document(given["file_data"], given.get("filename"), at)
    if file is None:
        lost(at, _BASE64)
    return file


def _audio(given: Json, at: str, lost: Lost) -> Part | None:
    unknown(given, frozenset({"data", "format"}), f"{at}.input_audio", lost)
    return Audio(given["data"], f"audio/{given['format']}", at)


def _refusal(given: str, _at: str, _lost: Lost) -> Part | None:
    return Refusal(given) if given else None


_PARTS: dict[str, Callable[[Any, str, Lost], Part | None]] = {
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
    "refusal": _refusal,
}


def _turn(message: Json, at: str, lost: Lost, names: dict[str, str]) -> list[Part]:
    """What the assistant said; the names of the tools that it called are noted."""
    found = _content(message.get("content"), at, lost)
    if message.get("refusal"):
        found.append(Refusal(message["refusal"]))
    calls = message.get("tool_calls")
    for index, call in enumerate(calls) if calls else ():
        where = f"{at}.tool_calls[{index}]"
        if call.get("type", "function") != "function":
            raise Untranslatable(where, "no other dialect has custom tools")
        function = call["function"]
        number, name = call["id"], function["name"]
        names[number] = name
        found.append(ToolCall(number, name, compact(function.get("arguments")), where))
    return found


def _result(message: Json, at: str, lost: Lost, names: dict[str, str]) -> ToolResult:
    call, content = message["tool_call_id"], message["content"]
    name = names.get(call) or message.get("name") or ""
    parts: list[Text | Image | Document] = []
    for part in _content(content, at, lost):
        if isinstance(part, Text | Image | Document):
            parts.append(part)
        else:
            lost(f"{at}.content", "a tool's result is text, pictures and documents")
    return result(call, name, parts, at)
