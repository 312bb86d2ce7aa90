"""What `resilient-ai cache` does with a store. No answer is shown but the one asked for by its key."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..stores import RedisStore, SQLiteStore, digest
from ..stores._files import is_ours
from .cache_lines import read_lines, written_lines
from .show import complain

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from ..stores import Entry

__all__ = ["clear", "export", "get", "import_", "list_", "moment", "purge", "stats"]

SharedStore = SQLiteStore | RedisStore

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


class Refused(Exception):
    """Wrong use, in a sentence."""


@contextmanager
def opened(where: str | None, *, make: bool = False) -> Generator[SharedStore]:
    """The store at a path or a URL.

    Raises:
        Refused: there is none, or what lies there is something else.
    """
    if where is not None and "://" in where:
        yield RedisStore(where, timeout=5.0)
        return
    store = SQLiteStore(where)
    there = store.path.exists()
    if not there and not make:
        raise Refused(f"there is no store at {store.path}; --store says where it is")
    if there and store.path.stat().st_size and not is_ours(store.path):
        raise Refused(f"{store.path} is no store; it was left as it is")
    try:
        yield store
    finally:
        store.close()


def ended(work: Generator[str], out: Path | None = None) -> int:
    """Print (or write to a new file of the owner's alone) what the work says; its exit code."""
    try:
        if out is None:
            for line in work:
                sys.stdout.write(f"{line}\n")
            return 0
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in work)
    except FileExistsError:
        return complain(f"{out} is there already", "cache")
    except (Refused, ConfigurationError, OSError, ValueError) as error:
        return complain(str(error), "cache")
    return 0


def moment(text: str) -> float:
    """Seconds since 1970: of a date (``2026-11-01``, ``2026-11-01T10:00:00+01:00``; in UTC if it says nothing), or of
    so long ago (``90s``, ``15m``, ``36h``, ``7d``, ``2w``).

    Raises:
        ValueError: it is neither.
    """
    ago = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smhdw])", text)
    if ago is not None:
        return time.time() - float(ago[1]) * UNITS[ago[2]]
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"--before is a date such as 2026-11-01, or an age such as 7d; got {text!r}") from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def stats(where: str | None) -> Generator[str]:
    """How many, how large, how old; by family and model."""
    with opened(where) as store:
        counted: Counter[tuple[str, str]] = Counter()
        sizes: Counter[tuple[str, str]] = Counter()
        oldest, newest = float("inf"), 0.0
        for _, entry in store.entries():
            kind = (entry.family or "?", entry.model or "?")
            counted[kind] += 1
            sizes[kind] += len(entry.data)
            oldest, newest = min(oldest, entry.stored), max(newest, entry.stored)
        if isinstance(store, SQLiteStore):
            files = [file for file in store.path.parent.iterdir() if file.name.startswith(store.path.name)]
            yield f"{store.path}: {sum(file.stat().st_size for file in files):,} bytes in {len(files)} files"
        yield f"{counted.total():,} answers, {sizes.total():,} bytes"
        if counted:
            yield f"stored from {_date(oldest)} to {_date(newest)}"
        for kind, number in sorted(counted.items()):
            yield f"  {_word(kind[0]):<14} {_word(kind[1]):<32} {number:>9,} answers {sizes[kind]:>15,} bytes"


def list_(where: str | None, limit: int) -> Generator[str]:
    """One line for each entry: its key, when it was stored, how large it is, and whose it is."""
    with opened(where) as store:
        for number, (key, entry) in enumerate(store.entries()):
            if number == limit:
                yield f"… and more; --limit {10 * limit} shows more of them"
                return
            yield f"{_word(key)}  {_date(entry.stored)}  {len(entry.data):>10,}  {_words(entry)}"


def get(where: str | None, key: str) -> Generator[str]:
    """One answer, as it is kept: the status, the header lines, an empty line, the body."""
    with opened(where) as store:
        entry = store.get(key)
        if entry is None:
            raise Refused("there is no such entry; `resilient-ai cache list` shows the keys")
        yield f"stored {_date(entry.stored)}, {_words(entry)}"
        yield entry.data.decode("utf-8", "backslashreplace")


def purge(where: str | None, namespace: str | None, subject: str | None, before: str | None) -> Generator[str]:
    """Erase what belongs to these names, or was stored before that."""
    if namespace is None and subject is None and before is None:
        raise Refused("say what: --namespace, --subject or --before; `resilient-ai cache clear` forgets everything")
    until = None if before is None else moment(before)
    with opened(where) as store:
        gone = store.purge(
            namespace=None if namespace is None else digest(store.salt, "namespace", namespace),
            subject=None if subject is None else digest(store.salt, "subject", subject),
            before=until,
        )
        yield f"{gone:,} answers erased"


def clear(where: str | None) -> Generator[str]:
    """Erase everything."""
    with opened(where) as store:
        store.clear()
        yield "all answers erased"


def export(where: str | None) -> Generator[str]:
    """Every entry, a line of JSON each; the first line holds the salt."""
    with opened(where) as store:
        yield from written_lines(store.salt, store.entries())


def import_(where: str | None, file: Path) -> Generator[str]:
    """Entries of another store, into one that has none of its own, or the same salt."""
    with file.open("rb") as lines, opened(where, make=True) as store:
        salt, entries = read_lines(lines)
        try:
            store.adopt(salt)
        except ValueError:
            raise Refused("it has entries of its own, under another salt: import into an empty store") from None
        number = 0
        for key, entry in entries:
            store.set(key, entry)
            number += 1
        yield f"{number:,} answers imported"


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return "at no time"


def _words(entry: Entry) -> str:
    return f"{_word(entry.family or '?')} {_word(entry.model or '?')} by {_word(entry.answered_by)}"


def _word(text: str) -> str:
    """Whatever a name holds, it moves no cursor."""
    return text if text.isprintable() else ascii(text)
