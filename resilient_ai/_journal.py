"""What has happened to a call: its attempts, who answered, and the public record of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ._call import Operation
from .failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._call import Facts
    from .errors import Failure
    from .events import Event

__all__ = ["Attempt", "Journal", "Outcome", "Source", "notes"]

Source = Literal["fresh", "fallback", "cache", "stale"]
_numbers = itertools.count(1)

_UNPROVEN = frozenset({FailureKind.TRANSIENT, FailureKind.SILENT, FailureKind.BROKEN, FailureKind.DEADLINE})
"""Failures after which a request may have been carried out all the same."""


@dataclass(slots=True, eq=False)
class Attempt:
    """One send: to whom, when, and how it ended. Times are of the runtime's clock."""

    number: int
    target: str
    started: float
    ended: float | None = None
    kind: FailureKind | None = None
    status: int | None = None
    request_id: str | None = None
    lost: bool = False
    """Whether another send, begun beside it, was quicker (:class:`~resilient_ai.Hedge`)."""
    over: bool = False
    """Whether the end of its stream is not the call's: it broke off, or is another answer than the one wanted."""

    def line(self) -> str:
        """The attempt in one line, as it stands in an exception's notes."""
        took = "" if self.ended is None else f" after {self.ended - self.started:.2f} s"
        if self.kind is None:
            how = "hedged, lost" if self.lost else "answered otherwise" if self.over else "answered"
            return f"{self.target}: {how}{took}"
        status = "" if self.status is None else f" (HTTP {self.status})"
        return f"{self.target}: {self.kind.value}{status}{took}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an answer, or a failure, came about.

    Attributes:
        answered_by: ``"primary"`` or the target's name; None if nobody answered.
        source: ``"fresh"`` (the primary), ``"fallback"``, ``"cache"`` (a hit) or ``"stale"``; None if nobody answered.
        model: the model that was asked for at whoever answered.
        attempts: one line for each send, in order.
        waited: seconds spent between attempts.
        seconds: from the call's start to its answer (or to now, while a stream runs).
        age: how old a cached answer is, in seconds; None for any other.
        degraded: True when it is not what the primary would have given.
        request_ids: the providers' ids of the requests, in order.
        family: the endpoint family.
        tag: the word given by ``options(tag=…)``.
        fingerprint: the pipeline's.
        unknown: True when a call that makes something (a video, a file, a hosted tool's work) failed and leaves
            open whether it was made: it was not sent again, and is better asked for than repeated.
        observed: True in observe mode: nothing was changed.
        would_have: then, what would have been done that was not: ``"asked west:*"``, ``"waited 0.40 s, then asked
            again"``, ``"refused it: circuit open …"``.
        rescued: how many other answers went into this one, since its stream broke; ``answered_by`` ended it.
        joined: whether the request was that of an equal call, made at the same time, whose outcome tells its attempts
            (:class:`~resilient_ai.SingleFlight`).
        delivered: of a stream's error, as ``outcome(error)`` tells it: the text that had come before (of the first
            choice; up to 256 Ki characters). None for anything else, also in events and records.
        skipped: one line for each target that this call could not go to, and why: ``"west:*: not in region eu: …"``.
        dropped: what the request says and whoever answered was not told, since it cannot be said in its dialect, by
            its path in the request; only with ``Fallback(on_untranslatable="drop")``.
    """

    answered_by: str | None
    source: Source | None
    model: str | None
    attempts: tuple[str, ...]
    waited: float
    seconds: float
    age: float | None
    degraded: bool
    request_ids: tuple[str, ...]
    family: str
    tag: str | None
    fingerprint: str
    unknown: bool = False
    observed: bool = False
    would_have: tuple[str, ...] = ()
    rescued: int = 0
    joined: bool = False
    delivered: str | None = field(default=None, repr=False)
    skipped: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class Journal:
    """What has happened to one call so far. Shared by all views of the call; only ever added to.

    Attributes:
        facts: what is known of the request.
        now: the runtime's clock.
        fingerprint: the pipeline's.
        emit: tells listeners; None if there are none.
        started: when the call began.
        recorders: get its outcome. Default: none.
        number: the call's in this process.
        ended: when it ended.
        would: in observe mode, what would have been done.

    The others stand in the :class:`Outcome`, as there.
    """

    __slots__ = (
        "age", "answered_by", "attempts", "dropped", "emit", "ended", "facts", "fingerprint", "joined", "model", "now",
        "number", "observed", "recorders", "rescued", "skipped", "source", "started", "waited", "would",
    )  # fmt: skip

    def __init__(
        self,
        facts: Facts,
        now: Callable[[], float],
        fingerprint: str,
        emit: Callable[[Event], object] | None,
        started: float,
        *,
        recorders: tuple[list[Outcome], ...] = (),
    ) -> None:
        self.facts = facts
        self.now = now
        self.fingerprint = fingerprint
        self.emit = emit
        self.started = started
        self.recorders = recorders
        self.number = next(_numbers)
        self.attempts: list[Attempt] = []
        self.waited = 0.0
        self.answered_by: str | None = None
        self.source: Source | None = None
        self.model: str | None = None
        self.age: float | None = None
        self.ended: float | None = None
        self.observed = False
        self.would: tuple[str, ...] = ()
        self.rescued = 0
        self.joined = False
        self.skipped: tuple[str, ...] = ()
        self.dropped: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """What a line of the log begins with: that nothing was done about it, in observe mode."""
        return "observed: " if self.observed else ""

    def __reduce__(self) -> tuple[object, ...]:
        return _forgotten, ()  # it hangs on exceptions, and those travel in pickles; listeners and clocks do not

    def __deepcopy__(self, memo: object) -> Journal:
        return self

    def begin(self, target: str) -> Attempt:
        """Note a send that is about to be made."""
        attempt = Attempt(len(self.attempts) + 1, target, self.now())
        self.attempts.append(attempt)
        return attempt

    def skip(self, target: str, why: str) -> None:
        """Note that a target is none that the call can go to; once."""
        line = f"{target}: {why}"
        if line not in self.skipped:
            self.skipped += (line,)

    def failed(self, attempt: Attempt, failure: Failure, model: str | None) -> None:
        """Note that a send, whose end has been noted, failed; tell listeners."""
        attempt.kind, attempt.status = failure.kind, failure.status
        if self.emit is not None:
            from .events import AttemptFailed

            self.emit(
                AttemptFailed(
                    target=attempt.target,
                    family=self.facts.family,
                    model=model,
                    kind=failure.kind,
                    status=failure.status,
                    seconds=(attempt.ended or self.now()) - attempt.started,
                )
            )

    def answered(self, by: str, source: Source, model: str | None, age: float | None = None) -> None:
        """Note who answered."""
        self.answered_by, self.source, self.model, self.age = by, source, model, age
        self.dropped = ()

    def unanswered(self) -> None:
        """Nobody has, after all."""
        self.answered_by = self.source = self.model = self.age = None

    def finish(self) -> None:
        """The call has ended: tell recorders and listeners, once."""
        if self.ended is not None:
            return
        self.ended = self.now()
        if self.recorders or self.emit is not None:
            outcome = self.outcome()
            for recorder in self.recorders:
                recorder.append(outcome)
            if self.emit is not None:
                from .events import CallFinished

                self.emit(CallFinished(outcome=outcome))

    @property
    def unknown(self) -> bool:
        """Whether something may have been made without our having heard of it."""
        if self.facts.operation is not Operation.CREATING or self.answered_by is not None:
            return False
        return any(attempt.kind in _UNPROVEN and attempt.ended != attempt.started for attempt in self.attempts)

    def outcome(self) -> Outcome:
        """What is known by now, as the public record."""
        return Outcome(
            answered_by=self.answered_by,
            source=self.source,
            model=self.model,
            attempts=tuple(attempt.line() for attempt in self.attempts),
            waited=self.waited,
            seconds=(self.now() if self.ended is None else self.ended) - self.started,
            age=self.age,
            degraded=self.source in ("fallback", "stale"),
            request_ids=tuple(attempt.request_id for attempt in self.attempts if attempt.request_id),
            family=self.facts.family,
            tag=self.facts.tag,
            fingerprint=self.fingerprint,
            unknown=self.unknown,
            observed=self.observed,
            would_have=self.would,
            rescued=self.rescued,
            joined=self.joined,
            skipped=self.skipped,
            dropped=self.dropped,
        )


def _forgotten() -> None:
    """What is left of a journal in another process."""


def notes(journal: Journal, failure: Failure) -> list[str]:
    """The lines to add to the exception the caller sees."""
    lines = [f"resilient_ai: {journal.facts.family} call failed: {failure}"]
    lines += [f"  attempt {number}: {attempt.line()}" for number, attempt in enumerate(journal.attempts, 1)]
    lines += [f"  skipped {line}" for line in journal.skipped]
    if journal.joined:
        lines.append("  joined: the request was an equal call's, made at the same time")
    if journal.unknown:
        lines.append("  unknown: the request may have been carried out; ask the provider before you send it again")
    return lines
