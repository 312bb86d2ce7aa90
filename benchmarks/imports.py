"""What `import resilient_ai` costs over `import httpx`: `python -m benchmarks.imports [rounds]`.

Each round starts one fresh interpreter for each of the two, in turn and in alternating order, so that a busy machine
slows both. What is printed is the median of the rounds' differences: CPU time, which another process disturbs little,
and wall time, which a user feels.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

SCRIPT = """
import time
cpu, wall = time.process_time(), time.perf_counter()
import httpx
{more}
print(time.process_time() - cpu, time.perf_counter() - wall)
"""
SIDES = {"httpx": "", "httpx and resilient_ai": "import resilient_ai"}


def measure(more: str) -> tuple[float, float]:
    """CPU and wall seconds of the imports in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(more=more)], capture_output=True, text=True, check=True)
    cpu, wall = map(float, done.stdout.split())
    return cpu, wall


def main() -> None:
    """Run the rounds and print both clocks."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    results: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    for more in SIDES.values():  # compiled files and the disk's cache, not counted
        measure(more)
    for number in range(rounds):
        for side in sorted(SIDES, reverse=bool(number % 2)):
            results[side].append(measure(SIDES[side]))
    bare, both = results["httpx"], results["httpx and resilient_ai"]
    for index, clock in enumerate(("CPU", "wall")):
        base = statistics.median(pair[index] for pair in bare)
        added = statistics.median(two[index] - one[index] for one, two in zip(bare, both, strict=True))
        print(
            f"{clock:4}  import httpx {base * 1e3:6.1f} ms   resilient_ai adds {added * 1e3:5.1f} ms"
            f"   ratio {1 + added / base:.2f}   ({rounds} pairs)"
        )


if __name__ == "__main__":
    main()
