"""Whether a stream keeps its pace."""

from __future__ import annotations

__all__ = ["WINDOW", "Pace"]

WINDOW = 10.0
"""Seconds over which a pace is an average: a model may well pause for a breath."""


class Pace:
    """The least pace of one stream, judged window by window.

    Args:
        least: bytes a second.
        now: when the stream begins.
    """

    __slots__ = ("_came", "_least", "_since")

    def __init__(self, least: float, now: float) -> None:
        self._least = least
        self._since = now
        self._came = 0

    def came(self, size: int, now: float) -> None:
        """So many bytes have come. A window that kept its pace is over after its time."""
        self._came += size
        seconds = now - self._since
        if seconds >= WINDOW and self._came >= self._least * seconds:
            self._since, self._came = now, 0

    def until(self) -> float:
        """When more must have come: from then on the average since the window began is too low."""
        return self._since + max(WINDOW, self._came / self._least)
