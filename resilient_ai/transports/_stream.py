"""A bound stream: hands bytes on as they come, keeps their limits, reports how it ended.

Classes with ``__next__`` and ``__anext__``, not generators: an abandoned async generator is closed whenever
the loop pleases, in the middle of something else.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING, Any

from .._call import Verdict
from .._packed import settle
from .._runtime.limit import deadline
from .._runtime.sync import drive
from ..providers.streams.reading import Unread
from ._abandoned import abandon, done, hold, later
from ._watchman import Broke

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._call import Call
    from ..providers.codecs.turn import Turned
    from ..providers.streams.reading import Reading
    from ..providers.streams.splice import Splice
    from ._flavour import Flavour
    from ._mend import Mended, Mender
    from ._watchman import Breach, Guard, Watchman

__all__ = ["stream_classes"]

LINGER = 0.01
"""Seconds to wait at most, when a complete stream is closed, for the end of its body: openai's SDK stops reading at
``[DONE]``, and a body that was not read to its end costs the connection (a new one, with TLS, takes several times as
long). The end nearly always came with the last event, and is there already."""

_BUSY = (RuntimeError, ValueError)
"""What a generator says while somebody else reads from it."""

_REST = 4
"""Pieces of a body, empty lines and comments, that may follow its terminal event."""


class _Bound:
    """What both kinds of stream have in common."""

    _watchman: Guard

    def _bind(
        self, inner: Any, source: Any, watchman: Watchman, known: tuple[type[Exception], ...], held: bytes
    ) -> None:
        self._inner, self._source, self._known = inner, source, known
        self._watchman = self._first = watchman
        self._reading: Reading | Unread | Turned | Splice = watchman.reading
        self._take = watchman.reading.feed
        self._held = held
        self._last: Breach | bool = False
        """True when nothing more comes; a breach when what was in order has been handed on."""
        self._breach: Breach | None = None
        """The first one of all: the program's, if nobody goes on with what it has."""

    @property
    def call(self) -> Call:
        """What brought it."""
        return self._first.call

    @property
    def complete(self) -> bool:
        """Whether its terminal signal has passed."""
        return self._watchman.complete

    def read_along(self, took: Callable[[bytes], object]) -> None:
        """Have ``took`` called with all that is handed on of this answer, if it is one of events."""
        if isinstance(self._reading, Unread):
            return
        take = self._take

        def taken(chunk: bytes) -> bytes:
            passed = take(chunk)
            took(passed)
            return passed

        took(self._held)
        self._take = taken

    @property
    def breach(self) -> Breach | None:
        """How it broke, if that was told."""
        return self._breach

    @property
    def marks(self) -> dict[str, Any]:
        """What is known of its response."""
        return self._first.marks

    def give_up(self) -> None:
        """Nobody reads it any more: what befalls it from now on is no evidence, and nobody is asked for the rest."""
        self._first.mender = None
        self._watchman.closed()

    def conclude(self) -> None:
        """If all is told, it ended well, though its body may not have ended yet."""
        if self.complete:
            self._watchman.closed()

    def _ended(self) -> bytes:
        """All is read. What there is to hand on still."""
        rest = self._reading.end()
        self._last = self._watchman.ended() or True
        return rest

    def _mender(self, breach: Breach) -> Mender | None:
        """Whoever may go on with another answer. The broken one is then of no more use."""
        self._breach = self._breach or breach
        self._last = True
        mender = self._first.mender
        return None if mender is None or self._watchman.complete or not mender.may(breach) else mender

    def _mend(self, mended: Mended) -> None:
        """Go on with another answer."""
        self._inner = self._source = mended.stream
        self._watchman, self._known = mended, (Broke,)
        self._reading, self._take, self._held = mended.splice, mended.splice.feed, mended.held
        self._last = False

    def _said(self, breach: Breach) -> bytes:
        """A stream is broken: an error that its provider told is the program's to read; of any other it hears by an
        exception."""
        if self._first.resumes:
            raise Broke(breach)
        first = self._breach or breach
        told = self._first.told(first)
        if isinstance(told, bytes):
            return told
        raise told from first.cause

    def _closed(self) -> None:
        """The reader stopped."""
        self._watchman.closed()
        if self._last or self._breach is not None:  # it had broken, and that was not told yet
            self._first.finish()

    def _dropped(self) -> None:
        """The collector found it: no evidence, no lock."""
        watchman: Guard | None = getattr(self, "_watchman", None)
        if watchman is not None:
            watchman.reply.end(Verdict.DROPPED)
            if self._breach is not None or not isinstance(self._last, bool):
                later(self._first.finish)


@lru_cache(maxsize=2)
def stream_classes(flavour: Flavour) -> tuple[type[Any], type[Any]]:
    """The sync and the async bound stream of a flavour."""
    sync_base: Any = flavour.module.SyncByteStream
    async_base: Any = flavour.module.AsyncByteStream

    class BoundStream(_Bound, sync_base):
        """Reads by blocking."""

        def __init__(self, inner: Any, source: Any, watchman: Watchman, known: Any, held: bytes) -> None:
            self._bind(inner, source, watchman, known, held)
            self._next = source.__next__ if watchman.unlimited else None
            hold(self, source, inner)

        def __iter__(self) -> BoundStream:
            return self

        def __next__(self) -> bytes:
            if self._held:
                held, self._held = self._held, b""
                return held
            if self._last:
                return self._over(self._last)
            reading, take = self._reading, self._take
            try:
                while True:
                    passed = take(self._next() if self._next is not None else self._bounded())
                    if reading.stopped:
                        break
                    if passed:
                        return passed
            except StopIteration:
                return self._ended() or self._over(self._last)
            except self._known as error:
                return self._over(self._watchman.failed(error) or True)
            self._last = self._watchman.breach()
            return passed or self._over(self._last)

        def _over(self, last: Breach | bool) -> bytes:
            """Nothing more comes of this answer."""
            if isinstance(last, bool):
                drive(settle(self._first.reply.kept))
                raise StopIteration
            mender = self._mender(last)
            if mender is not None:
                done(self)
                with suppress(*self._known):
                    self._inner.close()
                mended = drive(mender.mend(last))
                if mended is not None:
                    self._next = mended.stream.__next__
                    self._mend(mended)
                    return next(self)
            return self._said(last)

        def _bounded(self) -> bytes:
            token = deadline.set(self._first.limit())
            try:
                read: bytes = next(self._source)
            finally:
                deadline.reset(token)
            self._first.came(len(read))
            return read

        def close(self) -> None:
            self._closed()
            if self._watchman.may_linger:
                self._read_to_the_end()
            done(self)
            self._inner.close()
            drive(settle(self._first.reply.kept))

        def _read_to_the_end(self) -> None:
            token = deadline.set(monotonic() + LINGER)
            try:
                with suppress(*self._known, *_BUSY):
                    for _ in range(_REST):
                        next(self._source)
            except StopIteration:
                pass
            finally:
                deadline.reset(token)

        def __del__(self) -> None:
            abandon(self)
            self._dropped()

    class AsyncBoundStream(_Bound, async_base):
        """Reads by awaiting."""

        def __init__(self, inner: Any, source: Any, watchman: Watchman, known: Any, held: bytes) -> None:
            self._bind(inner, source, watchman, known, held)
            self._next = source.__anext__ if watchman.unlimited else None

        def __aiter__(self) -> AsyncBoundStream:
            return self

        async def __anext__(self) -> bytes:
            if self._held:
                held, self._held = self._held, b""
                return held
            if self._last:
                return await self._over(self._last)
            reading, take = self._reading, self._take
            try:
                while True:
                    passed = take(await (self._next() if self._next is not None else self._bounded()))
                    if reading.stopped:
                        break
                    if passed:
                        return passed
            except StopAsyncIteration:
                return self._ended() or await self._over(self._last)
            except self._known as error:
                return await self._over(self._watchman.failed(error) or True)
            self._last = self._watchman.breach()
            return passed or await self._over(self._last)

        async def _over(self, last: Breach | bool) -> bytes:
            """Nothing more comes of this answer."""
            if isinstance(last, bool):
                await settle(self._first.reply.kept)
                raise StopAsyncIteration
            mender = self._mender(last)
            if mender is not None:
                with suppress(*self._known):
                    await self._inner.aclose()
                mended = await mender.mend(last)
                if mended is not None:
                    self._next = mended.stream.__anext__
                    self._mend(mended)
                    return await anext(self)
            return self._said(last)

        async def _bounded(self) -> bytes:
            token = deadline.set(self._first.limit())
            try:
                read: bytes = await anext(self._source)
            finally:
                deadline.reset(token)
            self._first.came(len(read))
            return read

        async def aclose(self) -> None:
            self._closed()
            try:
                if self._watchman.may_linger:
                    await self._read_to_the_end()
            finally:
                await self._inner.aclose()
            await settle(self._first.reply.kept)

        async def _read_to_the_end(self) -> None:
            token = deadline.set(monotonic() + LINGER)
            try:
                with suppress(*self._known, *_BUSY):
                    for _ in range(_REST):
                        await anext(self._source)
            except StopAsyncIteration:
                pass
            finally:
                deadline.reset(token)

        def __del__(self) -> None:
            self._dropped()

    return BoundStream, AsyncBoundStream
