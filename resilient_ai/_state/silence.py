"""Whether a target that owes answers has fallen silent: judged by all its calls together, never by one."""

from __future__ import annotations

from itertools import islice
from math import log

from .latency import Latencies
from .permit import Rejected

__all__ = ["Silence"]

NEVER = float("-inf")

LEAST = 0.75
"""Seconds in which nothing came back before anything is suspected: below it a hiccup of the network looks the same.
Twice as many after each suspicion that was wrong, up to a minute, until none has been for five minutes."""
LEAST_AT_MOST = 60.0
FORGIVEN_AFTER = 300.0
ENOUGH = 18.0
"""Nats: so unlikely (2e-8) must it be by chance that none of those that wait has been answered."""
ENOUGH_TO_ASK_AGAIN = 9.0
"""Nats (1e-4) where it is merely a second request of calls that may wait."""
ENOUGH_AFTER_AN_OUTAGE = 4.0
"""The same (one in fifty) for those that went there since another target was down, once that is well."""
STRETCH = 3.0
"""A target three times slower than it has been is slow, not silent."""
PLENTY = 1000
ONE_IN = 8
"""From a thousand answers on one in eight is remembered: as telling, and it costs an eighth."""
LOOKED_AT = 64
"""About so many of the waiting are looked at, evenly from the oldest to the newest; each stands for its neighbours."""
FEW = 6
"""So many find out whether a target answers of which nothing is known; others that may wait do so meanwhile."""
SOON = 0.25
"""Seconds after which these ask again whether it has begun to answer."""
EVERY = 0.1
"""Seconds between two looks: the first costs some microseconds for each call that waits."""
DOUBT = 2
"""Imagined answers beside the ones seen: what few samples say is not believed wholly."""
PATIENCE = 3.0
"""Seconds a probe may be silent where it is not known how long answers take."""
PATIENCE_LEAST = 2.0
HURRY = 0.5
"""So much of both while calls wait for its answer: the next probe may be quicker, and a late answer counts as well."""
GIVEN_UP_LEAST = 1.0
"""Seconds an attempt must have waited for its end without a byte to say anything."""


def _imagined(age: float) -> float:
    """The share of answers that take longer than `age` where nothing is known: so that a mute target is noticed in its
    second second (docs/design/006-silence.md)."""
    if age < 1.25:
        return 1.0 if age < 0.9 else 0.18
    return 0.12 if age < 10 else 0.1


class Silence:
    """Who waits, since when, and when anything came back. Not locked: its owner is.

    What is measured is the chance that all those who wait would still be waiting, were the target as it has been: for
    each the share of answers that took longer, given how long it had waited already when the last sign of life came.
    Without that condition the slow ones, who gather among the waiting, would count against a healthy target.
    """

    # waiting: who waits (the id of its permit), and since when. last: when anything came back. Both are its owner's to
    # write: a call of a method each would be a tenth of what a circuit costs.
    __slots__ = ("_answers", "_given_up", "_least", "_looked", "_since", "_wrong_at", "last", "record", "waiting")

    def __init__(self) -> None:
        self.record = Latencies()
        self.waiting: dict[int, float] = {}
        self.clear()

    def clear(self) -> None:
        """Forget who waits; how long answers took remains known."""
        self.waiting.clear()
        self._given_up: list[float] = []
        self._looked = self._since = self._wrong_at = NEVER
        self._least = LEAST
        self._answers = 0
        self.last = NEVER

    def answered(self, began: float, now: float) -> None:
        """An answer came. What was given up before it was slow, then, not lost: it is remembered as such."""
        self.last = now
        self._answers += 1
        if self._answers < PLENTY or not self._answers % ONE_IN:
            self.record.add(now, now - began)
        if self._given_up:
            for seconds in self._given_up:
                self.record.add(now, seconds)
            self._given_up.clear()

    def gave_up(self, began: float, now: float) -> bool:
        """Whether an attempt that ended at its limit says anything: it waited for long, and nothing else came back."""
        waited = now - began
        slow = self.record.quantile(0.99, now)
        telling = self.last < began and waited >= GIVEN_UP_LEAST and (slow is None or waited >= slow)
        if len(self._given_up) < LOOKED_AT:
            self._given_up.append(waited)
        return telling

    def forget_given_up(self) -> None:
        """They were lost, not slow."""
        self._given_up.clear()

    def overdue(self, key: int, now: float, *, hurry: bool = False) -> bool:
        """Whether a probe has waited for longer than answers take."""
        began = self.waiting.get(key)
        share = HURRY if hurry else 1.0
        if began is None or now - began < share * PATIENCE_LEAST:
            return False
        slow = self.record.quantile(0.99, now)
        return now - began >= (share * PATIENCE if slow is None else slow)

    def seems_lost(self, now: float) -> bool:
        """Whether nothing has come back for far longer than the past makes likely."""
        if not self.waiting or now - self._looked < EVERY:
            return False
        if now - self._wrong_at > FORGIVEN_AFTER:
            self._least = LEAST
        since = self._silent_since()
        if now - since < self._least:
            return False
        if self._unlikely(since, now, ENOUGH):
            return True
        self._looked = now
        return False

    def suspects(self, now: float) -> bool:
        """The same, and from now on an answer to a later call disproves it."""
        if not self.seems_lost(now):
            return False
        self._since = self._silent_since()
        return True

    def _silent_since(self) -> float:
        return max(self.last, next(iter(self.waiting.values())))

    def check_proven(self, now: float, span: float) -> None:
        """Raise Rejected if a few calls wait already, and nothing has come back for so long that nothing is known."""
        if len(self.waiting) >= FEW and now - self.last >= span:
            raise Rejected(SOON, "unproven")

    def overtaken(self, last: float, now: float, enough: float = ENOUGH_TO_ASK_AGAIN) -> bool:
        """Whether some of those that wait should have been answered since ``last``, when nothing came back since then
        but now an answer to another call."""
        if not self.waiting or now - last < LEAST:
            return False
        since = max(last, next(iter(self.waiting.values())))
        return now - since >= LEAST and self._unlikely(since, now, enough)

    def _unlikely(self, since: float, now: float, enough: float) -> bool:
        """Whether it is so unlikely that none of those that wait has been answered since then."""
        nats = 0.0
        samples = self.record.samples(now)
        step = 1 + len(self.waiting) // LOOKED_AT
        for began in islice(self.waiting.values(), 0, None, step):
            before, by_now = self._log_longer(since - began, samples), self._log_longer(now - began, samples)
            nats += step * (before - by_now)
            if nats >= enough:
                return True
        return False

    def disproves(self, began: float, now: float) -> bool:
        """Whether an answer to a call that began then shows that the suspicion was wrong: not if it was one of those
        that had waited before."""
        self.answered(began, now)
        if began < self._since:
            return False
        self._least = min(2 * self._least, LEAST_AT_MOST)
        self._wrong_at = now
        return True

    def _log_longer(self, age: float, samples: int) -> float:
        """The logarithm of the share of answers that take longer than `age`."""
        if age <= 0:
            return 0.0
        return log((self.record.longer(age / STRETCH) + DOUBT * _imagined(age)) / (samples + DOUBT))
