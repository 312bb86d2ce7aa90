"""What the guarded transport costs where nothing is sent: `python -m benchmarks.engine [--calls 2000]`.

A stand-in for the connection pool answers at once, and only the transport is timed, between an SDK's own work on each
request and answer, so that the processor's caches are as in a program. It shows a change of a microsecond, which
`benchmarks.overhead` cannot: there the network is ten times as much, and varies.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx2
from openai import OpenAI

from resilient_ai.transports._private import POOL
from resilient_ai.transports.transport import guard_of, wrap_transport

from ._server import ANSWER
from .overhead import KEYS, MODEL, WARM_UP, messages, pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADERS = [
    (b"x-request-id", b"req_1"),
    (b"openai-processing-ms", b"1"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(ANSWER)),
]
URL = "http://127.0.0.1:9/v1"


class Answer:
    """A response's body, there at once."""

    def __iter__(self) -> Iterator[bytes]:
        yield ANSWER

    def close(self) -> None:
        """Nothing is open."""


class Pool:
    """Answers without a connection."""

    def __init__(self) -> None:
        self._response: Any = sys.modules["httpcore2"].Response

    def handle_request(self, _request: object) -> Any:
        """The one answer."""
        return self._response(200, headers=HEADERS, content=Answer(), extensions={"http_version": b"HTTP/1.1"})


class Timed(httpx2.BaseTransport):
    """Hands each request to a transport, and takes the time until its answer is read and parsed."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.times: list[int] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the transport."""
        began = time.process_time_ns()
        response = self._transport.handle_request(request)
        response.read()
        response.json()
        self.times.append(time.process_time_ns() - began)
        return httpx2.Response(200, headers=HEADERS, content=ANSWER)


def _bare() -> Any:
    transport = httpx2.HTTPTransport()
    setattr(transport, POOL, Pool())
    return transport


def _guarded(keyed: bool) -> Any:
    transport: Any = wrap_transport(httpx2.HTTPTransport(), pipeline(keyed))
    guard: Any = guard_of(transport)
    guard.wire._direct.pool = Pool()
    return transport


def _measure(transports: list[Any], calls: int) -> list[float]:
    """The lower quartile of each, in microseconds: in turns, since the machine drifts."""
    timed = [Timed(transport) for transport in transports]
    clients = [OpenAI(base_url=URL, api_key="sk-x", http_client=httpx2.Client(transport=one)) for one in timed]
    for number in range(WARM_UP + calls):
        for at in range(len(clients)):
            clients[(number + at) % len(clients)].chat.completions.create(model=MODEL, messages=messages(1000))
        if number % 100 == 0:
            gc.collect()
    return [statistics.quantiles(one.times[WARM_UP:], n=4)[0] / 1e3 for one in timed]


def main() -> None:
    """Print the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    calls = parser.parse_args().calls
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    bare, *guarded = _measure([_bare(), *[_guarded(bool(keyed)) for keyed in range(len(KEYS))]], calls)
    print(f"httpx's own transport {bare:7.1f} µs   (CPU, lower quartile of {calls} calls)")
    for name, cost in zip(KEYS, guarded, strict=True):
        print(f"guarded, {name:12} {cost:7.1f} µs   {cost - bare:+.1f}")


if __name__ == "__main__":
    main()
