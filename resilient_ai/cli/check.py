"""What `resilient-ai check` does: every target asked once, a table, an exit code. A backup never called rots."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from .._clients.http import pipeline_in
from .._target import Target
from ..errors import ConfigurationError
from ..pipeline import Pipeline
from ..strategies.fallback import Fallback
from .checkup import NEEDS, WHAT, Finding, examined
from .named import named
from .show import complain, console

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from .._egress import Egress

__all__ = ["check"]

AT_ONCE: Final = 8
"""Targets that are asked at the same time."""
MOST: Final = 200
"""Targets that are asked at all."""

_STYLES: Final = {"ok": "green", "FAILED": "bold red", "-": "dim"}


def check(
    names: Sequence[str], source: str | None, *, needs: str, model: str | None, seconds: float, out: Path | None
) -> int:
    """Ask, show, and say by the exit code whether all is well: 0, 1 if a target failed, 2 for wrong use."""
    try:
        wanted = _needs(needs)
        given, egress = ([], None) if source is None else _from(source)
        targets = list(dict.fromkeys(one for target in [*map(Target, names), *given] for one in target.each()))
    except ConfigurationError as error:
        return complain(error, "check")
    if not targets:
        return complain("name targets (vendor:model), or say --from package.module:name", "check")
    if len(targets) > MOST:
        return complain(f"{len(targets)} targets, and {MOST} are the most", "check")
    ask = partial(examined, needs=wanted, model=model, seconds=seconds, egress=egress)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(ask, targets))
    _show(found)
    if out is not None:
        try:
            out.write_text(json.dumps([asdict(finding) for finding in found], indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            return complain(f"{out} cannot be written: {error.strerror}", "check")
    return 0 if all(finding.good for finding in found) else 1


def _needs(words: str) -> tuple[str, ...]:
    wanted = {word.strip() for word in words.split(",")} - {""}
    if unknown := sorted(wanted - set(NEEDS)):
        raise ConfigurationError(f"--needs takes some of {', '.join(NEEDS)}; got {unknown[0]!r}")
    return tuple(need for need in NEEDS if need in wanted)


def _from(source: str) -> tuple[list[Target], Egress | None]:
    """The targets of something that stands in a program, and where its calls may go.

    Raises:
        ConfigurationError: it cannot be imported, or has none.
    """
    thing = named(source)
    pipeline = thing if isinstance(thing, Pipeline) else pipeline_in(thing)
    return list(_targets_in(thing, source)), None if pipeline is None else pipeline.egress


def _targets_in(thing: Any, source: str) -> Iterable[Target]:
    if isinstance(thing, str | Target):
        return (Target(thing) if isinstance(thing, str) else thing,)
    if isinstance(thing, list | tuple):
        return [target for one in thing for target in _targets_in(one, source)]  # pyright: ignore[reportUnknownVariableType]
    pipeline = thing if isinstance(thing, Pipeline) else pipeline_in(thing)
    fallback = thing if isinstance(thing, Fallback) else None if pipeline is None else pipeline.find(Fallback)
    if fallback is None or not fallback.every_target():
        raise ConfigurationError(
            f"--from {source}: it names no targets; a wrapped client, a Pipeline, a Fallback, a Target or a list of "
            f"such is wanted, got a {type(thing).__name__}"
        )
    return fallback.every_target()


def _show(found: Sequence[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for head in ("target", *WHAT, "seconds", ""):
        table.add_column(head, no_wrap=head in WHAT, overflow="fold", justify="right" if head == "seconds" else "left")
    for finding in found:
        states = [Text(finding.states[what], style=_STYLES[finding.states[what]]) for what in WHAT]
        says = finding.says or (f"answered as {finding.answered_as}" if finding.answered_as else "")
        table.add_row(Text(finding.target), *states, f"{finding.seconds:.2f}", Text(says))
    console().print(table)
