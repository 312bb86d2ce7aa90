"""Answers in this process's memory, bounded in bytes and in number."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from cachetools import LRUCache

from . import _erasure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Entry

__all__ = ["MemoryStore"]

OVERHEAD = 512
"""Bytes counted for an entry besides its data: key, record, bookkeeping (sys.getsizeof of each, rounded up)."""


class MemoryStore:
    """Keep the most recently used answers, up to ``max_bytes`` (default 64 MiB) and ``max_entries`` (default 100,000).

    Thread-safe; gone with the process, and a forked child begins with none.
    """

    blocking = False

    def __init__(self, *, max_bytes: int = 64 * 1024 * 1024, max_entries: int = 100_000) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self.salt = os.urandom(16)
        self.renew()
        _every.add(self)

    def renew(self) -> None:
        """Begin with nothing, and with a lock that nobody holds."""
        self._lock = Lock()
        self._entries: LRUCache[str, Entry] = LRUCache(
            self._max_bytes, getsizeof=lambda entry: len(entry.data) + OVERHEAD
        )

    def get(self, key: str) -> Entry | None:
        """The entry under ``key``, or None."""
        with self._lock:
            return self._entries.get(key)

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``. One larger than the whole store is not kept, nor what it was to replace."""
        with self._lock:
            if len(entry.data) + OVERHEAD <= self._max_bytes:
                self._entries[key] = entry
                if len(self._entries) > self._max_entries:
                    self._entries.popitem()
            else:
                self._entries.pop(key, None)

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything is."""
        with self._lock:
            self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every key with its entry, as of now."""
        with self._lock:
            found = list(self._entries.items())
        return iter(found)

    def purge(self, *, namespace: str | None = None, subject: str | None = None, before: float | None = None) -> int:
        """Erase every entry for which all that is given holds; say how many there were.

        Raises:
            ValueError: nothing was given; ``clear()`` forgets everything.
        """
        _erasure.checked(namespace, subject, before)
        with self._lock:
            found = [
                key
                for key, entry in self._entries.items()
                if _erasure.meant(entry, namespace=namespace, subject=subject, before=before)
            ]
            for key in found:
                del self._entries[key]
        return len(found)

    def __len__(self) -> int:
        return len(self._entries)


_every: WeakSet[MemoryStore] = WeakSet()


def _renew_all() -> None:
    """In a forked child a lock may be held, and a change half made, by a thread that is not there."""
    for store in list(_every):
        store.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
