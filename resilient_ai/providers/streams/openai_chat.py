"""The streams of OpenAI's Chat and Completions.

Sources: the event types of openai-python 3.54; ``reasoning_content`` and ``reasoning`` are what compatible servers
(DeepSeek, vLLM, OpenRouter) call a model's thoughts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import FAILS, NOTHING, Grammar, Part, Said, items, members
from .sequel import Sequel

if TYPE_CHECKING:
    from .delivered import Delivered

__all__ = ["CHAT", "COMPLETIONS", "FAILED", "UNTERMINATED_CHAT"]

FAILED = ("error", "insufficient_system_resource")
"""Reasons to finish that say of an answer that it is none: Mistral's and OpenRouter's, and DeepSeek's for a system that
ran out of something (their references, autumn 2026)."""

_DELTAS = {"content": "text", "refusal": "refusal", "reasoning_content": "reasoning", "reasoning": "reasoning"}


def _chat(name: bytes, event: dict[str, Any]) -> Said:
    if event.get("error"):  # OpenRouter writes it beside the choices
        return FAILS
    if name == b"error":
        raise ValueError("an error that the SDK does not read")
    found: list[Part] = []
    for choice in items(event.get("choices")):
        if choice.get("finish_reason") in FAILED:
            return FAILS
        delta = choice.get("delta")
        for field, value in members(delta).items() if delta else ():
            if not value or field == "role":
                continue
            sort, index = _DELTAS.get(field), choice.get("index", 0)
            if sort is not None and isinstance(value, str):
                found.append(((sort, index, 0), value))
            else:
                found.append(((field, index, 0), None))
    return Said(tuple(found)) if found else NOTHING


def _finishing(name: bytes, event: dict[str, Any]) -> Said:
    said = _chat(name, event)
    if said.fails:
        return said
    choices = items(event.get("choices"))
    finished = bool(choices) and all(choice.get("finish_reason") for choice in choices)
    return Said(said.parts, ends=True) if finished else said


def _completion(_name: bytes, event: dict[str, Any]) -> Said:
    if event.get("error"):
        return FAILS
    texts = [(choice.get("index", 0), choice.get("text")) for choice in items(event.get("choices"))]
    found = tuple((("text", index, 0), str(text)) for index, text in texts if text)
    return Said(found) if found else NOTHING


class _Choices(Sequel):
    """OpenAI's Chat and Completions. All events of one answer have one id and one time; the model is whose words they
    are. Usage is left out: what the first answer cost is not known."""

    by_choice = True

    def __init__(self, delivered: Delivered, *, continues: str | None = None) -> None:
        super().__init__(delivered, continues=continues)
        self._frame: dict[str, Any] = {}

    def heard(self, name: bytes, event: dict[str, Any]) -> None:  # noqa: ARG002  # events have no names here
        # (Azure's first event, which has the prompt's filter results, has neither.)
        self._frame = self._frame or {field: event[field] for field in ("id", "created") if event.get(field)}
        for choice in items(event.get("choices")):
            index = choice.get("index", 0)
            if "role" in members(choice.get("delta")):
                self.mark(("role", index))
            if choice.get("finish_reason"):
                self.mark(("finish", index), choice["finish_reason"])
                self.close(index)

    def rest(self, name: bytes, event: dict[str, Any]) -> bool:  # noqa: ARG002  # events have no names here
        event.update(self._frame)
        if event.get("usage"):
            event["usage"] = None
        event["choices"] = [choice for choice in items(event.get("choices")) if self._choice(choice)]
        return bool(event["choices"])

    def _choice(self, choice: dict[str, Any]) -> bool:
        index, was_behind = choice.get("index", 0), not self.caught_up
        new, cut = self._words(choice, index)
        if cut and choice.get("logprobs"):  # of tokens that are not all there
            choice["logprobs"] = None
        reason = choice.get("finish_reason")
        if reason:
            self.ends(index)
            if self.repeats(("finish", index), reason):
                choice["finish_reason"] = None
            else:
                new = True
        return new or not (was_behind or cut)

    def _words(self, choice: dict[str, Any], index: int) -> tuple[bool, bool]:
        """Cut down its texts; whether there is anything new, and whether anything was taken away."""
        delta = members(choice.get("delta"))
        new = cut = False
        for name, value in list(delta.items()):
            sort = _DELTAS.get(name)
            if name == "role":
                if self.repeats(("role", index)):
                    cut = True
                    del delta[name]
            elif sort is not None and isinstance(value, str):
                delta[name] = self.beyond((sort, index, 0), value)
                new |= bool(delta[name])
                cut |= delta[name] != value
            elif value:
                self.other(index)
                new = True
        return new, cut


class _Completions(_Choices):
    def _words(self, choice: dict[str, Any], index: int) -> tuple[bool, bool]:
        text = choice.get("text") or ""
        choice["text"] = self.beyond(("text", index, 0), text)
        return bool(choice["text"]), choice["text"] != text


CHAT = Grammar(read=_chat, done=b"[DONE]", sequel=_Choices)
UNTERMINATED_CHAT = Grammar(read=_finishing, done=b"[DONE]", sequel=_Choices, goes_on=True)
"""Of servers that are known to leave the terminal event out: there a finish reason ends the answer."""
COMPLETIONS = Grammar(read=_completion, done=b"[DONE]", sequel=_Completions)
