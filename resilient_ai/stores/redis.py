"""Answers in Redis or Valkey, for any number of machines."""

from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any, cast

from .._settings import check_seconds
from ..errors import ConfigurationError
from . import _erasure, _scripts
from ._record import Changed, Sealer
from ._redis_client import Commands, Server, client_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Encryption, Entry

__all__ = ["RedisStore"]

log = logging.getLogger("resilient_ai")

LONGEST_LEASE = 3600.0

LONGEST = 64 * 1024 * 1024
"""Bytes of the longest record."""

LABEL = 1024
"""Bytes in which what an entry is erased by stands, at the record's beginning."""

SCANNED = 200
"""Keys asked for at once."""


class RedisStore:
    """Keep answers in Redis 6.2 or later, or Valkey.

    Safe for threads, processes, machines and forks. Eight threads of a program ask at once, the others wait for them. A
    server that is down, hangs, is full or answers garbage costs a call ``timeout`` seconds for the connection and as
    many for each reply.

    Args:
        server: a URL (``redis://``, ``rediss://``, ``unix://``), or a ``redis.Redis`` or ``valkey.Valkey`` of your own
            with time-outs of its own.
        prefix: what the names of all that is kept begin with, in braces, so that a cluster keeps it in one place.
        max_bytes: how much is kept; what was written first goes first. Default: 256 MiB.
        retention: seconds after which Redis itself removes an entry. Default: 30 days.
        timeout: seconds for connecting, and for each reply, if a URL is given. Default: 0.05, so that a server that
            hangs adds less than 100 ms (PROMISES 32).
        encrypt: seals what is sent (:class:`~resilient_ai.stores.Encryption`). Default: it is sent as it is.

    Raises:
        ConfigurationError: an argument is of the wrong type or out of range, or redis-py is not installed.
    """

    blocking = True

    def __init__(
        self,
        server: str | Commands,
        *,
        prefix: str = "resilient_ai",
        max_bytes: int = 256 * 1024 * 1024,
        retention: float = 30 * 24 * 3600.0,
        timeout: float = 0.05,
        encrypt: Encryption | None = None,
    ) -> None:
        check_seconds("RedisStore(retention=…)", retention)
        if not isinstance(max_bytes, int) or max_bytes < 1:  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"RedisStore(max_bytes=…) is a number of bytes, got {max_bytes!r}")
        if not isinstance(prefix, str) or not prefix.isprintable() or not prefix or set(prefix) & set("{}*?[]\\"):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"RedisStore(prefix=…) is a name without any of {{}}*?[]\\, got {prefix!r}")
        self._server = Server(client_of(server, timeout))
        self._names = f"{{{prefix}}}:"
        self._max_bytes = max_bytes
        self._retention = retention
        self._sealer = Sealer(encrypt)
        self._salt: bytes | None = None

    @property
    def salt(self) -> bytes:
        """16 random bytes, kept in the server.

        Raises:
            OSError: they can be neither read nor written.
        """
        if self._salt is None:
            self._ask("SET", self._name("salt"), os.urandom(16), "NX")
            found = self._ask("GET", self._name("salt"))
            if not isinstance(found, bytes) or len(found) != 16:
                raise OSError(f"redis: what lies under {self._name('salt')} is no salt of ours")
            self._salt = found
        return self._salt

    def adopt(self, salt: bytes) -> None:
        """Go on with the salt of another store, whose entries are to come here.

        Raises:
            OSError: the server does not take it in time.
            ValueError: there are entries here under another salt.
        """
        if salt != self.salt:
            if any(self._keys()):
                raise ValueError("there are entries under another salt")
            self._ask("SET", self._name("salt"), salt)
            self._salt = salt

    def get(self, key: str) -> Entry | None:
        """The entry under ``key``, or None.

        Raises:
            OSError: the server does not give it in time.
        """
        return self._entry(key, self._ask("GET", self._name("e", key)))

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, in place of any before. One that is too large is not kept, nor what it was to replace.

        Raises:
            OSError: the server does not take it in time.
        """
        salt, now = self.salt, time.time()
        label = json.dumps([entry.namespace, entry.subject, entry.stored]).encode() + b"\n"
        record = label + self._sealer.record(key, entry, salt)
        life = min(self._retention, self._retention + entry.stored - now)
        if life < 0.001 or len(record) > min(LONGEST, self._max_bytes) or len(label) > LABEL:
            record = b""
        there = self._script(
            _scripts.SET,
            ("order", "sizes", "bytes", "salt"),
            self._name("e", ""),
            key,
            record,
            max(1, int(life * 1000)),
            now,
            now - self._retention,
            self._max_bytes,
            salt,
        )
        if isinstance(there, bytes) and len(there) == 16:
            self._salt = there  # another, if the server was emptied and somebody else was the first

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything is.

        Raises:
            OSError: the server does not do it in time.
        """
        self._delete([key])

    def clear(self) -> None:
        """Forget everything. The salt stays.

        Raises:
            OSError: the server does not do it in time.
        """
        for keys in self._keys():
            self._delete(keys)
        self._script(_scripts.CLEAR, ("order", "sizes", "bytes"))
        self._rewrite()

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every key with its entry, in no order. One that is written meanwhile may come twice.

        Raises:
            OSError: the server does not give them in time.
        """
        for keys in self._keys():
            for key in keys:
                entry = self.get(key)
                if entry is not None:
                    yield key, entry

    def purge(self, *, namespace: str | None = None, subject: str | None = None, before: float | None = None) -> int:
        """Erase every entry for which all that is given holds; say how many there were.

        The server is asked to write its dump and its log of commands anew, if it keeps such: it does that in its own
        time. One that does not let us is named in a warning.

        Raises:
            OSError: the server does not do it in time.
            ValueError: nothing was given; ``clear()`` forgets everything.
        """
        _erasure.checked(namespace, subject, before)
        gone = 0
        for keys in self._keys():
            labels = [self._ask("GETRANGE", self._name("e", key), 0, LABEL - 1) for key in keys]
            meant = [key for key, label in zip(keys, labels, strict=True) if _meant(label, namespace, subject, before)]
            gone += self._delete(meant)
        self._rewrite()
        return gone

    def claim(self, key: str, *, seconds: float, owner: str) -> bool:
        """Whether ``owner`` has ``key`` for the next ``seconds`` (an hour at most).

        Raises:
            OSError: the server does not say in time.
        """
        life = max(1, int(min(seconds, LONGEST_LEASE) * 1000))
        return _number(self._script(_scripts.CLAIM, (f"l:{key}",), owner, life)) == 1

    def release(self, key: str, *, owner: str) -> None:
        """Give ``key`` back, if it is still ``owner``'s.

        Raises:
            OSError: the server does not do it in time.
        """
        self._script(_scripts.RELEASE, (f"l:{key}",), owner)

    def _entry(self, key: str, record: object) -> Entry | None:
        if not isinstance(record, bytes):
            return None
        try:
            entry = self._sealer.entry(key, record.partition(b"\n")[2], self.salt)
        except Changed:  # under another salt perhaps; it ends by itself
            return None
        return None if entry is None or abs(time.time() - entry.stored) > self._retention else entry

    def _name(self, *parts: str) -> str:
        return self._names + ":".join(parts)

    def _keys(self) -> Iterator[list[str]]:
        beginning = self._name("e", "")
        cursor: Any = 0
        while True:
            found = self._ask("SCAN", cursor, "MATCH", f"{beginning}*", "COUNT", SCANNED)
            try:
                cursor, names = int(found[0]), [name.decode() for name in found[1]]
            except (TypeError, ValueError, LookupError, AttributeError):
                raise OSError("redis: it answers what no Redis says") from None
            yield [name.removeprefix(beginning) for name in names]
            if cursor == 0:
                return

    def _delete(self, keys: list[str]) -> int:
        if not keys:
            return 0
        return _number(self._script(_scripts.DELETE, ("order", "sizes", "bytes"), self._name("e", ""), *keys))

    def _rewrite(self) -> None:
        """What is on the server's disk is still as it was."""
        try:
            dumps, logs = (self._setting(name) for name in ("save", "appendonly"))
            if dumps:
                self._ask("BGSAVE", "SCHEDULE")
            if logs == "yes":
                self._ask("BGREWRITEAOF")
        except OSError as error:
            log.warning("erased; what the server has on its disk is older, and it was not asked to renew it: %s", error)

    def _setting(self, name: str) -> str:
        found = self._ask("CONFIG", "GET", name)
        value: object = b""
        if isinstance(found, dict):  # as the client's protocol has it
            value = next(iter(cast("dict[object, object]", found).values()), b"")
        elif isinstance(found, list) and len(cast("list[object]", found)) == 2:
            value = cast("list[object]", found)[1]
        return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)

    def _script(self, script: str, keys: tuple[str, ...], *arguments: bytes | str | float) -> Any:
        return self._ask("EVAL", script, len(keys), *(self._name(key) for key in keys), *arguments)

    def _ask(self, *command: bytes | str | float) -> Any:
        return self._server.ask(*command)


def _number(reply: object) -> int:
    if not isinstance(reply, int):
        raise OSError("redis: it answers what no Redis says")
    return reply


def _meant(label: object, namespace: str | None, subject: str | None, before: float | None) -> bool:
    """What cannot be told apart is erased too; what is gone is not there to be."""
    if not isinstance(label, bytes) or not label:
        return False
    try:
        kept_under, speaks_of, stored = json.loads(label.partition(b"\n")[0])
        return (
            (namespace is None or kept_under == namespace)
            and (subject is None or speaks_of == subject)
            and (before is None or stored < before)
        )
    except (ValueError, TypeError):
        return True
