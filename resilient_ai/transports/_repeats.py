"""An SDK that repeats by itself a call of which we have said that it failed: its repeats get the same word, unsent."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Failure
from ._answer import explain
from ._sdk import ANTHROPIC, sdk_of

if TYPE_CHECKING:
    from .._journal import Journal

__all__ = ["REPEATED", "refuse_repeat", "remember"]

REPEATED = b"x-stainless-retry-count"
"""How often an SDK made by Stainless has repeated the call by itself."""


class _Last(NamedTuple):
    """The last failure without an answer in this context. The failure is a plain one, without causes and traceback:
    those would hold the frames, and with them the prompt."""

    url: str
    repeats: int
    error: Any
    failure: Failure
    journal: Journal


_last: ContextVar[_Last | None] = ContextVar("resilient_ai.last_failure", default=None)


def remember(raised: Exception, failure: Failure, request: Any, journal: Journal) -> None:
    """``raised`` is about to be. Of the SDKs that count their repeats only anthropic's may repeat such a call: when the
    program set ``max_retries`` on the wrapped client, or wrapped no more than the http client."""
    if sdk_of(request) is ANTHROPIC:
        plain = Failure(str(failure), kind=failure.kind, target=failure.target)
        _last.set(_Last(str(request.url), _repeats(request), type(raised), plain, journal))


def refuse_repeat(request: Any) -> None:
    """Raise the last failure anew, if this request is the SDK's repeat of it."""
    last, repeats = _last.get(), _repeats(request)
    if last is None or last.url != str(request.url) or repeats != last.repeats + 1:
        return
    _last.set(_Last(last.url, repeats, last.error, last.failure, last.journal))
    raised = last.error(request=request)
    explain(raised, last.journal, last.failure)
    raise raised from last.failure


def _repeats(request: Any) -> int:
    text = request.headers.get(REPEATED.decode(), "0")
    return int(text) if text.isdecimal() and len(text) < 9 else 0
