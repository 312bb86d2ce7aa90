"""Whether an event stream has said that it is complete."""

from __future__ import annotations

__all__ = ["TerminalWatch"]


class TerminalWatch:
    """Looks for a stream's terminal signal in its bytes, in whatever chunks they come."""

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
        if self.seen:
            return
        text = self._tail + chunk
        for signal in self._errors:
            if self.error is None and signal in text:
                self.error = text[text.index(signal) :]
        self.seen = any(signal in text for signal in self._signals)
        self._tail = text[-self._overlap :]
