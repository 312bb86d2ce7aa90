"""State by key, bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

V = TypeVar("V")


def _keep_none(_: object) -> bool:
    return False


class Scopes(Generic[V]):
    """A map from key to state made on first use, at most `limit` of them. Thread-safe.

    When full, the least recently used is dropped; those that `keep` marks (open circuits) only when nothing else is
    left. `factory` and `keep` are called under the lock and must be quick.
    """

    __slots__ = ("_factory", "_keep", "_limit", "_lock", "_values")

    def __init__(
        self, factory: Callable[[Hashable], V], *, limit: int = 4096, keep: Callable[[V], bool] = _keep_none
    ) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        self._factory = factory
        self._limit = limit
        self._keep = keep
        self._values: OrderedDict[Hashable, V] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable) -> V:
        """Return the state of `key`, made if need be, and mark it as used."""
        with self._lock:
            values = self._values
            if key in values:
                values.move_to_end(key)
                return values[key]
            made = self._factory(key)
            if len(values) >= self._limit:
                del values[self._least()]
            values[key] = made
            return made

    def peek(self, key: Hashable) -> V | None:
        """Return the state of `key` if there is one; neither makes nor marks it."""
        with self._lock:
            return self._values.get(key)

    def drop(self, key: Hashable) -> None:
        """Forget the state of `key`."""
        with self._lock:
            self._values.pop(key, None)

    def items(self) -> list[tuple[Hashable, V]]:
        """Return all keys and states, least recently used first."""
        with self._lock:
            return list(self._values.items())

    def __len__(self) -> int:
        return len(self._values)

    def _least(self) -> Hashable:
        return next((key for key, value in self._values.items() if not self._keep(value)), next(iter(self._values)))
