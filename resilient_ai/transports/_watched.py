"""A stream that is only watched: bytes, errors and its end pass as they came."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ._flavour import Flavour

__all__ = ["Onlooker", "watched_streams"]


class Onlooker(Protocol):
    """Is told of each step of a stream."""

    def took(self, chunk: bytes) -> None:
        """Bytes passed."""
        ...

    def exhausted(self) -> None:
        """All has passed."""
        ...

    def failed(self, error: Exception) -> None:
        """The transport broke."""
        ...

    def closed(self) -> None:
        """The reader stopped."""
        ...

    def dropped(self) -> None:
        """The collector found it: no lock may be taken."""
        ...


class Watched:
    """What the sync and the async stream have in common: what is held for the reader, and who looks on."""

    judge: Onlooker | None = None
    error: Exception | None = None
    held: list[bytes]

    def next_held(self) -> bytes | None:
        """Bytes, or the error, that came before the reader asked."""
        if self.held:
            return self.held.pop(0)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return None

    def __del__(self) -> None:
        if self.judge is not None:
            self.judge.dropped()


@lru_cache(maxsize=2)
def watched_streams(flavour: Flavour) -> tuple[type[Any], type[Any]]:
    """The sync and the async watched stream of a flavour."""
    known = flavour.known
    sync_base: Any = flavour.module.SyncByteStream
    async_base: Any = flavour.module.AsyncByteStream

    class WatchedStream(Watched, sync_base):
        """Reads by blocking."""

        def __init__(self, inner: Any) -> None:
            self._inner, self.source = inner, iter(inner)
            self.held: list[bytes] = []

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> bytes:
            held = self.next_held()
            if held is not None:
                return held
            judge = self.judge
            try:
                chunk: bytes = next(self.source)
            except StopIteration:
                if judge is not None:
                    judge.exhausted()
                raise
            except known as error:
                if judge is not None:
                    judge.failed(error)
                raise
            if judge is not None:
                judge.took(chunk)
            return chunk

        def close(self) -> None:
            if self.judge is not None:
                self.judge.closed()
            self._inner.close()

    class AsyncWatchedStream(Watched, async_base):
        """Reads by awaiting."""

        def __init__(self, inner: Any) -> None:
            self._inner, self.source = inner, aiter(inner)
            self.held: list[bytes] = []

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            held = self.next_held()
            if held is not None:
                return held
            judge = self.judge
            try:
                chunk: bytes = await anext(self.source)
            except StopAsyncIteration:
                if judge is not None:
                    judge.exhausted()
                raise
            except known as error:
                if judge is not None:
                    judge.failed(error)
                raise
            if judge is not None:
                judge.took(chunk)
            return chunk

        async def aclose(self) -> None:
            if self.judge is not None:
                self.judge.closed()
            await self._inner.aclose()

    return WatchedStream, AsyncWatchedStream
