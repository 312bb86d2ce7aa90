"""Where a store's file lies, and what becomes of one that cannot be used."""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if sys.platform != "win32":  # there, a file that is open is neither renamed nor removed under its users
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "aside",
    "companions",
    "erase_aside",
    "guarded",
    "identity",
    "is_ours",
    "make_folder",
    "salt_in",
    "state_folder",
]

MOST_ASIDE = 3
"""Files of ours kept for whoever wants to know what happened to them; the oldest go first."""

MOST_FOREIGN = 8
"""Files that are not ours are moved out of the way, and never removed: more than that, and somebody writes here."""

MARK = b"resilient_ai"
"""Stands in the first page of every file of ours, in the names of its tables."""

SALT = 16
"""Bytes of salt; as many again tell whether it is whole."""

LOCK_WAIT = 0.05
"""Seconds to wait for another process that makes the file, or moves it aside."""

Identity = tuple[int, int]


def state_folder() -> Path:
    """The user's folder for what programs keep: XDG_STATE_HOME or ~/.local/state, as the XDG base directories have it;
    ~/Library/Application Support on macOS, %LOCALAPPDATA% on Windows."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path("~/AppData/Local").expanduser()
    elif sys.platform == "darwin":
        base = Path("~/Library/Application Support").expanduser()
    else:
        named = os.environ.get("XDG_STATE_HOME", "")
        base = named if os.path.isabs(named) else Path("~/.local/state").expanduser()  # a relative one is to be ignored
    return Path(base, "resilient_ai")


def make_folder(folder: Path) -> None:
    """Make it, for its owner alone, if it is not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)


def identity(path: Path | int) -> Identity | None:
    """Which file it is; None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def companions(path: Path) -> list[Path]:
    """What SQLite keeps beside a file."""
    return [path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal")]


@contextmanager
def guarded(path: Path) -> Generator[int]:
    """Nobody else makes the file at ``path``, or moves it aside. Gives the open file that holds the salt.

    Raises:
        OSError: somebody is at it for longer than we wait.
    """
    held = os.open(path.with_name(path.name + ".salt"), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        _lock(held)
        yield held
    finally:
        os.close(held)  # which unlocks it


def salt_in(held: int, known: bytes | None, *, anew: bool = False) -> bytes:
    """The salt that lies in the open file; if it holds none, or ``anew``, ``known`` or one drawn now is put there."""
    os.lseek(held, 0, os.SEEK_SET)
    found = os.read(held, 2 * SALT + 1)
    if not anew and len(found) == 2 * SALT and _check(found[:SALT]) == found[SALT:]:
        return found[:SALT]
    salt = known or os.urandom(SALT)
    os.lseek(held, 0, os.SEEK_SET)
    os.write(held, salt + _check(salt))
    os.ftruncate(held, 2 * SALT)
    return salt


def _check(salt: bytes) -> bytes:
    return blake2b(salt, digest_size=SALT).digest()


def _lock(held: int) -> None:
    if sys.platform == "win32":
        return
    end = time.monotonic() + LOCK_WAIT
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.002)
        else:
            return


def aside(path: Path) -> Path | None:
    """Move the file, and what SQLite keeps beside it, out of the way; None if an empty one was removed.

    Its companions go first: one that stayed would be taken for that of the next file.

    Raises:
        OSError: it cannot be moved, or there are too many already that are not ours.
    """
    if path.stat().st_size == 0:
        for file in (*companions(path), path):
            file.unlink(missing_ok=True)
        return None
    kind, is_database = _looked_at(path)
    if not is_database:  # what lies beside it is the log of what lay here before
        for file in companions(path):
            file.unlink(missing_ok=True)
    if kind == "foreign" and len(_groups(path, kind)) >= MOST_FOREIGN:
        raise FileExistsError(f"{path}: other files keep coming here, and {MOST_FOREIGN} were moved out of the way")
    to = path.with_name(f"{path.name}.{kind}-{time.time_ns()}")
    for file, there in zip((*companions(path), path), (*companions(to), to), strict=True):
        with suppress(FileNotFoundError):
            file.replace(there)
            if kind == "aside":
                there.chmod(stat.S_IRUSR | stat.S_IWUSR)
    for old in _groups(path)[:-MOST_ASIDE]:
        _remove(path, old)
    return to


def is_ours(path: Path) -> bool:
    """Whether what lies there looks like a file of ours, in whatever state it is."""
    return _looked_at(path)[0] == "aside"


def erase_aside(path: Path, *, before: float | None = None) -> int:
    """Remove the files of ours that were moved aside (before that moment, seconds since 1970); say how many."""
    gone = [name for name in _groups(path) if before is None or _moved_at(name) < before]
    for name in gone:
        _remove(path, name)
    return len(gone)


def _groups(path: Path, kind: str = "aside") -> list[str]:
    """The names under which files were moved out of the way, oldest first."""
    beginning = f"{path.name}.{kind}-"
    names = [found.name for found in path.parent.glob(f"{_escaped(path)}.{kind}-*")]
    return sorted({beginning + name[len(beginning) :].partition("-")[0] for name in names}, key=_moved_at)


def _moved_at(name: str) -> float:
    digits = name.rpartition("-")[2]
    return int(digits) / 1e9 if digits.isdecimal() else 0.0


def _remove(path: Path, name: str) -> None:
    first = path.with_name(name)
    for file in (*companions(first), first):
        file.unlink(missing_ok=True)


def _escaped(path: Path) -> str:
    """Its name, where ``*``, ``?`` and ``[`` stand for themselves."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path.name)


def _looked_at(path: Path) -> tuple[str, bool]:
    """What becomes of it, and whether it is a database of SQLite's."""
    with path.open("rb") as file:
        first = file.read(4096)
    return "aside" if MARK in first else "foreign", first.startswith(b"SQLite format 3")
