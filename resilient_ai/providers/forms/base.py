"""What the forms of every dialect have in common. An answer is turned over exactly, or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..streams.base import members

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "EVENTS",
    "PLAIN",
    "USAGE",
    "Form",
    "Inexact",
    "Joined",
    "Told",
    "agree",
    "extend",
    "texts_of",
    "written",
]

PLAIN = "plain"
"""JSON, or whatever else comes at once."""
EVENTS = "events"
"""An event stream."""
USAGE = "events, usage"
"""An event stream that says at its end what it cost, where that has to be asked for (OpenAI's Chat)."""


class Inexact(ValueError):
    """The answer cannot be had in the other form without loss."""


class Told(NamedTuple):
    """An event: its name, which few dialects need, and what it says."""

    name: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the answers of one family of a dialect are turned over.

    Of another schema both raise AttributeError, KeyError, TypeError or ValueError.

    Attributes:
        told: (a plain answer, whether usage is asked for): the events of a stream that says the same.
        read: (the events of a stream): the plain answer that says the same.
        done: what ends the stream and is no JSON; empty if nothing does.
        asks: whether usage stands in a stream only where that is asked for.
    """

    told: Callable[[dict[str, Any], bool], list[Told]]
    read: Callable[[Sequence[Told]], dict[str, Any]]
    done: bytes = b""
    asks: bool = False


_NOTHING: tuple[Any, ...] = (None, "", [], {})


def agree(known: dict[str, Any], name: str, value: Any) -> None:
    """Note a field that is told more than once, and always the same, but for events that leave it empty.

    Raises:
        Inexact: it is told in pieces, or changes.
    """
    if name not in known:
        known[name] = value
    elif known[name] == value or value is None:
        return
    elif known[name] in _NOTHING:
        known[name] = value
    elif value not in _NOTHING:
        raise Inexact(f"{name} is told more than once")


def extend(known: dict[str, Any], name: str, value: Any) -> None:
    """Note lists that are told in pieces: an object of lists, or null (log probabilities).

    Raises:
        Inexact: it is none.
    """
    if value is None:
        known.setdefault(name, None)
        return
    so_far = known[name] = members(known.get(name))
    for field, items in value.items():
        if items is None:
            so_far.setdefault(field, None)
        elif isinstance(items, list):
            so_far[field] = so_far.get(field) or []
            so_far[field] += items  # pyright: ignore[reportUnknownArgumentType]
        else:
            raise Inexact(f"{name} is no list")


class Joined:
    """Texts that are told in pieces, by name; a null is one until there is a piece."""

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        self._pieces: dict[str, list[str] | None] = {}

    def add(self, name: str, piece: Any) -> None:
        """Note a piece.

        Raises:
            Inexact: it is no text.
        """
        if piece is None:
            self._pieces.setdefault(name, None)
        elif not isinstance(piece, str):
            raise Inexact(f"{name} is no text")
        elif (pieces := self._pieces.get(name)) is None:
            self._pieces[name] = [piece]
        else:
            pieces.append(piece)

    def whole(self) -> dict[str, str | None]:
        """Each text."""
        return {name: None if pieces is None else "".join(pieces) for name, pieces in self._pieces.items()}


def texts_of(fields: dict[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Those of the fields that are texts with something in them.

    Raises:
        Inexact: one is something else, and not null.
    """
    found: dict[str, str] = {}
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value:
            found[name] = value
        elif value is not None and value != "":
            raise Inexact(f"{name} is no text")
    return found


def written(events: Sequence[Told], done: bytes) -> bytes:
    """A stream's bytes.

    Raises:
        ValueError: a number is none that JSON has.
    """
    lines: list[bytes] = []
    for name, fields in events:
        if name:
            lines.append(b"event: " + name.encode() + b"\n")
        lines.append(b"data: " + json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n\n")
    if done:
        lines.append(b"data: " + done + b"\n\n")
    return b"".join(lines)
