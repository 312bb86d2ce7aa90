"""The same target again, if that can help and does no harm."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._call import Operation
from .._state.budget import Budget
from .._state.scopes import Scopes
from ..errors import CircuitOpen, ConfigurationError, Failure
from ..failures import Again
from ._settings import check_share, is_number

if TYPE_CHECKING:
    from .._call import Call, Next, Reply

__all__ = ["MAX_RETRY_AFTER", "Retry"]

MAX_RETRY_AFTER = 60.0
"""Seconds: a provider that asks for a longer wait is not waited for (openai's SDK honours up to 120, and blocks)."""

QUICK = 0.1
"""Seconds at most before the one quick repeat that is made when another target stands by."""

JITTER = 0.25
"""A wait the provider asked for is a floor; up to this share of it is added, so that callers do not return as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Ask the same target again after a failure that a repeat may mend.

    What may be repeated is said by the failure's kind (:mod:`resilient_ai.failures`) and by what a repeat costs: a call
    that creates something is repeated only after proof that nothing was made. With another target standing by, one
    quick repeat is made; else up to ``attempts``, with full jitter between them, inside the call's limit.

    Args:
        attempts: sends at one target, the first included. Default 3, as the SDKs' (2 retries).
        wait: seconds between attempts: a number, or any tenacity wait object. Default: full jitter in
            [0, min(8, 0.5 * 2**i)], the SDKs' own base and cap.
        budget: the share of recent calls that may be repeated, over all callers of one host, family and model.
            Default 0.1: under a total outage upstream calls stay near one per call (the figure gRPC and Finagle use).

    Raises:
        ConfigurationError: an argument out of its range.
    """

    attempts: int = 3
    wait: Any = None  # a number or a tenacity wait object; tenacity is imported at the first failure only
    budget: float = 0.1

    def __post_init__(self) -> None:
        if not (is_number(self.attempts) and isinstance(self.attempts, int)) or self.attempts < 1:
            raise ConfigurationError(f"Retry(attempts=…) counts the first and is at least 1, got {self.attempts!r}")
        check_share("Retry(budget=…)", self.budget)
        if isinstance(self.wait, int | float) and not 0 <= self.wait <= sys.float_info.max:
            raise ConfigurationError(f"Retry(wait=…) is seconds from 0, or a tenacity wait object; got {self.wait!r}")
        if not (self.wait is None or isinstance(self.wait, int | float) or callable(self.wait)):
            raise ConfigurationError(f"Retry(wait=…) is seconds, or a tenacity wait object; got {self.wait!r}")

    def new_state(self) -> Scopes[Budget]:
        """One budget for each host, family and model."""
        return Scopes(lambda _scope: Budget(share=self.budget))

    async def execute(self, next: Next, call: Call) -> Reply:
        """Call, and call again while that may help."""
        budget = call.state(self).get(call.scope)
        budget.deposit(call.runtime.now())
        number = 1
        earlier: Failure | None = None
        while True:
            try:
                return await next(call)
            except CircuitOpen:
                if earlier is None:
                    raise
                budget.refund()  # the repeat was not sent; what the caller hears is what the provider said before
                break
            except Failure as failure:
                if not self._may_repeat(call, failure, number):
                    raise
                seconds = self._seconds(call, failure, number)
                if seconds is None or not budget.withdraw(call.runtime.now()):
                    raise
                earlier = failure
            await call.runtime.sleep(seconds)
            call.journal.waited += seconds
            number += 1
        try:
            raise earlier
        finally:
            del earlier  # its traceback holds this frame

    def _may_repeat(self, call: Call, failure: Failure, number: int) -> bool:
        meaning = failure.kind.meaning
        if number >= self.attempts or not call.facts.repeatable:
            return False
        if call.facts.operation is Operation.CREATING and not meaning.nothing_made:
            return False
        match meaning.again:
            case Again.NEVER:
                return False
            case Again.ALWAYS | Again.REPEATABLE:
                return number == 1 or not call.has_next
            case Again.GENTLY:
                return not call.has_next
            case Again.ALONE:
                return number == 1 and not call.has_next

    def _seconds(self, call: Call, failure: Failure, number: int) -> float | None:
        """How long to wait before the next attempt; None if it would not fit."""
        seconds = random.uniform(0, QUICK) if call.has_next else self._backoff(number)
        floor = failure.retry_after
        if floor is not None:
            if floor > (QUICK if call.has_next else MAX_RETRY_AFTER):
                return None
            seconds = max(seconds, floor * (1 + random.uniform(0, JITTER)))
        left = call.time_left()
        return seconds if left is None or seconds < left else None

    def _backoff(self, number: int) -> float:
        if isinstance(self.wait, int | float):
            return float(self.wait)
        import tenacity

        wait = tenacity.wait_random_exponential(multiplier=0.5, max=8) if self.wait is None else self.wait
        state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
        state.attempt_number = number
        return max(0.0, float(wait(state)))
