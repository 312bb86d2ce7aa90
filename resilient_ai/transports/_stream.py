"""A bound stream: hands bytes on as they come, keeps their limits, reports how it ended.

Classes with ``__next__`` and ``__anext__``, not generators: an abandoned async generator is closed whenever
the loop pleases, in the middle of something else.
"""

from __future__ import annotations

from functools import lru_cache
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

__all__ = ["Watchman", "stream_classes"]


class Watchman:
    """What both kinds of stream do at each step, but for the reading itself.

    Args:
        call: for its limits and its clock.
        watch: looks for the terminal signal.
        dialect: reads an error that the stream tells.
        translate: turns a known failure of the transport into what the program is to see.
        cut: makes the error for a stream that ended without its terminal signal.
    """

    __slots__ = ("_call", "_dialect", "_watch", "cut", "reply", "translate")

    reply: Reply

    def __init__(
        self,
        call: Call,
        watch: TerminalWatch,
        dialect: Dialect,
        *,
        translate: Callable[[Exception], Exception],
        cut: Callable[[], Exception],
    ) -> None:
        self._call = call
        self._watch = watch
        self._dialect = dialect
        self.translate = translate
        self.cut = cut

    def limit(self) -> float | None:
        """When the next bytes must be here."""
        call = self._call
        if call.idle is None:
            return call.stream_limit
        idle = call.runtime.now() + call.idle
        return idle if call.stream_limit is None else min(idle, call.stream_limit)

    def took(self, chunk: bytes) -> None:
        """Bytes came."""
        self._watch.feed(chunk)

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
    def complete(self) -> bool:
        """Whether the terminal signal was seen; a stream without one is complete only at its end."""
        return self._watch.seen and self._watch.known


@lru_cache(maxsize=2)
def stream_classes(flavour: Flavour) -> tuple[type[Any], type[Any]]:
    """The sync and the async bound stream of a flavour."""
    known = flavour.known
    sync_base: Any = flavour.module.SyncByteStream
    async_base: Any = flavour.module.AsyncByteStream

    class BoundStream(sync_base):
        """Reads by blocking."""

        def __init__(self, response: Any, source: Any, watchman: Watchman) -> None:
            self._inner, self._source, self._watchman = response, source, watchman
            self.held: bytes | None = None
            hold(self, source, response)

        def __iter__(self) -> BoundStream:
            return self

        def __next__(self) -> bytes:
            if self.held is not None:
                chunk, self.held = self.held, None
                return chunk
            watchman = self._watchman
            token = deadline.set(watchman.limit())
            try:
                read: bytes = next(self._source)
            except StopIteration:
                watchman.exhausted()
                raise
            except known as error:
                raise watchman.failed(error) from error
            finally:
                deadline.reset(token)
            watchman.took(read)
            return read

        def close(self) -> None:
            self._watchman.closed()
            done(self)
            self._inner.close()

        def __del__(self) -> None:
            abandon(self)
            _dropped(self)

    class AsyncBoundStream(async_base):
        """Reads by awaiting."""

        def __init__(self, response: Any, source: Any, watchman: Watchman) -> None:
            self._inner, self._source, self._watchman = response, source, watchman
            self.held: bytes | None = None

        def __aiter__(self) -> AsyncBoundStream:
            return self

        async def __anext__(self) -> bytes:
            if self.held is not None:
                chunk, self.held = self.held, None
                return chunk
            watchman = self._watchman
            token = deadline.set(watchman.limit())
            try:
                read: bytes = await anext(self._source)
            except StopAsyncIteration:
                watchman.exhausted()
                raise
            except known as error:
                raise watchman.failed(error) from error
            finally:
                deadline.reset(token)
            watchman.took(read)
            return read

        async def aclose(self) -> None:
            self._watchman.closed()
            await self._inner.aclose()

        def __del__(self) -> None:
            _dropped(self)

    return BoundStream, AsyncBoundStream


def _dropped(stream: Any) -> None:
    """The collector found it: no evidence, no lock."""
    watchman: Watchman | None = getattr(stream, "_watchman", None)
    if watchman is not None and hasattr(watchman, "reply"):
        watchman.reply.end(Verdict.DROPPED)
