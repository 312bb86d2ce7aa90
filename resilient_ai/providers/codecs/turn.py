"""A stream that is turned into another dialect while it passes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ...failures import FailureKind
from ..canonical import Closed, Failed, Finished
from ..sse import Event
from ..streams.base import OTHER_SCHEMA
from ..streams.walk import Walk, plain
from .base import Untranslatable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..canonical import Delta
    from ..streams.base import Grammar
    from ..streams.reading import Reading
    from .base import Asked
    from .table import Pair

__all__ = ["STATUSES", "StreamTurn", "Turned"]

STATUSES = {
    FailureKind.RATE_LIMITED: 429,
    FailureKind.QUOTA: 429,
    FailureKind.OVERLOADED: 503,
    FailureKind.AUTH: 401,
    FailureKind.GONE: 404,
    FailureKind.CALLER: 400,
    FailureKind.TOO_LONG: 400,
    FailureKind.REFUSED: 400,
}
"""The number that dialects which have one in an error's own words give each kind; 500 for any other. (It is no HTTP
status: that of a stream has been 200 before.)"""

_NAMED = frozenset({("anthropic", "messages"), ("openai", "responses")})
"""Whose errors in a stream are events called ``error``; of the others they are data."""


class StreamTurn(Walk):
    """Takes one answer's bytes as its vendor's dialect has them, and gives them as the caller's has them. It never
    raises.

    Args:
        pair: the caller's codec, and the vendor's.
        grammar: of the vendor's stream.
        asked: the caller's request.
        told: (an event in which the vendor tells an error): its kind.
        unended: whether the vendor leaves out the signal that ends a stream of its dialect.

    Attributes:
        fault: why the stream is no sound one, or why it cannot be told in the other dialect; None so far. Nothing is
            given from there on.
        kind: of the error that the vendor told; None so far.
    """

    __slots__ = ("_closed", "_finished", "_judge", "_pair", "_reader", "_unended", "_writer", "fault", "kind")

    def __init__(
        self,
        pair: Pair,
        grammar: Grammar,
        asked: Asked,
        told: Callable[[bytes], FailureKind],
        *,
        unended: bool = False,
    ) -> None:
        super().__init__(grammar)
        self._pair = pair
        self._judge = told
        self._unended = unended
        self._reader = pair.theirs.reader()
        self._writer = pair.ours.writer(asked)
        self._finished = self._closed = False
        self.fault: str | None = None
        self.kind: FailureKind | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes, in any pieces; what they say comes back, as whole events."""
        event = None if self.stopped or self._decoder.size else plain(chunk)
        if event is not None:
            try:
                return self._told(chunk, *event)
            except OTHER_SCHEMA:
                pass  # it is looked at again, and told what is wrong with it
        return self._walked(chunk)

    def end(self) -> bytes:
        """The bytes have ended: what the last of them say."""
        event = None if self.stopped else self._decoder.end()
        said = b""
        if event is not None and event.data:
            said = self._step(Event(event.raw + b"\n\n", event.name, event.data))
            if self.fault is not None:  # cut in its middle, it is no malformed one
                self.fault, self.stopped = None, False
        if self._unended and self._finished and not self._closed and not self.stopped:
            said += self._writer.write(Closed())
        return said

    def told_in_stream(self, error: bytes) -> FailureKind:  # noqa: ARG002  # a dialect would read the caller's words
        """The kind of the error that the vendor told, as its own dialect has it."""
        return self.kind or FailureKind.TRANSIENT

    def _bare(self, raw: bytes, *, done: bool) -> bytes:  # noqa: ARG002  # a comment is nobody else's
        return self._said(self._reader.done()) if done and not self._closed else b""

    def _told(self, raw: bytes, name: bytes, fields: dict[str, Any]) -> bytes:
        if self._closed:
            return b""
        try:
            return self._said(self._reader.read(name, fields), raw)
        except Untranslatable as error:
            return self._wrong(raw, f"an event cannot be told in the caller's dialect: {error}")

    def _said(self, deltas: list[Delta], raw: bytes = b"") -> bytes:
        said = b""
        for delta in deltas:
            if isinstance(delta, Failed):
                return said + self._failed(raw, delta)
            said += self._writer.write(delta)
            if isinstance(delta, Finished):
                self._finished = True
            elif isinstance(delta, Closed):
                self._closed = True
                break
        return said

    def _failed(self, raw: bytes, failed: Failed) -> bytes:
        """The error, in the words of the vendor and the form of the caller."""
        ours, theirs = self._pair
        self.kind = kind = self._judge(raw)
        words = theirs.read_error(failed.event) or kind.value
        body = json.dumps(ours.write_error(STATUSES.get(kind, 500), kind, words), separators=(",", ":")).encode()
        self.stopped = True
        name = b"event: error\n" if (ours.dialect, ours.family) in _NAMED else b""
        return b"%sdata: %s\n\n" % (name, body)

    def _wrong(self, raw: bytes, why: str) -> bytes:  # noqa: ARG002  # what cannot be read is not told
        if not self._closed:
            self.fault, self.stopped = self.fault or why, True
        return b""


class Turned:
    """Stands for the reading of a stream whose bytes come in another dialect: what is read, and handed on, is the
    caller's. (It has the same face as :class:`~resilient_ai.providers.streams.reading.Reading`.)"""

    __slots__ = ("_reading", "_turn")

    def __init__(self, turn: StreamTurn, reading: Reading) -> None:
        self._turn = turn
        self._reading = reading

    def feed(self, chunk: bytes) -> bytes:
        """Take the vendor's next bytes; those of the caller's stream that may be handed on come back."""
        turned = self._turn.feed(chunk)
        passed = self._reading.feed(turned) if turned else b""
        self._look()
        return passed

    def end(self) -> bytes:
        """The bytes have ended; the rest that may be handed on comes back."""
        rest = self._turn.end()
        passed = self._reading.feed(rest) if rest else b""
        self._look()
        return passed + self._reading.end()

    def _look(self) -> None:
        reading, fault = self._reading, self._turn.fault
        if fault is not None and not reading.stopped and not reading.seen:
            reading.fault, reading.stopped = fault, True

    @property
    def begun(self) -> bool:
        """Whether content has been handed on."""
        return self._reading.begun

    @property
    def seen(self) -> bool:
        """Whether the terminal signal has been."""
        return self._reading.seen

    @property
    def error(self) -> bytes | None:
        """The event that tells an error."""
        return self._reading.error

    @property
    def fault(self) -> str | None:
        """Why the stream is no sound one."""
        return self._reading.fault

    @property
    def events(self) -> int:
        """How many events have been handed on."""
        return self._reading.events

    @property
    def stopped(self) -> bool:
        """Whether nothing is handed on any more."""
        return self._reading.stopped

    @property
    def satisfied(self) -> bool:
        """Whether the stream may end here."""
        return self._reading.satisfied

    @property
    def ready(self) -> bool:
        """Whether there is something to hand over, or nothing more to wait for."""
        return self._reading.ready
