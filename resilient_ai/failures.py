"""What can go wrong with an AI call, and what each kind of it means.

One table, :data:`MEANINGS`. No strategy looks at a status code or at an exception's class: whoever speaks to a provider
(``providers/``, ``transports/``) names the kind, and every strategy reads the kind's row.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MEANINGS", "Again", "FailureKind", "Meaning"]


class FailureKind(enum.Enum):
    """What went wrong with one attempt. The value is the word used in logs, notes and events."""

    UNREACHABLE = "unreachable"
    """No connection: DNS, refused, TLS, connect time-out. Nothing was sent."""
    TRANSIENT = "transient"
    """408, 409, 500, 502, 504, 520 to 530, any other 5xx, a reset; a 403 or 404 that is not the API's own."""
    OVERLOADED = "overloaded"
    """503, 529, ``server_is_overloaded``."""
    SILENT = "silent"
    """No byte of an answer within the limit for it."""
    RATE_LIMITED = "rate_limited"
    """429 and its like: this key asks too often."""
    QUOTA = "quota"
    """The money is gone: ``insufficient_quota``, spend limits, 402."""
    AUTH = "auth"
    """401, or the API's own 403: the key is refused."""
    CALLER = "caller"
    """Any other 4xx: the request is wrong, wherever it is sent."""
    TOO_LONG = "too_long"
    """The context window is too small for the request."""
    REFUSED = "refused"
    """A content filter said no."""
    GONE = "gone"
    """A retired model or endpoint: 404 for a model, 410."""
    BROKEN = "broken"
    """An answer that is none: truncated, malformed, an error inside HTTP 200, a fallback's redirect."""
    DEADLINE = "deadline"
    """The call's own limit ran out."""
    LOCAL = "local"
    """Our own refusal (an open circuit), or this process's own limits (no free connection in the pool)."""

    @property
    def meaning(self) -> Meaning:
        """The row of :data:`MEANINGS` for this kind."""
        return MEANINGS[self]


class Again(enum.Enum):
    """May the same target be asked again?"""

    NEVER = "no"
    ALWAYS = "yes, for every operation"
    REPEATABLE = "if the operation may be repeated"
    GENTLY = "inside the budget, if there is no other target"
    ALONE = "once, if there is no other target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What every strategy does about one kind of failure.

    Attributes:
        again: whether the same target may be asked again.
        moves_on: whether the next target is asked.
        if_worked: moves on only if this key (or model) has been seen working; else it is a mistake, told to the caller.
        counts: whether it is evidence against the target's health.
        nothing_made: whether it proves that a creating call made nothing, so that it may be sent again.
        stale: whether an old answer may stand in, when the user asked for that.
    """

    again: Again = Again.NEVER
    moves_on: bool = True
    if_worked: bool = False
    counts: bool = False
    nothing_made: bool = False
    stale: bool = True


MEANINGS: Mapping[FailureKind, Meaning] = MappingProxyType(
    {
        FailureKind.UNREACHABLE: Meaning(again=Again.ALWAYS, counts=True, nothing_made=True),
        FailureKind.TRANSIENT: Meaning(again=Again.REPEATABLE, counts=True),
        FailureKind.OVERLOADED: Meaning(again=Again.GENTLY, counts=True, nothing_made=True),
        FailureKind.SILENT: Meaning(again=Again.ALONE, counts=True),
        FailureKind.RATE_LIMITED: Meaning(again=Again.GENTLY, nothing_made=True),
        FailureKind.QUOTA: Meaning(nothing_made=True),
        FailureKind.AUTH: Meaning(if_worked=True, nothing_made=True, stale=False),
        FailureKind.CALLER: Meaning(moves_on=False, stale=False),
        FailureKind.TOO_LONG: Meaning(moves_on=False, stale=False),
        FailureKind.REFUSED: Meaning(moves_on=False, stale=False),
        FailureKind.GONE: Meaning(if_worked=True, nothing_made=True),
        FailureKind.BROKEN: Meaning(again=Again.REPEATABLE, counts=True),
        FailureKind.DEADLINE: Meaning(moves_on=False),
        FailureKind.LOCAL: Meaning(nothing_made=True),
    }
)
"""Every kind's row (the table of docs/failures.md is printed from it)."""
