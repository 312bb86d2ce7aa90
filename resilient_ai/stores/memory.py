"""Answers in this process's memory, bounded in bytes."""

from __future__ import annotations

from threading import Lock

from cachetools import LRUCache

from .base import Entry

__all__ = ["MemoryStore"]

OVERHEAD = 512
"""Bytes counted for an entry besides its data: key, record, bookkeeping (sys.getsizeof of each, rounded up)."""


class MemoryStore:
    """Keep the most recently used answers, up to ``max_bytes`` (default 64 MiB). Thread-safe; gone with the process."""

    blocking = False

    def __init__(self, *, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._lock = Lock()
        self._entries: LRUCache[str, Entry] = LRUCache(max_bytes, getsizeof=lambda entry: len(entry.data) + OVERHEAD)

    def get(self, key: str) -> Entry | None:
        """The entry under ``key``, or None."""
        with self._lock:
            return self._entries.get(key)

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``. One larger than the whole store is not kept."""
        if len(entry.data) + OVERHEAD <= self._entries.maxsize:
            with self._lock:
                self._entries[key] = entry

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
