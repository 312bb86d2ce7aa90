"""What a cache and a surface tell each other: the key of a request, and its answer in bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

__all__ = ["CacheKey", "Kept", "Keying", "Packed"]


class Keying(NamedTuple):
    """What goes into the key of a request besides the request.

    Attributes:
        salt: of the store that the key is for: what is digested with it means nothing elsewhere.
        namespace: whose answers these are; None is the credential's.
        subject: whom they speak of, if the program said.
        stateful: whether requests have one that leave, or stand on, state at the vendor.
        most: bytes of a request that has one.
    """

    salt: bytes = b""
    namespace: str | None = None
    subject: str | None = None
    stateful: bool = False
    most: int = 1024 * 1024

    def salted(self, salt: bytes) -> Keying:
        """The same for a store of this salt."""
        return Keying(salt, self.namespace, self.subject, self.stateful, self.most)

    def within(self, namespace: str | None, subject: str | None) -> Keying:
        """The same for this subject, in this namespace if one is named."""
        return Keying(self.salt, namespace or self.namespace, subject, self.stateful, self.most)


class CacheKey(NamedTuple):
    """The key of a request, in hexadecimal digits; its namespace, and whom it speaks of, as digests."""

    key: str
    namespace: str
    subject: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """An answer as a store keeps it. ``stale_ok``: it may be served when it is old."""

    data: bytes = field(repr=False)
    stale_ok: bool


class Kept(Protocol):
    """A stream as it passed."""

    noted: dict[str, Any]
    """How its answer ended, in the fields of a plain one."""

    def take(self) -> bytes | None:
        """All of it, if it ended as it should, and is not too large. It is given once."""
        ...
