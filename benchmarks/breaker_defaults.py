"""What the breaker's default numbers buy: `python -m benchmarks.breaker_defaults [runs]` (1000 runs take a minute).

No sockets and no clock: the pure state of one circuit, the time passed in, random numbers from seeds. Printed for three
pairs of (consecutive, minimum_calls): how often ten minutes of 8 % random errors open a circuit that should not; how
many attempts it takes to notice an outage with 92 % errors; how many requests such an outage still costs the primary.
"""

from __future__ import annotations

import random
import statistics
import sys

from resilient_ai._state.breaker import Circuit, Rejected, Rules

PAIRS = ((6, 10), (7, 14), (8, 16))
RATES = (0.5, 1, 2, 10)
MINUTES = 10
HARMLESS = 0.08
OUTAGE = 0.92


def rules(pair: tuple[int, int]) -> Rules:
    """The defaults, but for the pair."""
    consecutive, minimum_calls = pair
    return Rules(consecutive=consecutive, minimum_calls=minimum_calls)


def opens_by_chance(pair: tuple[int, int], rate: float, seed: int) -> bool:
    """Whether ten minutes of harmless errors open the circuit."""
    draw = random.Random(seed)
    circuit = Circuit(rules(pair), random=draw.random)
    for call in range(int(MINUTES * 60 * rate)):
        now = call / rate
        circuit.admit(now).settle(draw.random() >= HARMLESS, now)
        if circuit.state != "closed":
            return True
    return False


def attempts_until_open(pair: tuple[int, int], rate: float, seed: int) -> int:
    """Attempts from the start of the outage until the circuit opens, after thirty healthy seconds."""
    draw = random.Random(seed)
    circuit = Circuit(rules(pair), random=draw.random)
    now = 0.0
    for _ in range(int(30 * rate)):
        now += 1 / rate
        circuit.admit(now).settle(True, now)
    attempts = 0
    while circuit.state == "closed":
        attempts += 1
        now += 1 / rate
        circuit.admit(now).settle(draw.random() >= OUTAGE, now)
    return attempts


def share_sent(pair: tuple[int, int], rate: float, seed: int) -> float:
    """The share of calls that still reach the primary in four minutes of the outage."""
    draw = random.Random(seed)
    circuit = Circuit(rules(pair), random=draw.random)
    calls, sent = int(240 * rate), 0
    for call in range(calls):
        now = call / rate
        try:
            permit = circuit.admit(now)
        except Rejected:
            continue
        sent += 1
        permit.settle(draw.random() >= OUTAGE, now)
    return sent / calls


def main() -> None:
    """Print the three tables."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    head = "".join(f"{rate:>9g}/s" for rate in RATES)
    print(f"circuits opened by {HARMLESS:.0%} random errors, of {runs} runs of {MINUTES} minutes, by calls a second")
    print(f"{'consecutive/minimum':22}{head}")
    for pair in PAIRS:
        opened = [sum(opens_by_chance(pair, rate, seed) for seed in range(runs)) for rate in RATES]
        print(f"{f'{pair[0]}/{pair[1]}':22}" + "".join(f"{number:11d}" for number in opened), flush=True)
    print(
        f"\nattempts until it opens at {OUTAGE:.0%} errors, one call a second: median, mean, 95th and 99th of a hundred"
    )
    for pair in PAIRS:
        taken = sorted(attempts_until_open(pair, 1, seed) for seed in range(1000))
        centiles = statistics.quantiles(taken, n=100)
        mean = statistics.mean(taken)
        print(f"{f'{pair[0]}/{pair[1]}':22}{centiles[49]:11.0f}{mean:11.1f}{centiles[94]:11.0f}{centiles[98]:11.0f}")
    print(f"\nrequests to the primary per call, four minutes at {OUTAGE:.0%} errors, by calls a second")
    print(f"{'consecutive/minimum':22}{head}")
    for pair in PAIRS:
        means = [statistics.mean(share_sent(pair, rate, seed) for seed in range(40)) for rate in RATES]
        print(f"{f'{pair[0]}/{pair[1]}':22}" + "".join(f"{mean:11.3f}" for mean in means))


if __name__ == "__main__":
    main()
