"""What a drill does: the timeline at its scale, where its outage lies, and which calls are made when."""

from __future__ import annotations

import dataclasses
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..testing import FAMILIES, Timeline

__all__ = ["CALLS", "Job", "Outage", "Wanted", "jobs_of", "outage_of", "timeline_of"]

CALLS: Final = {"chat": 1, "responses": 1, "images": 1, "embeddings": 1, "videos": 4, "batches": 4}
"""The kinds of job, and how many calls one makes: a video is made, looked at twice and fetched; a batch is a file, the
batch itself and two looks."""

STATELESS: Final = ("chat", "responses", "images", "embeddings")
"""The families whose calls leave nothing behind."""

MOST_CALLS: Final = 6_000
"""Calls a side, at most: with the SDK's three attempts they stay inside the simulator's log of 20,000 requests."""

LONGEST: Final = 900.0
"""Seconds of a replay, at most."""

LARGEST: Final = 1_000_000
"""Bytes of a timeline's file, at most; the packaged ones have a few thousand."""

SECOND_VENDOR: Final = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for on the command line; `app.drill` says what each means."""

    timeline: str
    rate: float | None
    scale: float
    seed: int
    cache: bool
    json: Path | None
    require_answered: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """One thing the program wants at a moment of the replay (seconds): a call, or a few in a row; number: its own."""

    at: float
    kind: str
    number: int

    @property
    def turn(self) -> int:
        """Which of its kind it is, from 0."""
        return self.number // len(CALLS)

    @property
    def keeps_file(self) -> bool:
        """Every fourth batch is of a file that was given to the primary before the outage."""
        return self.kind == "batches" and self.turn % 4 == 3


@dataclass(frozen=True, slots=True)
class Outage:
    """When which family of the primary is struck (seconds of the replay); and whether the second vendor is, too."""

    spans: dict[str, tuple[tuple[float, float], ...]]
    backup_struck: bool

    @property
    def start(self) -> float:
        """When the first family is struck."""
        return min((span[0] for spans in self.spans.values() for span in spans), default=0.0)

    @property
    def end(self) -> float:
        """When the last family has recovered."""
        return max((span[1] for spans in self.spans.values() for span in spans), default=0.0)

    @property
    def stateless(self) -> tuple[str, ...]:
        """The struck families whose calls leave nothing behind."""
        return tuple(family for family in STATELESS if family in self.spans)

    def strikes(self, family: str, at: float) -> bool:
        """Whether the family is struck at that moment; one that never is, whether any is."""
        spans = self.spans.get(family)
        if spans is None:
            return any(self.strikes(other, at) for other in self.spans)
        return any(start <= at < end for start, end in spans)

    def bounds(self, family: str) -> tuple[float, float]:
        """The first moment and the last of the family's outage."""
        spans = self.spans[family]
        return min(start for start, _ in spans), max(end for _, end in spans)


def timeline_of(wanted: Wanted) -> Timeline:
    """The timeline asked for, its seconds stretched.

    Raises:
        FileNotFoundError: there is no such file and no packaged timeline of that name.
        OSError: the file cannot be read.
        ValueError: the file is wrong, or the drill would be too long, too large or without a call.
    """
    timeline = _loaded(wanted.timeline)
    if not (math.isfinite(wanted.scale) and wanted.scale > 0):
        raise ValueError(f"--scale is a number above 0, not {wanted.scale:g}")
    rate = timeline.calls_per_second if wanted.rate is None else wanted.rate
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"--calls-per-second is a number above 0, not {rate:g}")
    duration = timeline.duration * wanted.scale
    if duration * rate < 1:
        raise ValueError(f"that would be no call at all: {duration:g} s at {rate:g} calls a second")
    if duration > LONGEST:
        raise ValueError(f"that would take {duration:.0f} s; a drill takes at most {LONGEST:.0f} s")
    if (calls := duration * rate * len(CALLS)) > MOST_CALLS:
        raise ValueError(f"that would be {calls:.0f} calls a side; a drill makes at most {MOST_CALLS}")
    events = tuple(
        dataclasses.replace(event, at=event.at * wanted.scale, until=event.until * wanted.scale)
        for event in timeline.events
    )
    return dataclasses.replace(timeline, duration=duration, calls_per_second=rate, events=events)


def _loaded(name: str) -> Timeline:
    path = Path(name)
    if path.is_file() and path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name}: too large for a timeline, more than {LARGEST} bytes")
    try:
        return Timeline.load(name)
    except RecursionError:
        raise ValueError(f"{path.name}: nested too deeply for a timeline") from None


def outage_of(timeline: Timeline) -> Outage:
    """Where the outage lies."""
    spans: dict[str, set[tuple[float, float]]] = {}
    for event in timeline.events:
        if event.provider != SECOND_VENDOR:
            for family in FAMILIES if "*" in event.families else event.families:
                spans.setdefault(family, set()).add((event.at, event.until))
    struck = any(event.provider == SECOND_VENDOR for event in timeline.events)
    return Outage({family: tuple(sorted(found)) for family, found in spans.items()}, struck)


def jobs_of(timeline: Timeline, *, seed: int) -> tuple[Job, ...]:
    """Every job of the replay in its order: evenly spread, each shifted by chance within its own gap."""
    chance = random.Random(f"{seed}/arrivals")
    moments: list[tuple[float, str]] = []
    for kind, calls in CALLS.items():
        gap = calls / timeline.calls_per_second
        count = math.floor(timeline.duration / gap + 1e-9)
        moments += [((index + chance.uniform(0.25, 0.75)) * gap, kind) for index in range(count)]
    moments.sort()
    numbers = dict.fromkeys(CALLS, 0)
    jobs: list[Job] = []
    for at, kind in moments:
        jobs.append(Job(at, kind, len(CALLS) * numbers[kind] + list(CALLS).index(kind)))
        numbers[kind] += 1
    return tuple(jobs)
