"""Which fault strikes which request: what a test set by hand, and what a timeline brings."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from ..faults import WHOLE_PROVIDER, Fault, Quota


@dataclass(slots=True)
class Rule:
    """A fault with its own count and its own random numbers."""

    fault: Fault
    chance: random.Random
    seen: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        """Whether it strikes this request, which counts."""
        fault = self.fault
        self.seen += 1
        if self.seen <= fault.after or (fault.count is not None and self.struck >= fault.count):
            return False
        if fault.share < 1 and self.chance.random() >= fault.share:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Span:
    """A rule of a timeline: from `start` until `end` on the server's clock, for these families ("*": all)."""

    start: float
    end: float
    families: frozenset[str]
    rule: Rule


@dataclass(slots=True)
class Rules:
    """All rules of one provider. Of those in force the first that strikes is taken, by hand before timeline."""

    seed: str
    by_hand: dict[str, Rule] = field(default_factory=dict[str, Rule])
    spans: list[Span] = field(default_factory=list[Span])
    drawn: int = 0

    def rule(self, fault: Fault) -> Rule:
        """A rule for a fault, with random numbers that follow from the seed."""
        self.drawn += 1
        return Rule(fault, random.Random(f"{self.seed}/{self.drawn}"))

    def choose(self, family: str, now: float) -> Fault | None:
        """The fault of this request, if any."""
        rules = [self.by_hand[name] for name in (family, "*") if name in self.by_hand]
        rules += [span.rule for span in self.spans if span.start <= now < span.end and span.families & {family, "*"}]
        for rule in rules:
            if rule.fault.kind not in WHOLE_PROVIDER and rule.strikes():
                return rule.fault
        return None

    def door(self, now: float) -> str | None:
        """The fault of the listening socket that is in force."""
        rules = [self.by_hand["*"]] if "*" in self.by_hand else []
        rules += [span.rule for span in self.spans if span.start <= now < span.end]
        return next((rule.fault.kind for rule in rules if rule.fault.kind in WHOLE_PROVIDER), None)


class Meter:
    """A quota at work: a rolling window of the requests that were answered."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._times: deque[float] = deque()

    def admit(self, now: float) -> float | None:
        """None if the request is within the quota, else the seconds until one would be."""
        while self._times and self._times[0] <= now - self.quota.per:
            self._times.popleft()
        if len(self._times) < self.quota.requests:
            self._times.append(now)
            return None
        return self._times[0] + self.quota.per - now

    def headers(self) -> dict[str, str]:
        """What the vendor tells of it in every answer."""
        return {
            "x-ratelimit-limit-requests": str(self.quota.requests),
            "x-ratelimit-remaining-requests": str(self.quota.requests - len(self._times)),
            "x-ratelimit-reset-requests": f"{self.quota.per:g}s",
        }

    def clear(self) -> None:
        """As new."""
        self._times.clear()
