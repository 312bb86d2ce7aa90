"""What makes two pipelines equal, so that they share what they learn: a short text that holds no secret."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import fields, is_dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, cast
from weakref import ref

from ._target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["fingerprint"]


def fingerprint(strategies: Iterable[object]) -> str:
    """Equal for equal settings; an object that can only be told by its identity is equal to itself alone."""
    text = "|".join(_describe(strategy) for strategy in strategies)
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=6).hexdigest()


def _describe(value: object) -> str:
    if isinstance(value, Target):
        return f"Target{value.identity}"
    if is_dataclass(value) and not isinstance(value, type):
        inner = ",".join(f"{field.name}={_describe(getattr(value, field.name))}" for field in fields(value))
        return f"{_kind(value)}({inner})"
    if isinstance(value, tuple | list):
        items = cast("Iterable[object]", value)
        return f"({','.join(_describe(item) for item in items)})"
    if value is None or isinstance(value, str | int | float | bool):
        return repr(value)
    if type(value).__module__.startswith("tenacity"):
        settings = ",".join(f"{name}={_describe(setting)}" for name, setting in sorted(vars(value).items()))
        return f"{type(value).__name__}({settings})"
    return f"{type(value).__name__}@{_numbers.of(value)}"


def _kind(value: object) -> str:
    """The class of a strategy: by its name if it is ours; a program's own may share its name with another."""
    kind = type(value)
    return kind.__name__ if kind.__module__.startswith(__package__ or "") else f"{kind.__name__}@{_numbers.of(kind)}"


class _Numbers:
    """A number for each object, never given twice: an ``id()`` is given anew once its object is gone."""

    KEPT = 1024
    """Objects kept alive since nothing tells when they go, the first dropped first; they get another number then."""

    def __init__(self) -> None:
        self._fresh = count(1)
        self._live: dict[int, tuple[int, ref[Any]]] = {}
        self._kept: OrderedDict[int, tuple[int, object]] = OrderedDict()

    def of(self, thing: object) -> int:
        """The number of ``thing``. No lock, which a fork could leave locked: each step is one of a dict's own."""
        key = id(thing)
        try:
            gone: ref[Any] = ref(thing, lambda _: self._live.pop(key, None))  # called before the id can be given anew
        except TypeError:
            number = self._kept.setdefault(key, (next(self._fresh), thing))[0]
            if len(self._kept) > self.KEPT:
                self._kept.popitem(last=False)
            return number
        return self._live.setdefault(key, (next(self._fresh), gone))[0]


_numbers = _Numbers()
