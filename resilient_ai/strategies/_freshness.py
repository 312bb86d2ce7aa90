"""How old an answer may be: one number, or one for each model or endpoint family."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from .._settings import check_seconds
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from .._call import Call, Facts
    from ..stores.base import Entry

__all__ = ["Rule", "Seconds", "age_of", "seconds_for", "sound_rule"]

Rule = float | tuple[tuple[str, float | None], ...] | None
"""As it is kept: a mapping as its pairs, in their order."""
Seconds = Mapping[str, float | None] | Rule
"""As a program writes it."""

AHEAD = 5.0
"""Seconds by which an answer may seem to come from the future: as far as the clocks of two machines that are kept in
step by NTP may differ, generously. One further ahead was stored before a clock was set back: nobody knows its age."""


def sound_rule(name: str, given: object) -> Rule:
    """The rule that ``given`` is.

    Raises:
        ConfigurationError: it is no number of seconds above 0, and no mapping to such numbers (or None, for never).
    """
    if given is None:
        return None
    if isinstance(given, tuple):  # a rule already: a copy of another Cache
        given = dict(given)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if not isinstance(given, Mapping):
        check_seconds(name, given)
        return cast("float", given)
    pairs: list[tuple[str, float | None]] = []
    for pattern, seconds in cast("Mapping[object, object]", given).items():
        if not isinstance(pattern, str) or not pattern:
            raise ConfigurationError(
                f"{name} maps models ('gpt-4o*') and endpoint families ('embeddings') to seconds, '*' for all others; "
                f"got {pattern!r}"
            )
        if seconds is not None:
            check_seconds(f"{name}, {pattern!r}:", seconds)
        pairs.append((pattern, cast("float | None", seconds)))
    return tuple(pairs)


def seconds_for(rule: Seconds, facts: Facts) -> float:
    """The seconds that hold for a call, by a rule that is sound; 0 for never."""
    if isinstance(rule, tuple):
        return _matched(rule, facts.model, facts.family)
    return rule if isinstance(rule, int | float) else 0.0


@lru_cache(maxsize=1024)
def _matched(rule: tuple[tuple[str, float | None], ...], model: str | None, family: str) -> float:
    """What the first pattern says that fits the model or the family."""
    for pattern, seconds in rule:
        if pattern in ("*", family) or (model is not None and fnmatchcase(model, pattern)):
            return seconds or 0.0
    return 0.0


def age_of(entry: Entry, call: Call) -> float:
    """Seconds since an answer was stored; infinite if that cannot be told."""
    age = call.runtime.wall() - entry.stored
    return max(0.0, age) if age >= -AHEAD else math.inf
