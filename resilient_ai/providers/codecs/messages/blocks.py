"""Reads a conversation: messages of content blocks."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from ...canonical import Document, Image, Message, Text, ToolCall, ToolResult, arguments_of
from ...streams.base import members
from ..base import Untranslatable, add_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...canonical import Part
    from ..base import Lost

__all__ = ["read_messages", "read_system"]

_HERE = "it stands for something that only Anthropic has"
_UNKNOWN = "nobody knows what it says"
_HOSTED = "it is of a tool that Anthropic runs"

_STRIPPED = frozenset({"thinking", "redacted_thinking"})
"""What is bound to the vendor, and no part of what is said."""
_HELD = frozenset({"container_upload", "compaction"})
"""What stands for something that is not in the request: no call makes sense without it."""
_TURN = frozenset({"role", "content"})
_IMAGE = frozenset({"type", "source", "cache_control"})
_DOCUMENT = _IMAGE | {"title", "citations"}
_PLAIN = frozenset({"type", "text", "cache_control", "citations"})
"""What a text may have in it; citations are marks at what Anthropic has answered."""


def read_system(given: Any, messages: list[Message], lost: Lost) -> None:
    """Append the system prompt that stands by itself to ``messages``."""
    _system(given, "system", "system", messages, lost)


def read_messages(given: list[Any], messages: list[Message], lost: Lost) -> None:
    """Append the conversation to ``messages``."""
    names: dict[str, str] = {}
    for index, turn in enumerate(given):
        role, content = turn["role"], turn["content"]
        where = f"messages[{index}]"
        if len(turn) > 2:
            _others(turn, _TURN, where, lost)
        if role == "user":
            _user(content, where, messages, names, lost)
        elif role == "assistant":
            add_turn(messages, "assistant", _assistant(content, where, names, lost), where)
        elif role == "system":
            _system(content, where, f"{where}.content", messages, lost)
        else:
            lost(f"{where}.role", _UNKNOWN)


def _others(given: dict[str, Any], known: frozenset[str], where: str, lost: Lost) -> None:
    """What nobody knows, and what is said with it, is lost."""
    if given.keys() <= known:
        return
    for name, value in given.items():
        if name not in known and value is not None:
            lost(f"{where}.{name}", _UNKNOWN)


def _system(content: Any, where: str, inside: str, messages: list[Message], lost: Lost) -> None:
    """Each of its texts is a message."""
    if isinstance(content, str):
        if content:
            messages.append(Message("system", [Text(content)], where))
        return
    for index, block in enumerate(content):
        at = f"{inside}[{index}]"
        if block["type"] != "text":
            lost(at, _UNKNOWN)
        elif block["text"]:
            _others(block, _PLAIN, at, lost)
            messages.append(Message("system", [Text(block["text"])], at))


def _user(content: Any, where: str, messages: list[Message], names: dict[str, str], lost: Lost) -> None:
    if isinstance(content, str):
        if content:
            add_turn(messages, "user", [Text(content)], where)
        return
    results: list[Part] = []
    parts: list[Part] = []
    for index, block in enumerate(content):
        kind = block["type"]
        if kind == "text":
            _text(block, parts, where, index, lost)
            continue
        at = f"{where}.content[{index}]"
        if kind == "tool_result":
            results.append(_result(block, at, names, lost))
        else:
            _shown(kind, block, at, parts, lost)
    add_turn(messages, "tool", results, where)
    add_turn(messages, "user", parts, where)


def _text(block: dict[str, Any], parts: list[Any], where: str, index: int, lost: Lost) -> None:
    if len(block) > 2:
        _others(block, _PLAIN, f"{where}.content[{index}]", lost)
    if block["text"]:
        parts.append(Text(block["text"]))


def _shown(kind: str, block: dict[str, Any], at: str, parts: list[Any], lost: Lost) -> None:
    """A picture or a document."""
    read = _SHOWN.get(kind)
    if read is not None:
        part = read(block, at, lost)
        if part is not None:
            parts.append(part)
    elif kind in _HELD:
        raise Untranslatable(at, _HERE)
    else:
        lost(at, _HOSTED if kind.endswith("_tool_result") else _UNKNOWN)


def _image(block: dict[str, Any], at: str, lost: Lost) -> Image | None:
    _others(block, _IMAGE, at, lost)
    source = block["source"]
    kind = source["type"]
    if kind == "base64":
        return Image(data=source["data"], media_type=source["media_type"], at=at)
    if kind == "url":
        return Image(url=source["url"], at=at)
    raise Untranslatable(f"{at}.source", _HERE)


def _document(block: dict[str, Any], at: str, lost: Lost) -> Document | None:
    _others(block, _DOCUMENT, at, lost)
    if members(block.get("citations")).get("enabled"):
        lost(f"{at}.citations", "only Anthropic says where in a document an answer is from")
    source, name = block["source"], block.get("title")
    kind = source["type"]
    if kind == "base64":
        return Document(data=source["data"], media_type=source["media_type"], name=name, at=at)
    if kind == "text":
        data = base64.b64encode(source["data"].encode()).decode()
        return Document(data=data, media_type=source["media_type"], name=name, at=at)
    if kind == "url":
        return Document(url=source["url"], media_type="application/pdf", name=name, at=at)
    if kind == "file":
        raise Untranslatable(f"{at}.source", _HERE)
    lost(f"{at}.source", _UNKNOWN)
    return None


_SHOWN: dict[str, Callable[[dict[str, Any], str, Lost], Image | Document | None]] = {
    "image": _image,
    "document": _document,
}

_RESULT = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
_CALL = frozenset({"type", "id", "name", "input", "cache_control", "caller"})


def _result(block: dict[str, Any], at: str, names: dict[str, str], lost: Lost) -> ToolResult:
    _others(block, _RESULT, at, lost)
    call, content = block["tool_use_id"], block.get("content")
    parts: list[Any] = []
    if isinstance(content, str):
        if content:
            parts.append(Text(content))
    else:
        for index, inner in enumerate(content or ()):
            if inner["type"] == "text":
                _text(inner, parts, at, index, lost)
            else:
                _shown(inner["type"], inner, f"{at}.content[{index}]", parts, lost)
    return ToolResult(call, names.get(call, ""), parts, bool(block.get("is_error")), at)


def _assistant(content: Any, where: str, names: dict[str, str], lost: Lost) -> list[Part]:
    if isinstance(content, str):
        return [Text(content)] if content else []
    parts: list[Part] = []
    for index, block in enumerate(content):
        kind = block["type"]
        if kind == "text":
            _text(block, parts, where, index, lost)
        elif kind == "tool_use":
            parts.append(_call(block, f"{where}.content[{index}]", names, lost))
        elif kind in _HELD:
            raise Untranslatable(f"{where}.content[{index}]", _HERE)
        elif kind in _SHOWN:
            _shown(kind, block, f"{where}.content[{index}]", parts, lost)
        elif kind not in _STRIPPED:
            lost(f"{where}.content[{index}]", _HOSTED if "tool" in kind else _UNKNOWN)
    return parts


def _call(block: dict[str, Any], at: str, names: dict[str, str], lost: Lost) -> ToolCall:
    _others(block, _CALL, at, lost)
    if (caller := block.get("caller")) is not None and caller["type"] != "direct":
        lost(f"{at}.caller", _HOSTED)
    names[block["id"]] = block["name"]
    return ToolCall(block["id"], block["name"], arguments_of(block["input"]), at)
