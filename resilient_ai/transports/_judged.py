"""What an http client's exception means, what an answer says of its limits, and when a call is over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._call import Verdict
from ..failures import FailureKind
from ..providers.headers import limits
from ._abandoned import later

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal import Attempt, Journal
    from .._limits import Limits
    from ._flavour import Flavour

__all__ = ["ended", "finish", "kind_of", "limits_of"]


def kind_of(error: Exception, flavour: Flavour) -> FailureKind:
    """The kind of one of the exceptions that ``flavour.known`` names."""
    if isinstance(error, flavour.PoolTimeout):
        return FailureKind.LOCAL
    if isinstance(error, (flavour.ConnectError, flavour.ConnectTimeout, flavour.ProxyError)):
        return FailureKind.UNREACHABLE
    if isinstance(error, (flavour.TimeoutException, TimeoutError)):
        return FailureKind.SILENT
    return FailureKind.BROKEN if isinstance(error, flavour.DecodingError) else FailureKind.TRANSIENT


def limits_of(headers: Mapping[bytes, bytes], dialect: str) -> Limits | None:
    """What an answer says of its limits, read when a strategy asks for it."""
    return limits(headers, dialect, time.time())


def ended(journal: Journal, attempt: Attempt, verdict: Verdict) -> None:
    """The end of an attempt's stream."""
    if not (attempt.lost or attempt.over):  # the call's is another one
        finish(journal, verdict)


def finish(journal: Journal, verdict: Verdict) -> None:
    """A stream's end is the call's; found by the collector, it is told later: listeners may take locks."""
    if verdict is Verdict.DROPPED:
        later(journal.finish)
    else:
        journal.finish()
