"""Which fault strikes which request: what a test set by hand, and what a timeline brings."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TypeAlias

from ..faults import WHOLE_PROVIDER, Fault

Aim: TypeAlias = tuple[str, str | None, int | None]
"""Whom a fault set by hand strikes: the family ("*": all), the model and the number of the key (None: any)."""


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
    by_hand: dict[Aim, Rule] = field(default_factory=dict[Aim, Rule])
    spans: list[Span] = field(default_factory=list[Span])
    drawn: int = 0

    def rule(self, fault: Fault) -> Rule:
        """A rule for a fault, with random numbers that follow from the seed."""
        self.drawn += 1
        return Rule(fault, random.Random(f"{self.seed}/{self.drawn}"))

    def set(self, family: str, rule: Rule) -> None:
        """Set a rule by hand; it takes the place of the family's rule with the same aim."""
        self.by_hand[family, rule.fault.model, rule.fault.key] = rule

    def choose(self, family: str, model: str, key: str, now: float) -> Fault | None:
        """The fault of this request, if any; `key` is what the log calls its key."""
        aims = [aim for aim in self.by_hand if aim[0] in {family, "*"}]
        aims.sort(key=lambda aim: (aim[1:] == (None, None), aim[0] == "*"))  # the narrower first
        rules = [self.by_hand[aim] for aim in aims]
        rules += [span.rule for span in self.spans if span.start <= now < span.end and span.families & {family, "*"}]
        for rule in rules:
            if _is_meant(rule.fault, model, key) and rule.strikes():
                return rule.fault
        return None

    def door(self, now: float) -> str | None:
        """The fault of the listening socket that is in force."""
        rules = [rule for (family, *_), rule in self.by_hand.items() if family == "*"]
        rules += [span.rule for span in self.spans if span.start <= now < span.end]
        return next((rule.fault.kind for rule in rules if rule.fault.kind in WHOLE_PROVIDER), None)


def _is_meant(fault: Fault, model: str, key: str) -> bool:
    if fault.kind in WHOLE_PROVIDER or (fault.model is not None and fault.model != model):
        return False
    return fault.key is None or key.rpartition(":")[2] == str(fault.key)
