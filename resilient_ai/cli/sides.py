"""The two sides: the bare SDK and the wrapped one, each with a simulator of its own that fails alike."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import openai

from .. import Cache, CircuitBreaker, Deadline, Pipeline, Target, wrap
from .plan import Job
from .program import Program, batch_line

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._call import Strategy
    from ..testing import Simulator, Timeline

__all__ = ["BACKUP", "FIRST_BYTE", "OPEN_FOR", "PROGRAM_TIMEOUT", "RAMP", "Side", "pipeline", "sigint_ignored"]

PROGRAM_TIMEOUT: Final = 5.0
"""Seconds: the program's time-out on both sides. The SDK's own default, 600 s, is longer than a drill."""

FIRST_BYTE: Final = 1.5
"""Seconds: as long in a drill as half a minute outside."""

OPEN_FOR: Final = (1.0, 2.0)
"""Seconds a circuit stays open, first (the default) and at most: the cap of 30 s, scaled to the drill."""

RAMP: Final = 3.0
"""Seconds of the return, so that it ends before the drill does."""

STALE: Final = 3600.0

BACKUP: Final = "backup:*"


def pipeline(*, cache: bool) -> Pipeline:
    """The wrapped side's: the default one, its limits scaled to the drill."""
    strategies: list[Strategy] = [
        Deadline(total=PROGRAM_TIMEOUT, first_byte=FIRST_BYTE),
        CircuitBreaker(open_for=OPEN_FOR, ramp=RAMP),
    ]
    if cache:
        strategies.append(Cache(stale_if_error=STALE))
    return Pipeline.default(*strategies, isolated=True)


@contextmanager
def sigint_ignored() -> Generator[None]:
    """Processes started inside do not hear Ctrl-C: the simulator must outlive it, to be counted at."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(slots=True)
class Side:
    """One side of the drill.

    name: "bare" or "wrapped". simulator: its providers, started. guarded: with what, on the wrapped side.
    """

    name: str
    simulator: Simulator
    guarded: Pipeline | None
    began: float = 0.0
    zero: float = 0.0

    def client(self) -> openai.OpenAI:
        """A plain client for the primary, wrapped on the wrapped side."""
        primary, backup = self.simulator["primary"], self.simulator["backup"]
        bare = openai.OpenAI(base_url=primary.base_url, api_key=primary.key, timeout=PROGRAM_TIMEOUT)
        if self.guarded is None:
            return bare
        target = Target(BACKUP, base_url=backup.base_url, api_key=backup.key)
        return wrap(bare, self.guarded, fallback=[target])

    def clock(self) -> float:
        """Seconds of the replay; below 0 before it runs."""
        return time.monotonic() - self.zero

    def prepare(self) -> Program:
        """Make every kind of call once, so that nothing is measured that only the first call pays; then a program."""
        client = self.client()
        self.zero = time.monotonic()
        warm = Program(client, clock=self.clock, kept_file="")
        for number, kind in enumerate(("chat", "responses", "images", "embeddings", "videos", "batches")):
            warm.run(Job(0.0, kind, number))
        self.simulator.reset()
        kept = client.files.create(file=("kept.jsonl", batch_line(0)), purpose="batch")
        return Program(client, clock=self.clock, kept_file=kept.id)

    def play(self, timeline: Timeline) -> None:
        """Start the timeline's clock."""
        self.began = self.simulator.play(timeline)
        self.zero = time.monotonic()
