"""`resilient-ai drill`: from what was asked for to an exit code."""

from __future__ import annotations

import logging
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from .. import Fallback, Target
from ..testing import Simulator, SimulatorError, Timeline
from .count import Ledger, seen_of
from .load import Load
from .plan import Outage, Wanted, jobs_of, outage_of, timeline_of
from .progress import watch
from .report import about, check, report, write
from .show import complain, console, show_lines, show_log, show_tables, show_timeline, show_verdict
from .sides import BACKUP, FIRST_BYTE, OPEN_FOR, PROGRAM_TIMEOUT, RAMP, Side, pipeline, sigint_ignored
from .verdict import Rules, affected, verdict

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from rich.console import Console

    from .program import Done

__all__ = ["compare", "list_timelines", "subject"]

INTERRUPTED: Final = 130
SILENT: Final = frozenset({"blackhole", "slow", "slow_first_token", "stalled", "drip", "mute_connect"})


def list_timelines() -> int:
    """Print the packaged timelines, with what is published of each and what is assumed."""
    out = console()
    for name in Timeline.names():
        show_timeline(out, Timeline.load(name))
        out.print()
    return 0


def subject(wanted: Wanted, command: str, *, time_limit: float) -> int:
    """Replay the timeline to the user's own program; its exit code."""
    from . import subject as own

    timeline = _timeline(wanted)
    return 2 if timeline is None else own.run(wanted, timeline, command, time_limit=time_limit)


def compare(wanted: Wanted) -> int:
    """Replay the timeline to the bare SDK and the wrapped one, side by side; the exit code."""
    timeline = _timeline(wanted)
    if timeline is None:
        return 2
    out, outage = console(), outage_of(timeline)
    settings = _settings(wanted)
    show_timeline(out, timeline)
    show_lines(out, settings)
    try:
        with ExitStack() as stack:
            log = stack.enter_context(_log())
            stack.enter_context(_sora_is_switched_off())
            sides = [_side(stack, "bare", wanted), _side(stack, "wrapped", wanted)]
            interrupted, ledgers = _replay(out, sides, timeline, wanted)
    except SimulatorError as problem:
        return complain(problem)
    except KeyboardInterrupt:  # before anything was replayed
        return INTERRUPTED
    lines = verdict(ledgers["bare"], ledgers["wrapped"], outage, _rules(timeline, wanted))
    show_tables(out, ledgers, outage)
    show_log(out, log)
    if not interrupted:
        show_verdict(out, lines)
    code = INTERRUPTED if interrupted else _judged(out, ledgers["wrapped"], outage, wanted.require_answered)
    if wanted.json is None:
        return code
    told = report(
        drill=about(timeline, scale=wanted.scale, seed=wanted.seed),
        settings=settings,
        outage=outage,
        sides=ledgers,
        verdict=[] if interrupted else lines,
        interrupted=interrupted,
        log=log,
    )
    try:
        write(wanted.json, told)
    except ValueError as problem:
        return complain(problem)
    return code


def _timeline(wanted: Wanted) -> Timeline | None:
    """The timeline, once all that was asked for has been looked at; None if something is wrong with it."""
    try:
        timeline = timeline_of(wanted)
        timeline.check_providers(("primary", "backup"))
        if wanted.json is not None:
            check(wanted.json)
    except (OSError, ValueError) as problem:
        complain(problem)
        return None
    return timeline


def _settings(wanted: Wanted) -> list[str]:
    return [
        f"  bare       OpenAI(base_url=primary, timeout={PROGRAM_TIMEOUT:g}), with the SDK's own two retries",
        "             (the SDK's own time-out of 600 s is scaled to the drill, on both sides)",
        f"  wrapped    wrap(the same, pipeline, fallback=[Target({BACKUP!r}, base_url=backup)]), where pipeline is",
        *(f"             {line}" for line in _pipeline(wanted).splitlines()[1:-3]),
        "",
    ]


def _pipeline(wanted: Wanted) -> str:
    """The wrapped side's pipeline in words, with its fallback (at no port yet)."""
    fallback = Fallback([Target(BACKUP, base_url="http://backup", api_key="none")])
    return str(pipeline(cache=wanted.cache).replaced(fallback))


def _side(stack: ExitStack, name: str, wanted: Wanted) -> Side:
    with sigint_ignored():
        simulator = stack.enter_context(Simulator(seed=wanted.seed))
    guarded = pipeline(cache=wanted.cache) if name == "wrapped" else None
    return Side(name, simulator, guarded)


def _replay(out: Console, sides: Sequence[Side], timeline: Timeline, wanted: Wanted) -> tuple[bool, dict[str, Ledger]]:
    """Play the timeline to both sides at once; whether it was cut short, and what was seen on each."""
    programs = [side.prepare() for side in sides]
    jobs = jobs_of(timeline, seed=wanted.seed)
    loads = [Load(jobs, program.run, clock=side.clock) for side, program in zip(sides, programs, strict=True)]
    for side in sides:
        side.play(timeline)
    for load in loads:
        load.start()
    done = {side.name: program.done for side, program in zip(sides, programs, strict=True)}
    interrupted = watch(out, loads, done, timeline=timeline, outage=outage_of(timeline), clock=sides[0].clock)
    late = max(program.latest for program in programs)
    out.print(f"Calls began {1000 * late:.0f} ms after their time at most; none waited for an earlier one.")
    return interrupted, {
        side.name: _ledger(side, program.ended() if interrupted else program.all_begun())
        for side, program in zip(sides, programs, strict=True)
    }


def _ledger(side: Side, done: Sequence[Done]) -> Ledger:
    seen = [
        request
        for name, provider in side.simulator.items()
        for request in seen_of(name, provider.requests(), began=side.began)
    ]
    created = {
        family: sum(len(provider.created(family)) for provider in side.simulator.values())
        for family in ("videos", "batches")  # files are made by finished batches, too
    }
    return Ledger(done, seen, created)


def _rules(timeline: Timeline, wanted: Wanted) -> Rules:
    mute = any(event.fault.kind in SILENT for event in timeline.events)
    return Rules(
        published=timeline.name == "2024-12-26" and wanted.rate is None and wanted.scale == 1.0,
        # A probe that was sent just before recovery to a provider that says nothing ends when its first byte is due.
        probe_within=OPEN_FOR[1] + (FIRST_BYTE if mute else 0.0),
        gap=1.5 / timeline.calls_per_second,
        ramp=RAMP,
        duration=timeline.duration,
    )


def _judged(out: Console, wrapped: Ledger, outage: Outage, required: float | None) -> int:
    if required is None:
        return 0
    figures = affected(wrapped, outage)
    share = figures.outage_share
    told = f"{figures.outage_answered} of {figures.outage_calls} affected stateless calls answered"
    if share is None or share < required:
        out.print(f"below the required share of {required:g}: {told}", style="bold red")
        return 1
    out.print(f"the required share of {required:g} is reached: {told}")
    return 0


@contextmanager
def _sora_is_switched_off() -> Generator[None]:
    """openai says so at every call of its Videos API, which others still serve."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The Sora API", category=DeprecationWarning)
        yield


class _Lines(logging.Handler):
    """Keeps what is logged, for the end: a live display and a log do not share a terminal."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.lines) < 1000:
            self.lines.append(f"{record.levelname} {record.getMessage()}")


@contextmanager
def _log() -> Generator[list[str]]:
    logger, handler = logging.getLogger("resilient_ai"), _Lines()
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
