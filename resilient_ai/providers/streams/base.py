"""What an event says, whatever the dialect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sequel import Sequel

__all__ = [
    "ENDS",
    "FAILS",
    "NOTHING",
    "OTHER_SCHEMA",
    "VOID",
    "Grammar",
    "Part",
    "Place",
    "Said",
    "items",
    "members",
]

Place: TypeAlias = tuple[str, int, int]
"""What a part of an answer goes on with: its sort, and the two numbers it has in the dialect: the choice, or the output
and the content inside it. Texts are of the sorts ``text``, ``refusal`` and ``reasoning``."""

OTHER_SCHEMA = (AttributeError, KeyError, TypeError, ValueError, RecursionError)
"""What comes of reading something as what it is not."""


Part: TypeAlias = tuple[Place, str | None]
"""A piece of an answer that a caller can use: what it goes on with, and its text; None for what is no text to be put
together: a tool's arguments, a picture."""


class Said(NamedTuple):
    """What an event says. Only one with parts has content; the others open, close, count or keep awake.

    Attributes:
        parts: what it brings.
        ends: whether the answer is complete with it.
        fails: whether it tells an error.
        void: whether it ends an answer in which nothing can be of use to a caller: an error too, unless something came
            before it.
    """

    parts: tuple[Part, ...] = ()
    ends: bool = False
    fails: bool = False
    void: bool = False


NOTHING = Said()
ENDS = Said(ends=True)
FAILS = Said(ends=True, fails=True)
VOID = Said(ends=True, void=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How the events of one family of a dialect are read.

    Attributes:
        read: (the event's name, its parsed object): what it says. Of an event of another schema it raises
            AttributeError, KeyError, TypeError or ValueError.
        done: data that is no JSON and ends the stream; empty if there is none.
        sequel: how another answer to the same request is cut down to what completes a stream that was cut; None if that
            cannot be: the stream is not text, as far as its request asks for nothing else.
        goes_on: whether words may follow what ends an answer: those of another choice, which has its own end.
        names: the names of its events, where its SDK goes by them: what cannot be read under another name is nothing of
            the answer's. Empty: every event is.
        final: whether nothing of the answer's follows what ends it, and its SDK reads on all the same: what comes there
            is left out, but for comments and an error.
        unended: whether an answer that has begun has no end yet, though another one has; asked at ``done``.
    """

    read: Callable[[bytes, dict[str, Any]], Said]
    done: bytes = b""
    sequel: type[Sequel] | None = None
    goes_on: bool = False
    final: bool = False
    names: frozenset[bytes] = frozenset()
    unended: Callable[[], bool] | None = None


def members(value: Any) -> dict[str, Any]:
    """An object's members; none of what is null.

    Raises:
        TypeError: it is something else.
    """
    if value is None:
        return {}
    if isinstance(value, dict):
        return value  # pyright: ignore[reportUnknownVariableType]  # (a cast is a call, at each event)
    raise TypeError("no object")


def items(value: Any) -> list[Any]:
    """A list's items; none of what is null.

    Raises:
        TypeError: it is something else.
    """
    if value is None:
        return []
    if isinstance(value, list):
        return value  # pyright: ignore[reportUnknownVariableType]
    raise TypeError("no list")
