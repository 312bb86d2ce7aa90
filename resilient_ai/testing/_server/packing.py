"""Bodies packed with gzip: event by event, cut short, or a bomb."""

from __future__ import annotations

import dataclasses
import gzip
import struct
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from .frames import LAST_CHUNK, chunk, head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..faults import Fault
    from .replies import Event, Reply

_GZIP: Final = 31  # zlib's number for the gzip format with its largest window
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_BLOCK: Final = 1024 * 1024


class Packer(Protocol):
    """What `zlib.compressobj` gives."""

    def compress(self, data: bytes, /) -> bytes:
        """Take some more; what is ready of it."""
        ...

    def flush(self, mode: int = zlib.Z_FINISH, /) -> bytes:
        """What is not out yet; by default that ends it."""
        ...


def packed(reply: Reply, fault: Fault, before: list[Event], after: list[Event], *, close: bool) -> Iterator[bytes]:
    """What goes out under a fault of gzip. `before` and `after`: a stream's events, parted where it is struck."""
    reply = dataclasses.replace(reply, headers={**reply.headers, "content-encoding": "gzip"})
    bomb = fault.kind == "gzip_bomb"
    if reply.events is None:
        body = b"" if bomb else _body(reply.body, cut=fault.kind == "gzip_cut")
        length = sum(map(len, _bomb(b"", fault.size, b"", unchecked=True))) if bomb else len(body)
        yield head(reply, close=close, length=length)
        yield from _bomb(b"", fault.size, b"") if bomb else [body]
        return
    yield head(reply, close=close)
    if bomb:
        yield from map(chunk, _bomb(b"".join(event.data for event in before) + b"data: ", fault.size, b"\n\n"))
    else:
        packer = zlib.compressobj(wbits=_GZIP)
        told = [_piece(packer, event) for event in before]
        told += [_cut(packer, after)] if fault.kind == "gzip_cut" else [packer.flush()]
        yield b"".join(map(chunk, told))
    yield LAST_CHUNK


def _piece(packer: Packer, event: Event) -> bytes:
    return packer.compress(event.data) + packer.flush(zlib.Z_SYNC_FLUSH)


def _cut(packer: Packer, after: list[Event]) -> bytes:
    """Half of the next event that says something."""
    event = next((event for event in after if event.content), None) or after[0]
    half = _piece(packer, event)
    return half[: len(half) // 2]


def _body(body: bytes, *, cut: bool) -> bytes:
    whole = gzip.compress(body)
    return whole[: len(whole) // 2] if cut else whole


def _bomb(before: bytes, size: int, after: bytes, *, unchecked: bool = False) -> Iterator[bytes]:
    """`size` zeros between the two, piece by piece: one block's packed form stands for each.

    unchecked: without the work of the checksum, where only the length matters.
    """
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    yield _HEADER + packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    check = zlib.crc32(before)
    zeros = b"0" * _BLOCK
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)  # after a full flush it may follow itself
    blocks, rest = divmod(size, _BLOCK)
    for _ in range(blocks):
        check = 0 if unchecked else zlib.crc32(zeros, check)
        yield block
    last = zeros[:rest] + after
    total = len(before) + size + len(after)
    yield packer.compress(last) + packer.flush() + struct.pack("<II", zlib.crc32(last, check), total % 2**32)
