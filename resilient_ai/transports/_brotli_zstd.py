"""brotli and zstd in steps of bounded size, by whichever package is here. No I/O."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from functools import cache
from typing import TYPE_CHECKING, Any

from ._inflate import PIECE, SIP, Damaged, Fed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._inflate import Unpacker

__all__ = ["brotli", "zstd"]

WINDOW = 23
"""The power of two that a zstd window may have: 8 MiB, all that RFC 9659 allows in HTTP. It is memory that the sender
makes us take."""

_OLD_BROTLI_SIP = 4
"""Packed bytes for a Brotli before 1.2, which knows no limit: so few do not begin two of its blocks of up to 16 MiB."""

_ZSTANDARD_SIP = 16
"""Packed bytes for the package zstandard, which knows none either: a block of four bytes may hold 128 KiB."""


class _Brotli(Fed):
    """brotli, by the package ``brotli`` or ``brotlicffi``. Before 1.2 these know no limit of what they give; then it is
    the sips that are small, and a piece may have 16 MiB."""

    __slots__ = ("_begun", "_decoder", "_error", "_limit", "_more", "_size", "limited")

    def __init__(self, package: Any) -> None:
        super().__init__()
        self._decoder = package.Decompressor()
        self._error: type[Exception] = package.error
        self.limited = hasattr(self._decoder, "can_accept_more_data")
        self._limit = (
            {"output_buffer_limit": PIECE // 2} if self.limited else {}
        )  # it may give half as much again, and more
        self._size = SIP if self.limited else _OLD_BROTLI_SIP
        self._begun = self._more = False

    def piece(self) -> bytes:
        decoder = self._decoder
        while not decoder.is_finished():
            sip = b"" if self._more else self.sip(self._size)
            if not sip and not self._more:
                return b""
            self._begun = True
            try:
                piece: bytes = decoder.process(sip, **self._limit)
            except self._error as error:
                raise Damaged(str(error)) from error
            self._more = bool(piece)
            if piece:
                return piece
        if self.left:
            raise Damaged("bytes follow the end of the brotli body")
        return b""

    def end(self) -> None:
        if self._begun and not self._decoder.is_finished():
            raise Damaged("the brotli body is cut short")


class _Frames(Fed, ABC):
    """zstd: one frame after the other."""

    __slots__ = ("_begun", "_error", "_frame", "_new")

    def __init__(self, error: type[Exception], new: Callable[[], Any]) -> None:
        super().__init__()
        self._error = error
        self._new = new
        self._frame: Any = new()
        self._begun = False

    def piece(self) -> bytes:
        try:
            while not self._frame.eof or self._next_begins():
                piece = self._step(self._frame)
                if piece is None:
                    break
                self._begun = True
                if piece:
                    return piece
        except self._error as error:
            raise Damaged(str(error)) from error
        return b""

    @abstractmethod
    def _step(self, frame: Any) -> bytes | None:
        """What comes out next, perhaps nothing; None if nothing went in."""

    def _next_begins(self) -> bool:
        unused: bytes = self._frame.unused_data
        self.at -= len(unused)
        if self.left:
            self._frame = self._new()
        return self.left

    def end(self) -> None:
        if self._begun and not self._frame.eof:
            raise Damaged("the zstd body is cut short")


class _Zstd(_Frames):
    """By the standard library (from 3.14) or its backport."""

    __slots__ = ()

    def __init__(self, package: Any) -> None:
        limits = {package.DecompressionParameter.window_log_max: WINDOW}
        super().__init__(package.ZstdError, lambda: package.ZstdDecompressor(options=limits))

    def _step(self, frame: Any) -> bytes | None:
        sip = self.sip(SIP) if frame.needs_input else b""
        return frame.decompress(sip, PIECE) if sip or not frame.needs_input else None


class _Zstandard(_Frames):
    """By the package ``zstandard``, which knows no limit of what it gives: its sips are small, and a piece may have
    some hundred KiB."""

    __slots__ = ()

    def __init__(self, package: Any) -> None:
        super().__init__(package.ZstdError, package.ZstdDecompressor(max_window_size=1 << WINDOW).decompressobj)

    def _step(self, frame: Any) -> bytes | None:
        sip = self.sip(_ZSTANDARD_SIP)
        return frame.decompress(sip) if sip else None


@cache
def _package(*names: str) -> Any:
    """The first of these packages that is here."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def brotli() -> Unpacker | None:
    package = _package("brotli", "brotlicffi")
    return None if package is None else _Brotli(package)


def zstd() -> Unpacker | None:
    package = _package("compression.zstd", "backports.zstd")
    if package is not None:
        return _Zstd(package)
    package = _package("zstandard")
    return None if package is None else _Zstandard(package)
