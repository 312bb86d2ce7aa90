"""Whether an event stream has said that it is complete, or told an error.

A signal counts where the API says it and nowhere else: at the beginning of a line, or as a member of an event's object
that stands where the API puts it. A text, a tool's arguments or metadata may hold the very same words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Signal", "TerminalWatch", "Told", "member"]

MOST_PARSED = 1024 * 1024
"""Bytes of a line that are parsed at most, and kept while it is unfinished. (Lines that end a stream have some hundred;
an image has more.) Of a longer one it counts that the word of a terminal signal is in it."""
MOST_TOLD = 64 * 1024
"""Bytes of an error that are kept; its kind is read off no more."""

_LINE_END = 10
_DATA = b"data:"


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """A signal that an event's object holds, wherever its members stand in the line.

    Attributes:
        word: what a line with the signal has in it; only such lines are parsed.
        says: (the event's object): whether it is the signal.
    """

    word: bytes
    says: Callable[[dict[str, Any]], bool]


Signal: TypeAlias = bytes | Told
"""The beginning of a line, or what an event's object holds. It has no line end in it."""


def member(name: str, value: str) -> tuple[Signal, ...]:
    """The signal that an event's object has a member with this value at its top level. Where it is the first one, which
    is how most vendors write it, nothing is parsed."""

    def says(event: dict[str, Any]) -> bool:
        return event.get(name) == value

    words = [b'"%b":%b"%b"' % (name.encode(), gap, value.encode()) for gap in (b"", b" ")]
    return (*(b"data: {" + word for word in words), *(Told(word, says) for word in words))


class _Side(NamedTuple):
    """Signals, by how they are looked for."""

    begins: tuple[bytes, ...]
    told: tuple[Told, ...]

    def is_in(self, line: bytes, *, doubtful: bool) -> bool:
        """Whether a line is one of the signals; ``doubtful``: what to say of one with its word that is no JSON."""
        if line.startswith(self.begins):
            return True
        named = [signal for signal in self.told if signal.word in line] if line.startswith(_DATA) else []
        if not named:
            return False
        if len(line) > MOST_PARSED:
            return doubtful
        try:
            event: Any = json.loads(line[len(_DATA) :])
        except (ValueError, RecursionError):  # malformed, or an object over several lines
            return doubtful
        return isinstance(event, dict) and any(signal.says(cast("dict[str, Any]", event)) for signal in named)


@lru_cache(maxsize=64)
def _sides(signals: tuple[Signal, ...], errors: tuple[Signal, ...]) -> tuple[tuple[bytes, ...], int, _Side, _Side]:
    """The words to look for, the bytes that may be the beginning of one, and both sides."""
    words = {signal.word if isinstance(signal, Told) else signal for signal in signals + errors}
    fewest = tuple(sorted(word for word in words if not any(other != word and other in word for other in words)))
    ends, told = (
        _Side(
            tuple(signal for signal in side if isinstance(signal, bytes)),
            tuple(signal for signal in side if isinstance(signal, Told)),
        )
        for side in (signals, errors)
    )
    return fewest, max(map(len, words), default=1) - 1, ends, told


class TerminalWatch:
    """Looks for a stream's signals in its bytes, in whatever chunks they come: its verdict is the same for all."""

    __slots__ = (
        "_alert",
        "_ends",
        "_errors",
        "_line",
        "_over",
        "_overlap",
        "_seen",
        "_size",
        "_tail",
        "_telling",
        "_told",
        "_words",
        "known",
    )

    def __init__(self, signals: tuple[Signal, ...], errors: tuple[Signal, ...] = ()) -> None:
        self._words, self._overlap, self._ends, self._errors = _sides(signals, errors)
        self._line: list[bytes] = []
        """The pieces of the unfinished line."""
        self._size = 0
        self._tail = b""
        """The last bytes of the unfinished line: a word may begin there."""
        self._alert = False
        """Whether what comes next has to be read, since the unfinished line, or an error's event, goes on in it."""
        self._told: bytes | None = None
        self._telling = False
        """Whether the event that tells the error goes on."""
        self._seen = self._over = not signals
        self.known = bool(signals)
        """Whether this stream has a signal at all."""

    @property
    def seen(self) -> bool:
        """Whether the signal has come. Always true for a stream of which none is known."""
        return self._seen or self._ends.is_in(self._unfinished(), doubtful=False)

    @property
    def error(self) -> bytes | None:
        """The first error told inside the stream, from its line to the end of its event, as far as it has come."""
        line = self._unfinished()
        if self._told is None:
            return line[:MOST_TOLD] if self._errors.is_in(line, doubtful=False) else None
        return _joined(self._told, line) if self._telling else self._told

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self._over or not chunk:
            return
        if self._alert:
            self._read(chunk)
            return
        text = self._tail + chunk if self._tail else chunk
        for word in self._words:
            if word in text:
                self._read(chunk)
                return
        # What ends with a line, as nearly every chunk does, leaves nothing behind.
        if text[-1] != _LINE_END:
            self._keep(chunk)
        elif self._tail:
            self._forget()

    def _keep(self, chunk: bytes) -> None:
        """Keep the line that a chunk without a signal leaves unfinished. (A carriage return at its end may be half of
        a line end.)"""
        start = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, -1)) + 1
        if start or self._tail.endswith(b"\r"):
            self._forget()
        self._add(chunk[start:])

    def _read(self, chunk: bytes) -> None:
        """Read line by line, since there may be a signal."""
        if self._alert and b"\n" not in chunk and b"\r" not in chunk and not self._tail.endswith(b"\r"):
            self._add(chunk)
            return
        text = b"".join((*self._line, chunk))
        lines = text.splitlines(keepends=True)
        rest = b"" if text[-1] == _LINE_END else lines.pop()
        self._forget()
        for line in lines:
            self._take(line.rstrip(b"\r\n"))
            if self._over:
                return
        if rest:
            self._add(rest)
        self._alert = self._telling or any(word in rest for word in self._words)

    def _take(self, line: bytes) -> None:
        """A finished line."""
        if self._telling:
            self._told, self._telling = _joined(self._told, line), bool(line)
        elif self._told is None and self._errors.is_in(line, doubtful=False):
            self._told, self._telling = line[:MOST_TOLD], True
        self._seen = self._seen or self._ends.is_in(line, doubtful=True)
        self._over = self._seen and not self._telling

    def _add(self, piece: bytes) -> None:
        self._line.append(piece)
        self._size += len(piece)
        self._tail = (self._tail + piece[-self._overlap :])[-self._overlap :]
        if self._size > MOST_PARSED + 1:  # a carriage return at its end is none of the line's
            self._shorten()

    def _shorten(self) -> None:
        """Of a line that is too long to be parsed, keep its beginning and the words in it, as what is no JSON."""
        line = b"".join(self._line)
        words = [word for word in self._words if word in line]
        self._line = [b"\0".join((line[:MOST_TOLD], *words, self._tail))]
        self._size = len(self._line[0])

    def _forget(self) -> None:
        self._line.clear()
        self._size = 0
        self._tail = b""

    def _unfinished(self) -> bytes:
        return b"".join(self._line).rstrip(b"\r")


def _joined(told: bytes | None, line: bytes) -> bytes:
    return b"\n".join((told or b"", line))[:MOST_TOLD] if line else told or b""
