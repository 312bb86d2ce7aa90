"""Two answers to one request, joined where the first one broke off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..sse import EventDecoder, TooLong
from .base import OTHER_SCHEMA, members
from .sequel import Differs

if TYPE_CHECKING:
    from ..sse import Event
    from .base import Grammar, Part
    from .delivered import Delivered
    from .sequel import Sequel

__all__ = ["MOST_HELD", "Splice"]

MOST_HELD = 1024 * 1024
"""Bytes of new events that are held back until all that was delivered has been compared."""


class Splice:
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

    __slots__ = ("_decoder", "_delivered", "_grammar", "_held", "_sequel", "_size", "caught_up", "differs")

    def __init__(
        self, grammar: Grammar, kind: type[Sequel], delivered: Delivered, *, continues: str | None = None
    ) -> None:
        self._grammar = grammar
        self._delivered = delivered
        self._decoder = EventDecoder()
        self._held: list[tuple[bytes, tuple[Part, ...]]] = []
        self._size = 0
        self.differs: str | None = None
        self._sequel = kind(delivered, continues=continues)
        try:
            self._hear(delivered)
        except OTHER_SCHEMA:
            self._stop("what was delivered has another schema")
        self.caught_up = self._sequel.caught_up

    def feed(self, chunk: bytes) -> bytes:
        """Take whole events; what of them may be handed on comes back."""
        try:
            for event in self._decoder.feed(chunk):
                if self.differs is None:
                    self._take(event)
        except TooLong as error:
            self._stop(str(error))
        if not self.caught_up or self.differs is not None:
            return b""
        new, self._held = self._held, []
        self._size = 0
        return b"".join([self._delivered.took(raw, parts) if raw else raw for raw, parts in new])

    @property
    def stopped(self) -> bool:
        """Whether nothing is given any more."""
        return self.differs is not None

    def end(self) -> bytes:
        """The other answer has ended, or broken off in its turn. Nothing is left to hand on."""
        self._delivered.told = self._sequel.told
        if not self.caught_up and self.differs is None:
            self.differs = "it is shorter"
        return b""

    def _hear(self, delivered: Delivered) -> None:
        for raw in delivered.silent:
            for event in EventDecoder().feed(raw):
                if event.data and not self._is_done(event):
                    self._sequel.heard(event.name, members(json.loads(event.data)))

    def _take(self, event: Event) -> None:
        raw, name, data = event
        if not data or self._is_done(event):
            if self.caught_up:
                self._held.append((raw, ()))
            return
        try:
            fields = members(json.loads(data))
            new = self._sequel.rest(name, fields)
            parts = self._grammar.read(name, fields).parts if new else ()
        except Differs as differs:
            self._stop(str(differs))
        except OTHER_SCHEMA:
            self._stop("an event is malformed")
        else:
            if new:
                self._hold(_written(name, fields), parts)
        self.caught_up = self._sequel.caught_up

    def _hold(self, raw: bytes, parts: tuple[Part, ...]) -> None:
        self._held.append((raw, parts))
        self._size += len(raw)
        if self._size > MOST_HELD and not self._sequel.caught_up:
            self._stop("too much of it is new before it goes on")

    def _stop(self, why: str) -> None:
        self.differs = why
        self._held.clear()

    def _is_done(self, event: Event) -> bool:
        return bool(self._grammar.done) and event.data.startswith(self._grammar.done)


def _written(name: bytes, fields: dict[str, Any]) -> bytes:
    data = b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"
    return b"event: " + name + b"\n" + data if name else data
