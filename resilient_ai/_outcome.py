"""From an answer or an error to its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._context import journals
from ._journal import Journal

if TYPE_CHECKING:
    from ._journal import Outcome

__all__ = ["outcome"]

MARK = "resilient_ai"
_RESPONSES = ("response", "http_response", "_raw_stream")
"""Where SDK objects keep their HTTP response: errors and streams, raw responses, stream helpers (in their stream)."""


def outcome(thing: object) -> Outcome:
    """How an answer, or a failure, came about.

    Args:
        thing: an answer (an SDK's parsed object, a raw or streaming response, a stream, an httpx response), or the
            exception that was raised. Parsed objects are known by their request id, for the latest 4,096 answers.

    Raises:
        LookupError: it did not come through a wrapped client, or too long ago.
    """
    journal = _journal(thing)
    if journal is None:
        raise LookupError(
            f"no outcome is known for this {type(thing).__name__}: it did not come through a wrapped client"
        )
    return journal.outcome()


def _journal(thing: Any) -> Journal | None:
    extensions = getattr(thing, "extensions", None)
    found = extensions.get(MARK) if isinstance(extensions, dict) else getattr(thing, MARK, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(found, Journal):
        return found
    for name in _RESPONSES:
        response = getattr(thing, name, None)
        if response is not None and (found := _journal(response)) is not None:
            return found
    request_id = getattr(thing, "_request_id", None)
    return journals.find(request_id) if isinstance(request_id, str) else None
