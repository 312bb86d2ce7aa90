"""Every dialect whose answers can be turned over, and how that is done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from ..sse import EventDecoder, TooLong
from ..streams.walk import parsed
from .base import EVENTS, PLAIN, USAGE, Form, Inexact, Told, written
from .chat import CHAT, COMPLETIONS
from .content import CONTENT
from .messages import MESSAGES
from .responses import RESPONSES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMS", "MOST_TURNED", "read", "turned"]

FORMS: Mapping[tuple[str, str], Form] = {
    ("openai", "chat"): CHAT,
    ("openai", "completions"): COMPLETIONS,
    ("openai", "responses"): RESPONSES,
    ("anthropic", "messages"): MESSAGES,
    ("gemini", "generate_content"): CONTENT,
}
"""By dialect and endpoint family."""

MOST_TURNED = 1024 * 1024
"""Bytes of an answer that is turned over. Our choice: a stream of so many bytes takes 60 ms, for which an event loop
stands still."""

_OTHER_SCHEMA = (AttributeError, LookupError, TypeError, ValueError, RecursionError, TooLong)


def turned(body: bytes, had: str, asked: str, dialect: str, family: str) -> bytes | None:
    """An answer's body in another form; None if it would not say exactly the same there.

    Args:
        body: the whole answer.
        had: the form it has: ``PLAIN``, ``EVENTS`` or ``USAGE``.
        asked: the form it is wanted in.
        dialect: its own.
        family: its endpoint's.
    """
    form = FORMS.get((dialect, family))
    if form is None or len(body) > MOST_TURNED or asked not in (PLAIN, EVENTS, USAGE):
        return None
    try:
        answer = read(form, body, had)
        if asked == PLAIN:
            _must_cost(form, answer)
            return _json(answer)
        return _stream(form, answer, usage=asked == USAGE or not form.asks)
    except _OTHER_SCHEMA:
        return None


def read(form: Form, body: bytes, had: str) -> dict[str, Any]:
    """The plain answer that a body is, or says.

    Raises:
        AttributeError, LookupError, TypeError, ValueError, RecursionError, TooLong: it has another schema, or says
            what a plain answer cannot.
    """
    if had == PLAIN:
        return _object(json.loads(body))
    return form.read(_events(form, body))


def _events(form: Form, body: bytes) -> list[Told]:
    decoder = EventDecoder()
    events = decoder.feed(body)
    if (last := decoder.end()) is not None:
        events.append(last)
    told: list[Told] = []
    for event in events:
        if form.done and event.data.startswith(form.done):
            break
        if event.data:
            told.append(Told(event.name.decode(), parsed(event.data)))
    return told


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    raise Inexact("no object")


def _must_cost(form: Form, answer: dict[str, Any]) -> None:
    """A plain answer says what it cost, and programs count on it."""
    if form.asks and not answer.get("usage"):
        raise Inexact("the stream was not asked for its usage")


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _stream(form: Form, answer: dict[str, Any], *, usage: bool) -> bytes:
    """The answer as a stream.

    Raises:
        Inexact: who reads it would put together another one.
    """
    events = form.told(answer, usage)
    if _without(form.read(events), usage=usage) != _without(answer, usage=usage):
        raise Inexact("it has fields of which no stream tells")
    return written(events, form.done)


def _without(answer: dict[str, Any], *, usage: bool) -> dict[str, Any]:
    return answer if usage else {name: value for name, value in answer.items() if name != "usage"}
