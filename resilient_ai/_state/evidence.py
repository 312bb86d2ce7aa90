"""What the outcomes of calls say about a target: when they are enough to open its circuit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .window import Window

if TYPE_CHECKING:
    from .rules import Rules

__all__ = ["Evidence"]

APART = 0.25
"""The share of a window over which failures must be spread to weigh more."""
FEWER = 5
"""A row of so many is enough if they are that far apart, of the default 7: where calls are few, an hour holds fewer
chances for a row of errors that are mere chance (docs/design/005-when-a-circuit-opens.md)."""
STRONG = 2.5
"""What a failure to connect, or a silence, counts among failures that are apart: two of them are those five."""


class Evidence:
    """The outcomes of one generation of a circuit. Not locked: its owner is. Time must not go backwards.

    Beside the row of failures and their rate a score is kept: up by one with each failure, and down with a success by
    as much as keeps it level where just `failure_rate` of the calls fail (one, by default). So a few answers among many
    failures wipe out little of what was seen. It is enough at one more than `consecutive`, or than the failures that
    `minimum_calls` calls at that rate would be.
    """

    __slots__ = ("_back", "_enough", "_row", "_rules", "_since", "_slow", "_weight", "score", "window")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        rate = rules.failure_rate
        self._back = rate / (1 - rate) if rate < 1 else float("inf")
        self._enough = max(rules.consecutive, rate * rules.minimum_calls) + 1
        self.window = Window(rules.window)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.window.clear()
        self.score = self._slow = 0.0
        self._row = 0  # failures since the last success
        self._weight = 0.0  # theirs
        self._since = 0.0  # when the first of them began

    def slow(self, calls: int) -> bool:
        """Count so many slow calls; returns whether they are too many. They have a score of their own."""
        self._slow += calls
        return self._slow >= self._enough

    def succeeded(self, now: float, *, slow: bool = False) -> None:
        """Count a success. A slow one has been counted as such."""
        self.window.add(now, failed=False)
        if self._slow and not slow:
            self._slow = max(0.0, self._slow - self._back)
        if self._row or self.score:
            self.score = max(0.0, self.score - self._back)
            self._row, self._weight = 0, 0.0

    def failed(self, now: float, *, began: float, strong: bool) -> None:
        """Count a failure; `strong` if there was no connection or no byte at all."""
        self.window.add(now, failed=True)
        self.score += 1
        if not self._row:
            self._since = began
        self._row += 1
        self._weight += STRONG if strong else 1.0

    def opens(self, *, recovered: bool) -> bool:
        """Whether the failure just counted is one too many.

        recovered: the circuit closed less than a window ago.
        """
        rules, window = self._rules, self.window
        if self._row >= rules.consecutive or self.score >= self._enough:
            return True
        if window.total >= rules.minimum_calls and window.failures >= rules.failure_rate * window.total:
            return True
        # Just back, and not enough calls yet for the rate to speak: the first failure re-opens. With more calls it
        # does speak; to count a single failure for the whole window as well would keep a circuit with 1 % random
        # errors and 10 calls a second open for a third of the time after an outage, and one with 8 % for good.
        return recovered and window.total <= rules.minimum_calls

    def span(self, now: float) -> float | None:
        """How long it has been failing, if failures that are far apart are enough to open; else None."""
        span = now - self._since
        if (
            self._row < 2
            or span < APART * self._rules.window
            or self._weight < max(FEWER, FEWER / 7 * self._rules.consecutive)
        ):
            return None
        return span
