"""A file of SQLite's as we make it, and what tells that one is no such file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from . import _files

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["BUSY", "FAULTS", "LONGEST_RECORD", "Unusable", "connected", "is_unusable", "made", "told", "writing"]

BUSY = 0.05
"""Seconds to wait for another process that writes. Longer, and calls go on without the store (PROMISES 31)."""

LONGEST_RECORD = 64 * 1024 * 1024
"""Bytes; twice the longest answer that is read whole. SQLite is told never to take memory for a longer one."""

APPLICATION = 0x72657361
"""``PRAGMA application_id``: "resa"."""

SCHEMA = 1
"""``PRAGMA user_version``."""

TABLES = (
    (
        "CREATE TABLE resilient_ai_entries (key TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL, subject TEXT,"
        " stored REAL NOT NULL, record BLOB NOT NULL)"
    ),
    "CREATE INDEX resilient_ai_by_age ON resilient_ai_entries (stored)",
    "CREATE TABLE resilient_ai_leases (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID",
)

SETTINGS = (
    "PRAGMA secure_delete = ON",  # what is deleted is overwritten
    "PRAGMA synchronous = NORMAL",  # nothing is torn; the last writes may be lost with the power
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA mmap_size = 0",  # a mapped file that somebody cuts kills the process
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -8192",  # KiB: all but the leaves of a million entries; taken as it is needed
    "PRAGMA journal_size_limit = 4194304",
)

UNUSABLE = frozenset(
    (
        sqlite3.SQLITE_ERROR,  # our own statements, on other tables than ours
        sqlite3.SQLITE_INTERNAL,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_SCHEMA,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_NOTADB,
    )
)
"""What SQLite says of a file that is not, or no longer, as we made it. All else (busy, full, I/O) may pass."""


class Unusable(sqlite3.DatabaseError):
    """It is a database, and none of ours."""


FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What the library raises; the second where a spoilt file's words stand in a message."""


def is_unusable(error: Exception) -> bool:
    """Whether the file itself is at fault."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # none where a text is not UTF-8
    return isinstance(error, Unusable) or (not isinstance(error, sqlite3.ProgrammingError) and code & 0xFF in UNUSABLE)


def told(path: Path, error: Exception) -> OSError:
    """The same, as a store's failure."""
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    said = error if isinstance(error, sqlite3.Error) else "unreadable"
    return OSError(f"{path}: {name}: {said}")


def made(path: Path) -> None:
    """Make an empty one at ``path``, whole before it has its name. Called by one process at a time."""
    draft = path.with_name(path.name + ".new")
    for file in (*_files.companions(draft), draft, *_files.companions(path)):
        file.unlink(missing_ok=True)  # of one who was killed here; of a file that somebody removed alone
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    db = sqlite3.connect(draft, isolation_level=None)
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        with writing(db):
            for table in TABLES:
                db.execute(table)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA}")
    finally:
        db.close()  # its log goes with it
    draft.rename(path)


def connected(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there.

    Raises:
        sqlite3.Error: it cannot be opened, or is none of ours.
    """
    place = f"{path.as_uri()}?mode=rw"  # never makes one
    db = sqlite3.connect(place, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_RECORD + 64 * 1024)
        for setting in SETTINGS:
            db.execute(setting)
        _check(db)
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (schema,) = db.execute("PRAGMA user_version").fetchone()
    (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    tables = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")]
    if (application, schema, mode) != (APPLICATION, SCHEMA, "wal") or sorted(tables) != sorted(TABLES):
        raise Unusable("not a file of this version of resilient_ai")


@contextmanager
def writing(db: sqlite3.Connection) -> Generator[None]:
    """A transaction: all that is written in it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # it has rolled back by itself, as on a full disk
            db.execute("ROLLBACK")
        raise
