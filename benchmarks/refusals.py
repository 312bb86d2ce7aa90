"""What an open circuit costs its callers: how long a refusal takes, and what the detour to a fallback adds.

    python -m benchmarks.refusals [--calls 400] [--json FILE]

The primary is a port nobody listens on, the fallback a provider that answers at once. Wall time through the real SDK,
sync: calls that fail, refused by the open circuit; and calls that the fallback answers, paired and interleaved with the
same calls of a bare client to it.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openai import APIConnectionError, OpenAI

import resilient_ai
from resilient_ai import CircuitBreaker, Pipeline, Target

from ._server import serving

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "gpt-4o-mini"
HELLO: list[Any] = [{"role": "user", "content": "hello"}]
LASTING = CircuitBreaker(open_for=(600, 600))
"""Open for as long as this runs: no probe is to be among the figures."""


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def _ask(client: OpenAI) -> None:
    client.chat.completions.create(model=MODEL, messages=HELLO)


def _refused(client: OpenAI) -> None:
    try:
        _ask(client)
    except APIConnectionError:
        return
    raise AssertionError("nobody is there, and yet it answered")


def _spread(name: str, milliseconds: list[float]) -> dict[str, float]:
    row = {
        "median_ms": statistics.median(milliseconds),
        "p99_ms": statistics.quantiles(milliseconds, n=100)[98],
        "most_ms": max(milliseconds),
    }
    print(f"{name:44} {row['median_ms']:8.2f} {row['p99_ms']:8.2f} {row['most_ms']:8.2f}", flush=True)
    return row


def _nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    print(f"{'ms, wall time through the SDK':44} {'median':>8} {'p99':>8} {'most':>8}")
    with serving() as url:
        dead = OpenAI(base_url=_nobody(), api_key="sk-x")
        alone = resilient_ai.wrap(dead, Pipeline.default(LASTING))
        for _ in range(30):  # opens the circuit, and imports what a first failure needs
            _refused(alone)
        figures["refused"] = _spread(
            "refused, no fallback", [_timed(lambda: _refused(alone)) for _ in range(arguments.calls)]
        )
        detour = resilient_ai.wrap(dead, Pipeline.default(LASTING), fallback=[Target("b:*", base_url=url, api_key="k")])
        bare = OpenAI(base_url=url, api_key="k")
        for _ in range(30):
            _ask(detour)
            _ask(bare)
        both: tuple[list[float], list[float]] = ([], [])
        for number in range(arguments.calls):
            for side in (0, 1) if number % 2 else (1, 0):
                both[side].append(_timed(lambda client=(bare, detour)[side]: _ask(client)))
        figures["bare"] = _spread("the fallback asked directly, bare", both[0])
        figures["detour"] = _spread("the fallback past an open circuit", both[1])
    median, p99 = (figures["detour"][name] - figures["bare"][name] for name in ("median_ms", "p99_ms"))
    print(f"the detour adds {median:.2f} ms to the median, {p99:.2f} ms to p99")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
