"""Answers in this process's memory, bounded in bytes and in number."""

from __future__ import annotations

import os
import time
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from cachetools import LRUCache

from .._settings import check_seconds
from . import _erasure
from ._record import Sealer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Encryption, Entry

__all__ = ["MemoryStore"]

OVERHEAD = 512
"""Bytes counted for an entry besides its data: key, record, bookkeeping (sys.getsizeof of each, rounded up)."""


SWEEP = 60.0
"""Seconds between two looks for what is older than the retention."""


class MemoryStore:
    """Keep the most recently used answers.

    Thread-safe; gone with the process, and a forked child begins with none.

    Args:
        max_bytes: how much is kept, with 512 bytes for each entry besides its answer. Default: 64 MiB.
        max_entries: how many. Default: 100,000.
        retention: seconds after which an entry is removed: it is not found any more, and within a minute of the next
            use of the store it is gone. Default: it stays until its place is needed.
        encrypt: seals what is kept (:class:`~resilient_ai.stores.Encryption`). Default: it is kept as it is.

    Raises:
        ConfigurationError: an argument is of the wrong type or out of range.
    """

    blocking = False

    def __init__(
        self,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        max_entries: int = 100_000,
        retention: float | None = None,
        encrypt: Encryption | None = None,
    ) -> None:
        if retention is not None:
            check_seconds("MemoryStore(retention=…)", retention)
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._retention = retention
        self._next_sweep = 0.0
        self._sealer = None if encrypt is None else Sealer(encrypt)
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
            if self._retention is not None:
                self._sweep(self._retention)
            entry = self._entries[key] if key in self._entries else None  # noqa: SIM401  # its own get looks twice
        if entry is None or (self._retention is not None and abs(time.time() - entry.stored) > self._retention):
            return None
        return entry if self._sealer is None else self._sealer.shown(key, entry)

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``. One larger than the whole store is not kept, nor what it was to replace.

        Raises:
            OSError: it could not be encrypted.
        """
        if self._sealer is not None:
            entry = self._sealer.hidden(key, entry)
        with self._lock:
            if self._retention is not None:
                self._sweep(self._retention)
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
            found = list(self._entries)
        for key in found:
            entry = self.get(key)
            if entry is not None:
                yield key, entry

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

    def _sweep(self, retention: float) -> None:
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP
            now = time.time()
            for key in [key for key, entry in self._entries.items() if abs(now - entry.stored) > retention]:
                del self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)


_every: WeakSet[MemoryStore] = WeakSet()


def _renew_all() -> None:
    """In a forked child a lock may be held, and a change half made, by a thread that is not there."""
    for store in list(_every):
        store.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
