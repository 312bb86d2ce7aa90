"""A body's content-encoding is undone whole or not at all, a piece at a time, however its bytes come."""

from __future__ import annotations

import gzip
import importlib
import itertools
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai._runtime.limit import deadline
from resilient_ai.transports import _brotli_zstd
from resilient_ai.transports._inflate import PIECE, Damaged, Unpacker
from resilient_ai.transports._unpacking import MOST_CODINGS, Unpacked, unpacked, unpacked_whole, unpacker

from .sides import Side, awaited, sides

if TYPE_CHECKING:
    from collections.abc import Iterator


def bare(data: bytes) -> bytes:
    """deflate without zlib's head and check sum, as some have always sent it."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


def here(name: str) -> Any:
    """The package, if it is."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


BROTLI: Any = here("brotli") or here("brotlicffi")
ZSTD: Any = here("compression.zstd") or here("backports.zstd")
ZSTANDARD: Any = here("zstandard")


def packer(package: Any) -> Callable[[bytes], bytes]:
    return getattr(package, "compress", bytes)


class OldBrotli:
    """As one from before 1.2: without a limit."""

    class Decompressor:
        def __init__(self) -> None:
            self._inner = BROTLI.Decompressor()
            self.is_finished = self._inner.is_finished

        def process(self, data: bytes) -> bytes:
            return self._inner.process(data)

    error: Any = getattr(BROTLI, "error", Exception)


def of(encoding: str) -> Unpacker:
    found = unpacker(encoding)
    assert found is not None
    return found


def old_brotli() -> Unpacker:
    return _brotli_zstd._Brotli(OldBrotli)  # pyright: ignore[reportPrivateUsage]  # as where an old package is installed


def zstandard() -> Unpacker:
    return _brotli_zstd._Zstandard(ZSTANDARD)  # pyright: ignore[reportPrivateUsage]  # as where only this package is


FORMS: dict[str, tuple[Callable[[], Unpacker], Callable[[bytes], bytes], object]] = {
    "gzip": (lambda: of("gzip"), gzip.compress, True),
    "zlib": (lambda: of("deflate"), zlib.compress, True),
    "bare deflate": (lambda: of("deflate"), bare, True),
    "one in the other": (lambda: of("deflate, GZIP"), lambda data: gzip.compress(zlib.compress(data)), True),
    "br": (lambda: of("br"), packer(BROTLI), BROTLI),
    "br, old": (old_brotli, packer(BROTLI), here("brotli")),
    "zstd": (lambda: of("zstd"), packer(ZSTD), ZSTD),
    "zstandard": (zstandard, packer(ZSTANDARD), ZSTANDARD),
}
"""How each is undone, how it is made, and whether its package is here."""


def forms(*names: str) -> pytest.MarkDecorator:
    found = [
        pytest.param(
            *FORMS[name][:2],
            id=name,
            marks=pytest.mark.skipif(not FORMS[name][2], reason=f"no package here for {name}"),
        )
        for name in names or FORMS
    ]
    return pytest.mark.parametrize(("make", "pack"), found)


SUMMED = ("gzip", "one in the other")
"""The forms with a check sum, and no head that says how the rest is to be read."""


Make = Callable[[], Unpacker]
Pack = Callable[[bytes], bytes]


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The data in chunks of these sizes, over and over."""
    at = 0
    for size in itertools.cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


def whole(unpacking: Unpacker, data: bytes, *sizes: int) -> bytes:
    return b"".join(Unpacked(cut(data, list(sizes) or [len(data) or 1]), unpacking, Damaged))


def joined(parts: list[tuple[bytes, int]]) -> bytes:
    return b"".join(part * times for part, times in parts)


some_sizes = st.lists(st.integers(1, 100_000), min_size=1, max_size=5)
some_bytes = st.binary(max_size=400) | st.builds(
    joined,
    st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 20_000)), max_size=4),
)


@forms()
@settings(deadline=None)
@given(data=some_bytes, sizes=some_sizes)
def test_the_same_in_any_chunks(make: Make, pack: Pack, data: bytes, sizes: list[int]) -> None:
    assert whole(make(), pack(data), *sizes) == data


@settings(deadline=None)
@given(parts=st.lists(some_bytes, max_size=4), zeros=st.integers(0, 3), sizes=some_sizes)
def test_as_gzip_itself(parts: list[bytes], zeros: int, sizes: list[int]) -> None:
    """Several members, and zeros between and behind them."""
    packed = b"".join(gzip.compress(part) + bytes(zeros) for part in parts)
    assert whole(of("gzip"), packed, *sizes) == gzip.decompress(packed)


@forms()
@settings(deadline=None)
@given(data=some_bytes, sizes=some_sizes, share=st.floats(0, 1, exclude_max=True))
def test_a_cut_is_an_error(make: Make, pack: Pack, data: bytes, sizes: list[int], share: float) -> None:
    packed = pack(data)
    short = packed[: int(len(packed) * share)]
    if not short:  # a body without a byte is an empty one
        assert whole(make(), short, *sizes) == b""
        return
    with pytest.raises(Damaged):
        whole(make(), short, *sizes)


@forms()
@settings(deadline=None)
@given(data=st.binary(max_size=2000), sizes=some_sizes)
def test_anything_at_all_is_bytes_or_damaged(make: Make, pack: Pack, data: bytes, sizes: list[int]) -> None:
    """And the verdict is the same in any chunks."""

    def verdict(*sizes: int) -> bytes | None:
        try:
            return whole(make(), data, *sizes)
        except Damaged:
            return None

    assert verdict(*sizes) == verdict()


@forms(*SUMMED)
@settings(deadline=None)
@given(data=st.binary(min_size=1, max_size=2000), at=st.integers(0, 10_000), to=st.integers(1, 255), sizes=some_sizes)
def test_a_wrong_byte_never_gives_other_bytes(
    make: Make, pack: Pack, data: bytes, at: int, to: int, sizes: list[int]
) -> None:
    """Where the form has a check sum. (Of its head not every byte matters.)"""
    packed = bytearray(pack(data))
    packed[at % len(packed)] ^= to
    with suppress(Damaged):
        assert whole(make(), bytes(packed), *sizes) == data


def test_what_follows_gzip() -> None:
    """As gzip itself has it: what is no member is not looked at; one that begins has to be whole."""
    good = gzip.compress(b"good")
    for size in (1, 2, 1000):
        assert whole(of("gzip"), good + b"rubbish" + good, size) == b"good"
        assert whole(of("gzip"), good + b"\x1frubbish", size) == b"good"
        for bad in (b"\x1f", b"\x1f\x8b", good[:-1], b"\0" + good[:5], good[:-8] + b"checksum"):
            with pytest.raises(Damaged):
                whole(of("gzip"), good + bad, size)


@forms("br", "br, old", "zstd", "zstandard")
def test_nothing_follows_the_others(make: Make, pack: Pack) -> None:
    packed = pack(b"good")
    for size in (1, 1000):
        with pytest.raises(Damaged):
            whole(make(), packed + b"rubbish", size)


def test_unknown_encodings_are_passed_over() -> None:
    """As in httpx: nobody can undo them."""
    assert unpacker("identity") is None
    assert unpacker("") is None
    assert unpacker("x-unheard-of") is None
    assert whole(of("x-unheard-of, gzip"), gzip.compress(b"good")) == b"good"
    assert list(unpacked(iter([b"as", b"it is"]), "aws-chunked", Damaged)) == [b"as", b"it is"]


def test_as_many_encodings_as_anybody_sends() -> None:
    data = b"good"
    for _ in range(MOST_CODINGS):
        data = gzip.compress(data)
    names = ["gzip"] * MOST_CODINGS
    assert whole(of(",".join(names)), data) == b"good"
    with pytest.raises(Damaged, match="more than 5 encodings"):
        whole(of(",".join([*names, "gzip"])), gzip.compress(data))
    with pytest.raises(Damaged):
        whole(of(",".join([*names, "gzip"])), b"")


@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_what_is_flushed_is_here_at_once(wbits: int) -> None:
    """An event of a stream is unpacked when it came, not when the next one does."""
    packing, unpacking = zlib.compressobj(wbits=wbits), of("gzip" if wbits == 31 else "deflate")
    for event in (b"data: one\n\n", b"data: two\n\n", b"x" * PIECE, b"y" * (3 * PIECE)):
        unpacking.feed(packing.compress(event) + packing.flush(zlib.Z_SYNC_FLUSH))
        assert b"".join(iter(unpacking.piece, b"")) == event


@pytest.mark.skipif(ZSTD is None, reason="needs compression.zstd (Python 3.14) or backports.zstd")
def test_what_zstd_flushes_is_here_at_once() -> None:
    packing, unpacking = ZSTD.ZstdCompressor(), of("zstd")
    for event in (b"data: one\n\n", b"data: two\n\n", b"x" * PIECE, b"y" * (3 * PIECE)):
        unpacking.feed(packing.compress(event) + packing.flush(packing.FLUSH_BLOCK))
        assert b"".join(iter(unpacking.piece, b"")) == event


@pytest.mark.skipif(BROTLI is None, reason="needs brotli or brotlicffi")
@pytest.mark.parametrize("make", [lambda: of("br"), old_brotli], ids=["br", "br, old"])
def test_what_brotli_flushes_is_here_at_once(make: Make) -> None:
    packing, unpacking = BROTLI.Compressor(), make()
    for event in (b"data: one\n\n", b"data: two\n\n", b"x" * PIECE, b"y" * (3 * PIECE)):
        unpacking.feed(packing.process(event) + packing.flush())
        assert b"".join(iter(unpacking.piece, b"")) == event


@forms()
def test_a_bomb_is_a_piece_at_a_time(make: Make, pack: Pack) -> None:
    """30 MB of nothing in some hundred bytes: what is in memory at one time is a piece and a sip."""
    packed = pack(bytes(30_000_000))
    size = 0
    unpacking = make()
    tracemalloc.start()
    try:
        for piece in Unpacked(cut(packed, [65536]), unpacking, Damaged):
            size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == 30_000_000
    unbounded = isinstance(unpacking, _brotli_zstd._Brotli) and not unpacking.limited  # pyright: ignore[reportPrivateUsage]  # how it works is no part of an Unpacker
    assert peak < (40_000_000 if unbounded else 2_000_000)


def test_many_empty_members_take_no_more_than_a_moment() -> None:
    """A megabyte of them: each is looked at where it stands."""
    assert whole(of("gzip"), gzip.compress(b"") * 50_000) == b""


@pytest.mark.skipif(ZSTD is None, reason="needs compression.zstd (Python 3.14) or backports.zstd")
@pytest.mark.parametrize("make", [lambda: of("zstd"), zstandard])
def test_a_zstd_window_is_bounded(make: Make) -> None:
    """It is memory that the sender would make us take: 8 MiB is all that is allowed in HTTP."""
    if make is zstandard and ZSTANDARD is None:
        pytest.skip("zstandard is not installed")
    packed = ZSTD.compress(bytes(300_000_000), options={ZSTD.CompressionParameter.window_log: 27})
    with pytest.raises(Damaged):
        whole(make(), packed)


def test_a_small_body_at_once() -> None:
    assert unpacked_whole(gzip.compress(b"good"), "gzip", 4) == b"good"
    assert unpacked_whole(gzip.compress(b"good"), "gzip", 3) is None
    assert unpacked_whole(gzip.compress(b"good")[:-1], "gzip", 4) is None
    assert unpacked_whole(b"good", "identity", 4) == b"good"


@sides()
def test_a_source_is_read_as_it_is_needed(side: Side) -> None:
    """A piece is handed on before the next bytes are waited for; what a source raises passes; it can be closed."""

    class Source:
        def __init__(self) -> None:
            packing = zlib.compressobj(wbits=31)
            flushed = [packing.compress(part) + packing.flush(zlib.Z_SYNC_FLUSH) for part in (b"one", b"two")]
            self.left: list[Any] = [*flushed, OSError("gone")]
            self.closed = False

        def __next__(self) -> bytes:
            found = self.left.pop(0)
            if isinstance(found, Exception):
                raise found
            return found

        async def __anext__(self) -> bytes:
            return self.__next__()

        def close(self) -> None:
            self.closed = True

        async def aclose(self) -> None:
            self.closed = True

    class SyncSource(Source):
        __anext__ = property()  # type: ignore[assignment]  # none: whoever asks for it gets an AttributeError

    async def script() -> None:
        source: Any = SyncSource() if side.mode == "sync" else Source()
        pieces = unpacked(source, "gzip", side.module.DecodingError)

        async def read() -> bytes:
            return next(pieces) if side.mode == "sync" else await anext(pieces)

        assert await read() == b"one"
        assert len(source.left) == 2
        assert await read() == b"two"
        with pytest.raises(OSError, match="gone"):
            await read()
        source.left = [b"no gzip at all"]
        with pytest.raises(side.module.DecodingError):
            await read()
        await awaited(pieces.close() if side.mode == "sync" else pieces.aclose())
        assert source.closed

    side.run(script)


@sides()
def test_unpacking_keeps_the_deadline(side: Side) -> None:
    """Between two reads, where nothing else looks at it."""

    class Source:
        def __init__(self) -> None:
            self.left = [gzip.compress(bytes(10 * PIECE))]

        def __next__(self) -> bytes:
            return self.left.pop()

    class AsyncSource(Source):
        async def __anext__(self) -> bytes:
            return self.left.pop()

    async def script() -> None:
        sync = side.mode == "sync"
        pieces = unpacked(Source() if sync else AsyncSource(), "gzip", side.module.DecodingError)

        async def read() -> bytes:
            return next(pieces) if sync else await anext(pieces)

        token = deadline.set(time.monotonic() + 60)
        try:
            assert await read() == bytes(PIECE)
            deadline.set(time.monotonic())
            with pytest.raises(TimeoutError):
                await read()
        finally:
            deadline.reset(token)

    side.run(script)
