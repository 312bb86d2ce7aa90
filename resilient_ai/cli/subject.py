"""`resilient-ai drill --run`: the outage played to the user's own program, counted at the simulator."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from ..testing import Simulator, SimulatorError
from .report import SCHEMA, about, write
from .show import complain, console, show_lines, show_timeline
from .sides import sigint_ignored
from .tally import Tally, tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ..testing import Timeline
    from .plan import Wanted

__all__ = ["run"]

LOOK: Final = 0.02
"""Seconds between two looks whether the first request has come: the replay's clock is this exact."""

ENDING: Final = 5.0
"""Seconds a program has to end by itself, once it was told to."""

TOO_LONG: Final = 124
"""The exit code of `timeout`."""


def run(wanted: Wanted, timeline: Timeline, command: str, *, time_limit: float) -> int:
    """Run the program while the timeline plays; its exit code."""
    out = console()
    try:
        words = shlex.split(command)
        if not words:
            raise ValueError("--run wants a command, e.g. 'pytest tests'")
        with ExitStack() as stack:
            with sigint_ignored():
                simulator = stack.enter_context(Simulator(seed=wanted.seed))
            show_timeline(out, timeline)
            show_lines(out, [*_told(simulator), ""])
            code, started = _played(simulator, timeline, words, time_limit)
            rows = [row for name, provider in simulator.items() for row in tally(name, provider.requests())]
    except (SimulatorError, OSError, ValueError) as problem:
        return complain(problem)
    _show(out, rows, code, started=started)
    if wanted.json is None:
        return code
    drill = about(timeline, scale=wanted.scale, seed=wanted.seed)
    try:
        write(wanted.json, _report(drill, command, code, rows, started=started))
    except ValueError as problem:
        return complain(problem)
    return code


def environment(simulator: Simulator) -> dict[str, str]:
    """What a program finds in its environment beside its own."""
    primary, backup = simulator["primary"], simulator["backup"]
    return {
        "OPENAI_BASE_URL": primary.base_url,
        "OPENAI_API_KEY": primary.key,
        "RESILIENT_AI_DRILL_BACKUP_URL": backup.base_url,
        "RESILIENT_AI_DRILL_BACKUP_KEY": backup.key,
    }


def _told(simulator: Simulator) -> list[str]:
    shown = {name: "…" if name.endswith("_KEY") else value for name, value in environment(simulator).items()}
    return [
        "  the program finds in its environment:",
        *(f"    {name}={value}" for name, value in shown.items()),
        "  the replay begins with its first request",
    ]


def _played(simulator: Simulator, timeline: Timeline, words: Sequence[str], time_limit: float) -> tuple[int, bool]:
    """Its exit code, and whether it made any request."""
    program = _begun(words, os.environ | environment(simulator))
    limit, started = time.monotonic() + time_limit, False
    try:
        while program.poll() is None:
            if time.monotonic() > limit:
                sys.stderr.write(f"resilient-ai drill: ended after {time_limit:g} s (--time-limit)\n")
                _end(program)
                return TOO_LONG, started
            if not started and any(provider.count() for provider in simulator.values()):
                simulator.play(timeline)
                started = True
            time.sleep(LOOK)
    except KeyboardInterrupt:  # the terminal has told the program, too
        _end(program, told=True)
        return 130, started
    started = started or any(provider.count() for provider in simulator.values())
    code = program.returncode
    return (128 - code if code < 0 else code), started


def _begun(words: Sequence[str], variables: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(words, env=variables)  # noqa: S603  # what the user asked for
    except OSError as problem:
        raise ValueError(f"--run: cannot start {words[0]!r}: {problem.strerror}") from problem


def _end(program: subprocess.Popen[bytes], *, told: bool = False) -> None:
    if not told:
        program.terminate()
    try:
        program.wait(ENDING)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def _show(out: Console, rows: Sequence[Tally], code: int, *, started: bool) -> None:
    if not started:
        out.print("\nthe program made no request to the simulator: does it set a base URL of its own?")
    else:
        table = Table(title="Counted at the simulator", title_justify="left", title_style="bold", box=None)
        for name in ("provider", "family"):
            table.add_column(name)
        for name in ("requests", "errors served", "struck", "never answered", "made", "made twice", "refused key"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            counts = (row.requests, row.errors, row.struck, row.unanswered, row.made, row.twice, row.foreign)
            table.add_row(row.provider, row.family, *map(str, counts))
        out.print()
        out.print(table)
        out.print("made twice: equal requests that each made something, but for the first", style="dim")
    out.print(f"the program ended with {code}")


def _report(drill: dict[str, Any], command: str, code: int, rows: Sequence[Tally], *, started: bool) -> dict[str, Any]:
    counted = [{name: getattr(row, name) for name in Tally.__slots__} for row in rows]
    return {"schema": SCHEMA, "drill": drill, "run": command, "exit_code": code, "started": started, "seen": counted}
