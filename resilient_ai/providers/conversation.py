"""How a conversation begins, as each family has it: what stays the same in every request that goes on with it."""

from __future__ import annotations

from typing import Any

from .base import items_of

__all__ = ["beginning"]

_SHAPES: dict[str, tuple[str, str, str]] = {
    "chat": ("", "messages", "assistant"),
    "messages": ("system", "messages", "assistant"),
    "responses": ("instructions", "input", "assistant"),
    "generate_content": ("systemInstruction", "contents", "model"),
}
"""By family: where its system message stands, if apart; where its turns do; the role of whoever answers."""

_ANSWERED = frozenset({"function_call", "reasoning"})
"""Items of Responses that an answer is made of, and that have no role."""


def beginning(family: str, body: dict[str, Any]) -> tuple[list[str], bool] | None:
    """The words up to the first that a user says, and whether there is an answer in the conversation; None if nobody
    says any. Of another schema it raises AttributeError, KeyError, TypeError or ValueError."""
    shape = _SHAPES.get(family)
    if shape is None:
        return None
    system, turns, answers = shape
    given = body.get(turns)
    if isinstance(given, str):
        return [*_words(body.get(system)), given], False
    words, goes_on, asked = _words(body.get(system)), False, False
    for turn in items_of(given):
        role = turn.get("role")
        if role == answers or turn.get("type") in _ANSWERED:
            goes_on = True
            break
        if not asked:
            words += _words(turn)
            asked = role in ("user", None)
    return (words, goes_on) if asked else None


def _words(given: Any) -> list[str]:
    """Every text in something, in its order."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return [word for item in items_of(given) for word in _words(item)]
    if not isinstance(given, dict):
        return []
    inside: dict[str, Any] = given  # pyright: ignore[reportUnknownVariableType]
    return [word for name in ("text", "content", "parts") for word in _words(inside.get(name))]
