"""What a setting's number may be; a wrong one is told when it is written."""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard, cast, get_args

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Way",
    "check_name",
    "check_seconds",
    "check_share",
    "is_number",
    "shown",
    "takes_one",
    "ways_of",
]

Way: TypeAlias = Literal["replay", "continue", "error"]
"""What becomes of a stream that broke under its reader's eyes."""


class _Named:
    """Stands for a name that is not shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<named>"


_NAMED = _Named()


def shown(settings: Any) -> list[tuple[str, object]]:
    """The fields of a dataclass as they may be shown: of those that its class calls ``__private__``, which may hold a
    customer's name, only that there is one."""
    private: tuple[str, ...] = getattr(settings, "__private__", ())
    found: list[tuple[str, object]] = []
    for field in fields(settings):
        value: object = getattr(settings, field.name)
        found.append((field.name, _NAMED if value is not None and field.name in private else value))
    return found


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number, and not True or False."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_seconds(name: str, value: object) -> None:
    """Raise ConfigurationError unless ``value`` is a finite number above 0."""
    if not (is_number(value) and 0 < value <= sys.float_info.max):  # an int may be larger than any float
        raise ConfigurationError(f"{name} is a number of seconds above 0, got {value!r}")


def check_name(name: str, value: object) -> None:
    """Raise ConfigurationError unless ``value`` is None or a name. An empty one is none: whoever has nobody's name at
    hand would share with all others who have none. It is not quoted: it may be a person's."""
    if value is not None and not (isinstance(value, str) and value.strip()):
        what = "an empty string" if isinstance(value, str) else type(value).__name__
        raise ConfigurationError(f"{name} is a name, not empty; leave it out if there is none; got {what}")


def check_share(name: str, value: object) -> None:
    """Raise ConfigurationError unless ``value`` is a share from 0 to 1; a percentage, the usual slip, is named."""
    if not (is_number(value) and 0 <= value <= 1):
        hint = f"; did you mean {value / 100:g}?" if is_number(value) and 1 < value <= 100 else ""
        raise ConfigurationError(f"{name} is a share from 0 to 1, got {value!r}{hint}")


def ways_of(source: str, value: object) -> tuple[Way, ...]:
    """The ways to rescue a stream, in their order; ``"error"`` always ends it.

    Raises:
        ConfigurationError: it is no such list.
    """
    known = ", ".join(map(repr, get_args(Way)))
    if isinstance(value, str) or not isinstance(value, tuple | list):
        raise ConfigurationError(f"{source} is a tuple of {known}, in their order; got {value!r}")
    words = cast("tuple[Way, ...]", tuple(value))  # pyright: ignore[reportUnknownArgumentType]
    for word in words:
        if word not in get_args(Way):
            raise ConfigurationError(f"{source} takes {known}; got {word!r}")
    if len(set(words)) < len(words):
        raise ConfigurationError(f"{source} names each way once; got {value!r}")
    if "error" in words[:-1]:
        raise ConfigurationError(f"{source}: nothing comes after 'error'; got {value!r}")
    return words if words[-1:] == ("error",) else (*words, "error")


def takes_one(fn: Callable[..., Any]) -> bool:
    """Whether it can be called with one positional argument; also True where that cannot be told (a built-in)."""
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True
