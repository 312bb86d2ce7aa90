"""What it costs to put a call to another dialect: `python -m benchmarks.translation [--rounds 2000]`.

CPU time, lower quartile: of a request of 20 messages from its bytes to the other's bytes, and of one event of a stream,
beside what parsing and writing the same bytes as JSON costs alone. The machine is shared: read the ratios first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

from resilient_ai.failures import FailureKind
from resilient_ai.providers.canonical import (
    Closed,
    Finished,
    Message,
    Opened,
    PartClosed,
    PartDelta,
    PartOpened,
    Request,
    Text,
    Usage,
    Used,
)
from resilient_ai.providers.codecs.base import Asked, refusing
from resilient_ai.providers.codecs.table import CODECS, Pair, codec_of
from resilient_ai.providers.codecs.turn import StreamTurn
from resilient_ai.providers.registry import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.providers.codecs.base import Codec

MESSAGES = 20
EVENTS = 200
WORDS = "Tell me more of what the harbour looked like that morning. " * 4
MODEL = "a-model"


def quartile(work: Callable[[], object], rounds: int) -> float:
    """The lower quartile of what it costs, in µs."""
    costs: list[float] = []
    for _ in range(rounds):
        began = time.process_time_ns()
        work()
        costs.append((time.process_time_ns() - began) / 1000)
    return statistics.quantiles(costs, n=4)[0]


def asked_in(codec: Codec) -> Asked:
    """A conversation of `MESSAGES` turns, as a program has it in this dialect."""
    turns = [Message("user" if n % 2 == 0 else "assistant", [Text(WORDS)]) for n in range(MESSAGES - 1)]
    request = Request(MODEL, [Message("system", [Text("Be brief.")]), *turns], max_tokens=500)
    return Asked(codec.write_request(request, refusing, None).body, MODEL, stream=False)


def request_cost(pair: Pair, rounds: int) -> tuple[float, float]:
    """A request translated, and its JSON alone."""
    body = json.dumps(asked_in(pair.ours).body).encode()

    def translate() -> bytes:
        asked = Asked(json.loads(body), MODEL, stream=False)
        written = pair.theirs.write_request(pair.ours.read_request(asked, refusing), refusing, None)
        return json.dumps(written.body, separators=(",", ":")).encode()

    return quartile(translate, rounds), quartile(lambda: json.dumps(json.loads(body)).encode(), rounds)


def event_cost(pair: Pair, rounds: int) -> tuple[float, float]:
    """An event translated, and its JSON alone."""
    writer = pair.theirs.writer(asked_in(pair.theirs))
    deltas = [Opened("id_1", MODEL, 1), PartOpened(0, "text"), *(PartDelta(0, "word ") for _ in range(EVENTS))]
    deltas += [PartClosed(0), Finished("stop"), Used(Usage(10, EVENTS)), Closed()]
    events = [event for event in map(writer.write, deltas) if event]
    dialect = DIALECTS[pair.theirs.dialect]
    asked = asked_in(pair.ours)

    def turn() -> None:
        machine = StreamTurn(pair, dialect.streams[pair.theirs.family], asked, lambda _: FailureKind.TRANSIENT)
        for event in events:
            machine.feed(event)

    objects = [event.partition(b"data: ")[2] for event in events if b"data: {" in event]

    def alone() -> None:
        for data in objects:
            json.dumps(json.loads(data.partition(b"\n")[0]))

    rounds = max(rounds // EVENTS * 10, 20)
    return quartile(turn, rounds) / len(events), quartile(alone, rounds) / len(events)


def main() -> None:
    """Print every pair's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    print(f"{'from':<18}{'to':<18}{'request µs':>11}{'its JSON':>10}{'event µs':>10}{'its JSON':>10}")
    for ours in CODECS:
        for theirs in CODECS:
            if ours != theirs:
                pair = Pair(_codec(ours), _codec(theirs))
                figures = (*request_cost(pair, rounds), *event_cost(pair, rounds))
                shown = "".join(
                    f"{figure:>{width}.1f}" for figure, width in zip(figures, (11, 10, 10, 10), strict=True)
                )
                print(f"{ours[1]:<18}{theirs[1]:<18}{shown}")


def _codec(name: tuple[str, str]) -> Any:
    return codec_of(*name)


if __name__ == "__main__":
    main()
