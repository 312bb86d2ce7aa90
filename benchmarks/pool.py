"""What a connection pool costs: httpcore's against ours before it: `python -m benchmarks.pool [--pairs 4000]`.

A request of 1 KB is sent over a kept connection and its answer read, by turns through either pool, on one core; between
two of them an SDK's client does a whole call, so that the processor's caches are as in a program. CPU time of this
process, lower quartile.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2
from openai import OpenAI

from resilient_ai.transports._pool import owned
from resilient_ai.transports._private import POOL

from ._server import serving
from .overhead import MODEL, WARM_UP, messages

if TYPE_CHECKING:
    from collections.abc import Callable

BODY = b"x" * 1000
SIDES = ("httpcore's own", "ours before it")


def _sends(transport: Any, url: str) -> Callable[[], float]:
    """One request through a transport's pool; the seconds it took."""
    pool: Any = getattr(transport, POOL)
    host = url.removeprefix("http://").partition("/")[0].encode()
    headers = [(b"Host", host), (b"Content-Length", b"%d" % len(BODY))]

    def one() -> float:
        request = httpcore2.Request("POST", f"{url}/chat/completions", headers=headers, content=httpx2.ByteStream(BODY))
        began = time.process_time()
        response = pool.handle_request(request)
        for _ in response.stream:
            pass
        response.stream.close()
        return time.process_time() - began

    return one


def main() -> None:
    """Print both, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=4000)
    pairs: int = parser.parse_args().pairs
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    times: tuple[list[float], list[float]] = ([], [])
    with serving() as url, OpenAI(base_url=url, api_key="sk-x") as between, httpx2.HTTPTransport() as given:
        ours = owned(given)
        assert ours is not None
        both = (_sends(given, url), _sends(ours, url))
        for number in range(-WARM_UP, pairs):
            for side in (0, 1) if number % 2 else (1, 0):
                between.chat.completions.create(model=MODEL, messages=messages(1000))
                took = both[side]()
                if number >= 0:
                    times[side].append(took)
            if number % 50 == 0:
                gc.collect()
        ours.close()
    low = [statistics.quantiles(one, n=4)[0] * 1e6 for one in times]
    for side, microseconds in zip(SIDES, low, strict=True):
        print(f"{side:16} {microseconds:7.1f} µs")
    print(f"{'saved':16} {low[0] - low[1]:7.1f} µs   (CPU, lower quartile of {pairs} requests each)")


if __name__ == "__main__":
    main()
