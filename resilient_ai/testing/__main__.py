"""`python -m resilient_ai.testing`: the simulator on its own, for any program to be pointed at."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING

from . import Fault, Provider, Simulator, Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the providers, print where they are, and run until interrupted (or until the timeline is over)."""
    options = _parser().parse_args(arguments)
    names: list[str] = options.provider or ["primary", "backup"]
    try:
        timeline = Timeline.load(options.timeline) if options.timeline else None
        providers = [_provider(name, options.port + index if options.port else 0) for index, name in enumerate(names)]
        with Simulator(*providers, seed=options.seed) as simulator:
            if options.down:
                simulator[providers[0].name].fault(Fault.status(503))
            for name, provider in simulator.items():
                sys.stdout.write(f"{name}  {provider.base_url}  key {provider.key}\n")
            if timeline:
                simulator.play(timeline)
                sys.stdout.write(f"{timeline.name}: {timeline.title} ({timeline.duration:g} s)\n")
            sys.stdout.flush()
            _wait(timeline.duration if timeline else None)
    except (ValueError, FileNotFoundError, OSError, RuntimeError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


def _provider(wanted: str, port: int) -> Provider:
    name, _, dialect = wanted.partition(":")
    return Provider(name, dialect=dialect or "openai", port=port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m resilient_ai.testing", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the first provider; the next ones follow (any free)")
    parser.add_argument(
        "--provider",
        action="append",
        metavar="NAME",
        help="may be repeated (primary and backup); NAME:anthropic, NAME:gemini",
    )
    parser.add_argument("--timeline", metavar="FILE", help=f"play this file, or one of {', '.join(Timeline.names())}")
    parser.add_argument("--down", action="store_true", help="the first provider answers 503 to everything")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers behind a fault's share (1)")
    return parser


def _wait(seconds: float | None) -> None:
    """Until a signal, or so many seconds."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # what a handler is given
        ended.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    ended.wait(seconds)


if __name__ == "__main__":
    sys.exit(main())
