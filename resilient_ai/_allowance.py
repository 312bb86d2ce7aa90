"""How much one key may ask of one model."""

from __future__ import annotations

from typing import NamedTuple

from .errors import ConfigurationError

__all__ = ["LIMITS", "Allowance", "allowed"]


LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrency")


class Allowance(NamedTuple):
    """What one key may ask of one model; None is no limit.

    Attributes:
        requests_per_minute: requests in any window of a minute.
        tokens_per_minute: what these may cost.
        concurrency: calls under way at the same time, streams until their end.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


_NO_LIMIT = Allowance()


def allowed(owner: str, *said: object) -> Allowance | None:
    """The allowance that ``owner`` was given, each number found sound; None if it was given none."""
    found: list[int | None] = []
    for name, value in zip(LIMITS, said, strict=True):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ConfigurationError(f"{owner}: {name} is a whole number from 1, got {value!r}")
        found.append(value)
    made = Allowance(*found)
    return None if made == _NO_LIMIT else made
