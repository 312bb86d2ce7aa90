"""All figures of a drill as JSON; docs/drill.md describes the fields."""

from __future__ import annotations

import json
import platform
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from .count import Figures, Ledger, figures_of, making_of, return_of
from .show import FAMILIES
from .verdict import affected

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from ..testing import Timeline
    from .plan import Outage
    from .verdict import Line

__all__ = ["SCHEMA", "about", "check", "report", "write"]

SCHEMA: Final = 1
"""Goes up when a field changes its meaning or goes away."""


def about(timeline: Timeline, *, scale: float, seed: int) -> dict[str, Any]:
    """What was replayed."""
    names = ("name", "title", "source", "published", "assumed", "duration", "calls_per_second")
    return {**{name: getattr(timeline, name) for name in names}, "scale": scale, "seed": seed}


def report(
    *,
    drill: dict[str, Any],
    settings: Sequence[str],
    outage: Outage,
    sides: Mapping[str, Ledger],
    verdict: Sequence[Line],
    interrupted: bool,
    log: Sequence[str],
) -> dict[str, Any]:
    """The whole of it, as plain data."""
    return {
        "schema": SCHEMA,
        "drill": drill,
        "versions": {"python": platform.python_version(), "openai": metadata.version("openai")},
        "settings": list(settings),
        "outage": {"start": outage.start, "end": outage.end, "families": outage.spans},
        "interrupted": interrupted,
        "affected_stateless": {name: _affected(ledger, outage) for name, ledger in sides.items()},
        "sides": {name: _side(ledger, outage) for name, ledger in sides.items()},
        "verdict": [asdict(line) for line in verdict],
        "log": list(log),
    }


def _affected(ledger: Ledger, outage: Outage) -> dict[str, Any]:
    figures = affected(ledger, outage)
    return {
        "families": list(outage.stateless),
        "calls": figures.outage_calls,
        "answered": figures.outage_answered,
        "share": figures.outage_share,
        "upstream_per_call": figures.outage_per_call,
    }


def _side(ledger: Ledger, outage: Outage) -> dict[str, Any]:
    families: dict[str, Any] = {}
    for family in FAMILIES:
        part = ledger.of([family])
        told: dict[str, Any] = _figures(figures_of(part, outage))
        if family in outage.spans:
            told["return"] = asdict(return_of(part, outage, family))
        making = making_of(part)
        if making.asked:
            told["making"] = asdict(making)
        families[family] = told
    return {"families": families, "all": _figures(figures_of(ledger, outage))}


def _figures(figures: Figures) -> dict[str, Any]:
    shares = {
        "outage_share": figures.outage_share,
        "upstream_per_call": figures.per_call,
        "outage_upstream_per_call": figures.outage_per_call,
    }
    return {**asdict(figures), **shares}


def check(path: Path) -> None:
    """Raise ValueError if a report cannot be written there: told before a replay, not after it. Keeps what is there."""
    with _told(path):
        if not path.is_fifo():  # whose reader would take the end of this for the end of the report
            path.open("ab").close()


def write(path: Path, data: dict[str, Any]) -> None:
    """Write it, readably. Raises ValueError if that fails."""
    with _told(path):
        path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _told(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as problem:
        raise ValueError(f"--json: cannot write {str(path)!r}: {problem.strerror}") from problem
