"""Reads what a conversation is made of here: messages, calls of tools and their results, thoughts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Document, Image, Message, Refusal, Text, ToolCall
from ..base import Untranslatable, add_turn
from ..openai_reading import compact, data_of, document, result

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...canonical import Part, Role
    from ..base import Lost

__all__ = ["ITEMS", "KEPT", "read_items"]

_JSON = dict[str, Any]


def read_items(given: Any, lost: Lost) -> list[Message]:
    """What is said, in the canonical form."""
    if isinstance(given, str):
        return [Message("user", [Text(given)], "input")] if given else []
    reading = _Reading(lost)
    for number, item in enumerate(given):
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        read = ITEMS.get(kind)
        if read is not None:
            read(reading, item, f"input[{number}]")
        elif kind in KEPT:
            raise Untranslatable(f"input[{number}]", KEPT[kind])
        else:
            lost(f"input[{number}]", "of a tool or a feature that no other vendor has")
    return reading.messages


KEPT = {
    "compaction": "the conversation before it can be read by the vendor alone",
    "compaction_trigger": "no other vendor shortens a conversation",
    "item_reference": "the item is kept by the vendor",
}
"""Items without which the conversation is another one."""

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_MESSAGE = frozenset({"type", "role", "content", "id", "status", "phase"})
_CALL = frozenset({"type", "id", "call_id", "name", "arguments", "status", "parsed_arguments"})
_RESULT = frozenset({"type", "id", "call_id", "name", "output", "status"})


class _Reading:
    """Reads a conversation's items one by one; neighbours of one role become one message."""

    __slots__ = ("lost", "messages", "names")

    def __init__(self, lost: Lost) -> None:
        self.lost = lost
        self.messages: list[Message] = []
        self.names: dict[str, str] = {}

    def message(self, item: _JSON, at: str) -> None:
        content = item["content"]
        role = _ROLES[item["role"]]
        if len(item) > 2 and not item.keys() <= _MESSAGE:
            self.others(item, _MESSAGE, at)
        if isinstance(content, str):
            parts: list[Part] = [Text(content)] if content else []
        else:
            parts = _contents(content, f"{at}.content", self.lost)
        if role == "system":
            self.instruct(parts, at)
        else:
            self.add(role, parts, at)

    def instruct(self, parts: list[Part], at: str) -> None:
        """Each of the system's messages holds one text."""
        for part in parts:
            if isinstance(part, Text):
                self.messages.append(Message("system", [part], at))
            else:
                self.lost(at, "other vendors' systems speak in words")

    def call(self, item: _JSON, at: str) -> None:
        name, made = item["name"], item["call_id"]
        if not item.keys() <= _CALL:
            self.others(item, _CALL, at)
        self.names[made] = name
        self.add("assistant", [ToolCall(made, name, compact(item["arguments"]), at)], at)

    def result(self, item: _JSON, at: str) -> None:
        call, output = item["call_id"], item["output"]
        if not item.keys() <= _RESULT:
            self.others(item, _RESULT, at)
        parts: list[Any]
        if isinstance(output, str):
            parts = [Text(output)] if output else []
        else:
            parts = [*_contents(output, f"{at}.output", self.lost)]
        name = self.names.get(call) or item.get("name") or ""
        self.add("tool", [result(call, name, parts, at)], at)

    def thought(self, item: _JSON, at: str) -> None:
        """It is the vendor's own."""

    def add(self, role: Role, parts: list[Part], at: str) -> None:
        add_turn(self.messages, role, parts, at)

    def others(self, item: _JSON, names: frozenset[str], at: str) -> None:
        """Fields beside those that are carried: tools may be called by programs of the vendor's, be in rooms of their
        own, and answer later."""
        for name in sorted(item.keys() - names):
            if item[name] and item[name] != _DIRECT.get(name):
                self.lost(f"{at}.{name}", "no other vendor has it")


_DIRECT: _JSON = {"caller": {"type": "direct"}}
"""A field that says nothing at this value."""

ITEMS: dict[str, Callable[[_Reading, _JSON, str], None]] = {
    "message": _Reading.message,
    "function_call": _Reading.call,
    "function_call_output": _Reading.result,
    "reasoning": _Reading.thought,
}


def _contents(given: list[_JSON], at: str, lost: Lost) -> list[Part]:
    parts: list[Part] = []
    for number, part in enumerate(given):
        kind = part["type"]
        read = _PARTS.get(kind)
        if read is None:
            lost(f"{at}[{number}]", _UNKNOWN)
            continue
        if not part.keys() <= _FIELDS[kind]:
            for name in sorted(part.keys() - _FIELDS[kind]):
                if part[name] is not None:
                    lost(f"{at}[{number}].{name}", _UNKNOWN)
        said = read(part, at, number, lost)
        if said is not None:
            parts.append(said)
    return parts


def _text(part: _JSON, _at: str, _number: int, _lost: Lost) -> Part | None:
    """Words; what they cite, and how likely they were, is not told again."""
    return Text(part["text"]) if part["text"] else None


def _refusal(part: _JSON, _at: str, _number: int, _lost: Lost) -> Part | None:
    return Refusal(part["refusal"]) if part["refusal"] else None


def _image(part: _JSON, at: str, number: int, lost: Lost) -> Part | None:
    at = f"{at}[{number}]"
    url, detail = part.get("image_url"), part.get("detail")
    if detail == "auto":
        detail = None
    if not url:
        raise Untranslatable(f"{at}.file_id", _FILE)
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, at=at)
    data = data_of(url)
    if data is None:
        lost(f"{at}.image_url", _BASE64)
        return None
    return Image(data[1], data[0], None, detail, at)


def _document(part: _JSON, at: str, number: int, lost: Lost) -> Part | None:
    at = f"{at}[{number}]"
    name, data = part.get("filename"), part.get("file_data")
    if part.get("detail") not in (None, "auto"):
        lost(f"{at}.detail", "no other vendor has it")
    if part.get("file_id"):
        raise Untranslatable(f"{at}.file_id", _FILE)
    if not data:
        return Document(url=part["file_url"], name=name, at=at)
    file = document(data, name, at)
    if file is None:
        lost(f"{at}.file_data", _BASE64)
    return file


_FILE = "the file is kept by the vendor"
_BASE64 = "it is not known what it is: no data URL in base64"


_PARTS: dict[str, Callable[[_JSON, str, int, Lost], Part | None]] = {
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _document,
}

_UNKNOWN = "it is not known what it means"
_TEXT = frozenset({"type", "text", "prompt_cache_breakpoint", "annotations", "logprobs", "parsed"})
"""With what was told beside it; ``parsed`` is the SDK's own."""
_FIELDS = {
    "input_text": _TEXT,
    "output_text": _TEXT,
    "refusal": frozenset({"type", "refusal"}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail", "prompt_cache_breakpoint"}),
    "input_file": frozenset(
        {"type", "filename", "file_data", "file_id", "file_url", "detail", "prompt_cache_breakpoint"}
    ),
}
"""By the type of a part: the fields that are carried over, or are nothing of what is said."""
