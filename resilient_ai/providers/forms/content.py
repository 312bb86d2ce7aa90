"""Gemini's content: each event of a stream is a whole answer with the next parts, and so a plain answer is a stream of
one.

Source: the types of google-genai 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import Form, Inexact, Told, agree

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CONTENT"]

_TEXT = ({"text"}, {"text", "thought"})
"""The fields of a part that goes on with the one before."""


def _told(answer: dict[str, Any], usage: bool) -> list[Told]:  # noqa: ARG001  # it is always told
    candidates: list[dict[str, Any]] = answer["candidates"]
    if not (candidates and all(candidate.get("finishReason") for candidate in candidates)):
        raise Inexact("a candidate has no end")
    return [Told("", answer)]


class _Candidate:
    """A candidate that is put together."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] | None = None
        self._pieces: list[str] = []

    def took(self, candidate: dict[str, Any]) -> None:
        for name, value in candidate.items():
            if name == "tokenCount":
                self._fields[name] = value  # of the whole so far
            elif name != "content":
                agree(self._fields, name, value)
            elif value is not None:
                self._took(value)

    def _took(self, content: dict[str, Any]) -> None:
        for name, value in content.items():
            if name != "parts":
                agree(self._content, name, value)
            elif value is not None:
                self._parts = self._parts or []
                for part in value:
                    self._part(self._parts, part)

    def _part(self, parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
        last = parts[-1] if parts else {}
        plain = part.keys() in _TEXT and last.keys() == part.keys() and part.get("thought") == last.get("thought")
        if plain and isinstance(part["text"], str):
            self._pieces.append(part["text"])
            return
        self._join()
        parts.append({**part})
        self._pieces = [part["text"]] if isinstance(part.get("text"), str) else []

    def _join(self) -> None:
        if self._parts and self._pieces:
            self._parts[-1]["text"] = "".join(self._pieces)

    def whole(self) -> dict[str, Any]:
        self._join()
        if not self._fields.get("finishReason"):
            raise Inexact("a candidate has no end")
        content = {name: value for name, value in self._content.items() if value is not None}
        if self._parts is not None:
            content = {"parts": self._parts, **content}
        return {"content": content, **self._fields} if content else self._fields


def _read(events: Sequence[Told]) -> dict[str, Any]:
    if len(events) == 1:
        return events[0].fields
    answer: dict[str, Any] = {}
    candidates: dict[int, _Candidate] = {}
    for _, event in events:
        for name, value in event.items():
            if name == "usageMetadata":
                answer[name] = value or answer.get(name)  # of the whole so far
            elif name != "candidates":
                agree(answer, name, value)
        for number, candidate in enumerate(event.get("candidates") or ()):
            candidates.setdefault(candidate.get("index", number), _Candidate()).took(candidate)
    if not candidates or sorted(candidates) != list(range(len(candidates))):
        raise Inexact("a candidate is missing")
    return {"candidates": [candidates[number].whole() for number in range(len(candidates))], **answer}


CONTENT = Form(told=_told, read=_read)
