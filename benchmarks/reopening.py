"""What a recovered circuit's probation costs: `python -m benchmarks.reopening` (a few seconds).

No sockets and no clock: the pure state of one circuit, the time passed in, random numbers from seeds. A minute of an
outage, then ten minutes in which some errors remain. Printed is the share of their calls that were refused:
by the rule as it is, and by the one it replaced, under which the first failure within a window of the return re-opened
the circuit, however many calls had gone well before it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from resilient_ai._state.breaker import Circuit, Rejected, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 10
OUTAGE = 60
AFTER = 600
ERRORS = 0.92
RESIDUAL = (0.0, 0.01, 0.03, 0.08)
SEEDS = 5


class Unforgiving(Circuit):
    """Re-opens at the first failure for the whole of the window after its return."""

    def _trips(self, now: float) -> bool:
        return self._timing.recovered(now) or super()._trips(now)


def refused(make: Callable[..., Circuit], residual: float, seed: int) -> tuple[float, float]:
    """The share of calls refused in the outage, and after it."""
    draw = random.Random(seed)
    circuit = make(Rules(), random=draw.random)
    counts = [0, 0]
    for call in range((OUTAGE + AFTER) * RATE):
        now = call / RATE
        over = now >= OUTAGE
        try:
            permit = circuit.admit(now)
        except Rejected:
            counts[over] += 1
        else:
            permit.settle(draw.random() >= (residual if over else ERRORS), now)
    return counts[0] / (OUTAGE * RATE), counts[1] / (AFTER * RATE)


def main() -> None:
    """Print the table."""
    print(
        f"{RATE} calls a second, {OUTAGE} seconds at {ERRORS:.0%} errors, then {AFTER} seconds; mean of {SEEDS} seeds"
    )
    print(f"{'refused of the calls after it':34}" + "".join(f"{f'{share:.0%} errors':>11}" for share in RESIDUAL))
    for name, make in (("whole window (replaced)", Unforgiving), ("until minimum_calls (now)", Circuit)):
        shares = [[refused(make, residual, seed) for seed in range(SEEDS)] for residual in RESIDUAL]
        after = [sum(one for _, one in runs) / SEEDS for runs in shares]
        inside = sum(one for one, _ in shares[0]) / SEEDS
        print(f"{name:34}" + "".join(f"{share:11.1%}" for share in after) + f"   (in the outage itself {inside:.1%})")


if __name__ == "__main__":
    main()
