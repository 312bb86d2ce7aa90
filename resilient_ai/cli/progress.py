"""What is seen while a drill runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from .sides import PROGRAM_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from ..testing import Timeline
    from .load import Load
    from .plan import Outage
    from .program import Done

__all__ = ["watch"]

GRACE: Final = 4 * PROGRAM_TIMEOUT
"""Seconds for calls under way at the end: the SDK's three attempts, its waits between them, and some."""

STEP: Final = 0.2
LINE_EVERY: Final = 5.0


def watch(
    out: Console,
    loads: Sequence[Load],
    done: Mapping[str, Sequence[Done]],
    *,
    timeline: Timeline,
    outage: Outage,
    clock: Callable[[], float],
) -> bool:
    """Show how it goes until all calls have ended (or Ctrl-C, or they take too long); whether it was cut short."""
    live = Live(console=out, refresh_per_second=5, transient=True) if out.is_terminal else None
    told = -LINE_EVERY
    try:
        if live is not None:
            live.start()
        while not _ended(loads) and clock() < timeline.duration + GRACE:
            if live is not None:
                live.update(_picture(timeline, outage, clock(), done))
            elif clock() >= told + LINE_EVERY:
                told += LINE_EVERY
                out.print(_line(timeline, outage, clock(), done), markup=False)
        return False
    except KeyboardInterrupt:
        return True
    finally:
        for load in loads:
            load.stop()
        if live is not None:
            live.stop()


def _ended(loads: Sequence[Load]) -> bool:
    """Wait a moment; whether all loads have ended."""
    return min([load.wait(STEP / len(loads)) for load in loads])


def _phase(outage: Outage, at: float) -> str:
    if any(outage.strikes(family, at) for family in outage.spans):
        return "outage"
    return "healthy" if at < outage.start else "recovered" if at >= outage.end else "between"


def _line(timeline: Timeline, outage: Outage, at: float, done: Mapping[str, Sequence[Done]]) -> str:
    told = "; ".join(f"{name} {_tally(list(calls))}" for name, calls in done.items())
    return f"{max(0.0, min(at, timeline.duration)):3.0f} s of {timeline.duration:g}, {_phase(outage, at)}: {told}"


def _tally(calls: Sequence[Done]) -> str:
    failed = sum(call.source is None for call in calls)
    return f"{len(calls) - failed} answered, {failed} not"


def _picture(timeline: Timeline, outage: Outage, at: float, done: Mapping[str, Sequence[Done]]) -> Table:
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=timeline.duration, completed=min(at, timeline.duration), width=40)
    grid.add_row(f"{min(at, timeline.duration):4.1f} s", bar, _phase(outage, at))
    for name, calls in done.items():
        grid.add_row(name, _tally(list(calls)), "")
    return grid
