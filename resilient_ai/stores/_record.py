"""An entry as bytes on a disk or in a server: what comes back otherwise than it was written is no entry.

A record is a version byte, the length of the head, the head (JSON), the answer, and a keyed digest of all that and of
the key it lies under. Encryption goes round the whole.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .base import Entry

if TYPE_CHECKING:
    from .base import Encryption

__all__ = ["Changed", "Sealer"]

VERSION = b"\x01"
DIGEST = 16
HEAD = 5
"""Bytes of the version and the head's length."""


class Changed(ValueError):
    """A record is not as it was written, or not where it was written."""


class Sealer:
    """Entries to records and back, for one store.

    Raises:
        ConfigurationError: ``encrypt`` is no :class:`~resilient_ai.stores.Encryption`.
    """

    __slots__ = ("_encrypt",)

    def __init__(self, encrypt: Encryption | None) -> None:
        if isinstance(encrypt, type) or (
            encrypt is not None and not all(callable(getattr(encrypt, name, None)) for name in ("seal", "open"))
        ):
            raise ConfigurationError(
                "encrypt=… is an object with seal(data, aad) and open(sealed, aad), both bytes to bytes; "
                f"got {type(encrypt).__name__}"
            )
        self._encrypt = encrypt

    def record(self, key: str, entry: Entry, salt: bytes) -> bytes:
        """``entry`` as it is to lie under ``key``.

        Raises:
            OSError: it could not be encrypted.
        """
        head = json.dumps(
            [
                entry.stored,
                entry.answered_by,
                entry.model,
                entry.stale_ok,
                entry.namespace,
                entry.subject,
                entry.family,
            ],
            separators=(",", ":"),
        ).encode()
        name = _name(key)
        body = b"".join((VERSION, len(head).to_bytes(4, "big"), head, entry.data))
        return self.sealed(name, body + _digest(salt, name, body))

    def entry(self, key: str, record: bytes, salt: bytes) -> Entry | None:
        """The entry that ``record`` holds; None if it does not open.

        Raises:
            Changed: it is not as it was written, or not where.
        """
        name = _name(key)
        whole = self.opened(name, record)
        if whole is None:
            return None
        body = whole[:-DIGEST]
        if len(whole) < HEAD + DIGEST or whole[:1] != VERSION or _digest(salt, name, body) != whole[-DIGEST:]:
            raise Changed
        end = HEAD + int.from_bytes(body[1:HEAD], "big")
        stored, by, model, stale_ok, namespace, subject, family = json.loads(body[HEAD:end])  # as it was written
        return Entry(
            data=body[end:],
            stored=stored,
            answered_by=by,
            model=model,
            stale_ok=stale_ok,
            namespace=namespace,
            subject=subject,
            family=family,
        )

    def hidden(self, key: str, entry: Entry) -> Entry:
        """``entry`` for this process's memory, its answer sealed.

        Raises:
            OSError: it could not be encrypted.
        """
        return entry if self._encrypt is None else replace(entry, data=self.sealed(_name(key), entry.data))

    def shown(self, key: str, entry: Entry) -> Entry | None:
        """What :meth:`hidden` made, again; None if it does not open."""
        if self._encrypt is None:
            return entry
        data = self.opened(_name(key), entry.data)
        return None if data is None else replace(entry, data=data)

    def sealed(self, name: bytes, data: bytes) -> bytes:
        """``data`` as it may be kept under ``name``.

        Raises:
            OSError: it could not be encrypted.
        """
        if self._encrypt is None:
            return data
        try:
            return bytes(self._encrypt.seal(data, name))
        except Exception as error:  # noqa: BLE001 - whatever it raises, nothing may be kept in the open
            # Without what it says, which may tell of the data or the key.
            raise OSError(f"encrypt.seal raised {type(error).__name__}") from None

    def opened(self, name: bytes, data: bytes) -> bytes | None:
        """What was sealed; None if it does not open."""
        if self._encrypt is None:
            return data
        try:
            return bytes(self._encrypt.open(data, name))
        except Exception:  # noqa: BLE001 - each library of ciphers says by an exception of its own that it does not open
            return None


def _name(key: str) -> bytes:
    return key.encode("utf-8", "backslashreplace")


def _digest(salt: bytes, name: bytes, body: bytes) -> bytes:
    hashed = blake2b(len(name).to_bytes(4, "big"), key=salt, digest_size=DIGEST)
    hashed.update(name)
    hashed.update(body)
    return hashed.digest()
