"""A stream that is read as it passes, and kept: for a cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .base import OTHER_SCHEMA
from .reading import Reading

if TYPE_CHECKING:
    from ..sse import Event
    from .base import Grammar, Part, Said
    from .gist import Gist

__all__ = ["MOST_KEPT", "Recorded"]

MOST_KEPT = 8 * 1024 * 1024
"""Bytes of a stream that are kept at most; a larger one is not. Our choice: a long answer of 100,000 tokens, an event
each, has about as many; and as many callers may read at the same time."""

_Read = Callable[[bytes, dict[str, Any]], "Said"]


def _noting(read: _Read, gist: Gist, noted: dict[str, Any], name: bytes, event: dict[str, Any]) -> Said:
    said = read(name, event)
    try:  # noqa: SIM105 - `suppress` would cost more than what it guards
        gist(noted, event)
    except OTHER_SCHEMA:  # then nothing is known of its end, and it is not kept
        pass
    return said


class Recorded(Reading):
    """Keeps what is handed on, up to the terminal event: what comes behind that, the next reader is not to see.

    Attributes:
        noted: how its answer ended, in the fields of a plain one.
        later: what its cache has left to do when it has ended.
    """

    __slots__ = ("_behind", "_data", "_ended", "_whole", "later", "noted")

    def __init__(
        self,
        grammar: Grammar,
        took: Callable[[bytes, tuple[Part, ...]], bytes] | None = None,
        gist: Gist | None = None,
    ) -> None:
        super().__init__(grammar, took)
        self.noted: dict[str, Any] = {}
        self.later: Callable[[], Awaitable[object]] | None = None
        if gist is not None:
            self._read = partial(_noting, grammar.read, gist, self.noted)
        self._data = bytearray()
        self._whole = True
        self._behind = 0
        self._ended = False

    def take(self) -> bytes | None:
        """The stream as it came; None if it is not complete, is too large, or told an error behind its end.

        A stream in which words may follow an end is complete only when all of it has been read. It is given once.
        """
        sound = self._whole and self.seen and not self.stopped and (self._ended or not self._grammar.goes_on)
        data = bytes(self._data) if sound and self._data else None
        self.forget()
        return data

    def forget(self) -> None:
        """It is of no use to anybody."""
        self._whole = False
        self._data = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; those that may be handed on come back, always whole events."""
        self._behind = 0
        passed = super().feed(chunk)
        self._keep(passed[: len(passed) - self._behind] if self._behind else passed)
        return passed

    def end(self) -> bytes:
        """The bytes have ended; the rest that may be handed on comes back."""
        was_seen = self.seen
        rest = super().end()
        self._ended = True
        if not was_seen:
            self._keep(rest)
        return rest

    def _keep(self, passed: bytes) -> None:
        if not self._whole:
            return
        if len(self._data) + len(passed) > MOST_KEPT:
            self.forget()
        else:
            self._data += passed

    def _step(self, event: Event) -> bytes:
        behind = self.seen and not self._grammar.goes_on
        raw = super()._step(event)
        if behind:
            self._behind += len(raw)
        return raw

    def _wrong(self, raw: bytes, why: str) -> bytes:
        if self._grammar.goes_on:  # behind an end it is passed on all the same
            self.forget()
        return super()._wrong(raw, why)

    def _heard(self, raw: bytes, said: Said) -> bytes:
        if said.fails:
            self.forget()
        return super()._heard(raw, said)
