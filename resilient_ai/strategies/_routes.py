"""Targets as a program names them: a list, or a mapping from the caller's model to such lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from .._target import SAME_MODEL, Target
from ..errors import ConfigurationError

__all__ = ["Routes", "routes"]

Routes = tuple[tuple[str, tuple[Target, ...]], ...]
"""The targets for each model, ``"*"`` for all others."""


def routes(given: object) -> Routes:
    """What is meant.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(given, Mapping):
        named: Mapping[object, object] = given  # pyright: ignore[reportUnknownVariableType]
        return tuple((_model(model), _list(targets)) for model, targets in named.items())
    if isinstance(given, tuple) and given and isinstance(given[0], tuple):
        return cast("Routes", given)  # routes already: a copy of another Fallback
    targets = _list(given)  # pyright: ignore[reportUnknownArgumentType]
    return ((SAME_MODEL, targets),) if targets else ()


def _model(name: object) -> str:
    if isinstance(name, str) and name:
        return name
    raise ConfigurationError(f"fallback maps the caller's model (or '*') to targets; {name!r} is no model's name")


def _list(given: object) -> tuple[Target, ...]:
    if isinstance(given, str | Target) or not isinstance(given, Sequence):
        raise ConfigurationError(f"fallback takes a list of targets, or a mapping from models to such; got {given!r}")
    items: Sequence[object] = given  # pyright: ignore[reportUnknownVariableType]
    return tuple(single for item in items for single in _target(item).each())


def _target(item: object) -> Target:
    if isinstance(item, Target):
        return item
    if isinstance(item, str):
        return Target(item)
    raise ConfigurationError(f"a fallback is a Target or its name 'vendor:model', got {type(item).__name__}")
