"""Answers in one file of SQLite's, for any number of processes."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .._settings import check_seconds
from ..errors import ConfigurationError
from . import _database, _erasure, _files
from ._database import LONGEST_RECORD, writing
from ._opened import OpenFile
from ._record import Changed, Sealer
from .base import StoreRepaired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Encryption, Entry

__all__ = ["SQLiteStore"]

LEAST = 1024 * 1024
"""Bytes a file may have at least."""

PAGE = 4096
"""Bytes; SQLite's default for a new file."""

SWEEP = 60.0
"""Seconds between two looks for what is older than the retention."""

SWEPT = 200
"""Entries removed at one look, so that no call waits for thousands."""

PATIENCE = 5.0
"""Seconds that an erasure waits for others: it is nobody's call."""

LONGEST_LEASE = 3600.0

GET = "SELECT record FROM resilient_ai_entries WHERE key = ?"
PUT = "INSERT INTO resilient_ai_entries VALUES (?, ?, ?, ?, ?)"
DROP = "DELETE FROM resilient_ai_entries WHERE key = ?"
DROP_FIRST = (
    "DELETE FROM resilient_ai_entries WHERE rowid IN (SELECT rowid FROM resilient_ai_entries ORDER BY rowid LIMIT 16)"
)
DROP_OLD = (
    "DELETE FROM resilient_ai_entries"
    " WHERE rowid IN (SELECT rowid FROM resilient_ai_entries WHERE stored < ? OR stored > ? LIMIT ?)"
)
PURGE = (
    "DELETE FROM resilient_ai_entries"
    " WHERE (?1 IS NULL OR namespace = ?1) AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR stored < ?3)"
)
NEXT = "SELECT rowid, key, record FROM resilient_ai_entries WHERE rowid > ? ORDER BY rowid LIMIT 1"
LEASES_OVER = "DELETE FROM resilient_ai_leases WHERE until <= ? OR until > ?"
CLAIM = (
    "INSERT INTO resilient_ai_leases VALUES (?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE owner = excluded.owner"
)
RELEASE = "DELETE FROM resilient_ai_leases WHERE key = ? AND owner = ?"


class SQLiteStore:
    """Keep answers in one file, for all processes of this machine, and over restarts.

    Safe for threads, processes and forks. The file, its write-ahead log and its index are for their owner alone (0600).
    One that is corrupt, cut, of a newer version or not ours at all is moved aside, and a new one begun; one that is
    removed while in use is made anew. What is deleted is overwritten.

    Args:
        path: the file, on a local disk. A folder that is not there is made (0700). Default: ``cache.sqlite3`` in the
            user's state folder (``~/.local/state/resilient_ai`` on Linux).
        max_bytes: how large the file may become, its log of some 4 MiB not counted; what was written first goes first.
            An entry may have a quarter of it, and 64 MiB. Default: 256 MiB; at least 1 MiB.
        retention: seconds after which an entry is removed: it is not found any more, and within a minute of the next
            use of the store, by whichever process, it is gone. Default: it stays until its place is needed.
        encrypt: seals what is written (:class:`~resilient_ai.stores.Encryption`). Default: it is written as it is.

    Raises:
        ConfigurationError: an argument is of the wrong type or out of range.
    """

    blocking = True

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int = 256 * 1024 * 1024,
        retention: float | None = None,
        encrypt: Encryption | None = None,
    ) -> None:
        if retention is not None:
            check_seconds("SQLiteStore(retention=…)", retention)
        if not isinstance(max_bytes, int) or max_bytes < LEAST:  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"SQLiteStore(max_bytes=…) is a number of bytes from {LEAST}, got {max_bytes!r}")
        self._pages = max_bytes // PAGE
        self._longest = min(max_bytes // 4, LONGEST_RECORD)
        self._retention = retention
        self._sealer = Sealer(encrypt)
        self._next_sweep = 0.0
        self._file = OpenFile(_path(path), self._sweep)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def salt(self) -> bytes:
        """16 random bytes, kept beside the file.

        Raises:
            OSError: they can be neither read nor written.
        """
        salt = self._file.salt
        if salt is None:
            salt = self._file.run(lambda _: self._file.salt, tell=False)
        assert salt is not None
        return salt

    def adopt(self, salt: bytes) -> None:
        """Go on with the salt of another store, whose entries are to come here.

        Raises:
            OSError: it cannot be written.
            ValueError: there are entries here under another salt.
        """
        if salt != self.salt:
            if self._next(0) is not None:
                raise ValueError("there are entries under another salt")
            self._file.adopt(salt)

    def get(self, key: str) -> Entry | None:
        """The entry under ``key``, or None.

        Raises:
            OSError: it cannot be read, or not within 50 ms.
            StoreRepaired: the file, or the entry, was not usable, and is out of the way.
        """
        found = self._file.run(lambda db: db.execute(GET, (key,)).fetchone())
        if found is None:
            return None
        try:
            entry = self._entry(key, found[0])
        except Changed:
            self.delete(key)
            raise StoreRepaired(f"{self.path}: an entry was not as it was written; it was removed") from None
        return None if entry is None or self._is_over(entry) else entry

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, in place of any before. One that is too large is not kept, nor what it was to replace.

        Raises:
            OSError: it cannot be written, or not within 50 ms.
        """
        record = self._sealer.record(key, entry, self.salt)
        row = (key, entry.namespace, entry.subject, entry.stored, record)

        def write(db: sqlite3.Connection) -> None:
            with writing(db):
                db.execute(DROP, (key,))
                if len(record) <= self._longest:
                    self._make_room(db, len(record))
                    db.execute(PUT, row)

        self._file.run(write)

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything is.

        Raises:
            OSError: it cannot be written.
        """
        self._file.run(lambda db: db.execute(DROP, (key,)))

    def clear(self) -> None:
        """Forget everything, and leave no byte of it.

        Raises:
            OSError: it cannot be written, or another process holds it up for 5 s.
        """
        self._erase((None, None, None))

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every key with its entry, one at a time, in the order they were written.

        Raises:
            OSError: they cannot be read.
        """
        after = 0
        while (found := self._next(after)) is not None:
            after, key, record = found
            with suppress(Changed):
                entry = self._entry(str(key), record)
                if entry is not None and not self._is_over(entry):
                    yield str(key), entry

    def purge(self, *, namespace: str | None = None, subject: str | None = None, before: float | None = None) -> int:
        """Erase every entry for which all that is given holds; say how many there were.

        No byte is left of them: not in the file, its log or its free pages, and every file that was moved aside is
        removed. The file is made anew for that, which takes as much memory as is left in it, and seconds if that is
        hundreds of megabytes. A file that turns out to be corrupt is erased as a whole.

        Raises:
            OSError: it cannot be written, or another process holds it up for 5 s.
            ValueError: nothing was given; ``clear()`` forgets everything.
        """
        _erasure.checked(namespace, subject, before)
        return self._erase((namespace, subject, before))

    def claim(self, key: str, *, seconds: float, owner: str) -> bool:
        """Whether ``owner`` has ``key`` for the next ``seconds`` (an hour at most).

        Raises:
            OSError: it cannot be written.
        """
        now = time.time()
        row = (key, owner, now + min(seconds, LONGEST_LEASE))

        def write(db: sqlite3.Connection) -> bool:
            with writing(db):
                db.execute(LEASES_OVER, (now, now + LONGEST_LEASE))
                return db.execute(CLAIM, row).rowcount == 1

        return self._file.run(write)

    def release(self, key: str, *, owner: str) -> None:
        """Give ``key`` back, if it is still ``owner``'s.

        Raises:
            OSError: it cannot be written.
        """
        self._file.run(lambda db: db.execute(RELEASE, (key, owner)))

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        self._file.close()

    def _entry(self, key: str, record: object) -> Entry | None:
        return self._sealer.entry(key, record if isinstance(record, bytes) else b"", self.salt)

    def _next(self, after: int) -> tuple[int, object, object] | None:
        found: tuple[int, object, object] | None
        found = self._file.run(lambda db: db.execute(NEXT, (after,)).fetchone(), tell=False)
        return found

    def _is_over(self, entry: Entry) -> bool:
        return self._retention is not None and abs(time.time() - entry.stored) > self._retention

    def _make_room(self, db: sqlite3.Connection, record: int) -> None:
        """Drop what was written first until ``record`` bytes more fit, with a few pages for the trees above them."""
        wanted = record // (PAGE - 100) + 8
        while True:
            (pages,) = db.execute("PRAGMA page_count").fetchone()
            (free,) = db.execute("PRAGMA freelist_count").fetchone()
            if pages - free + wanted <= self._pages or db.execute(DROP_FIRST).rowcount == 0:
                return

    def _erase(self, what: tuple[str | None, str | None, float | None]) -> int:
        def write(db: sqlite3.Connection) -> int:
            if db.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
                raise _database.Unusable("corrupt: nobody can tell what it holds")
            with writing(db):
                gone = db.execute(PURGE, what).rowcount
            # Anew from its rows: where a page's cells were moved about, what was deleted may stand in its gaps, for all
            # that secure_delete does.
            db.execute("VACUUM")
            self._empty_log(db)
            return gone

        gone = self._file.run(write, patience=PATIENCE, tell=False)
        _files.erase_aside(self.path)
        return gone

    def _empty_log(self, db: sqlite3.Connection) -> None:
        end = time.monotonic() + PATIENCE
        while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.path}: erased, but another process holds on to the old log; try again")
            time.sleep(0.02)

    def _sweep(self, db: sqlite3.Connection) -> None:
        """Remove some of what is older than the retention."""
        if self._retention is None or time.monotonic() < self._next_sweep:
            return
        now = time.time()
        self._next_sweep = time.monotonic() + SWEEP
        with suppress(sqlite3.OperationalError):  # busy, full, read-only: another time
            gone = db.execute(DROP_OLD, (now - self._retention, now + self._retention, SWEPT)).rowcount
            self._next_sweep -= SWEEP if gone == SWEPT else 0
        _files.erase_aside(self.path, before=now - self._retention)


def _path(path: str | os.PathLike[str] | None) -> Path:
    if path is None:
        return _files.state_folder() / "cache.sqlite3"
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"SQLiteStore(path=…) is the path of a file, got {type(path).__name__}")
    if str(path) in ("", ":memory:"):
        raise ConfigurationError("SQLiteStore(path=…) is a file; MemoryStore() keeps answers in memory")
    return Path(path).absolute()
