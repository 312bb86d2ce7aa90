"""The streams of the Gemini dialect: each event is a whole answer with the next parts.

Source: the types of google-genai 3.4. A stream has no terminal event of its own: a candidate's ``finishReason``, or a
prompt's ``blockReason``, ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import ENDS, FAILS, NOTHING, VOID, Grammar, Part, Said, items, members
from .sequel import Sequel

if TYPE_CHECKING:
    from .base import Place
    from .delivered import Delivered

__all__ = ["MALFORMED", "STREAMS"]

MALFORMED = frozenset({"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE"})
"""Reasons to finish that say that the model wrote what nobody can read: another attempt may be better."""

_NO_CONTENT = frozenset({"text", "thought", "thoughtSignature"})


def _generate(_name: bytes, event: dict[str, Any]) -> Said:
    if members(event.get("error") or None):
        return FAILS
    candidates = items(event.get("candidates"))
    found: list[Part] = []
    for number, candidate in enumerate(candidates):
        content = members(candidate.get("content"))
        for part in items(content.get("parts")):
            found += _parts(members(part), candidate.get("index", number))
    reasons = [candidate.get("finishReason") for candidate in candidates]
    if not found and (MALFORMED.issuperset(reasons) if candidates else _blocked(event)):
        return VOID
    return Said(tuple(found), ends=bool(candidates) and all(reasons))


def _blocked(event: dict[str, Any]) -> bool:
    return bool(members(event.get("promptFeedback")).get("blockReason"))


def _parts(part: dict[str, Any], index: int) -> list[Part]:
    text = part.get("text")
    found: list[Part] = []
    if text:
        found.append((_place(part, index), str(text)))
    found += [((name, index, 0), None) for name, value in part.items() if value and name not in _NO_CONTENT]
    return found


def _place(part: dict[str, Any], index: int) -> Place:
    return "reasoning" if part.get("thought") else "text", index, 0


class _Contents(Sequel):
    """Gemini's content. All events of one answer have one id; the model is whose words they are. Usage is left out:
    what the first answer cost is not known."""

    by_choice = True

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        super().__init__(delivered, continues=continues)
        self._frame: dict[str, Any] = {}

    def heard(self, name: bytes, event: dict[str, Any]) -> None:  # noqa: ARG002  # events have no names here
        self._frame = self._frame or {field: event[field] for field in ("responseId",) if field in event}
        for number, candidate in enumerate(items(event.get("candidates"))):
            if candidate.get("finishReason"):
                index = candidate.get("index", number)
                self.mark(("finish", index), candidate["finishReason"])
                self.close(index)

    def rest(self, name: bytes, event: dict[str, Any]) -> bool:  # noqa: ARG002  # events have no names here
        event.update(self._frame)
        event.pop("usageMetadata", None)
        if "candidates" not in event:
            return bool(event.get("promptFeedback"))
        given = enumerate(items(event["candidates"]))
        event["candidates"] = [candidate for number, candidate in given if self._candidate(candidate, number)]
        return bool(event["candidates"])

    def _candidate(self, candidate: dict[str, Any], number: int) -> bool:
        index, was_behind = candidate.get("index", number), not self.caught_up
        candidate["index"] = index  # its place among the others may change
        content = members(candidate.get("content"))
        parts = [members(part) for part in items(content.get("parts"))]
        left = [part for part in parts if self._part(part, index)]
        if "parts" in content:
            content["parts"] = left
        reason = candidate.get("finishReason")
        if reason:
            self.ends(index)
            if not self.repeats(("finish", index), reason):
                return True
            del candidate["finishReason"]
        return any(self._says(part) for part in left) or not (was_behind or len(left) < len(parts))

    def _part(self, part: dict[str, Any], index: int) -> bool:
        """Whether anything is left of it, once it is cut down."""
        if any(value and name not in _NO_CONTENT for name, value in part.items()):
            self.other(index)
        text = part.get("text")
        if not text:
            return self.caught_up
        part["text"] = self.beyond(_place(part, index), text)
        return bool(part["text"])

    def _says(self, part: dict[str, Any]) -> bool:
        return bool(part.get("text")) or any(value and name not in _NO_CONTENT for name, value in part.items())


_OPENS = frozenset({"interaction.created", "interaction.start", "interaction.status_update", "content.start"})


def _interaction(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("event_type") or name.decode()
    if kind == "error":
        return FAILS
    if kind == "interaction.completed":
        return ENDS
    part = (str(kind), 0, 0), None
    return NOTHING if kind in _OPENS else Said((part,))


STREAMS = {
    "generate_content": Grammar(read=_generate, sequel=_Contents, goes_on=True),
    "interactions": Grammar(read=_interaction),
}
"""By endpoint family."""
