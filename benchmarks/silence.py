"""What judging silence by scope buys and costs: `python -m benchmarks.silence [calls]` (half a minute).

No sockets and no waiting: one circuit on a virtual clock, random numbers from seeds. First a mute primary with a
healthy fallback, 30 seconds, 16 calls a second: how soon new calls go elsewhere, how many still reach it, when it is
used again. Then healthy primaries (90 % of answers in 0.3 s, 10 % in 6 s; and worse): how often they are taken for
silent, and how many calls that sends elsewhere for nothing.
"""

from __future__ import annotations

import heapq
import random
import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from resilient_ai._state.breaker import Circuit, Permit, Rejected, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER = float("inf")
Latency: TypeAlias = "Callable[[random.Random, float], float]"
"""How long the answer to a call takes that is made at that moment."""


@dataclass
class Run:
    """One replay. `diverted` and `sent` hold the moments of the calls; `opened` those of the openings."""

    sent: list[float] = field(default_factory=list[float])
    diverted: list[float] = field(default_factory=list[float])
    opened: list[float] = field(default_factory=list[float])


def replay(latency: Latency, arrivals: list[float], *, seed: int, limit: float = NEVER) -> Run:
    """Calls at their times, each with somewhere else to go; an answer that takes longer than `limit` is given up."""
    draw, run = random.Random(seed), Run()

    def changed(old: str, new: str, now: float) -> None:
        if new == "open" and old == "closed":
            run.opened.append(now)

    circuit = Circuit(Rules(), random=draw.random, on_change=changed)
    lost: list[Permit] = []  # whoever waits holds one
    ends: list[tuple[float, int, Permit, bool]] = []

    def until(now: float) -> None:
        while ends and ends[0][0] <= now:
            at, _, permit, answered = heapq.heappop(ends)
            if answered:
                permit.settle(True, at)
            else:
                permit.give_up(at, failed=True)

    for number, now in enumerate(arrivals):
        until(now)
        try:
            permit = circuit.admit(now, can_divert=True)
        except Rejected:
            run.diverted.append(now)
            continue
        run.sent.append(now)
        takes = latency(draw, now)
        if min(takes, limit) < NEVER:
            heapq.heappush(ends, (now + min(takes, limit), number, permit, takes <= limit))
        else:
            lost.append(permit)
    until(NEVER)
    return run


def steady(rate: float, start: float, end: float, draw: random.Random) -> list[float]:
    """Arrivals by chance, so many a second."""
    now, found = start, list[float]()
    while (now := now + draw.expovariate(rate)) < end:
        found.append(now)
    return found


def tenth_slow(draw: random.Random, _: float) -> float:
    """The healthy primary of the promise."""
    return 6.0 if draw.random() < 0.1 else 0.3


def mute(until: float, healthy: Latency) -> Latency:
    """Silent from 0 until `until`; healthy before and after."""
    return lambda draw, now: NEVER if 0 <= now < until else healthy(draw, now)


def quick(draw: random.Random, _: float) -> float:
    """A tenth of a second, more or less."""
    return draw.uniform(0.07, 0.15)


def mute_table(runs: int) -> None:
    """A mute primary."""
    print("mute for 30 s, 16 calls a second, a healthy fallback; median and worst of", runs, "runs")
    print(f"{'':44}{'new calls elsewhere':>21}{'reach it of':>13}{'used again':>12}")
    print(f"{'':44}{'from second 1 to 30':>21}{'100 calls':>13}{'after':>12}")
    for name, warm, healthy, limit in (
        ("cold, nothing ever seen", 0.0, quick, NEVER),
        ("after 60 s of quick answers", 60.0, quick, NEVER),
        ("after 60 s with a tenth slow", 60.0, tenth_slow, NEVER),
        ("cold, each attempt limited to 2.5 s", 0.0, quick, 2.5),
        ("after 60 s of quick answers, limited to 2.5 s", 60.0, quick, 2.5),
    ):
        shares: list[float] = []
        reached: list[float] = []
        again: list[float] = []
        for seed in range(runs):
            run = replay(mute(30.0, healthy), steady(16, -warm, 90.0, random.Random(seed)), seed=seed, limit=limit)
            stuck = [at for at in run.sent if 0 <= at < 30]
            away = [at for at in run.diverted if 1 <= at < 30]
            shares.append(len(away) / (len(away) + sum(at >= 1 for at in stuck)))
            reached.append(100 * len(stuck) / (len(stuck) + sum(0 <= at < 30 for at in run.diverted)))
            again.append(min((at for at in run.sent if at >= 30), default=NEVER) - 30)
        print(
            f"{name:44}{statistics.median(shares):10.1%} {min(shares):10.1%}"
            f"{statistics.median(reached):7.1f} {max(reached):5.1f}{statistics.median(again):6.1f} {max(again):5.1f} s"
        )


def often_slow(draw: random.Random, _: float) -> float:
    """Half and half."""
    return 6.0 if draw.random() < 0.5 else 0.3


def seldom_slow(draw: random.Random, _: float) -> float:
    """One in a hundred, but very slow."""
    return 60.0 if draw.random() < 0.01 else 0.3


def spread(draw: random.Random, _: float) -> float:
    """From half a second to half a minute."""
    return 2 * draw.lognormvariate(0, 1.4)


def thinking(_: random.Random, __: float) -> float:
    """Nothing is quick."""
    return 6.0


def stalling(draw: random.Random, now: float) -> float:
    """A second of every minute nothing comes back."""
    return draw.uniform(0.2, 0.4) + max(0.0, 1 - now % 60)


def slower(draw: random.Random, now: float) -> float:
    """Ten times slower from then on."""
    return draw.uniform(0.2, 0.4) * (10 if now > 300 else 1)


HEALTHY: tuple[tuple[str, Latency], ...] = (
    ("9 in 10 take 0.3 s, the others 6 s", tenth_slow),
    ("half 0.3 s, half 6 s", often_slow),
    ("1 in 100 takes 60 s", seldom_slow),
    ("log-normal, median 2 s, 95th 20 s", spread),
    ("always 6 s", thinking),
    ("a stall of 1 s each minute", stalling),
    ("after 300 s ten times slower", slower),
)


def harm_table(calls: int) -> None:
    """Healthy primaries."""
    print(f"\nhealthy, {calls} calls each: taken for silent, and calls sent elsewhere for nothing")
    print(f"{'':44}" + "".join(f"{name:>18}" for name in ("0.125/s x 48", "1/s", "16/s", "100/s")))
    for name, latency in HEALTHY:
        cells: list[str] = []
        for rate, copies in ((0.125, 48), (1, 1), (16, 1), (100, 1)):
            runs = [
                replay(latency, steady(rate, 0, calls / copies / rate, random.Random(copy)), seed=copy)
                for copy in range(copies)
            ]
            cells.append(f"{sum(len(run.opened) for run in runs):d} / {sum(len(run.diverted) for run in runs):d}")
        print(f"{name:44}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


def main() -> None:
    """Print both."""
    mute_table(20)
    harm_table(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)


if __name__ == "__main__":
    main()
