"""Waiting for a target to be asked again, where every one is refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .._call import Operation
from ..errors import AllFailed, CircuitOpen, Failure, NotSent

if TYPE_CHECKING:
    from .._call import Call, Next, Reply
    from .breaker import CircuitBreaker

__all__ = ["Overtaken", "outlast", "patience_of"]

AGAIN = 1.0
"""Seconds before a target is asked again that failed while its circuit was still closed: the first open time."""

SPREAD = 0.25
"""Seconds over which those who wait for one moment are spread: of all who come, one will be the probe."""

RETURN = 2.0
"""Seconds over which they ask again while the target recovers: it is to have them one after the other."""


class Overtaken(Failure):
    """Nothing came back for a call, and then something for a later one: its target is well, and has lost it."""


def patience_of(breaker: CircuitBreaker, call: Call) -> float:
    """Seconds a call may wait for a target to be asked again; 0 for none."""
    own = call.options.patience
    return (breaker.patience or 0.0) if own is None else own


async def outlast(breaker: CircuitBreaker, next: Next, call: Call) -> Reply:
    """Call; after a failure that is an outage's wait, and call again: until the call's patience (from its first
    refusal) or its deadline leaves no time for it, or too many wait already.

    It stands round all that asks the targets in turn, and is not there for calls that may not wait.
    """
    patience = patience_of(breaker, call)
    call = call.derive()
    call.may_wait = True
    waiters = call.state(breaker).waiters
    until: float | None = None
    while True:
        try:
            return await next(call)
        except Failure as failure:
            now = call.runtime.now()
            if until is None:
                until = now + patience
            seconds = _pause(call, failure)
            if seconds is None or not _fits(call, now + seconds, until) or not waiters.enter():
                raise
        try:
            await call.runtime.sleep(seconds)
        finally:
            waiters.leave()
        call.journal.waited += seconds


def _fits(call: Call, then: float, until: float) -> bool:
    return then <= until and (call.deadline is None or then < call.deadline)


def _pause(call: Call, failure: Failure) -> float | None:
    """Seconds until a target is asked again; None if waiting is of no use, or does harm."""
    failures = failure.failures if isinstance(failure, AllFailed) else (failure,)
    refused = [one.reopens_in for one in failures if isinstance(one, NotSent)]
    for one in failures:
        meaning = one.kind.meaning
        if isinstance(one, NotSent):
            continue
        if not (meaning.counts and call.facts.repeatable):
            return None
        if call.facts.operation is Operation.CREATING and not meaning.nothing_made:
            return None
    recovering = any(isinstance(one, CircuitOpen) and one.recovering for one in failures)
    if any(isinstance(one, Overtaken) for one in failures):
        soonest, recovering = 0.0, True
    else:
        soonest = min([*refused, AGAIN] if len(refused) < len(failures) else refused)
    left = call.time_left()
    spread = SPREAD if not recovering else RETURN if left is None else min(RETURN, left / 2)
    return soonest + random.uniform(0, spread)
