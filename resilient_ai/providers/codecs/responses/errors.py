"""Errors: Chat's, which are events of a stream by a field more, and answers that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...streams.base import OTHER_SCHEMA, members
from ..chat import errors as _chat

if TYPE_CHECKING:
    from ....failures import FailureKind

__all__ = ["read_error", "write_error"]


def read_error(body: Any) -> str | None:
    """The words of an error body, an error event, or of an answer that failed."""
    try:
        told = _chat.read_error(members(body).get("response"))
    except OTHER_SCHEMA:
        told = None
    return told or _chat.read_error(body)


def write_error(status: int, kind: FailureKind, words: str) -> dict[str, Any]:
    """An error body; in a stream it is an event, by its type, and the SDK raises it, by its error."""
    return {"type": "error", **_chat.write_error(status, kind, words)}
