"""A body's content-encoding undone in steps of bounded size, whatever it unpacks to.

A megabyte of gzip may hold a gigabyte, a few bytes of brotli a megabyte, and what an http client decodes at once it
holds at once. Here packed bytes go in by sips, and what they hold comes out a piece at a time, when it is asked for:
nothing is kept but the piece in hand. Nothing waits for more than it needs, either: of a stream that its server flushes
each event is unpacked when it is here. And packed bytes that end early, or do not match their own check sum, are an
error at that very place; httpx hands over what there is of them as if it were all.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from .._runtime.limit import deadline
from ._brotli_zstd import brotli, zstd
from ._eventstream import ENCODING, Frames
from ._inflate import Damaged, Deflate, Gzip

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._inflate import Unpacker

__all__ = ["AsyncUnpacked", "Unpacked", "unpacked", "unpacked_whole", "unpacker"]

MOST_CODINGS = 5
"""Encodings, one inside the other, that are undone; httpx2 has the same limit. Nobody sends more than one."""


class _Chain:
    """Several encodings, in the order in which they are undone."""

    __slots__ = ("_stages",)

    def __init__(self, stages: list[Unpacker]) -> None:
        self._stages = stages

    def feed(self, data: bytes) -> None:
        self._stages[0].feed(data)

    def piece(self) -> bytes:
        at = len(self._stages) - 1
        while True:  # the last one that has something; what it gives goes through those behind it
            piece = self._stages[at].piece()
            if piece:
                at += 1
                if at == len(self._stages):
                    return piece
                self._stages[at].feed(piece)
            elif at:
                at -= 1
            else:
                return b""

    def end(self) -> None:
        for stage in self._stages:
            stage.end()


class _TooMany:
    """More encodings than are undone: an error at its first byte, or at its end."""

    def feed(self, data: bytes) -> None:
        """There is nothing to be done with them."""

    def piece(self) -> bytes:
        raise Damaged(f"more than {MOST_CODINGS} encodings, one inside the other")

    def end(self) -> None:
        self.piece()


_CODINGS: dict[str, Callable[[], Unpacker | None]] = {
    "gzip": Gzip,
    "deflate": Deflate,
    "br": brotli,
    "zstd": zstd,
    ENCODING: Frames,
}


def unpacker(encoding: str) -> Unpacker | None:
    """What undoes a Content-Encoding; None if nothing in it can be undone.

    As in httpx an encoding that is not known (or whose package is not here: then none was asked for) is passed over.

    Args:
        encoding: the header's value. Of several encodings the last was applied last.
    """
    names = [name.strip().lower() for name in reversed(encoding.split(","))]
    known = [name for name in names if name in _CODINGS]
    if len(known) > MOST_CODINGS:
        return _TooMany()
    stages = [stage for stage in (_CODINGS[name]() for name in known) if stage is not None]
    if len(stages) > 1:
        return _Chain(stages)
    return stages[0] if stages else None


def _in_time() -> None:
    """A second of unpacking may lie between two reads, and only a read looks at the deadline.

    Raises:
        TimeoutError: it is over.
    """
    limit = deadline.get()
    if limit is not None and monotonic() >= limit:
        raise TimeoutError("the time was over while the body was unpacked")


class Unpacked:
    """The unpacked pieces of a source, by blocking. A class and no generator, as whatever reads a connection here.

    Args:
        source: an iterator over packed bytes. What it raises passes.
        unpacking: undoes its encoding.
        error: what `Damaged` is raised as.
    """

    __slots__ = ("_error", "_read", "_source", "_unpacking")

    def __init__(self, source: Any, unpacking: Unpacker, error: type[Exception]) -> None:
        self._source = source
        self._read: Callable[[], bytes] = source.__next__
        self._unpacking = unpacking
        self._error = error

    def __iter__(self) -> Unpacked:
        return self

    def __next__(self) -> bytes:
        unpacking = self._unpacking
        try:
            piece = unpacking.piece()
            if piece:
                _in_time()
            while not piece:
                try:
                    packed = self._read()
                except StopIteration:
                    unpacking.end()
                    raise
                unpacking.feed(packed)
                piece = unpacking.piece()
            return piece
        except Damaged as damaged:
            raise self._error(str(damaged)) from damaged

    def close(self) -> None:
        """Close the source, if it can be."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


class AsyncUnpacked:
    """As `Unpacked`, by awaiting."""

    __slots__ = ("_error", "_read", "_source", "_unpacking")

    def __init__(self, source: Any, unpacking: Unpacker, error: type[Exception]) -> None:
        self._source = source
        self._read: Callable[[], Any] = source.__anext__
        self._unpacking = unpacking
        self._error = error

    def __aiter__(self) -> AsyncUnpacked:
        return self

    async def __anext__(self) -> bytes:
        unpacking = self._unpacking
        try:
            piece = unpacking.piece()
            if piece:
                _in_time()
            while not piece:
                try:
                    packed = await self._read()
                except StopAsyncIteration:
                    unpacking.end()
                    raise
                unpacking.feed(packed)
                piece = unpacking.piece()
            return piece
        except Damaged as damaged:
            raise self._error(str(damaged)) from damaged

    async def aclose(self) -> None:
        """Close the source, if it can be."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


def unpacked(source: Any, encoding: str, error: type[Exception]) -> Any:
    """The iterator over the unpacked pieces of ``source``, an iterator over packed bytes, sync or async; ``source``
    itself if nothing can be undone.

    Args:
        source: see above.
        encoding: the value of the Content-Encoding header.
        error: what bytes that cannot be unpacked are raised as: the flavour's DecodingError.
    """
    unpacking = unpacker(encoding)
    if unpacking is None:
        return source
    return (AsyncUnpacked if hasattr(source, "__anext__") else Unpacked)(source, unpacking, error)


def unpacked_whole(data: bytes, encoding: str, most: int) -> bytes | None:
    """A whole packed body, unpacked; None if it is damaged, or has more than ``most`` bytes."""
    pieces, size = list[bytes](), 0
    try:
        for piece in unpacked(iter((data,)), encoding, Damaged):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                return None
    except Damaged:
        return None
    return b"".join(pieces)
