"""What a drill must show, line by line, each with what was measured. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from .count import figures_of, making_of, return_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .count import Figures, Ledger, Return
    from .plan import Outage

__all__ = ["Line", "Rules", "affected", "verdict"]

State = Literal["kept", "missed", "told"]

CALLS: Final = 1500
ANSWERED: Final = 0.999
BARE_BELOW: Final = 0.40
REQUESTS_PER_CALL: Final = 1.1


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the drill shows. state: "told" where there is nothing to check on this timeline."""

    state: State
    what: str
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the lines are checked against.

    published: the drill is that of 2024-12-26 at its own length and pace, of which more is said than of others.
    probe_within: seconds from recovery to the first probe, at most. gap: seconds between two calls of a family. ramp:
    seconds of the return. duration: of the replay.
    """

    published: bool
    probe_within: float
    gap: float
    ramp: float
    duration: float


def affected(ledger: Ledger, outage: Outage) -> Figures:
    """The stateless calls of the struck families."""
    return figures_of(ledger.of(outage.stateless), outage)


def verdict(bare: Ledger, wrapped: Ledger, outage: Outage, rules: Rules) -> list[Line]:
    """Every line of it."""
    return [
        *_enough(bare, wrapped, rules),
        *_answers(bare, wrapped, outage, rules),
        *_untouched(wrapped, outage),
        *_once(wrapped, outage),
        *_videos(wrapped),
        *_kept_files(wrapped, outage),
        *_traffic(wrapped, outage, rules),
        *_back(wrapped, outage, rules),
    ]


def _checked(kept: bool, what: str, measured: str) -> Line:
    return Line("kept" if kept else "missed", what, measured)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _enough(bare: Ledger, wrapped: Ledger, rules: Rules) -> Iterator[Line]:
    if rules.published:
        counts = len(bare.done), len(wrapped.done)
        yield _checked(min(counts) >= CALLS, f"at least {CALLS} calls a side", "bare {}, wrapped {}".format(*counts))


def _answers(bare: Ledger, wrapped: Ledger, outage: Outage, rules: Rules) -> Iterator[Line]:
    names = ", ".join(outage.stateless) or "no stateless family"
    ours, theirs = affected(wrapped, outage), affected(bare, outage)
    if not ours.outage_calls:
        yield Line("told", f"{names}: no call fell into the outage", "0 calls")
        return
    what = f"in the outage the wrapped client answers at least {100 * ANSWERED:g} % ({names})"
    measured = f"{_percent(ours.outage_share)} of {ours.outage_calls}"
    if outage.backup_struck:
        yield Line("told", f"answered by the wrapped client, the second vendor being struck too ({names})", measured)
    else:
        yield _checked((ours.outage_share or 0.0) >= ANSWERED, what, measured)
    measured = f"{_percent(theirs.outage_share)} of {theirs.outage_calls}"
    if rules.published:
        share = 0.0 if theirs.outage_share is None else theirs.outage_share
        yield _checked(share < BARE_BELOW, f"the bare SDK less than {100 * BARE_BELOW:g} %", measured)
    else:
        yield Line("told", "answered by the bare SDK", measured)


def _untouched(wrapped: Ledger, outage: Outage) -> Iterator[Line]:
    for family in ("chat", "embeddings"):
        if family not in outage.spans:
            away = sum(seen.family == family and seen.provider != "primary" for seen in wrapped.seen)
            calls = sum(call.family == family for call in wrapped.done)
            yield _checked(away == 0, f"{family}, not struck, never leaves the primary", f"{away} of {calls} elsewhere")


def _once(wrapped: Ledger, outage: Outage) -> Iterator[Line]:
    for family in ("videos", "batches", "files"):
        making = making_of(wrapped.of([family]))
        where = "" if family in outage.spans else ", not struck,"
        measured = f"{making.asked} asked, {making.made} made, {making.twice} twice, {making.unknown} unknown"
        yield _checked(making.twice == 0, f"{family}{where} are never made twice", measured)


def _videos(wrapped: Ledger) -> Iterator[Line]:
    """A video made elsewhere is looked at and fetched there, and nowhere else."""
    homes = {seen.made: seen.provider for seen in wrapped.seen if seen.family == "videos" and seen.made}
    elsewhere = {made for made, provider in homes.items() if provider != "primary"}
    told = {call.made for call in wrapped.done if call.step == "create" and call.made} & elsewhere
    if not told:
        yield Line("told", "a video made elsewhere is looked at and fetched there", "none was made elsewhere")
        return
    fetched = {call.about for call in wrapped.done if call.step == "fetch" and call.error is None} & told
    astray = sum(seen.provider == "primary" and any(made in seen.path for made in told) for seen in wrapped.seen)
    measured = f"{len(fetched)} of {len(told)} fetched, {astray} requests astray"
    kept = fetched == told and astray == 0
    yield _checked(kept, "a video made elsewhere is looked at and fetched there", measured)


def _kept_files(wrapped: Ledger, outage: Outage) -> Iterator[Line]:
    """A batch whose file is the primary's is made there, or ends in the SDK's own error."""
    kept = [call for call in wrapped.done if call.kept]
    struck = [call for call in kept if outage.strikes("batches", call.started)]
    if "batches" not in outage.spans or not struck:
        return
    files = {call.about for call in kept}
    away = sum(seen.provider != "primary" and seen.input_file in files for seen in wrapped.seen)
    failed = [call for call in struck if call.error is not None]
    foreign = sum(not call.sdk_error for call in failed)
    measured = f"{len(failed)} of {len(struck)} in the SDK's error, {foreign} in another, {away} sent elsewhere"
    yield _checked(foreign == away == 0, "a batch whose file is the primary's ends in the SDK's own error", measured)


def _traffic(wrapped: Ledger, outage: Outage, rules: Rules) -> Iterator[Line]:
    figures = affected(wrapped, outage)
    if figures.outage_per_call is None:
        return
    measured = f"{figures.outage_per_call:.3f} ({figures.outage_requests} for {figures.outage_calls})"
    if rules.published:
        what = f"at most {REQUESTS_PER_CALL:g} upstream calls for a call in the outage"
        yield _checked(figures.outage_per_call <= REQUESTS_PER_CALL, what, measured)
    else:
        yield Line("told", "upstream calls for a call in the outage", measured)


def _back(wrapped: Ledger, outage: Outage, rules: Rules) -> Iterator[Line]:
    """The way back of each stateless family that was left."""
    for family in outage.stateless:
        way = return_of(wrapped, outage, family)
        if way.rescued is None:
            continue
        limit = rules.probe_within + rules.gap
        probe = "none" if way.probe is None else f"{way.probe:.2f} s"
        what = f"{family}: first probe within {rules.probe_within:g} s of recovery (and the next call, {rules.gap:g} s)"
        if way.probe is None and rules.duration - outage.bounds(family)[1] < limit:
            yield Line("told", what, "the drill ends too early to tell")
        else:
            yield _checked(way.probe is not None and way.probe <= limit, what, probe)
        yield _home(way, family, rules, outage.bounds(family)[1])


def _home(way: Return, family: str, rules: Rules, recovered: float) -> Line:
    """Whether it came back to the primary, and not at one go."""
    shares = " ".join(f"{100 * share:.0f}" for share in way.shares)
    what = f"{family}: back at the primary step by step"
    first, last = ("never" if at is None else f"{at:.2f} s" for at in (way.first, way.last))
    measured = f"first {first}, last elsewhere {last} after recovery; % by the second: {shares}"
    if rules.duration - recovered < rules.probe_within + rules.ramp + 1.0:
        return Line("told", what, f"{measured} (the drill ends too early to tell)")
    ramped = way.first is not None and way.last is not None and way.last > way.first
    return _checked(ramped and way.shares[-1] == 1.0, what, measured)
