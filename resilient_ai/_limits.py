"""What a provider says of its own limits."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "Window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One limit, as far as it was told: None is unknown, nothing is negative.

    Attributes:
        limit: how many there are in the provider's window (a minute, mostly).
        remaining: how many of them are left.
        reset: seconds until all of them are there again. That is the longest wait that could be needed, not the one
            that is: buckets refill all the time.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None

    @property
    def known(self) -> bool:
        """Whether anything was told."""
        return not (self.limit is None and self.remaining is None and self.reset is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an answer says of the limits of its key and model."""

    requests: Window
    tokens: Window
