"""Two answers to one request, joined where the first one broke off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..sse import EventDecoder
from .base import OTHER_SCHEMA
from .sequel import Differs
from .walk import Walk, parsed

if TYPE_CHECKING:
    from .base import Grammar, Part
    from .delivered import Delivered
    from .sequel import Sequel

__all__ = ["MOST_HELD", "Splice"]

MOST_HELD = 1024 * 1024
"""Bytes of new events that are held back until all that was delivered has been compared."""


class Splice(Walk):
    """Takes the events of another answer, and gives those that are new, from where all that was delivered has been
    found again; until then nothing. It never raises.

    Args:
        grammar: of the stream.
        kind: of the dialect.
        delivered: what the reader has; noted further there is what he gets.
        continues: see :class:`Sequel`.

    Attributes:
        differs: why it is another answer; None so far. Nothing is given from there on.
        caught_up: whether all that was delivered has been found again.
    """

    __slots__ = ("_delivered", "_held", "_sequel", "_size", "caught_up", "differs")

    def __init__(
        self, grammar: Grammar, kind: type[Sequel], delivered: Delivered, *, continues: str | None = None
    ) -> None:
        super().__init__(grammar)
        self._delivered = delivered
        self._held: list[tuple[bytes, tuple[Part, ...] | None]] = []
        self._size = 0
        self.differs: str | None = None
        self._sequel = kind(delivered, continues=continues)
        try:
            self._hear()
        except OTHER_SCHEMA:
            self._stop("what was delivered has another schema")
        self.caught_up = self._sequel.caught_up

    def feed(self, chunk: bytes) -> bytes:
        """Take whole events; what of them may be handed on comes back."""
        self._walked(chunk)
        if not self.caught_up or self.stopped:
            return b""
        new, self._held = self._held, []
        self._size = 0
        return b"".join([raw if parts is None else self._delivered.took(raw, parts) for raw, parts in new])

    def end(self) -> bytes:
        """The other answer has ended, or broken off in its turn. Nothing is left to hand on."""
        self._delivered.told = self._sequel.told
        if not self.caught_up and not self.stopped:
            self._stop("it is shorter")
        return b""

    def _hear(self) -> None:
        for raw in self._delivered.silent:
            for event in EventDecoder().feed(raw):
                self._sequel.heard(event.name, parsed(event.data))

    def _bare(self, raw: bytes, *, done: bool) -> bytes:  # noqa: ARG002  # the end of the data is the last one's
        if self.caught_up:
            self._held.append((raw, None))
        return b""

    def _told(self, raw: bytes, name: bytes, fields: dict[str, Any]) -> bytes:  # noqa: ARG002  # it is written anew
        try:
            new = self._sequel.rest(name, fields)
        except Differs as differs:
            return self._stop(str(differs))
        if new:
            self._hold(_written(name, fields), self._grammar.read(name, fields).parts)
        self.caught_up = self._sequel.caught_up
        return b""

    def _wrong(self, raw: bytes, why: str) -> bytes:  # noqa: ARG002  # it is not handed on
        return self._stop(why)

    def _hold(self, raw: bytes, parts: tuple[Part, ...]) -> None:
        self._held.append((raw, parts))
        self._size += len(raw)
        if self._size > MOST_HELD and not self._sequel.caught_up:
            self._stop("too much of it is new before it goes on")

    def _stop(self, why: str) -> bytes:
        self.differs, self.stopped = why, True
        self._held.clear()
        return b""


def _written(name: bytes, fields: dict[str, Any]) -> bytes:
    data = b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"
    return b"event: " + name + b"\n" + data if name else data
