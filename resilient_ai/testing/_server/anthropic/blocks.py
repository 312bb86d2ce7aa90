"""Anthropic's checks of the blocks in a message. Pure.

The fields are those of anthropic 2.12 (its parameter classes).
"""

from __future__ import annotations

import re
from typing import Any, Final

from ..replies import Json, Refusal, as_list, as_object
from ..turns import NAME

__all__ = ["BLOCKS", "check_block"]

BLOCKS: Final = {
    "user": {
        *("text", "image", "document", "search_result", "tool_result", "container_upload"),
        *("web_search_tool_result", "web_fetch_tool_result"),
    },
    "assistant": {
        *("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "search_result", "document"),
        *("web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
        *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result"),
        *("mcp_tool_use", "mcp_tool_result", "container_upload"),
    },
    "system": {"text"},
}
_FIELDS: Final = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control", "transformations"}),
    "document": frozenset({"type", "source", "cache_control", "citations", "context", "title"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control", "caller", "toolset_name"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
}
_SOURCES: Final = {
    "base64": ("media_type", "data"),
    "url": ("url",),
    "text": ("media_type", "data"),
    "content": ("content",),
    "file": ("file_id",),
}
"""What each sort of source has."""
_PICTURES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_WANTED: Final = {
    "text": "text",
    "image": "source",
    "document": "source",
    "tool_use": "input",
    "tool_result": "tool_use_id",
    "thinking": "signature",
}
"""The field without which a block is none."""


def check_block(where: str, given: Any, role: str, version: str) -> Json:
    """A block that stands in a message of this role; else Refusal."""
    block = as_object(given)
    kind: Any = block.get("type")
    if not isinstance(kind, str) or kind not in BLOCKS[role]:
        raise Refusal(400, f"{where}: Input tag {kind!r} found using 'type' does not match any of the expected tags")
    if (wanted := _WANTED.get(kind)) and wanted not in block:
        raise Refusal(400, f"{where}.{kind}.{wanted}: Field required")
    if kind == "text" and not isinstance(block["text"], str):
        raise Refusal(400, f"{where}.text.text: Input should be a valid string")
    if kind == "text" and not block["text"]:
        raise Refusal(400, "messages: text content blocks must be non-empty")
    _check_block(f"{where}.{kind}", kind, block)
    if version == "2026-10-21":
        if kind == "document" and role == "assistant":
            raise Refusal(400, f"{where}: `document` blocks are not permitted in assistant turns")
        if kind == "text" and role == "user" and block.get("citations"):
            raise Refusal(400, f"{where}.text.citations: Extra inputs are not permitted")
    return block


def _check_block(where: str, kind: str, block: Json) -> None:
    for name in block:
        if kind in _FIELDS and name not in _FIELDS[kind]:
            raise Refusal(400, f"{where}.{name}: Extra inputs are not permitted")
    if kind == "tool_use":
        if not isinstance(block["input"], dict):
            raise Refusal(400, f"{where}.input: Input should be a valid dictionary")
        if not _ID.fullmatch(str(block.get("id", ""))):
            raise Refusal(400, f"{where}.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        if not NAME.fullmatch(str(block.get("name", ""))):
            raise Refusal(400, f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    elif kind == "tool_result":
        content = block.get("content")
        for place, inner in enumerate(as_list(content)):
            if as_object(inner).get("type") not in ("text", "image", "document", "search_result", "tool_reference"):
                raise Refusal(400, f"{where}.content.{place}: Input tag does not match any of the expected tags")
    elif kind in ("image", "document"):
        _check_source(where, kind, as_object(block["source"]))


def _check_source(where: str, kind: str, source: Json) -> None:
    sort = str(source.get("type"))
    if sort not in _SOURCES or (kind == "image" and sort in ("text", "content")):
        raise Refusal(400, f"{where}.source: Input tag {sort!r} found using 'type' does not match any expected tag")
    for name in _SOURCES[sort]:
        if name not in source:
            raise Refusal(400, f"{where}.source.{sort}.{name}: Field required")
    for name in source:
        if name != "type" and name not in _SOURCES[sort]:
            raise Refusal(400, f"{where}.source.{sort}.{name}: Extra inputs are not permitted")
    if kind == "image" and sort == "base64" and source["media_type"] not in _PICTURES:
        raise Refusal(400, f"{where}.source.base64.media_type: Input should be one of {', '.join(_PICTURES)}")
    if kind == "document" and sort == "base64" and source["media_type"] != "application/pdf":
        raise Refusal(400, f"{where}.source.base64.media_type: Input should be 'application/pdf'")
