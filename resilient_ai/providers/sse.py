"""Whether an event stream has said that it is complete."""

from __future__ import annotations

__all__ = ["TerminalWatch"]


class TerminalWatch:
    """Looks for a stream's terminal signal in its bytes, in whatever chunks they come."""

    __slots__ = ("_overlap", "_signals", "_tail", "known", "seen")

    def __init__(self, signals: tuple[bytes, ...]) -> None:
        self._signals = signals
        self._overlap = max(map(len, signals), default=1) - 1
        self._tail = b""
        self.known = bool(signals)
        """Whether this stream has a signal at all."""
        self.seen = not signals
        """Whether the signal has come. Always true for a stream of which none is known."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self.seen:
            return
        text = self._tail + chunk
        self.seen = any(signal in text for signal in self._signals)
        self._tail = text[-self._overlap :]
