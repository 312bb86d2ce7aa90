"""What the default numbers mean: when random errors open a circuit, when an outage does, and what an outage costs.

Run with -s to see the distributions.
"""

from __future__ import annotations

import os
import random

import pytest

from resilient_ai._state.breaker import Circuit, Rejected, Rules

SOAK = bool(os.environ.get("SOAK"))


def failures_until_open(rules: Rules, errors: float, rate: float, seed: int) -> int:
    """Attempts from the start of an outage until it opens, after 30 healthy seconds."""
    draw = random.Random(seed)
    circuit = Circuit(rules, random=draw.random)
    now = 0.0
    for _ in range(int(30 * rate)):
        now += 1 / rate
        circuit.admit(now).settle(True, now)
    attempts = 0
    while circuit.state == "closed":
        attempts += 1
        now += 1 / rate
        circuit.admit(now).settle(draw.random() >= errors, now)
    return attempts


@pytest.mark.parametrize("rate", [1, 10])
def test_eight_per_cent_random_errors_open_nothing(rate: int) -> None:
    """Ten minutes at 8 % errors.

    By chance the defaults open in very few runs (10 calls a second: 6,000 · 0.92 · 0.08⁷, seven in a row, is 0.0001);
    `python -m benchmarks.breaker_defaults` counts them.
    """
    opened = 0
    for seed in range(1000 if SOAK else 40):
        draw = random.Random(seed)
        circuit = Circuit(Rules(), random=draw.random)
        for call in range(600 * rate):
            now = call / rate
            circuit.admit(now).settle(draw.random() >= 0.08, now)
            if circuit.state != "closed":
                opened += 1
                break
    assert opened <= (10 if SOAK else 0)


@pytest.mark.parametrize("rate", [0.2, 1, 10])
def test_an_outage_opens_it_within_a_few_attempts(rate: float) -> None:
    """92 % errors, as on 26 December 2024: eight in a hundred succeed, which resets a count of failures in a row."""
    runs = sorted(failures_until_open(Rules(), 0.92, rate, seed) for seed in range(400))
    mean, median, p95, p99 = sum(runs) / len(runs), runs[200], runs[380], runs[396]
    print(
        f"\n92 % errors at {rate} calls/s: opens after mean {mean:.1f}, p50 {median}, p95 {p95}, p99 {p99}, {runs[-1]}"
    )
    assert median == {0.2: 5, 1: 6, 10: 7}[rate]  # failures seconds apart weigh more: where calls are few
    assert p95 <= 24
    assert p99 <= 36
    assert {failures_until_open(Rules(), 1.0, rate, seed) for seed in range(5)} == {{0.2: 5, 1: 6, 10: 7}[rate]}


def wasted(rules: Rules, rate: float, seed: int) -> float:
    """Requests to the primary per call over four minutes at 92 % errors, every refused call going elsewhere."""
    draw = random.Random(seed)
    circuit = Circuit(rules, random=draw.random)
    sent = 0
    calls = int(240 * rate)
    for call in range(calls):
        now = call / rate
        try:
            permit = circuit.admit(now)
        except Rejected:
            continue
        sent += 1
        permit.settle(draw.random() >= 0.92, now)
    return sent / calls


@pytest.mark.parametrize(
    ("open_for", "limits"),
    [
        # A fixed second, for comparison with what the prototype cost.
        ((1.0, 1.0), {2: 0.58, 5: 0.28, 10: 0.15, 20: 0.08}),
        # The cap of the drills.
        ((1.0, 2.0), {2: 0.32, 5: 0.15, 10: 0.08, 20: 0.05}),
        # The default.
        ((1.0, 30.0), {2: 0.08, 5: 0.04, 10: 0.02, 20: 0.01}),
    ],
)
def test_what_an_outage_costs_the_primary(open_for: tuple[float, float], limits: dict[float, float]) -> None:
    """Promise 1's arithmetic: with a fallback that answers, upstream calls per call are 1 + these."""
    for rate, limit in limits.items():
        shares = [wasted(Rules(open_for=open_for), rate, seed) for seed in range(8)]
        mean = sum(shares) / len(shares)
        print(f"\nopen for {open_for}, {rate} calls/s: {1 + mean:.3f} upstream calls per call")
        assert mean <= limit
