"""Whom a call asks, and in which order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CircuitOpen, NotSent
from ..failures import Again, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._target import Target
    from ..errors import Failure

__all__ = ["RETURNS", "Course", "Turn"]

_OF_THE_KEY = frozenset({FailureKind.RATE_LIMITED, FailureKind.QUOTA, FailureKind.AUTH})
"""What another key for the same model may mend."""

RETURNS = 12
"""So often a call asks again a target that works and lets its calls return step by step, if nobody else answers. From
the second time on it waits a moment before."""


class Turn(NamedTuple):
    """One target's turn.

    Attributes:
        target: who is asked; None is the primary.
        has_next: whether another one that may be well is asked after it.
        share: how many, itself included, the time that is left is for.
        resumes: how often it has been asked for this call, and the failure it met last, if it is asked once more.
        returns: how often it has turned this call away without a request, if nobody else answered.
    """

    target: Target | None
    has_next: bool
    share: int
    resumes: tuple[int, Failure] | None = None
    returns: int = 0


class Course:
    """The order: each target once; those that work again but turned the call away a few times more; then, if nobody
    else is well, one that may yet answer, as if it were alone; and at the very end, without a request unless they allow
    it, those that are open.

    That last one is whoever was asked to wait, for the shortest time; or else, if all others were not even asked (their
    circuits are open), the one that was: what it may be asked again is then no longer cut short by their standing by.
    """

    __slots__ = (
        "_cut_short",
        "_most_returns",
        "_open",
        "_others_asked",
        "_queue",
        "_returns",
        "_turned_away",
        "_waiting",
    )

    def __init__(self, targets: Iterable[Target | None], *, patient: bool = False) -> None:
        self._most_returns = 1 if patient else RETURNS  # what is patient waits elsewhere
        self._queue = deque(targets)
        self._turned_away: deque[Target | None] = deque()
        self._waiting: list[tuple[float, Target | None, tuple[int, Failure] | None]] = []
        self._cut_short: list[tuple[Target | None, tuple[int, Failure]]] = []
        self._others_asked = False
        self._returns: dict[Target | None, int] = {}
        self._open: list[Target | None] = []

    def next(self) -> Turn | None:
        """Whose turn it is; None if nobody is left."""
        queue = self._queue or self._turned_away
        if not queue:
            return self._last_resort() or self._return_to_open()
        target = queue.popleft()
        returns = self._returns.get(target, 0)
        return Turn(target, bool(self._queue or self._turned_away), 1 + self._places(target), returns=returns)

    def only(self, fits: Callable[[Target | None], bool]) -> bool:
        """Whether anybody is left, if only those are asked still that fit."""
        self._queue = deque(filter(fits, self._queue))
        self._turned_away = deque(filter(fits, self._turned_away))
        return bool(self._queue or self._turned_away)

    def again(self, target: Target | None) -> None:
        """It is asked once more, at once."""
        self._queue.appendleft(target)

    def failed(self, turn: Turn, failure: Failure, sent: int) -> None:
        """How a turn ended. ``sent``: the requests made in it."""
        target = turn.target
        if not _is_of_the_key(failure):  # then its other keys are of no use
            self._queue = deque(other for other in self._queue if target is None or not _same_place(other, target))
        if isinstance(failure, CircuitOpen):
            if failure.recovering and turn.returns < self._most_returns:
                # It works, and spares itself calls that others can answer; if they cannot, it is asked again.
                self._returns[target] = turn.returns + 1
                self._turned_away.append(target)
            elif not turn.returns:
                self._open.append(target)
        self._others_asked |= sent > 0 and not turn.has_next
        if not turn.has_next or target in self._returns or turn.resumes is not None:
            return
        resumes = (sent, failure) if sent else None
        if _has_a_wait(failure):
            self._waiting.append((failure.retry_after or 0.0, target, resumes))
        elif resumes is not None:
            self._cut_short.append((target, resumes))

    def forget(self) -> None:
        """It is over: failures hold their tracebacks, those the frames, and one of them this."""
        self._waiting.clear()
        self._cut_short.clear()

    def _places(self, target: Target | None) -> int:
        """How many others may still want time: several keys of one place want it once."""
        count = len(self._queue) + len(self._turned_away)
        if count > 1:
            own = None if target is None else target.place
            count = len({other and other.place for other in (*self._queue, *self._turned_away)} - {own})
        return count + bool(self._waiting)

    def _return_to_open(self) -> Turn | None:
        if not self._open:
            return None
        target = self._open.pop(0)
        self._returns[target] = 1
        return Turn(target, bool(self._open), 1, returns=1)

    def _last_resort(self) -> Turn | None:
        if self._waiting:
            _, target, resumes = min(self._waiting, key=_soonest)
        elif len(self._cut_short) == 1 and not self._others_asked:
            target, resumes = self._cut_short[0]
            if resumes[1].kind.meaning.again is Again.NEVER:
                return None
        else:
            return None
        self._waiting.clear()
        self._cut_short.clear()
        return Turn(target=target, has_next=False, share=1, resumes=resumes)


def _soonest(waiting: tuple[float, Target | None, tuple[int, Failure] | None]) -> float:
    return waiting[0]


def _has_a_wait(failure: Failure) -> bool:
    if isinstance(failure, NotSent):
        return not isinstance(failure, CircuitOpen)
    return failure.kind is FailureKind.RATE_LIMITED and failure.retry_after is not None


def _is_of_the_key(failure: Failure) -> bool:
    return failure.kind in _OF_THE_KEY or (isinstance(failure, NotSent) and not isinstance(failure, CircuitOpen))


def _same_place(one: Target | None, other: Target) -> bool:
    return one is not None and one.place == other.place
