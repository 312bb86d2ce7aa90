"""A stream that is read as it passes: what of it may be handed on, whether it has begun, ended or failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..sse import Event
from .base import OTHER_SCHEMA
from .walk import Walk, blank, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import Grammar, Part, Said

__all__ = ["Reading", "Unread"]


class Reading(Walk):
    """An event stream, event by event. It never raises: what is wrong with the stream is said in ``fault``.

    Attributes:
        begun: whether an event with content has passed.
        seen: whether the terminal signal has passed, and no words behind it.
        error: the event that tells an error, as it came; None so far. It is not among what is handed on.
        fault: why the stream is no sound one; None so far. Nothing is handed on from there.
        events: how many events have passed.
        stopped: whether nothing is handed on any more: after an error or a fault.
    """

    __slots__ = ("_read", "_took", "begun", "error", "events", "fault", "seen")

    def __init__(self, grammar: Grammar, took: Callable[[bytes, tuple[Part, ...]], bytes] | None = None) -> None:
        super().__init__(grammar)
        self._read = grammar.read
        self._took = took
        self.begun = False
        self.seen = False
        self.error: bytes | None = None
        self.fault: str | None = None
        self.events = 0

    @property
    def satisfied(self) -> bool:
        """Whether the stream may end here."""
        return self.seen

    @property
    def ready(self) -> bool:
        """Whether there is something to hand over, or nothing more to wait for."""
        return self.begun or self.stopped or self.seen

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes; those that may be handed on come back, always whole events."""
        event = None if self.stopped or self.seen or self._decoder.size else plain(chunk)
        if event is None:
            return self._walked(chunk)
        try:
            said = self._read(*event)
        except OTHER_SCHEMA:  # it has to be looked at more closely
            return self._walked(chunk)
        return self._heard(chunk, said)

    def end(self) -> bytes:
        """The bytes have ended; the rest that may be handed on comes back."""
        event = None if self.stopped else self._decoder.end()
        if event is None or (self.seen and not self._grammar.final):
            return b"" if event is None else event.raw
        if not event.data:  # another answer may go on behind it, and half a line is no event
            return b""
        passed = self._step(Event(event.raw + b"\n\n", event.name, event.data))
        if self.fault is not None:  # cut in its middle, it is no malformed one
            self.fault, self.stopped = None, False
        return passed

    def _bare(self, raw: bytes, *, done: bool) -> bytes:
        unended = self._grammar.unended
        if done and not self.seen and unended is not None and unended():
            return self._wrong(raw, "a choice has no end")
        self.events += 1
        self.seen = self.seen or done
        return raw

    def _told(self, raw: bytes, name: bytes, fields: dict[str, Any]) -> bytes:
        if self.seen and not self._grammar.goes_on:
            return raw if not self._grammar.final or self._grammar.read(name, fields).fails else blank(raw)
        return self._heard(raw, self._read(name, fields))

    def _wrong(self, raw: bytes, why: str) -> bytes:
        if self.seen and raw:
            return blank(raw) if self._grammar.final else raw
        self.fault, self.stopped = self.fault or why, True
        return b""

    def _heard(self, raw: bytes, said: Said) -> bytes:
        parts, ends, fails, void = said
        if (fails or (void and not self.begun)) and not self.seen:
            self.error, self.stopped = raw, True
            return b""
        self.events += 1
        if parts:
            self.begun = True
            self.seen = False
        if ends:
            self.seen = True
        return raw if self._took is None else self._took(raw, parts)


class Unread:
    """Stands for a stream we know nothing of: its bytes pass as they come, and it ends when it ends."""

    __slots__ = ()

    stopped = seen = False
    ready = satisfied = True
    error: bytes | None = None
    fault: str | None = None
    events = 0

    def feed(self, chunk: bytes) -> bytes:
        """The same bytes."""
        return chunk

    def end(self) -> bytes:
        """Nothing is left."""
        return b""
