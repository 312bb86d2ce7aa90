"""What the key of a request in a cache is made with, and what it is."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CacheKey", "Keying"]


class Keying(NamedTuple):
    """What goes into the key of a request besides the request.

    Attributes:
        salt: of the store that the key is for: what is digested with it means nothing elsewhere.
        namespace: whose answers these are; None is the credential's.
        subject: whom they speak of, if the program said.
        stateful: whether requests have one that leave, or stand on, state at the vendor.
        most: bytes of a request that has one.
        bound: the name of the rule that holds the call back; what was answered under another one is not served.
    """

    salt: bytes = b""
    namespace: str | None = None
    subject: str | None = None
    stateful: bool = False
    most: int = 1024 * 1024
    bound: str = ""

    def salted(self, salt: bytes) -> Keying:
        """The same for a store of this salt."""
        return Keying(salt, self.namespace, self.subject, self.stateful, self.most)

    def within(self, namespace: str | None, subject: str | None) -> Keying:
        """The same for this subject, in this namespace if one is named."""
        return Keying(self.salt, namespace or self.namespace, subject, self.stateful, self.most)

    def held_back(self, bound: str) -> Keying:
        """The same for a call that a rule of this name holds back."""
        return Keying(self.salt, self.namespace, self.subject, self.stateful, self.most, bound)


class CacheKey(NamedTuple):
    """The key of a request, in hexadecimal digits; its namespace, and whom it speaks of, as digests.

    ``other`` is that of the same request for its answer in the other form, plain or streamed, which may do as well;
    None if there is no other form. (Not every answer can be had in both, and none may displace one that can.)
    """

    key: str
    namespace: str
    subject: str | None
    other: str | None = None

    @property
    def both(self) -> tuple[str, ...]:
        """Where to look, in order."""
        return (self.key,) if self.other is None else (self.key, self.other)
