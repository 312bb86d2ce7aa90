"""Calls that have become slow, whether they have been answered or still wait."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .permit import Permit

__all__ = ["Late"]

LOOKED_AT = 64
"""Calls looked at by each admission, the oldest first."""


class Late:
    """From when each call counts as slow; each does so once. Not locked: its owner is."""

    __slots__ = ("due",)

    def __init__(self) -> None:
        self.due: dict[int, tuple[float, Permit]] = {}

    def ended(self, permit: Permit, now: float) -> bool:
        """It is no longer waited for; returns whether it became slow just now."""
        due = self.due.pop(id(permit), None)
        if due is None or now < due[0]:
            return False
        permit.slow = True
        return True

    def turned(self, now: float, generation: int) -> int:
        """How many of those who wait became slow just now, and were let through in this generation."""
        late = [permit for due, permit in islice(self.due.values(), LOOKED_AT) if due <= now]
        return sum(self.ended(permit, now) and permit.generation == generation for permit in late)
