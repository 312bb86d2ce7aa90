"""A rolling count of successes and failures."""

from __future__ import annotations

BUCKETS = 10
"""Old evidence leaves in tenths of the window: exact enough, and a record costs the same at any rate of calls."""


class Window:
    """Counts over the last `seconds`: the bucket being filled and the nine before it.

    Not locked: its owner is. Time must not go backwards.
    """

    __slots__ = ("_all", "_bad", "_slot", "_width", "failures", "total")

    def __init__(self, seconds: float) -> None:
        self._width = seconds / BUCKETS
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._all = [0] * BUCKETS
        self._bad = [0] * BUCKETS
        self._slot = 0
        self.total = 0
        self.failures = 0

    def add(self, now: float, *, failed: bool) -> None:
        """Count one outcome at `now`; `total` and `failures` are those of the window that ends now."""
        slot = int(now // self._width)
        if slot != self._slot:
            self._advance(slot)
        index = slot % BUCKETS
        self._all[index] += 1
        self.total += 1
        if failed:
            self._bad[index] += 1
            self.failures += 1

    def _advance(self, slot: int) -> None:
        for passed in range(max(self._slot, slot - BUCKETS) + 1, slot + 1):
            index = passed % BUCKETS
            self.total -= self._all[index]
            self.failures -= self._bad[index]
            self._all[index] = self._bad[index] = 0
        self._slot = slot
