"""What is read alike in OpenAI's two ways to talk: arguments, files, results of tools, times."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ..canonical import Document, Text, ToolResult, arguments_of
from .base import FAILED

if TYPE_CHECKING:
    from ..canonical import Image

__all__ = ["compact", "data_of", "document", "result", "seconds", "unnamed"]

_LOOSE = re.compile(r"[{\[,:]\s|\s[}\],:]|^\s|\s\Z|\\[u/]").search
"""Space around what JSON is made of, or an escape that may be written otherwise; found in texts too, where it does no
harm."""
_decoded = json.JSONDecoder().decode


def compact(arguments: Any) -> str:
    """A tool's arguments, as JSON without spaces; as they are if they are no JSON. Some hosts give an object."""
    if not isinstance(arguments, str):
        return "{}" if arguments is None else arguments_of(arguments)
    if not arguments or arguments.isspace():
        return "{}"
    suspect = " " in arguments or "\n" in arguments or "\\" in arguments
    if not suspect or _LOOSE(arguments) is None:
        return arguments
    try:
        return arguments_of(_decoded(arguments))
    except (ValueError, RecursionError):
        return arguments


def result(call: str, name: str, parts: list[Text | Image | Document], at: str) -> ToolResult:
    """What a tool said; of one that failed the first words say so."""
    first = parts[0] if parts else None
    if not isinstance(first, Text) or not first.text.startswith(FAILED):
        return ToolResult(call, name, parts, False, at)
    words = first.text[len(FAILED) :]
    return ToolResult(call, name, [*([Text(words)] if words else []), *parts[1:]], True, at)


def data_of(url: str) -> tuple[str, str] | None:
    """The media type and the base64 of a data URL; None if its data is not in base64. (One that names no type is of
    plain text: RFC 2397.)"""
    head, _, data = url.partition(",")
    if not head.endswith(";base64"):
        return None
    kind = head[len("data:") :].partition(";")[0].strip().lower()
    return _REGISTERED.get(kind, kind) or "text/plain", data


_REGISTERED = {"image/jpg": "image/jpeg"}
"""What programs call a type, and OpenAI does not mind; others know the registered name alone."""


def document(given: str, name: str | None, at: str) -> Document | None:
    """A file, from a data URL or its base64 alone; None if it is not known what it is."""
    media_type, data = (data_of(given) or (None, "")) if given.startswith("data:") else (_media_type(name), given)
    if media_type is None:
        return None
    return Document(data, media_type, None, None if name == unnamed(media_type) else name, at)


def _media_type(name: str | None) -> str | None:
    """What a file without a media type is: PDF, unless it is called otherwise."""
    _, dot, ending = (name or "").rpartition(".")
    return _TYPES.get(ending.lower()) if dot else "application/pdf"


def unnamed(media_type: str | None) -> str:
    """The name of a file that has none: OpenAI wants one, and goes by its ending. (Without one it answers that a
    ``file_id`` is missing.)"""
    return "document." + _ENDINGS.get(media_type or "", "pdf")


_ENDINGS = {
    "application/json": "json",
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/markdown": "md",
    "text/plain": "txt",
}
_TYPES = {ending: media_type for media_type, ending in _ENDINGS.items()}


_FAR = 1e11
"""Seconds since 1970 that are a time: some thousand years."""


def seconds(created: Any) -> int | None:
    """When an answer was made, if that is told; some hosts say zero, or count parts of seconds."""
    return int(created) if created and 0 < created < _FAR else None
