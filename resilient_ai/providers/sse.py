"""Whether an event stream has said that it is complete."""

from __future__ import annotations

__all__ = ["TerminalWatch"]

_LINE_END = 10


class TerminalWatch:
    """Looks for a stream's terminal signal in its bytes, in whatever chunks they come. No signal holds a line end."""

    __slots__ = ("_errors", "_overlap", "_signals", "_tail", "error", "known", "seen")

    def __init__(self, signals: tuple[bytes, ...], errors: tuple[bytes, ...] = ()) -> None:
        self._signals = signals
        self._errors = errors
        self._overlap = max(map(len, signals + errors), default=1) - 1
        self._tail = b""
        self.known = bool(signals)
        """Whether this stream has a signal at all."""
        self.seen = not signals
        """Whether the signal has come. Always true for a stream of which none is known."""
        self.error: bytes | None = None
        """The first error told inside the stream, from where it begins, as far as it came in one piece."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self.seen or not chunk:
            return
        text = self._tail + chunk if self._tail else chunk
        for signal in self._errors:
            if signal in text and self.error is None:
                self.error = text[text.index(signal) :]
        for signal in self._signals:
            if signal in text:
                self.seen = True
        # What ends with a line, as nearly every chunk does, has no beginning of a signal at its end.
        self._tail = b"" if text[-1] == _LINE_END else text[-self._overlap :]
