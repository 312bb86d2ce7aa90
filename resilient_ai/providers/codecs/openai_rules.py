"""What OpenAI takes, whichever of its two ways to talk is used: names, strict schemas, JSON mode.

What it would answer with 400 is lost before it is sent, so that the caller is told in terms of the caller's request.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..canonical import Text
from ..streams.base import items, members

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..canonical import Message, Request
    from .base import Lost

__all__ = [
    "NAME_WANTED",
    "PICTURES",
    "PICTURES_WANTED",
    "ROOT_WANTED",
    "STRICT_WANTED",
    "WORD_WANTED",
    "conversation",
    "is_name",
    "is_strict",
    "proper_name",
    "says_json",
]

_JSON = dict[str, Any]
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]")
NAME_WANTED = "OpenAI's names are up to 64 letters, digits, _ and -"
STRICT_WANTED = "OpenAI's strict schemas require every property, allow no others, and have only anyOf to choose"
ROOT_WANTED = "OpenAI wants an object at the root of a schema"
WORD_WANTED = "OpenAI answers in JSON without a schema only where the request says JSON"
PICTURES = frozenset({"image/png", "image/jpeg", "image/jpg", "image/webp", "image/gif"})
PICTURES_WANTED = "OpenAI takes pictures as PNG, JPEG, WebP or GIF, or by an address on the web"


def conversation(request: Request, lost: Lost) -> list[Message]:
    """What was said so far. Words that the answer is to go on with are lost: OpenAI's models answer behind them."""
    begun = request.begun()
    if begun is None:
        return request.messages
    lost(begun.at or request.path("messages"), "OpenAI's models answer the assistant's last words: they do not go on")
    return request.messages[:-1]


def is_name(name: str) -> bool:
    """Whether a tool may be called so."""
    return _NAME.fullmatch(name) is not None


def proper_name(name: str) -> str:
    """A name that nobody will call, as OpenAI takes it: of a schema, or of a tool that was there earlier."""
    return name if is_name(name) else _OTHERS.sub("_", name)[:64] or "_"


def says_json(messages: Iterable[Message]) -> bool:
    """Whether the word is in the conversation, without which there is no JSON mode."""
    return any(isinstance(part, Text) and "json" in part.text.lower() for message in messages for part in message.parts)


_DEEPEST = 20
"""Schemas within schemas that are looked at; strict mode takes ten."""


def is_strict(schema: Any, depth: int = 0) -> bool:
    """Whether all objects of a schema are as strict mode wants them."""
    if not isinstance(schema, dict):
        return True
    if depth > _DEEPEST:
        return False
    node: _JSON = schema  # pyright: ignore[reportUnknownVariableType]
    if node.keys().isdisjoint(_LOOKED_AT) and node.get("type") != "object":
        return True
    if not node.keys().isdisjoint(_LOOSE):
        return False
    properties = members(node.get("properties"))
    if node.get("type") == "object" or properties:
        required = items(node.get("required"))
        if node.get("additionalProperties") is not False or any(name not in required for name in properties):
            return False
    inner = [*properties.values(), node.get("items"), *items(node.get("anyOf"))]
    inner += [*members(node.get("$defs")).values(), *members(node.get("definitions")).values()]
    return all(is_strict(one, depth + 1) for one in inner)


_LOOSE = frozenset(
    {
        "allOf",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "oneOf",
        "patternProperties",
        "then",
    }
)
"""Keywords that strict mode does not take."""
_LOOKED_AT = _LOOSE | {"properties", "items", "anyOf", "$defs", "definitions"}
