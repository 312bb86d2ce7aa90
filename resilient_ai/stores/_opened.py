"""A file that others may lock, spoil, move or remove while it is open here, and that is used nevertheless."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from . import _database, _files, _forks
from ._database import BUSY, FAULTS
from .base import StoreRepaired

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

__all__ = ["OpenFile"]

T = TypeVar("T")

CROWD = 5.0
"""Seconds to wait for other threads of this program: a thousand that look for the same answer at once, in an outage,
are no failure of the store, and the interpreter may take 5 ms for each before it comes back to the one at it."""


class OpenFile:
    """One connection for all threads. Each waits for the others, 50 ms at most where one fails, or erases.

    Args:
        path: the file.
        first: done at each use before what is asked for.
    """

    def __init__(self, path: Path, first: Callable[[sqlite3.Connection], object]) -> None:
        self.path = path
        self.salt: bytes | None = None
        self._first = first
        self._db: sqlite3.Connection | None = None
        self._identity: _files.Identity | None = None
        self._repaired: str | None = None
        self._lock = Lock()
        self._failed = 0  # times
        self._slow = False
        _forks.keep(self)

    def run(self, work: Callable[[sqlite3.Connection], T], *, patience: float = BUSY, tell: bool = True) -> T:
        """Do it on the file as it is now; on a new one, if that turns out to be none of ours.

        Raises:
            OSError: it cannot be done, or others are at it for longer than ``patience``.
            StoreRepaired: it was done, on a new file, and somebody is to be told; with ``tell=False``, the next time.
        """
        with self._locked(patience):
            try:
                try:
                    done = self._do(work, patience)
                except FAULTS as error:
                    if not _database.is_unusable(error):
                        raise
                    self._repaired = f"was not usable ({_database.told(self.path, error)}), and {self._set_aside()}"
                    done = self._do(work, patience)
            except FAULTS as error:
                self._let_go()
                raise _database.told(self.path, error) from None
            repaired = self._repaired
            if repaired is None or not tell:
                return done
            self._repaired = None
        raise StoreRepaired(f"{self.path} {repaired}")

    def adopt(self, salt: bytes) -> None:
        """Put another salt in the place of the one that is there."""
        with self._locked(1.0), _files.guarded(self.path) as held:
            self.salt = _files.salt_in(held, salt, anew=True)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._locked(1.0):
            self._let_go()

    def __del__(self) -> None:
        db = getattr(self, "_db", None)
        if db is not None:
            db.close()

    def _do(self, work: Callable[[sqlite3.Connection], T], patience: float) -> T:
        db = self._ready()
        if patience == BUSY:
            self._first(db)
            return work(db)
        db.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
        try:
            return work(db)
        finally:
            db.execute(f"PRAGMA busy_timeout = {int(BUSY * 1000)}")

    @contextmanager
    def _locked(self, patience: float) -> Generator[None]:
        failed = self._failed
        if not self._acquired(patience):
            raise TimeoutError(f"{self.path}: other threads of this program are at it")
        if patience == BUSY and failed != self._failed:  # else each that waits would try for 50 ms, after the others
            self._lock.release()
            raise TimeoutError(f"{self.path}: it failed for another thread of this program")
        try:
            self._slow = patience != BUSY
            yield
        except OSError as error:
            if not isinstance(error, StoreRepaired):
                self._failed += 1
            raise
        finally:
            self._slow = False
            self._lock.release()

    def _acquired(self, patience: float) -> bool:
        """Wait for other threads: asleep, since a thousand that look up every 50 ms would hold up the one at it."""
        return self._lock.acquire(timeout=BUSY if self._slow and patience == BUSY else max(patience, CROWD))

    def _ready(self) -> sqlite3.Connection:
        """A connection to the file that has the name now."""
        here = _files.identity(self.path)
        if self._db is not None and here != self._identity:
            self._repaired = self._repaired or "was removed or replaced by somebody while it was open"
        if self._db is None or here is None or here != self._identity:
            self._let_go()
            return self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        _files.make_folder(self.path.parent)
        with _files.guarded(self.path) as held:
            self.salt = _files.salt_in(held, self.salt)
            with suppress(FileNotFoundError):
                if self.path.stat().st_size == 0:
                    _files.aside(self.path)
            self._identity = _files.identity(self.path)
            if self._identity is None:
                _database.made(self.path)
                self._identity = _files.identity(self.path)
            elif os.name == "posix" and self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
        self._db = db = _database.connected(self.path)
        return db

    def _set_aside(self) -> str:
        """The file that was found unusable, not one that another process has put in its place; what became of it."""
        was = self._identity
        self._let_go()
        with _files.guarded(self.path):
            to = _files.aside(self.path) if _files.identity(self.path) == was else None
        return "somebody has taken it away" if to is None else f"was moved to {to.name}"

    def _let_go(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    # ---- forks: the child leaves the parent's connection alone

    def before_fork(self) -> bool:
        """Whether nobody is in SQLite now, and nobody comes there until the fork is over."""
        return self._lock.acquire(timeout=1)

    def after_fork(self) -> None:
        """In the parent, if it could be had."""
        self._lock.release()

    def in_child(self) -> None:
        """Begin with a connection of one's own. The parent's is left as it is, for good: it may not be used here, nor
        closed (https://www.sqlite.org/howtocorrupt.html, 2.6)."""
        _forks.leave(self._db)
        self._db = self._identity = None
        self._slow = False
        self._lock = Lock()
