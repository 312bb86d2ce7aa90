"""A store's entries as lines of JSON, for another store. The first line holds the salt, which keys and digests need."""

from __future__ import annotations

import base64
import json
import math
from typing import IO, TYPE_CHECKING, Any

from ..stores import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["read_lines", "written_lines"]

FORMAT = "resilient_ai.cache/1"

LONGEST = 100 * 1024 * 1024
"""Bytes of a line: the longest entry of any store, in base64, and more."""

LONGEST_KEY = 200


def written_lines(salt: bytes, entries: Iterable[tuple[str, Entry]]) -> Iterator[str]:
    """The lines, without their ends."""
    yield json.dumps({"format": FORMAT, "salt": salt.hex()})
    for key, entry in entries:
        yield json.dumps(
            {
                "key": key,
                "stored": entry.stored,
                "answered_by": entry.answered_by,
                "model": entry.model,
                "stale_ok": entry.stale_ok,
                "namespace": entry.namespace,
                "subject": entry.subject,
                "family": entry.family,
                "data": base64.b64encode(entry.data).decode(),
            }
        )


def read_lines(lines: IO[bytes]) -> tuple[bytes, Iterator[tuple[str, Entry]]]:
    """The salt, and the entries as they are read.

    Raises:
        ValueError: it is no such file; it says which line.
    """
    first = _object(lines.readline(1000), 1)
    salt = first.get("salt")
    if first.get("format") != FORMAT or not isinstance(salt, str) or len(salt) != 32:
        raise ValueError("line 1: not what `resilient-ai cache export` writes")
    return bytes.fromhex(salt), _entries(lines)


def _entries(lines: IO[bytes]) -> Iterator[tuple[str, Entry]]:
    number = 1
    while line := lines.readline(LONGEST):
        number += 1
        said = _object(line, number)
        try:
            yield _entry(said)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"line {number}: no entry; all before it were imported") from None


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        said: object = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ValueError(f"line {number}: no object of JSON")  # noqa: TRY004  # it is the file that is wrong
    return said  # pyright: ignore[reportUnknownVariableType]  # JSON


def _entry(said: dict[str, Any]) -> tuple[str, Entry]:
    key, stored = said["key"], said["stored"]
    texts = [said["answered_by"], said["namespace"], said["family"]]
    optional = [said["model"], said["subject"]]
    right = (
        isinstance(key, str)
        and key.isprintable()
        and 0 < len(key) <= LONGEST_KEY
        and isinstance(stored, int | float)
        and math.isfinite(stored)
        and isinstance(said["stale_ok"], bool)
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(text, str | None) for text in optional)
    )
    if not right:
        raise ValueError
    return key, Entry(
        data=base64.b64decode(said["data"], validate=True),
        stored=float(stored),
        answered_by=said["answered_by"],
        model=said["model"],
        stale_ok=said["stale_ok"],
        namespace=said["namespace"],
        subject=said["subject"],
        family=said["family"],
    )
