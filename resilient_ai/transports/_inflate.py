"""gzip and deflate in steps of bounded size, and what is common to all such steps. No I/O."""

from __future__ import annotations

import re
import zlib
from typing import Protocol

__all__ = ["PIECE", "SIP", "Damaged", "Deflate", "Fed", "Gzip", "Unpacker"]

PIECE = 64 * 1024
"""Bytes that are unpacked at a time: what httpcore reads at a time from its socket."""

SIP = 16 * 1024
"""Packed bytes that are handed to a library at a time. zlib gives back what it did not come to, as a copy."""


class Damaged(Exception):
    """Packed bytes that cannot be unpacked, or that end too early."""


class Unpacker(Protocol):
    """Packed bytes in, unpacked pieces out. No I/O."""

    def feed(self, data: bytes) -> None:
        """Take packed bytes, once `piece` has given all that it could."""
        ...

    def piece(self) -> bytes:
        """The next `PIECE` bytes at most; none when more packed bytes are wanted.

        Raises:
            Damaged: they cannot be unpacked.
        """
        ...

    def end(self) -> None:
        """There are no more.

        Raises:
            Damaged: there should have been. A body without a byte is an empty one, in whatever encoding.
        """
        ...


class Fed:
    """Packed bytes, handed on by sips."""

    __slots__ = ("at", "data")

    def __init__(self) -> None:
        self.data = b""
        self.at = 0
        """So many of them were handed on."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes; those before have all been handed on."""
        self.data = data
        self.at = 0

    def sip(self, size: int) -> bytes:
        """The next bytes; all of them, as they are, if they are few."""
        start, data = self.at, self.data
        self.at = min(start + size, len(data))
        return data if not start and len(data) <= size else data[start : self.at]

    @property
    def left(self) -> bool:
        """Whether there are more."""
        return self.at < len(self.data)


class _Inflated:
    """One stream of zlib's, in the form that ``wbits`` says."""

    __slots__ = ("_fed", "_full", "_zlib")

    def __init__(self, fed: Fed, wbits: int) -> None:
        self._fed = fed
        self._zlib = zlib.decompressobj(wbits)
        self._full = False
        """Whether the last piece was a full one, so that more may wait inside."""

    def piece(self) -> bytes:
        inflating = self._zlib
        while not inflating.eof:
            sip = inflating.unconsumed_tail or self._fed.sip(SIP)
            if not sip and not self._full:
                break
            try:
                piece = inflating.decompress(sip, PIECE)
            except zlib.error as error:
                raise Damaged(str(error)) from error
            self._full = len(piece) == PIECE
            if inflating.eof:
                self._fed.at -= len(inflating.unused_data)
            if piece:
                return piece
        return b""

    @property
    def over(self) -> bool:
        return self._zlib.eof


_GZIP = 16 + zlib.MAX_WBITS
_ZEROS = re.compile(rb"\0*")


class Gzip(Fed):
    """gzip: one member after the other, and what may follow them. As gzip itself has it, zeros may, and anything that
    is no member is not looked at; a member that begins has to be whole."""

    __slots__ = ("_alone", "_between", "_member", "_rubbish")

    def __init__(self) -> None:
        super().__init__()
        self._member: _Inflated | None = None
        self._between = False
        """Whether a member has ended."""
        self._alone = False
        """Whether of the next one the first byte has come, and nothing else."""
        self._rubbish = False
        """Whether what came next was none."""

    def piece(self) -> bytes:
        while self._member is not None or self._begins():
            assert self._member is not None
            piece = self._member.piece()
            if piece or not self._member.over:
                return piece
            self._member, self._between = None, True
        return b""

    def _begins(self) -> bool:
        """Whether a member does."""
        if not self._between:  # the first one: whatever it is, it has to be one
            self._member = _Inflated(self, _GZIP) if self.left else None
            return self.left
        if self._rubbish:
            return False
        if self._alone:
            self.feed(b"\x1f" + self.data)
        found = _ZEROS.match(self.data, self.at)
        self.at = self.at if found is None else found.end()
        begun = self.data[self.at : self.at + 2]
        self._alone = begun == b"\x1f"
        if begun == b"\x1f\x8b":
            self._member = _Inflated(self, _GZIP)
            return True
        self._rubbish = bool(begun) and not self._alone
        self.feed(b"")
        return False

    def end(self) -> None:
        if self._member is not None or self._alone:
            raise Damaged("the gzip body is cut short")


class Deflate(Fed):
    """``deflate``: zlib's form, as it is specified, or the bare one, as some have always sent it. The first two bytes
    tell: a bare stream does not begin as zlib's has to."""

    __slots__ = ("_first", "_stream")

    def __init__(self) -> None:
        super().__init__()
        self._stream: _Inflated | None = None
        self._first = b""
        """The first byte, where it came alone."""

    def piece(self) -> bytes:
        if self._stream is None:
            begun = self._first + self.data
            if len(begun) < 2:
                self._first = begun
                self.feed(b"")
                return b""
            named = begun[0] & 0x8F == zlib.DEFLATED and int.from_bytes(begun[:2], "big") % 31 == 0
            self.feed(begun)
            self._stream = _Inflated(self, zlib.MAX_WBITS if named else -zlib.MAX_WBITS)
        return self._stream.piece()

    def end(self) -> None:
        if (self._stream is not None and not self._stream.over) or (self._stream is None and self._first):
            raise Damaged("the deflate body is cut short")
