"""The streams of the Gemini dialect: each event is a whole answer with the next parts.

Source: the types of google-genai 3.4. A stream has no terminal event of its own: a candidate's ``finishReason``, or a
prompt's ``blockReason``, ends it.
"""

from __future__ import annotations

from typing import Any

from .base import ENDS, FAILS, NOTHING, Grammar, Part, Said, items, members

__all__ = ["STREAMS"]

_NO_CONTENT = frozenset({"text", "thought", "thoughtSignature"})


def _generate(_name: bytes, event: dict[str, Any]) -> Said:
    if event.get("error"):
        return FAILS
    candidates = items(event.get("candidates"))
    found: list[Part] = []
    for number, candidate in enumerate(candidates):
        content = members(candidate.get("content"))
        for part in items(content.get("parts")):
            found += _parts(members(part), candidate.get("index", number))
    finished = bool(candidates) and all(candidate.get("finishReason") for candidate in candidates)
    blocked = not candidates and bool(members(event.get("promptFeedback")).get("blockReason"))
    return Said(tuple(found), ends=finished or blocked)


def _parts(part: dict[str, Any], index: int) -> list[Part]:
    text = part.get("text")
    found: list[Part] = []
    if text:
        found.append(Part(("reasoning" if part.get("thought") else "text", index, 0), str(text)))
    found += [Part((name, index, 0), None) for name, value in part.items() if value and name not in _NO_CONTENT]
    return found


_OPENS = frozenset({"interaction.created", "interaction.start", "interaction.status_update", "content.start"})


def _interaction(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("event_type") or name.decode()
    if kind == "error":
        return FAILS
    if kind == "interaction.completed":
        return ENDS
    return NOTHING if kind in _OPENS else Said((Part((str(kind), 0, 0), None),))


STREAMS = {
    "generate_content": Grammar(read=_generate, texts=True, goes_on=True),
    "interactions": Grammar(read=_interaction),
}
"""By endpoint family."""
