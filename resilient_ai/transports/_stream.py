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
from .._runtime.limit import deadline
from ._abandoned import abandon, done, hold

if TYPE_CHECKING:
    from ._flavour import Flavour
    from ._watchman import Breach, Watchman

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

    _watchman: Watchman

    def _bind(
        self, inner: Any, source: Any, watchman: Watchman, known: tuple[type[Exception], ...], held: bytes
    ) -> None:
        self._inner, self._source, self._watchman, self._known = inner, source, watchman, known
        self._reading = watchman.reading
        self._take = watchman.reading.feed
        self._held = held
        self._last: Breach | bool = False
        """True when nothing more comes; a breach when what was in order has been handed on."""

    def _before(self) -> bytes | None:
        """What was read already and is to be handed on first, or what is said in place of more; None at the end."""
        if self._held:
            held, self._held = self._held, b""
            return held
        return None if self._last is True else self._said(self._last)

    def _ended(self) -> bytes | None:
        """All is read. What there is to hand on still; None if there is nothing."""
        rest = self._reading.end()
        breach = self._watchman.ended()
        self._last = breach or True
        if rest:
            return rest
        return None if breach is None else self._said(breach)

    def _stopped(self, passed: bytes) -> bytes:
        """What is in order is handed on first, if there is such."""
        breach = self._watchman.breach()
        self._last = breach
        return passed or self._said(breach)

    def _said(self, breach: Any) -> bytes:
        """A stream is broken: an error that its provider told is the program's to read; of any other it hears by an
        exception."""
        self._last = True
        if isinstance(breach.told, bytes):
            return breach.told
        raise breach.told from breach.cause

    def _dropped(self) -> None:
        """The collector found it: no evidence, no lock."""
        watchman: Watchman | None = getattr(self, "_watchman", None)
        if watchman is not None:
            watchman.reply.end(Verdict.DROPPED)


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
            if self._held or self._last:
                before = self._before()
                if before is None:
                    raise StopIteration
                return before
            reading, take = self._reading, self._take
            try:
                while True:
                    passed = take(self._next() if self._next is not None else self._bounded())
                    if reading.stopped:
                        break
                    if passed:
                        return passed
            except StopIteration:
                rest = self._ended()
                if rest is None:
                    raise
                return rest
            except self._known as error:
                return self._said(self._watchman.failed(error))
            return self._stopped(passed)

        def _bounded(self) -> bytes:
            token = deadline.set(self._watchman.limit())
            try:
                read: bytes = next(self._source)
            finally:
                deadline.reset(token)
            self._watchman.came(len(read))
            return read

        def close(self) -> None:
            self._watchman.closed()
            if self._watchman.may_linger:
                self._read_to_the_end()
            done(self)
            self._inner.close()

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
            if self._held or self._last:
                before = self._before()
                if before is None:
                    raise StopAsyncIteration
                return before
            reading, take = self._reading, self._take
            try:
                while True:
                    passed = take(await (self._next() if self._next is not None else self._bounded()))
                    if reading.stopped:
                        break
                    if passed:
                        return passed
            except StopAsyncIteration:
                rest = self._ended()
                if rest is None:
                    raise
                return rest
            except self._known as error:
                return self._said(self._watchman.failed(error))
            return self._stopped(passed)

        async def _bounded(self) -> bytes:
            token = deadline.set(self._watchman.limit())
            try:
                read: bytes = await anext(self._source)
            finally:
                deadline.reset(token)
            self._watchman.came(len(read))
            return read

        async def aclose(self) -> None:
            self._watchman.closed()
            try:
                if self._watchman.may_linger:
                    await self._read_to_the_end()
            finally:
                await self._inner.aclose()

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
