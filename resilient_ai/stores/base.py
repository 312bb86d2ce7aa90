"""What a store is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Encryption", "Entry", "Leases", "Store", "StoreBusy", "StoreRepaired", "digest"]


class StoreRepaired(OSError):
    """Something in a store was not usable, and was put out of the way. The store works again: there is no need to go
    on without it, only to tell somebody. What was asked for was done, as far as it could be; nothing was found."""


class StoreBusy(OSError):
    """Too many threads of this program are at a store that works: this one has waited for long enough. The call goes on
    without it; the next one may ask it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer that was given.

    Attributes:
        data: the answer, in the surface's packing.
        stored: when, in seconds since 1970 by the wall clock (the runtime's ``wall()``).
        answered_by: who gave it.
        model: the model asked for there.
        stale_ok: whether it may be served when it is old.
        namespace: the digest (:func:`digest`) of the namespace it was kept under, for erasure; never the name itself.
        subject: the digest of whom it speaks of, if the program said, for erasure.
        family: the endpoint family (chat, embeddings, …).
    """

    data: bytes = field(repr=False)
    stored: float
    answered_by: str
    model: str | None
    stale_ok: bool
    namespace: str = ""
    subject: str | None = None
    family: str = ""


def digest(salt: bytes, kind: str, name: str) -> str:
    """What stands in a store for the name of a namespace (``kind`` ``"namespace"``) or a subject (``"subject"``).

    Equal for whoever has the store's salt, and without it no help in finding the name.
    """
    said = f"{kind}\n{name}".encode("utf-8", "backslashreplace")
    return hashlib.blake2b(said, key=salt, digest_size=16).hexdigest()


class Encryption(Protocol):
    """How entries are sealed before a store keeps them. Called from any thread; it should not block."""

    def seal(self, data: bytes, aad: bytes, /) -> bytes:
        """``data``, encrypted, and bound to ``aad``: it must not open with any other."""
        ...

    def open(self, sealed: bytes, aad: bytes, /) -> bytes:
        """What was sealed. It raises whatever it likes if it does not open: then the store has no such entry."""
        ...


class Leases(Protocol):
    """What a store that several processes share can do besides: let one of them do what the others wait for.

    It raises OSError as a store does. A lease runs out by itself, by the wall clock or the server's; it is a way to
    save work, not a guarantee that two never do the same.
    """

    def claim(self, key: str, *, seconds: float, owner: str) -> bool:
        """Whether ``owner`` has ``key`` for the next ``seconds`` (an hour at most): nobody else had it, or it had run
        out, or it was ``owner``'s already."""
        ...

    def release(self, key: str, *, owner: str) -> None:
        """Give ``key`` back, if it is still ``owner``'s."""
        ...


class Store(Protocol):
    """A bounded place for entries. ``blocking`` stores are called where they hold up no event loop.

    A store that cannot be read or written raises OSError, whatever it stands on: calls then go on without it.
    """

    @property
    def blocking(self) -> bool:
        """Whether it waits for a disk or a server."""
        ...

    @property
    def salt(self) -> bytes:
        """16 random bytes, kept as long as the entries are: digests made with them mean nothing in another store."""
        ...

    def get(self, key: str) -> Entry | None:
        """The entry under ``key``, or None."""
        ...

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, in place of any before; others may be dropped to stay inside the bounds."""
        ...

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything is."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Every key with its entry, a few at a time; what is kept or dropped meanwhile may be missed or be there."""
        ...

    def purge(self, *, namespace: str | None = None, subject: str | None = None, before: float | None = None) -> int:
        """Erase, so that no byte is left, every entry for which all that is given holds; say how many there were.

        Args:
            namespace: the digest of the namespace it was kept under.
            subject: the digest of whom it speaks of.
            before: it was stored before that moment, in seconds since 1970.

        Raises:
            ValueError: nothing was given; ``clear()`` forgets everything.
        """
        ...
