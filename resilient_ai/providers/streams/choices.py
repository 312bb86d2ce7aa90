"""An answer of several choices is whole when each of them is: neither SDKs nor ``[DONE]`` tell that one has no end."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .base import Said, items

if TYPE_CHECKING:
    from .base import Grammar

__all__ = ["each_choice"]

_SEVERAL = re.compile(rb'"(?:n|best_of|candidateCount|candidate_count)"\s*:\s*0*(?:[2-9]|1\d)')
_FIELDS = {
    "chat": ("choices", "finish_reason"),
    "completions": ("choices", "finish_reason"),
    "generate_content": ("candidates", "finishReason"),
}
"""By family: where its choices stand, and what ends one."""


def each_choice(grammar: Grammar, family: str, body: bytes | None) -> Grammar:
    """The grammar for one stream that answers ``body``; if that asks for several choices, one that keeps count of them.

    A server that tells of no choice's end leaves that out by custom: then there is nothing to be missed.
    """
    fields = _FIELDS.get(family)
    if fields is None or not body or _SEVERAL.search(body) is None:
        return grammar
    choices = _Choices(grammar, *fields)
    return replace(grammar, read=choices.read, unended=choices.unended)


class _Choices:
    """Which choices have begun, and which have ended."""

    __slots__ = ("_begun", "_ended", "_grammar", "_items", "_reason")

    def __init__(self, grammar: Grammar, items: str, reason: str) -> None:
        self._grammar = grammar
        self._items = items
        self._reason = reason
        self._begun: set[Any] = set()
        self._ended: set[Any] = set()

    def read(self, name: bytes, event: dict[str, Any]) -> Said:
        """What an event says; of the choices, only the last one's end is the answer's."""
        said = self._grammar.read(name, event)
        for number, choice in enumerate(items(event.get(self._items))):
            index = choice.get("index", number)
            (self._ended if choice.get(self._reason) else self._begun).add(index)
        return Said(said.parts) if said.ends and self.unended() and not said.fails else said

    def unended(self) -> bool:
        """Whether a choice has begun and not ended, though another one has."""
        return bool(self._ended) and not self._begun <= self._ended
