"""Whom a stream that broke is asked of again, and by when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._call import Call
    from .._rescue import Resume
    from .._target import Target
    from ..errors import Failure

__all__ = ["anew", "once_more"]


def anew(call: Call, resume: Resume) -> Call:
    """The call as it was before any target was chosen. Its deadline is the same; if that was for the first byte only,
    the next answer gets as many seconds."""
    again = call.derive()
    again.target, again.has_next, again.resume = None, False, resume
    if call.deadline is not None and call.stream_limit is None:
        again.deadline = call.runtime.now() + (call.deadline - call.journal.started)
    again.limit = again.deadline
    return again


def once_more(
    call: Call, failure: Failure, resume: Resume, candidates: Iterable[Target | None], *, across_models: bool
) -> list[Target | None]:
    """Those who serve the same model: first whoever broke off. If it fell silent, or broke off twice, it comes last,
    and only when every way was tried with the others."""
    everyone = list(candidates)
    model = call.model
    own = [target for target in everyone if _place(target) == _place(call.target)]
    others = [target for target in everyone if target not in own and (across_models or _model(call, target) == model)]
    own.sort(key=lambda target: target is not call.target)  # several keys of one place: the one that was used
    times = sum(attempt.over and attempt.target == call.target_name for attempt in call.journal.attempts)
    if failure.kind is not FailureKind.SILENT and times < 2:
        return [*own, *others]
    return [*others, *own] if resume.last else others or own


def _place(target: Target | None) -> tuple[str | None, ...]:
    return () if target is None else target.place


def _model(call: Call, target: Target | None) -> str | None:
    return call.facts.model if target is None or target.model is None else target.model
