"""The same target again, if that can help and does no harm."""

from __future__ import annotations

import logging
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .._call import Operation
from .._settings import check_share, is_number
from .._state.budget import Budget
from .._state.limited import UNTOLD
from .._state.scopes import Scopes
from .._state.waits import JITTER, LONGEST
from ..errors import ConfigurationError, Failure, NotAllowed, NotSent
from ..failures import Again, FailureKind
from ._shared import shared
from ._tenacity import MOST_SECONDS, Past, check_asked, said_again, said_stop, said_wait, state_after

if TYPE_CHECKING:
    import tenacity

    from .._call import Call, Next, Reply
    from .._state.repeats import Repeats
    from .._state.waits import Waits
    from ._shared import Shared

__all__ = ["MAX_RETRY_AFTER", "Retry"]

log = logging.getLogger("resilient_ai")

ATTEMPTS = 3
"""Sends at one target, unless the program says otherwise: the SDKs' own (2 retries)."""

MOST_ATTEMPTS = 100
"""Sends at one target where a tenacity ``stop`` decides: it may never say so."""

MAX_RETRY_AFTER = LONGEST
"""Seconds: a provider that asks for a longer wait is not waited for (openai's SDK honours up to 120, and blocks)."""

QUICK = 0.1
"""Seconds at most before the one quick repeat that is made when another target stands by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Ask the same target again after a failure that a repeat may mend.

    What may be repeated is said by the failure's kind (:mod:`resilient_ai.failures`) and by what a repeat costs: a call
    that creates something is repeated only after proof that nothing was made. With another target standing by, one
    quick repeat is made; else up to ``attempts``, with full jitter between them, inside the call's limit.

    Args:
        attempts: sends at one target, the first included. Default 3, as the SDKs' (2 retries); with ``stop``, 100.
        wait: seconds between attempts: a number, or any tenacity wait object; an infinite wait is no repeat. Default:
            full jitter in [0, min(8, 0.5 * 2**i)], the SDKs' own base and cap.
        budget: the share of recent calls that may be repeated, over all callers of one host, family and model.
            Default 0.1: under a total outage upstream calls stay near one per call (the figure gRPC and Finagle use).
            A repeat at the time a rate-limiting provider itself named is not counted.
        retry: a tenacity retry object, asked after a failure (``resilient_ai.errors.Failure``, with its ``kind``): one
            more reason not to repeat; it cannot allow what is not safe. Default: none.
        stop: a tenacity stop object, asked next, with the wait that would follow. Default: none.

    Raises:
        ConfigurationError: an argument out of its range, or of the wrong kind; while a call runs, a tenacity object's
            answer that is none.
    """

    attempts: int | None = None
    wait: Any = None  # a number or a tenacity wait object; tenacity is imported at the first failure only
    budget: float = 0.1
    retry: Any = None
    stop: Any = None

    def __post_init__(self) -> None:
        if self.attempts is None:
            object.__setattr__(self, "attempts", ATTEMPTS if self.stop is None else MOST_ATTEMPTS)
        if not (is_number(self.attempts) and isinstance(self.attempts, int)) or self.attempts < 1:
            raise ConfigurationError(f"Retry(attempts=…) counts the first and is at least 1, got {self.attempts!r}")
        check_share("Retry(budget=…)", self.budget)
        if is_number(self.wait):
            if not 0 <= self.wait <= MOST_SECONDS:
                raise ConfigurationError(f"Retry(wait=…) is seconds from 0, or a tenacity object; got {self.wait!r}")
        else:
            check_asked("wait", self.wait)
        check_asked("retry", self.retry)
        check_asked("stop", self.stop)

    def new_state(self) -> Scopes[Budget]:
        """One budget for each host, family and model."""
        return Scopes(lambda _scope: Budget(share=self.budget))

    async def execute(self, next: Next, call: Call) -> Reply:
        """Call, and call again while that may help."""
        budget = call.state(self).get(call.scope)
        common = shared(call)
        now = call.runtime.now()
        number, earlier = 1, None
        if call.resumes is not None:
            (number, earlier), call.resumes = call.resumes, None  # its traceback would hold the call, and the call it
        elif common.repeats.known and _comes_again(common.repeats, call):
            budget.withdraw(now)  # the loop above has made it a repeat: it earns none, and costs one
        else:
            budget.deposit(now)
        try:
            if earlier is None:
                try:
                    if common.waits.known or common.limited.known:
                        return await _send(next, call, common)
                    return await next(call)
                except NotSent:
                    raise
                except Failure as failure:
                    earlier = failure
            return await self._again(next, call, earlier, Past(number, now, 0.0), budget)
        finally:
            del earlier  # its traceback holds this frame

    async def _again(self, next: Next, call: Call, earlier: Failure, past: Past, budget: Budget) -> Reply:
        """Repeat what failed, while that may help; then raise what the provider said last."""
        common = shared(call)
        try:
            while True:
                told = _heard(common, call, earlier)
                seconds = self._pause(call, earlier, past)
                # A repeat at the time the provider itself named harms nobody: it costs no token.
                if seconds is None or not (told or budget.withdraw(call.runtime.now())):
                    break
                await _sleep(call, seconds)
                past = Past(past.number + 1, past.started, past.waited + seconds)
                try:
                    return await _send(next, call, common)
                except NotSent:
                    if not told:
                        budget.refund()  # the repeat was not sent
                    break
                except Failure as failure:
                    earlier = failure
            _give_up(common.repeats, call, earlier)
            raise earlier
        finally:
            del earlier

    def _pause(self, call: Call, failure: Failure, past: Past) -> float | None:
        """Seconds until the repeat; None if there is to be none."""
        if not self._may_repeat(call, failure, past.number):
            return None
        state = state_after(failure, past, call.runtime.now())
        if self.retry is not None and not said_again(self.retry, state):
            return None
        seconds = self._seconds(call, failure, state)
        if seconds is None or (self.stop is not None and said_stop(self.stop, state, seconds)):
            return None
        return seconds

    def _may_repeat(self, call: Call, failure: Failure, number: int) -> bool:
        meaning = failure.kind.meaning
        if number >= cast("int", self.attempts) or not call.facts.repeatable or failure.should_retry is False:
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

    def _seconds(self, call: Call, failure: Failure, state: tenacity.RetryCallState) -> float | None:
        """How long to wait before the next attempt; None if it would not fit."""
        seconds = random.uniform(0, QUICK) if call.has_next else self._backoff(state)
        floor = failure.retry_after
        if floor is not None:
            if floor > (QUICK if call.has_next else MAX_RETRY_AFTER):
                return None
            seconds = max(seconds, floor * (1 + random.uniform(0, JITTER)))
        left = call.time_left()
        return seconds if seconds < (math.inf if left is None else left) else None

    def _backoff(self, state: tenacity.RetryCallState) -> float:
        if isinstance(self.wait, int | float):
            return float(self.wait)
        import tenacity

        full_jitter = tenacity.wait_random_exponential(multiplier=0.5, max=8)
        return said_wait(full_jitter if self.wait is None else self.wait, state)


async def _send(next: Next, call: Call, common: Shared) -> Reply:
    """Send, once the key may ask.

    Raises:
        Failure: NotSent, if another target can be asked meanwhile; or what the call meets.
    """
    if common.waits.known:
        await _heed(common.waits, call)
    if not common.limited.known:
        return await next(call)
    if call.has_next:
        left = common.limited.take(call.account, call.runtime.now())
        if left is not None:
            raise _not_yet(call, left)
    reply = await next(call)
    common.limited.free(call.account)
    return reply


def _heard(common: Shared, call: Call, failure: Failure) -> bool:
    """Whether the provider said when this key may ask again; then all who use it are told."""
    if failure.kind is not FailureKind.RATE_LIMITED:
        return False
    account, now, told = call.account, call.runtime.now(), failure.retry_after
    if call.has_next:
        common.limited.refused(account, now, told)
    if told is not None:
        common.waits.ask(account, now, told)
    elif call.has_next:
        common.waits.ask(account, now, UNTOLD)
    return told is not None


def _give_up(repeats: Repeats, call: Call, failure: Failure) -> None:
    """Remember the request, by a salted hash, unless another target is asked, it was the caller's own mistake, or
    nobody may be asked."""
    if call.has_next or not failure.kind.meaning.stale or isinstance(failure, NotAllowed):
        return
    request = call.port.digest()
    if request is not None:
        repeats.gave_up(request, call.runtime.now())


def _comes_again(repeats: Repeats, call: Call) -> bool:
    """Whether the program, or a loop around it, sends a request that was given up seconds ago; told once."""
    request = None if call.journal.attempts else call.port.digest()
    since = None if request is None else repeats.since(request, call.runtime.now())
    if since is None:
        return False
    if repeats.to_be_told():
        log.warning(
            "a %s request comes again %.1f s after it was given up: a retry loop above (tenacity, Celery, LangChain's "
            "max_retries) multiplies requests in an outage; its calls use up the budget of repeats (told once)",
            call.facts.family,
            since,
        )
    return True


async def _sleep(call: Call, seconds: float) -> None:
    await call.runtime.sleep(seconds)
    call.journal.waited += seconds


async def _heed(waits: Waits, call: Call) -> None:
    """Wait while the key was asked to, by whomever.

    Raises:
        NotSent: another target can be asked meanwhile, or the wait is too long.
    """
    patience = MAX_RETRY_AFTER
    while (wait := waits.of(call.account, call.runtime.now())) is not None:
        seconds = wait.left + random.uniform(0, wait.spread)
        left = call.time_left()
        if call.has_next or wait.left > patience or (left is not None and seconds >= left):
            raise _not_yet(call, wait.left)
        patience -= wait.left
        await _sleep(call, seconds)


def _not_yet(call: Call, left: float) -> NotSent:
    why = f"the provider asked this key to wait; {call.model or 'it'} is asked again in {left:.1f} s"
    return NotSent(why, target=call.target_name, reopens_in=left)
