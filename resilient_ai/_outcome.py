"""From an answer or an error to its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ._context import journals
from ._journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._journal import Outcome

__all__ = ["TEXT", "Words", "outcome"]

MARK = "resilient_ai"
TEXT = "resilient_ai_delivered"
_RESPONSES = ("response", "raw_response", "http_response", "sdk_http_response", "response_stream", "_raw_stream")
"""Where SDK objects keep their HTTP response: errors and streams (mistral's: raw), raw responses, the answers of
google-genai (its headers; of a stream's errors, a response in a response), stream helpers (in their stream)."""
_IDS = ("x-request-id", "request-id")
"""The headers with a provider's id for a request."""


class Words:
    """What a stream had delivered before it broke. It is read by whoever asks for it, and goes into no log and no
    pickle."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "<what was delivered>"

    def __deepcopy__(self, memo: object) -> Words:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return Words, ("",)


def outcome(thing: object) -> Outcome:
    """How an answer, or a failure, came about.

    Args:
        thing: an answer (an SDK's parsed object, a raw or streaming response, a stream, an httpx response), or the
            exception that was raised. Parsed objects are known by their request's id, or else by their own, for the
            latest 4,096 answers (2,048 streams); ollama's have neither (use :func:`resilient_ai.record`).

    Raises:
        LookupError: it did not come through a wrapped client, or too long ago.
    """
    journal = _journal(thing)
    if journal is None:
        raise LookupError(
            f"no outcome is known for this {type(thing).__name__}: it did not come through a wrapped client, or "
            "carries nothing to know it by; `with resilient_ai.record() as calls:` tells of every call"
        )
    return replace(journal.outcome(), delivered=_words(thing))


def _journal(thing: Any) -> Journal | None:
    found = _marked(thing, MARK)
    if isinstance(found, Journal):
        return found
    for response in _responses(thing):
        if (found := _journal(response)) is not None:
            return found
    found = _marked(_request(thing), MARK)
    if isinstance(found, Journal):
        return found
    for name in _names(thing):
        if (known := journals.get(name)) is not None:
            return known
    return None


def _words(thing: Any) -> str | None:
    found = _marked(thing, TEXT)
    if isinstance(found, Words):
        return found.text
    return next((text for text in map(_words, _responses(thing)) if text is not None), None)


def _marked(thing: Any, mark: str) -> object:
    extensions = getattr(thing, "extensions", None)
    return extensions.get(mark) if isinstance(extensions, dict) else getattr(thing, mark, None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _responses(thing: Any) -> Iterator[Any]:
    responses = (getattr(thing, name, None) for name in _RESPONSES)
    return (response for response in responses if response is not None)


def _request(thing: Any) -> Any:
    """What was asked: all that an SDK's error has that was told inside a stream."""
    try:
        return getattr(thing, "request", None)
    except RuntimeError:  # httpx, of an error or a response that has none
        return None


def _names(thing: Any) -> Iterator[str]:
    """What the thing may be known by: its request's id, as an attribute or a header, or its own."""
    headers = getattr(thing, "headers", None)
    named: list[object] = [getattr(thing, "_request_id", None)]
    if isinstance(headers, Mapping):
        named += [headers.get(name) for name in _IDS]  # pyright: ignore[reportUnknownMemberType]
    named.append(getattr(thing, "id", None))
    return (name for name in named if isinstance(name, str))
