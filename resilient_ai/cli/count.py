"""From what the program noted and what the simulator logged to figures. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..testing import Request
    from .plan import Outage
    from .program import Done

__all__ = ["Figures", "Ledger", "Making", "Return", "Seen", "figures_of", "making_of", "return_of", "seen_of"]

NOTHING_MADE: Final = frozenset({503, 529})
"""Beside every 4xx, the statuses that prove that nothing was made."""

NUMBERS: Final = 20_000 * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request at a provider. at: seconds of the replay. number: of the program's call it belongs to, None if it is
    none of its calls'. about: the path, in which an id may stand."""

    provider: str
    at: float
    family: str
    number: int | None
    status: int | None
    made: str | None
    path: str
    input_file: str | None = None


def seen_of(provider: str, requests: Iterable[Request], *, began: float) -> list[Seen]:
    """A provider's log, on the replay's clock."""
    return [
        Seen(
            provider=provider,
            at=request.at - began,
            family=request.family,
            number=_number(request.headers.get("traceparent", "")),
            status=request.status,
            made=request.made,
            path=request.path,
            input_file=_input_file(request.json),
        )
        for request in requests
    ]


def _input_file(body: Any) -> str | None:
    found: object = body.get("input_file_id") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found if isinstance(found, str) else None


def _number(traceparent: str) -> int | None:
    parts = traceparent.split("-")
    try:
        number = int(parts[1], 16) - 1
    except (IndexError, ValueError):
        return None
    return number if 0 <= number < NUMBERS else None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is known of one side: the program's calls, the providers' requests, how many things they made."""

    done: Sequence[Done]
    seen: Sequence[Seen]
    created: Mapping[str, int]

    def of(self, families: Iterable[str]) -> Ledger:
        """The part that is about these families."""
        kept = frozenset(families)
        return Ledger(
            [done for done in self.done if done.family in kept],
            [seen for seen in self.seen if seen.family in kept],
            {family: count for family, count in self.created.items() if family in kept},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the program saw of some families, and how much traffic that took.

    refused: ended at once, nothing sent (an open circuit). failed: ended in any other error. p50, p99: seconds until
    the call ended, answered or not. requests: at all providers. The same for calls that began while their family was
    struck (of a family that never is, while any was): outage_calls, outage_answered, outage_requests.
    """

    calls: int
    fresh: int
    fallback: int
    stale: int
    refused: int
    failed: int
    p50: float | None
    p99: float | None
    requests: int
    outage_calls: int
    outage_answered: int
    outage_requests: int

    @property
    def outage_share(self) -> float | None:
        """The share of calls answered in the outage."""
        return self.outage_answered / self.outage_calls if self.outage_calls else None

    @property
    def per_call(self) -> float | None:
        """Requests for a call."""
        return self.requests / self.calls if self.calls else None

    @property
    def outage_per_call(self) -> float | None:
        """Requests for a call in the outage."""
        return self.outage_requests / self.outage_calls if self.outage_calls else None


def figures_of(ledger: Ledger, outage: Outage) -> Figures:
    """Count calls and requests."""
    done = ledger.done
    sources = Counter(call.source for call in done)
    struck = [call for call in done if outage.strikes(call.family, call.started)]
    requests = Counter(seen.number for seen in ledger.seen)
    took = sorted(call.ended - call.started for call in done)
    refused = sum(call.refused for call in done)
    return Figures(
        calls=len(done),
        fresh=sources["fresh"] + sources["cache"],
        fallback=sources["fallback"],
        stale=sources["stale"],
        refused=refused,
        failed=sources[None] - refused,
        p50=percentile(took, 0.50),
        p99=percentile(took, 0.99),
        requests=sum(requests[call.number] for call in done),
        outage_calls=len(struck),
        outage_answered=sum(call.source is not None for call in struck),
        outage_requests=sum(requests[call.number] for call in struck),
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of sorted numbers."""
    if not ordered:
        return None
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(0, rank - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """How one struck family went away from the primary and came back. Seconds; None where it did not happen.

    rescued: from the outage's start until the first call that somebody else answered had its answer. probe: from
    recovery to the first request at the primary. first, last: from recovery to the first call answered by the primary
    (its start), and to the end of the last one that somebody else answered.
    shares: of the calls that began in each second after recovery, the share answered by the primary.
    """

    rescued: float | None
    probe: float | None
    first: float | None
    last: float | None
    shares: tuple[float, ...]


def return_of(ledger: Ledger, outage: Outage, family: str) -> Return:
    """Follow one family through the outage and out of it."""
    start, end = outage.bounds(family)
    calls = [call for call in ledger.done if call.family == family]
    after = [call for call in calls if call.started >= end]
    return Return(
        rescued=_least(call.ended - start for call in calls if call.started >= start and _elsewhere(call)),
        probe=_least(seen.at - end for seen in ledger.seen if _at_primary(seen, family) and seen.at >= end),
        first=_least(call.started - end for call in after if call.source == "fresh"),
        last=max((call.ended - end for call in after if _elsewhere(call)), default=None),
        shares=_shares(after, end),
    )


def _at_primary(seen: Seen, family: str) -> bool:
    return seen.family == family and seen.provider == "primary"


def _elsewhere(call: Done) -> bool:
    return call.source in ("fallback", "stale")


def _least(values: Iterable[float]) -> float | None:
    return min(values, default=None)


def _shares(calls: Sequence[Done], since: float) -> tuple[float, ...]:
    seconds: defaultdict[int, list[bool]] = defaultdict(list)
    for call in calls:
        seconds[int(call.started - since)].append(call.source == "fresh")
    return tuple(sum(fresh) / len(fresh) for _, fresh in sorted(seconds.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What was made, counted at the providers.

    asked: creating calls of the program. made: things made for them. told: calls that were told the id of what they
    made. twice: things beyond the first of one call. unknown: calls that ended in an error of which no one can say
    whether anything was made: a request went out, and what came back (or did not) is no proof.
    """

    asked: int
    made: int
    told: int
    twice: int
    unknown: int


def making_of(ledger: Ledger) -> Making:
    """Count what the creating calls of a ledger made."""
    calls = {call.number: call for call in ledger.done if call.step == "create"}
    made: Counter[int] = Counter()
    doubtful: set[int] = set()
    for seen in ledger.seen:
        if seen.number in calls:
            made[seen.number] += seen.made is not None
            if not proves_nothing_made(seen.status):
                doubtful.add(seen.number)
    by_calls = sum(made.values())
    return Making(
        asked=len(calls),
        made=max(by_calls, sum(ledger.created.values())),
        told=sum(call.made is not None for call in calls.values()),
        # What the providers made beyond what a call can be found for has been made too often, too.
        twice=sum(count - 1 for count in made.values() if count > 1) + max(0, sum(ledger.created.values()) - by_calls),
        unknown=sum(call.error is not None and number in doubtful for number, call in calls.items()),
    )


def proves_nothing_made(status: int | None) -> bool:
    """Whether an answer of this status is proof that the request made nothing."""
    return status is not None and (400 <= status < 500 or status in NOTHING_MADE)
