"""What an error body says, in whichever of the forms in use it says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from .base import items_of
from .headers import MOST_SECONDS, duration, wait_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_WORDS", "Said", "asks_to_wait", "said_by"]

MOST_WORDS = 4000
"""Characters of a message that are looked at."""


class Said(NamedTuple):
    """What an error body says.

    Attributes:
        codes: its codes, types and reasons, the most telling first.
        words: its message.
        status: the HTTP status it names, if it does.
        delay: how long to wait, as Google writes it (``39s``).
    """

    codes: tuple[str, ...]
    words: str
    status: int | None = None
    delay: str | None = None


def asks_to_wait(body: Any) -> float | None:
    """The seconds that an error body asks to wait: Google's ``RetryInfo``, or the words of a message, for servers that
    write no header (Azure's "Please retry after 26 seconds"). None if it asks for nothing."""
    said = said_by(body)
    if said is None:
        return None
    seconds = duration(said.delay[:100]) if said.delay else None
    return min(seconds, MOST_SECONDS) if seconds else wait_in_words(said.words)


Object = dict[str, Any]


def said_by(body: Any) -> Said | None:
    """What an error body says, in whichever of the forms in use; None if it is no error.

    ``{"error": {…}}`` (OpenAI, Anthropic, Gemini, most others; Gemini may put it into a list), ``{"error": "…"}``
    (Ollama, xAI), ``{"object": "error", …}`` (Mistral, vLLM), ``{"message": "…"}`` and ``{"detail": …}`` (FastAPI).
    """
    body = next(iter(items_of(body)), body)
    if not isinstance(body, dict):
        return None
    answer = cast("Object", body)
    error = answer.get("error")
    if isinstance(error, dict):
        return _object(cast("Object", error))
    words = error or answer.get("message") or answer.get("detail")
    if not words and answer.get("type") != "error":
        return None
    return Said(_strings(answer.get("code"), answer.get("type")), _text(words), _status(answer.get("code")))


def _object(error: Object) -> Said:
    details, inner, metadata = error.get("details"), error.get("innererror"), error.get("metadata")
    told = [*_details(details), error.get("code"), error.get("type"), error.get("status")]
    words = _text(error.get("message"))
    if isinstance(inner, dict):
        told.insert(0, cast("Object", inner).get("code"))
    if isinstance(metadata, dict):  # OpenRouter: what the vendor behind it said, or its own moderation's verdict
        told += ["flagged_input"] if "flagged_input" in metadata or "reasons" in metadata else []
        words += " " + _text(cast("Object", metadata).get("raw"))
    return Said(_strings(*told), words, _status(error.get("code")), _delay(details))


def _delay(details: Any) -> str | None:
    """The ``retryDelay`` of a ``google.rpc.RetryInfo``."""
    for detail in items_of(details):
        delay = cast("Object", detail).get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str):
            return delay
    return None


def _details(details: Any) -> Iterator[Any]:
    """Anthropic's error code; Gemini's reasons, and whether a day's quota is used up."""
    if isinstance(details, dict):
        yield cast("Object", details).get("error_code")
    for detail in items_of(details):
        if not isinstance(detail, dict):
            continue
        members = cast("Object", detail)
        yield members.get("reason")
        violations = members.get("violations")
        for violation in items_of(violations):
            if isinstance(violation, dict) and "PerDay" in str(cast("Object", violation).get("quotaId")):
                yield "PerDay"


def _strings(*told: Any) -> tuple[str, ...]:
    return tuple(code for code in told if isinstance(code, str))


def _status(code: Any) -> int | None:
    return code if isinstance(code, int) and not isinstance(code, bool) and 100 <= code <= 599 else None


def _text(words: Any) -> str:
    return words[:MOST_WORDS] if isinstance(words, str) else "" if words is None else str(words)[:MOST_WORDS]
