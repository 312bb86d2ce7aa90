"""What a drill prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .count import Figures, Ledger, figures_of, making_of, return_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..testing import Timeline
    from .plan import Outage
    from .verdict import Line

__all__ = [
    "FAMILIES",
    "complain",
    "console",
    "show_lines",
    "show_log",
    "show_tables",
    "show_timeline",
    "show_verdict",
]

FAMILIES: Final = ("chat", "responses", "images", "embeddings", "videos", "files", "batches")

PLAIN_WIDTH: Final = 118
"""Columns where there is no terminal to ask."""

MARKS: Final = {"kept": ("ok", "green"), "missed": ("MISSED", "bold red"), "told": ("-", "dim")}


def console() -> Console:
    """Standard output; colours and live display only on a terminal."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def complain(problem: Exception | str, command: str = "drill") -> int:
    """Say on standard error, in a line, why the command ends; the exit code of wrong use."""
    sys.stderr.write(f"resilient-ai {command}: {problem}\n")
    return 2


def show_timeline(out: Console, timeline: Timeline) -> None:
    """A timeline with what is published of it and what is assumed."""
    out.print(Text(f"{timeline.name}  {timeline.title}", style="bold"))
    out.print(f"  source     {timeline.source}", markup=False, soft_wrap=True)
    for name, texts in (("published", timeline.published), ("assumed", timeline.assumed)):
        for text in texts:
            out.print(f"  {name:<10} {text}", markup=False, soft_wrap=True)
            name = ""  # noqa: PLW2901  # said once


def show_lines(out: Console, lines: Iterable[str]) -> None:
    """Plain lines, as they are."""
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def show_tables(out: Console, sides: Mapping[str, Ledger], outage: Outage) -> None:
    """Bare beside wrapped: the answers, the traffic and the way back, what was made."""
    groups = [*((family, [family]) for family in FAMILIES), ("all", list(FAMILIES))]
    answers = _table("Calls", "calls", "fresh", "fallback", "stale", "refused", "failed", "p50", "p99", "answered")
    traffic = _table("Upstream", "per call", "in outage", "rescued", "probe", "back: first", "last")
    making = _table("Creating calls", "asked", "made", "twice", "unknown")
    for name, families in groups:
        struck = any(family in outage.spans for family in families)
        for index, (side, ledger) in enumerate(sides.items()):
            label = "" if index else name
            part = ledger.of(families)
            figures = figures_of(part, outage)
            style = None if struck else "dim"
            answers.add_row(label, side, *_answer_cells(figures), style=style)
            traffic.add_row(label, side, *_traffic_cells(figures), *_return_cells(part, outage, families), style=style)
            made = making_of(part)
            if made.asked and name != "all":
                making.add_row(label, side, *map(str, (made.asked, made.made, made.twice, made.unknown)), style=style)
    for table in (answers, traffic, making):
        out.print(table)
    out.print(LEGEND, style="dim", soft_wrap=True)


LEGEND: Final = """\
refused: nothing was sent, the circuit was open. failed: any other error. p50, p99: ms until a call ended, anyhow.
answered: of the calls that began in the outage. per call, in outage: requests for a call, counted at the simulator.
rescued: s from the outage's start to the first answer from elsewhere. probe: s from recovery to the first request at
the primary; back: to its first answered call, and to the end of the last one that was answered elsewhere.
unknown: the error is no proof that nothing was made."""


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("family")
    table.add_column("client")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _answer_cells(figures: Figures) -> Sequence[str]:
    counts = (figures.calls, figures.fresh, figures.fallback, figures.stale, figures.refused, figures.failed)
    times = (_milliseconds(figures.p50), _milliseconds(figures.p99))
    share = "-" if figures.outage_share is None else f"{100 * figures.outage_share:.1f} %"
    return (*map(str, counts), *times, share)


def _traffic_cells(figures: Figures) -> Sequence[str]:
    return (_number(figures.per_call), _number(figures.outage_per_call))


def _return_cells(part: Ledger, outage: Outage, families: Sequence[str]) -> Sequence[str]:
    if len(families) > 1 or families[0] not in outage.spans:
        return ("", "", "", "")
    way = return_of(part, outage, families[0])
    if way.rescued is None:  # it never left
        return ("-", "-", "-", "-")
    return tuple(map(_number, (way.rescued, way.probe, way.first, way.last)))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.0f}"


def show_verdict(out: Console, lines: Sequence[Line]) -> None:
    """What it must show, and what it showed."""
    out.print(Text("\nIt must show", style="bold"))
    for line in lines:
        mark, style = MARKS[line.state]
        out.print(Text.assemble((f"  {mark:<7}", style), f"{line.what}: ", (line.measured, style)), soft_wrap=True)


def show_log(out: Console, lines: Sequence[str], *, most: int = 12) -> None:
    """What the wrapped program's log said."""
    if lines:
        out.print(Text("\nThe wrapped program's log", style="bold"))
        show_lines(out, (f"  {line}" for line in lines[:most]))
        if len(lines) > most:
            out.print(f"  … and {len(lines) - most} lines more")
