"""What a provider saw of a program that is not ours, by endpoint family. Pure functions."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..testing import Request

__all__ = ["Tally", "tally"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The requests of one family at one provider.

    errors: answered with a status of 400 or more. struck: hit by a fault. unanswered: no status went out. made: things
    made. twice: things made by a request equal to an earlier one that had made one. foreign: came with no key of this
    provider.
    """

    provider: str
    family: str
    requests: int
    errors: int
    struck: int
    unanswered: int
    made: int
    twice: int
    foreign: int


def tally(provider: str, requests: Iterable[Request]) -> list[Tally]:
    """Count one provider's log."""
    families: defaultdict[str, list[Request]] = defaultdict(list)
    for request in requests:
        families[request.family].append(request)
    return [_family(provider, family, seen) for family, seen in families.items()]


def _family(provider: str, family: str, seen: list[Request]) -> Tally:
    made = Counter(_content(request) for request in seen if request.made is not None)
    return Tally(
        provider=provider,
        family=family,
        requests=len(seen),
        errors=sum(request.status is not None and request.status >= 400 for request in seen),
        struck=sum(request.fault is not None for request in seen),
        unanswered=sum(request.status is None for request in seen),
        made=sum(made.values()),
        twice=sum(count - 1 for count in made.values()),
        foreign=sum(request.key in ("foreign", "none") for request in seen),
    )


def _content(request: Request) -> tuple[str, str]:
    """What was asked for, equal for equal requests. Each multipart body has a boundary of its own: its fields count."""
    if request.form is not None:
        return request.path, json.dumps(dict(request.form), sort_keys=True)
    return request.path, request.body_sha256
