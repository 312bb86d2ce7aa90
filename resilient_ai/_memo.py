"""The latest values by key, a bounded number of them."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Memo"]

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Memo(Generic[KeyT, ValueT]):
    """Values by key: the latest ``most`` at least, twice as many at most, and nothing to be done at a look-up.

    There is no lock in it: threads that find it full in the same instant may lose some of it to each other.
    (``lru_cache`` keeps what a value was made from: a prompt, say.)
    """

    __slots__ = ("_earlier", "_latest", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._latest: dict[KeyT, ValueT] = {}
        self._earlier: dict[KeyT, ValueT] = {}

    def get(self, key: KeyT) -> ValueT | None:
        """The value under ``key``, or None."""
        found = self._latest.get(key)
        return self._earlier.get(key) if found is None else found

    def keep(self, key: KeyT, value: ValueT) -> None:
        """Keep ``value``."""
        latest = self._latest
        if len(latest) >= self._most:
            self._earlier = latest  # by whoever comes first, and by others that saw it full: the same
            self._latest = latest = {}
        latest[key] = value

    def clear(self) -> None:
        """Forget all."""
        self._latest, self._earlier = {}, {}
