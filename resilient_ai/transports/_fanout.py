"""One stream, read by many: each from its beginning, in its own time, out of what is held of it.

Held are the last :data:`HELD` bytes at least, so that who comes a little later still gets all. The reader that is
furthest sets the pace: not more than :data:`AHEAD` bytes are read beyond it. One that falls :data:`BEHIND` bytes behind
is let go of, with an error: it can neither make the others wait nor have this process hold without end what it has not
read.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._runtime.race import aborted, ended_by
from ._abandoned import close_abandoned

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._runtime.base import Runtime

__all__ = ["AHEAD", "BEHIND", "HELD", "AsyncFanout", "Cursor", "Cut", "Fanout", "LeftBehind", "SyncFanout"]

HELD = 1024 * 1024
"""Bytes of a stream's beginning that are held for who comes later: a long chat in events of some 200 bytes a token."""

BEHIND = 4 * 1024 * 1024
"""Bytes that a reader may be behind what was read."""

AHEAD = 256 * 1024
"""Bytes that are read ahead of the reader that is furthest."""


class LeftBehind(Exception):
    """The reader was too slow: what it has not read is no longer there."""


class Cut(Exception):
    """The reading for all was ended from outside."""


class Cursor:
    """How far one reader has come."""

    __slots__ = ("at", "lost", "read", "waits", "wake")

    def __init__(self) -> None:
        self.wake: Callable[[], object] = bool
        self.at = 0
        self.read = 0
        self.lost = False
        self.waits = False


class Fanout:
    """What is held of a stream, and who reads it. The lock is held for a few steps, and never by a finaliser.

    Args:
        source: the bound stream.
        runtime: of whoever reads it.
    """

    def __init__(self, source: Any, runtime: Runtime) -> None:
        self.source = source
        self.error: Exception | None = None
        self.ended = False
        self.is_pumped = False
        self.over = False  # whether it is closed as well
        self.parting: Callable[[], object] = bool  # lets the last reader look whether it is
        self._runtime = runtime
        self._lock = threading.Lock()
        self._chunks: list[bytes] = []
        self._first = 0  # the number of the first chunk that is held
        self._size = 0
        self._came = 0
        self._furthest = 0
        self._cursors: dict[Cursor, None] = {}
        self._pump: Callable[[], object] = bool  # lets the one who reads for all look whether there is room
        self.pulling = False

    @property
    def whole(self) -> bool:
        """Whether it goes on, and its beginning is held still."""
        return self._first == 0 and not self.ended

    def enter(self, cursor: Cursor) -> bool:
        """One more reader, from the beginning; False if that is gone."""
        with self._lock:
            if self._first:
                return False
            self._cursors[cursor] = None
            return True

    def leave(self, cursor: Cursor) -> None:
        """It reads no more."""
        with self._lock:
            self._cursors.pop(cursor, None)
            if cursor.read == self._furthest:
                self._furthest = max((other.read for other in self._cursors), default=self._came)
        self._pump()

    def is_last(self, cursor: Cursor) -> bool:
        """Whether nobody else reads it."""
        with self._lock:
            return len(self._cursors) == 1 and cursor in self._cursors

    def take(self, cursor: Cursor) -> bytes | None:
        """What comes next for this reader; empty if it is to wait, and will be woken; None at the end.

        Raises:
            LeftBehind: it is no longer there.
        """
        with self._lock:
            if cursor.lost:
                raise LeftBehind
            index = cursor.at - self._first
            if index >= len(self._chunks):
                cursor.waits = not self.ended
                return None if self.ended else b""
            chunk = self._chunks[index]
            cursor.at += 1
            cursor.read += len(chunk)
            moved = cursor.read > self._furthest
            full = moved and self._came - self._furthest >= AHEAD
            self._furthest = max(self._furthest, cursor.read)
        if full:
            self._pump()
        return chunk

    def feed(self, chunk: bytes) -> None:
        """More of it came."""
        with self._lock:
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._came += len(chunk)
            if self._size > HELD:
                self._trim()
            waiting = self._woken()
        for cursor in waiting:
            cursor.wake()

    def finish(self, error: Exception | None) -> None:
        """Nothing more comes."""
        with self._lock:
            if not self.ended:
                self.ended, self.error = True, error
            waiting = self._woken()
        for cursor in waiting:
            cursor.wake()

    def _woken(self) -> list[Cursor]:
        waiting = [cursor for cursor in self._cursors if cursor.waits]
        for cursor in waiting:
            cursor.waits = False
        return waiting

    def _trim(self) -> None:
        """Let go of what everybody has read, and of what is too much."""
        read = min((cursor.at for cursor in self._cursors), default=self._first)
        gone = 0
        while self._size > HELD and (self._first + gone < read or self._size > BEHIND + AHEAD):
            self._size -= len(self._chunks[gone])
            gone += 1
        del self._chunks[:gone]
        self._first += gone
        for cursor in self._cursors:
            cursor.lost = cursor.lost or cursor.at < self._first

    async def pump(self) -> None:
        """Read on for all, until it ends."""
        raise NotImplementedError

    @property
    def has_room(self) -> bool:
        """Whether somebody will soon want more."""
        return self._came - self._furthest < AHEAD

    def pumped(self, by_one: bool) -> None:
        """Whether one reads on for all."""
        with self._lock:
            self.is_pumped = by_one

    def closed(self) -> None:
        """Its connection is somebody else's by now."""
        self.over = True
        self.parting()

    def renew(self) -> None:
        """In a forked child: the one who read for all is not there, and may hold the lock."""
        self._lock = threading.Lock()
        self.is_pumped, self.ended, self.error = False, True, self.error or Cut()


class SyncFanout(Fanout):
    """Read by whoever wants more, while there is one reader; by a thread of its own, once there are others."""

    def pull(self) -> None:
        """Read one piece on."""
        try:
            self.feed(next(self.source))
        except StopIteration:
            self.finish(None)
        except Exception as error:  # noqa: BLE001 - each reader is told, in its own terms
            self.finish(error)
        except BaseException:  # an interrupt, inside the connection
            self.finish(Cut())
            raise

    def may_pull(self) -> bool:
        """Whether the caller is to read on, and says so by :meth:`pulled`."""
        with self._lock:
            if self.is_pumped or self.pulling or self.ended:
                return False
            self.pulling = True
            return True

    def pulled(self) -> None:
        """It has."""
        self.pulling = False
        with self._lock:
            waiting = self._woken()
        for cursor in waiting:
            cursor.wake()
        self._pump()

    async def pump(self) -> None:
        """Read on for all."""
        gate = self._runtime.gate()
        self._pump = gate.open
        try:
            while not (self.ended or aborted()):
                close_abandoned()
                if self.pulling or not self.has_room:
                    await gate.wait(None)
                    continue
                with ended_by(self._shut):
                    self.pull()
        finally:
            self._pump = bool
            self.finish(Cut())
            self.source.close()
            self.closed()

    def close(self) -> None:
        """End it: nobody reads it, and nobody else reads for anybody."""
        self.finish(Cut())
        self.source.close()
        self.closed()

    def _shut(self) -> None:
        """Wake the thread that reads for readers who have all left: it finds the stream at its end."""
        self.source.give_up()
        extensions = self.source.marks
        network: Any = extensions.get("network_stream")
        if network is None or extensions.get("http_version") == b"HTTP/2":  # shared with other calls
            return
        sock = network.get_extra_info("socket")
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not an SSLSocket's own, which takes its session apart


class AsyncFanout(Fanout):
    """Read by a task of its own: a reader that is cancelled must not cut the others off."""

    async def pump(self) -> None:
        """Read on for all."""
        gate = self._runtime.gate()
        self._pump = gate.open
        try:
            while not self.ended:
                close_abandoned()
                if not self.has_room:
                    await gate.wait(None)
                    continue
                try:
                    self.feed(await anext(self.source))
                except StopAsyncIteration:
                    self.finish(None)
                except Exception as error:  # noqa: BLE001 - each reader is told, in its own terms
                    self.finish(error)
        finally:
            self._pump = bool
            self.finish(Cut())
            await self.source.aclose()
            self.closed()
