"""A second request beside one that takes too long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._call import Operation
from .._settings import check_seconds, check_share, is_number
from .._state.budget import Budget
from .._state.latency import Latencies
from .._state.scopes import Scopes
from ..errors import ConfigurationError, NotSent
from ..events import Hedged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._call import Call, Next, Reply
    from .._journal import Attempt

__all__ = ["Hedge"]

KINDS = 32
"""Kinds of calls whose latencies are told apart in one scope, the least recently seen dropped first."""

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)")


class Usual:
    """How long each kind of answer of one host, family and model takes, and what hedges are left to them."""

    def __init__(self, share: float) -> None:
        # Nothing is earned by time: the share of the calls is kept at any rate of calls.
        self.budget = Budget(share=share, floor=0.0, initial=1.0)
        self.latencies: Scopes[Latencies] = Scopes(lambda _kind: Latencies(), limit=KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """Send a second, equal request to the same target when the first takes long; the first good answer wins.

    Only what may be repeated at no more than the price of a second answer: never what creates something, carries
    server-side tools, or has a body that can be sent only once. The loser is cancelled and its connection closed; it is
    no evidence about the target's health, but the provider may bill it, and the outcome's attempts tell of it. If one
    of the two fails, the other goes on. A stream's race lasts until its first bytes.

    Args:
        after: seconds until the second request; or a percentile of what answers of this host, endpoint family and model
            have taken of late (``"p95"``), among calls alike (streamed or not, the effort and the size of the output
            asked for), known after 30 of them: before that nothing is hedged. Default ``"p95"``, as in Dean and
            Barroso, The Tail at Scale (2013).
        budget: the share of recent calls that may be hedged. Default 0.05, what the 95th percentile comes to.

    Raises:
        ConfigurationError: an argument out of its range.
    """

    after: float | str = "p95"
    budget: float = 0.05

    def __post_init__(self) -> None:
        check_share("Hedge(budget=…)", self.budget)
        if is_number(self.after):
            check_seconds("Hedge(after=…)", self.after)
        elif not self._share:
            raise ConfigurationError(f"Hedge(after=…) is seconds, or a percentile like 'p95', got {self.after!r}")

    @property
    def _share(self) -> float | None:
        """The share of answers that are to be quicker; None if seconds are given, or what can be read as neither."""
        match = _PERCENTILE.fullmatch(self.after) if isinstance(self.after, str) else None
        return None if match is None else float(match[1]) / 100

    @property
    def does_nothing(self) -> bool:
        """Whether no call may be hedged: then a pipeline passes it by."""
        return self.budget == 0

    def new_state(self) -> Scopes[Usual]:
        """Nothing is known yet."""
        return Scopes(lambda _scope: Usual(self.budget))

    async def execute(self, next: Next, call: Call) -> Reply:
        """Call, and call a second time if that takes long."""
        if call.facts.operation is Operation.CREATING or not call.facts.repeatable:
            return await next(call)
        usual = call.state(self).get(call.scope)
        started = call.runtime.now()
        usual.budget.deposit(started)
        likes = None if self._share is None else usual.latencies.get(call.port.alike())
        after = self._observed(likes, started)
        reply = await next(call) if after is None else await _Race(next, call, usual, after).run()
        if likes is not None:
            now = call.runtime.now()
            likes.add(now, now - started)  # where the second won, the least that the first would have taken
        return reply

    def _observed(self, likes: Latencies | None, now: float) -> float | None:
        if isinstance(self.after, int | float):
            return self.after
        return None if likes is None or self._share is None else likes.quantile(self._share, now)


class _Race:
    """One call's two requests."""

    def __init__(self, next: Next, call: Call, usual: Usual, after: float) -> None:
        self._next = next
        self._call = call
        self._usual = usual
        self._after = after
        self._before = len(call.journal.attempts)
        self._hedged = False
        self._second: Reply | None = None

    async def run(self) -> Reply:
        """The reply of the quicker one."""
        reply: Reply | None = None
        try:
            reply = await self._call.runtime.race(
                self._one, self._other, after=self._after, may=self._may, lost=self._lost
            )
            return reply
        finally:
            if self._hedged:
                self._tell(reply)

    async def _one(self) -> Reply:
        return await self._next(self._call)

    async def _other(self) -> Reply:
        try:
            self._second = await self._next(self._call)
        except NotSent:
            self._usual.budget.refund()
            raise
        return self._second

    def _may(self) -> bool:
        self._hedged = self._usual.budget.withdraw(self._call.runtime.now())
        return self._hedged

    async def _lost(self, reply: Reply) -> None:
        if reply.attempt is not None:
            reply.attempt.lost = True  # before its stream is closed, which would be taken for the end of the call
        await self._call.port.discard(reply)

    def _tell(self, reply: Reply | None) -> None:
        """Mark what was given up, and say what came of it."""
        call = self._call
        sent = call.journal.attempts[self._before :]
        if reply is not None:
            _mark_lost(sent, reply.attempt, call.runtime.now())
        if call.journal.emit is not None and len(sent) > 1:
            call.journal.emit(
                Hedged(
                    target=call.target_name,
                    family=call.facts.family,
                    model=call.model,
                    after=self._after,
                    won=reply is not None and reply is self._second,
                )
            )


def _mark_lost(sent: Sequence[Attempt], won: Attempt | None, now: float) -> None:
    for attempt in sent:
        if attempt is not won and attempt.kind is None and (won is not None or attempt.ended is None):
            attempt.lost = True
            if attempt.ended is None:
                attempt.ended = now
