"""How soon an outage is noticed, and what noticing costs: `python -m benchmarks.opening` (a minute).

No sockets and no clock: the pure state of one circuit and one retry budget, the time passed in, random numbers from
seeds. First the outage of the drill (17 seconds at 92 % errors, ten calls a second, a healthy fallback, a failed call
repeated at once while the budget allows): requests for a call, by what opens the circuit and by the open time. Then
thin processes, one call in eight seconds: what they pay, and how often mere chance opens them.
"""

from __future__ import annotations

import random
import statistics
from typing import TYPE_CHECKING

from resilient_ai._state.breaker import Circuit, Rejected, Rules
from resilient_ai._state.budget import Budget
from resilient_ai._state.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 10
HEALTHY, OUTAGE = 4.5, 17.0
ERRORS = 0.92
RUNS = 2000
GAP = 8.0


class RowAndRate(Evidence):
    """Without the score, as it was."""

    __slots__ = ()

    def opens(self, *, recovered: bool) -> bool:
        """As `Evidence`, but for the score."""
        self.score = 0.0
        return super().opens(recovered=recovered)


def circuit(evidence: Callable[[Rules], Evidence], rules: Rules, draw: random.Random) -> Circuit:
    """A circuit that weighs failures in that way."""
    made = Circuit(rules, random=draw.random)
    made._evidence = evidence(rules)  # pyright: ignore[reportPrivateUsage]  # what is compared: another way to weigh
    return made


def drill(evidence: Callable[[Rules], Evidence], rules: Rules, seed: int) -> float:
    """Requests for a call of the outage, the fallback's included."""
    draw = random.Random(seed)
    tested, budget = circuit(evidence, rules, draw), Budget()
    calls = requests = 0
    for number in range(int((HEALTHY + OUTAGE) * RATE)):
        now = (number + draw.uniform(0.25, 0.75)) / RATE
        bad = now >= HEALTHY
        budget.deposit(now)
        sent, answered = attempts(tested, budget, now, draw, ERRORS if bad else 0.0)
        calls += bad
        requests += bad * (sent + (not answered))
    return requests / calls


def attempts(tested: Circuit, budget: Budget, now: float, draw: random.Random, errors: float) -> tuple[int, bool]:
    """One call at the primary, repeated once if the budget allows: how many were sent, and whether it was answered."""
    for sent in (1, 2):
        try:
            permit = tested.admit(now, can_divert=True)
        except Rejected:
            return sent - 1, False
        good = draw.random() >= errors
        permit.settle(good, now)
        if good or sent == 2 or not budget.withdraw(now):
            return sent, good
        now += draw.uniform(0, 0.1)
    raise AssertionError


def thin(errors: float, *, strong: bool, seed: int, minutes: float) -> tuple[list[int], bool]:
    """One process: the numbers of its calls that went to the primary, and whether its circuit opened."""
    draw = random.Random(seed)
    tested, budget = Circuit(Rules(), random=draw.random), Budget()
    paid: list[int] = []
    opened = False
    for number in range(int(60 * minutes / GAP)):
        now = number * GAP
        budget.deposit(now)
        for repeat in (False, True):
            try:
                permit = tested.admit(now, can_divert=True)
            except Rejected:
                break
            good = draw.random() >= errors
            permit.settle(good, now, strong=strong and not good)
            if not repeat and not good:
                paid.append(number + 1)
            opened |= tested.state != "closed"
            if good or repeat or not budget.withdraw(now):
                break
    return paid, opened


def main() -> None:
    """Print both."""
    print(f"{OUTAGE:g} s at {ERRORS:.0%} errors, {RATE} calls a second: requests for a call, of {RUNS} runs")
    print(f"{'':26}{'open for':>10}{'mean':>8}{'95th':>8}{'99th':>8}{'above 1.1':>11}")
    for name, evidence in (("row and rate (replaced)", RowAndRate), ("row, rate and score (now)", Evidence)):
        for open_for in ((1.0, 30.0), (1.0, 4.0), (2.0, 2.0)):
            costs = sorted(drill(evidence, Rules(open_for=open_for), seed) for seed in range(RUNS))
            above = sum(cost > 1.1 for cost in costs) / RUNS
            print(
                f"{name:26}{f'{open_for[0]:g} to {open_for[1]:g} s':>10}{statistics.mean(costs):8.3f}"
                f"{costs[int(0.95 * RUNS)]:8.3f}{costs[int(0.99 * RUNS)]:8.3f}{above:11.1%}"
            )
    print(f"\none call in {GAP:g} s: those of the first thirty that meet a primary which fails every time")
    for name, strong in (("an error", False), ("no connection, or silence", True)):
        print(f"{name:26}  {' '.join(map(str, thin(1.0, strong=strong, seed=0, minutes=4)[0]))}")
    print("\nby mere chance: processes of 4800 whose circuit opened in ten minutes")
    for errors in (0.01, 0.08):
        for name, strong in (("errors", False), ("failures to connect", True)):
            opened = sum(thin(errors, strong=strong, seed=seed, minutes=10)[1] for seed in range(4800))
            print(f"{f'{errors:.0%} {name}':26}{opened:10d}")


if __name__ == "__main__":
    main()
