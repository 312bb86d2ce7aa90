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
    from collections.abc import Callable

    from .._call import Call, Reply
    from ..providers.base import Dialect
    from ..providers.sse import TerminalWatch
    from ._flavour import Flavour

__all__ = ["Watchman", "hurry", "stream_classes"]

LINGER = 0.01
"""Seconds to wait at most, when a complete stream is closed, for the end of its body: openai's SDK stops reading at
``[DONE]``, and a body that was not read to its end costs the connection (a new one, with TLS, takes several times as
long). The end nearly always came with the last event, and is there already."""

_BUSY = (RuntimeError, ValueError)
"""What a generator says while somebody else reads from it."""

_REST = 4
"""Pieces of a body, empty lines and comments, that may follow its terminal event."""


class Watchman:
    """What both kinds of stream do at each step, but for the reading itself.

    Args:
        call: for its limits and its clock.
        watch: looks for the terminal signal.
        dialect: reads an error that the stream tells.
        bounded: whether reading keeps the deadline; a foreign transport's does not.
        translate: turns a known failure of the transport into what the program is to see.
        cut: makes the error for a stream that ended without its terminal signal.
    """

    __slots__ = ("_call", "_dialect", "_watch", "bounded", "cut", "feed", "reply", "translate")

    reply: Reply

    def __init__(
        self,
        call: Call,
        watch: TerminalWatch,
        dialect: Dialect,
        *,
        bounded: bool,
        translate: Callable[[Exception], Exception],
        cut: Callable[[], Exception],
    ) -> None:
        self._call = call
        self._watch = watch
        self.feed = watch.feed
        """Takes the bytes that came."""
        self._dialect = dialect
        self.bounded = bounded
        self.translate = translate
        self.cut = cut

    @property
    def unlimited(self) -> bool:
        """Whether only the program's own time-outs hold."""
        return self._call.idle is None and self._call.stream_limit is None

    def limit(self) -> float | None:
        """When the next bytes must be here."""
        call = self._call
        if call.idle is None:
            return call.stream_limit
        idle = call.runtime.now() + call.idle
        return idle if call.stream_limit is None else min(idle, call.stream_limit)

    def exhausted(self) -> None:
        """The bytes have ended.

        Raises:
            Exception: without the stream's terminal signal, in the program's own terms.
        """
        if self._watch.seen:
            self.reply.end(self._judged(Verdict.SUCCESS))
        else:
            self.reply.end(self._judged(Verdict.FAILURE))
            raise self.cut()

    def closed(self) -> None:
        """The reader stopped: a success if the terminal signal had come, else no evidence."""
        self.reply.end(self._judged(Verdict.SUCCESS if self.complete else Verdict.NONE))

    def failed(self, error: Exception) -> Exception:
        """The transport failed; what the program is to see of it."""
        self.reply.end(self._judged(Verdict.SUCCESS if self.complete else Verdict.FAILURE))
        return self.translate(error)

    def _judged(self, verdict: Verdict) -> Verdict:
        """An error told inside the stream is the last word on it."""
        error = self._watch.error
        if error is None:
            return verdict
        return Verdict.FAILURE if self._dialect.told_in_stream(error).meaning.counts else Verdict.NONE

    @property
    def satisfied(self) -> bool:
        """Whether the stream may end here."""
        return self._watch.seen

    @property
    def may_linger(self) -> bool:
        """Whether the rest of the body may be read as it is closed: nothing but its end is to come, and soon."""
        return self.complete and self.bounded

    @property
    def complete(self) -> bool:
        """Whether the terminal signal was seen; a stream without one is complete only at its end."""
        return self._watch.seen and self._watch.known


def hurry(call: Call, started: float) -> None:
    """The first bytes of a plain answer are here: from now on each step has its own limit."""
    limits = (
        call.limit,
        None if call.per_attempt is None else started + call.per_attempt,
        None if call.idle is None else call.runtime.now() + call.idle,
    )
    deadline.set(min((limit for limit in limits if limit is not None), default=None))


@lru_cache(maxsize=2)
def stream_classes(flavour: Flavour) -> tuple[type[Any], type[Any]]:
    """The sync and the async bound stream of a flavour."""
    sync_base: Any = flavour.module.SyncByteStream
    async_base: Any = flavour.module.AsyncByteStream

    class BoundStream(sync_base):
        """Reads by blocking."""

        def __init__(self, inner: Any, source: Any, watchman: Watchman, known: tuple[type[Exception], ...]) -> None:
            self._inner, self._source, self._watchman, self._known = inner, source, watchman, known
            self._next = source.__next__ if watchman.unlimited else None
            self._feed = watchman.feed
            self.held: bytes | None = None
            hold(self, source, inner)

        def __iter__(self) -> BoundStream:
            return self

        def __next__(self) -> bytes:
            if self.held is not None:
                chunk, self.held = self.held, None
                return chunk
            try:
                read: bytes = self._next() if self._next is not None else self._bounded()
            except StopIteration:
                self._watchman.exhausted()
                raise
            except self._known as error:
                raise self._watchman.failed(error) from error
            self._feed(read)
            return read

        def _bounded(self) -> bytes:
            token = deadline.set(self._watchman.limit())
            try:
                read: bytes = next(self._source)
            finally:
                deadline.reset(token)
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
            _dropped(self)

    class AsyncBoundStream(async_base):
        """Reads by awaiting."""

        def __init__(self, inner: Any, source: Any, watchman: Watchman, known: tuple[type[Exception], ...]) -> None:
            self._inner, self._source, self._watchman, self._known = inner, source, watchman, known
            self._next = source.__anext__ if watchman.unlimited else None
            self._feed = watchman.feed
            self.held: bytes | None = None

        def __aiter__(self) -> AsyncBoundStream:
            return self

        async def __anext__(self) -> bytes:
            if self.held is not None:
                chunk, self.held = self.held, None
                return chunk
            try:
                read: bytes = await (self._next() if self._next is not None else self._bounded())
            except StopAsyncIteration:
                self._watchman.exhausted()
                raise
            except self._known as error:
                raise self._watchman.failed(error) from error
            self._feed(read)
            return read

        async def _bounded(self) -> bytes:
            token = deadline.set(self._watchman.limit())
            try:
                read: bytes = await anext(self._source)
            finally:
                deadline.reset(token)
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
            _dropped(self)

    return BoundStream, AsyncBoundStream


def _dropped(stream: Any) -> None:
    """The collector found it: no evidence, no lock."""
    watchman: Watchman | None = getattr(stream, "_watchman", None)
    if watchman is not None and hasattr(watchman, "reply"):
        watchman.reply.end(Verdict.DROPPED)
