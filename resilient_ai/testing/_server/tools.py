"""Which tools a simulated model asks for, and with what: the same decision in every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .replies import Json, as_object, encode
from .text import instance, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ANY", "AUTO", "NONE", "Called", "Offer", "called"]

ANY, AUTO, NONE = "", None, "none of them"


class Offer(NamedTuple):
    """What a request says of its tools.

    tools: the name and the schema of each function. forced: the name of the one that must be called, `ANY` if one must
    be, `NONE` if none may be, `AUTO` if the model is to decide. parallel: whether several may be called at once.
    rounds: how often tools were called in the conversation so far.
    """

    tools: Sequence[tuple[str, Json]]
    forced: str | None
    parallel: bool
    rounds: int


class Called(NamedTuple):
    """A call: what is in its id, the function, its arguments."""

    mark: str
    name: str
    arguments: Json

    @property
    def text(self) -> str:
        """The arguments as JSON."""
        return encode(self.arguments).decode()

    @property
    def pieces(self) -> list[str]:
        """The same as a stream tells them."""
        return pieces(self.text)


def called(offer: Offer, seed: int, tool_rounds: int) -> list[Called]:
    """The calls of this answer: all tools at once if that is allowed, else the first.

    tool_rounds: so often a model that may decide calls tools in one conversation, before it answers.
    """
    if offer.forced == NONE or (offer.forced is AUTO and offer.rounds >= tool_rounds):
        return []
    wanted = [tool for tool in offer.tools if offer.forced in (ANY, AUTO, tool[0])]
    if not offer.parallel:
        wanted = wanted[:1]
    return [
        Called(f"{seed + place:016x}", name, as_object(instance(schema or {"type": "object"}, seed=seed + place)))
        for place, (name, schema) in enumerate(wanted)
    ]
