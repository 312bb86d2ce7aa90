"""A network backend that keeps the call's deadline: each socket operation gets what is left of it.

It stands between httpcore's pool and the pool's own backend. httpcore (1 or 2) hands a time-out to each operation, and
so a server that sends a byte now and then is waited for without end; here the operation's time-out is cut to the
deadline, and past it the flavour's own ReadTimeout, WriteTimeout or ConnectTimeout is raised.

Without a deadline everything passes straight through, but for the name look-up of a sync connect under a time-out.

A request's head goes out together with the first piece of its body: httpcore writes them one after the other, and each
write is a system call, a packet and a wake-up at the other end (`python -m benchmarks.overhead` shows what that saves).
"""

# ruff: noqa: ASYNC109 - the interface is httpcore's
from __future__ import annotations

import socket
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakSet

from resilient_ai._runtime.limit import connecting, deadline, left
from resilient_ai._runtime.race import racing
from resilient_ai.transports._lookup import addresses_of, is_address
from resilient_ai.transports._private import SOCKET_INSIDE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    from resilient_ai.transports._httpcore import AsyncInner, AsyncStream, Core, Inner, SocketOption, Stream, SyncStream

__all__ = ["AsyncBackend", "SyncBackend", "drop_sockets"]

_PIECE = 16 * 1024
"""Bytes written under one time-out where the stream below has a write loop of its own. One TLS record (RFC 8446, 5.1);
a socket that takes anything has room for as much, so that no second wait hides inside one write."""

NO_SOCKET = -1
"""The number of a closed socket."""

R = TypeVar("R")
W = TypeVar("W")


def _cut(timeout: float | None, expired: type[Exception]) -> float | None:
    """``timeout`` cut to the call's deadline; past the deadline ``expired`` is raised.

    Not ``left()``: under a minimal time-out, data that always is there already would be read on and on.
    """
    limit = deadline.get()
    if limit is None:
        return timeout
    seconds = limit - monotonic()
    if seconds <= 0:
        raise expired("the call's deadline has passed")
    return timeout if timeout is not None and timeout < seconds else seconds


def _connect_within(timeout: float | None, expired: type[Exception]) -> float | None:
    """The same for a step of making a connection, which may have a limit of its own."""
    seconds, most = _cut(timeout, expired), connecting.get()
    return seconds if most is None or (seconds is not None and seconds < most) else most


# ---- streams


def _is_head(buffer: bytes) -> bool:
    """Whether a write is the head of an HTTP/1.1 request: no frame of HTTP/2 or a WebSocket is held back."""
    return buffer.endswith(b"\r\n\r\n") and 0 < buffer.find(b" HTTP/1.1\r\n") < buffer.find(b"\r\n")


class _Bounded(Generic[R, W]):
    """A network stream whose operations end at the deadline. Plain functions: async ones hand on the awaitable."""

    __slots__ = ("__weakref__", "_core", "_held", "_inner")

    def __init__(self, inner: Stream[R, W], core: Core) -> None:
        self._inner = inner
        self._core = core
        self._held: tuple[bytes, float | None] | None = None  # a request's head, and the time-out of its write

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _BoundedSync(_Bounded[bytes, None]):
    __slots__ = ("_backend", "_racer", "_sock", "_sync")

    def __init__(self, inner: SyncStream, backend: SyncBackend, *, direct: bool) -> None:
        super().__init__(inner, backend.core)
        self._racer: object = None  # the side of a race whose request is under way
        self._sync = inner
        self._backend = backend
        sock = inner.get_extra_info("socket") if direct else None
        self._sock = sock if isinstance(sock, socket.socket) else None
        backend.streams.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._held is not None:
            (head, head_timeout), self._held = self._held, None
            with suppress(self._core.WriteError):  # as httpcore: the other end may have answered before it hung up
                self._write(head, head_timeout)
        seconds = _cut(timeout, self._core.ReadTimeout)
        return (
            self._sync.read(max_bytes, timeout=seconds)
            if self._sock is None
            else self._receive(self._sock, max_bytes, seconds)
        )

    def _receive(self, sock: socket.socket, max_bytes: int, seconds: float | None) -> bytes:
        """As httpcore's own stream does, without a context manager for each piece of an answer."""
        try:
            sock.settimeout(seconds)
            return sock.recv(max_bytes)
        except TimeoutError as error:
            raise self._core.ReadTimeout(str(error)) from error
        except OSError as error:
            raise self._core.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        if self._held is not None:
            buffer = self._held[0] + buffer
            self._held = None
        elif _is_head(buffer):
            self._held = (buffer, timeout)
            self._racer = racer = racing.get()
            if racer is not None:
                racer.at_abort(partial(self._shut, racer))
            return
        self._write(buffer, timeout)

    def _shut(self, racer: object) -> None:
        """Wake the thread that waits here for an answer that nobody wants any more: it finds the stream at its end."""
        sock = self.get_extra_info("socket")
        if self._racer is racer and isinstance(sock, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not an SSLSocket's own, which takes its session apart

    def _write(self, buffer: bytes, timeout: float | None) -> None:
        """Write all, each part under what is left then: httpcore's own loop gives the whole time-out to every part."""
        if deadline.get() is None:
            self._sync.write(buffer, timeout=timeout)
        elif self._sock is not None:
            self._send(self._sock, memoryview(buffer), timeout)
        else:
            for start in range(0, len(buffer), _PIECE):
                self._sync.write(buffer[start : start + _PIECE], timeout=_cut(timeout, self._core.WriteTimeout))

    def _send(self, sock: socket.socket, rest: memoryview, timeout: float | None) -> None:
        try:
            while rest:
                sock.settimeout(_cut(timeout, self._core.WriteTimeout))
                rest = rest[sock.send(rest) :]
        except TimeoutError as error:
            raise self._core.WriteTimeout(str(error)) from error
        except OSError as error:
            raise self._core.WriteError(str(error)) from error

    def close(self) -> None:
        self._sync.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _BoundedSync:
        direct = self._sock is not None and self.get_extra_info("ssl_object") is None  # else TLS in TLS: no bare sends
        seconds = _connect_within(timeout, self._core.ConnectTimeout)
        stream = self._sync.start_tls(ssl_context, server_hostname=server_hostname, timeout=seconds)
        return _BoundedSync(stream, self._backend, direct=direct)


class _BoundedAsync(_Bounded[Awaitable[bytes], Awaitable[None]]):
    __slots__ = ("_async", "_backend")

    def __init__(self, inner: AsyncStream, backend: AsyncBackend) -> None:
        super().__init__(inner, backend.core)
        self._async = inner
        self._backend = backend
        backend.streams.add(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> Awaitable[bytes]:
        if self._held is not None:
            return self._flush_and_read(max_bytes, timeout)
        return self._async.read(max_bytes, timeout=_cut(timeout, self._core.ReadTimeout))

    async def _flush_and_read(self, max_bytes: int, timeout: float | None) -> bytes:
        assert self._held is not None
        (head, head_timeout), self._held = self._held, None
        with suppress(self._core.WriteError):  # as httpcore: the other end may have answered before it hung up
            await self._async.write(head, timeout=_cut(head_timeout, self._core.WriteTimeout))
        return await self._async.read(max_bytes, timeout=_cut(timeout, self._core.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> Awaitable[None]:
        if not buffer:
            return _nothing()
        if self._held is not None:
            buffer = self._held[0] + buffer
            self._held = None
        elif _is_head(buffer):
            self._held = (buffer, timeout)
            return _nothing()
        return self._async.write(buffer, timeout=_cut(timeout, self._core.WriteTimeout))

    async def aclose(self) -> None:
        """Close it, but for what the garbage collector has closed with a forgotten client: the number of that socket
        may be another connection's by now, of which asyncio would take it away."""
        number = getattr(self.get_extra_info("socket"), "fileno", None)
        if number is None or number() != NO_SOCKET:
            await self._async.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> _BoundedAsync:
        seconds = _connect_within(timeout, self._core.ConnectTimeout)
        try:
            stream = await self._async.start_tls(ssl_context, server_hostname=server_hostname, timeout=seconds)
        except BaseException:  # cancelled, most of all: httpcore closes it after its own errors only
            await self.aclose()
            raise
        return _BoundedAsync(stream, self._backend)


async def _nothing() -> None:
    """Nothing is to be written now."""


# ---- backends


class SyncBackend:
    """Round a pool's sync backend. It is one pool's own, so that it knows the pool's sockets."""

    __slots__ = ("_inner", "_plain", "core", "streams")

    def __init__(self, inner: Inner, core: Core) -> None:
        self._inner = inner
        self._plain = type(inner) is core.SyncBackend  # a user's own may go by the host's name, or not use sockets
        self.core = core
        self.streams: WeakSet[_BoundedSync] = WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> _BoundedSync:
        """Connect within ``timeout`` and the deadline, the name look-up and all of the host's addresses included."""
        seconds = _connect_within(timeout, self.core.ConnectTimeout)
        if seconds is None or not self._plain or is_address(host):
            stream = self._inner.connect_tcp(
                host, port, timeout=seconds, local_address=local_address, socket_options=socket_options
            )
        else:
            stream = self._connect_by_name(host, port, seconds, local_address, socket_options)
        return _BoundedSync(stream, self, direct=self._plain)

    def _connect_by_name(
        self,
        host: str,
        port: int,
        seconds: float,
        local_address: str | None,
        socket_options: Iterable[SocketOption] | None,
    ) -> SyncStream:
        """Try the host's addresses one after the other, each with a fair share of what is left."""
        end = monotonic() + seconds
        addresses = self._look_up(host, port, seconds)
        last: Exception = self.core.ConnectError(f"{host} has no address")
        for tried, address in enumerate(addresses):
            share = (end - monotonic()) / (len(addresses) - tried)
            if share <= 0:
                raise self.core.ConnectTimeout(f"no connection to {host} within {seconds:.3f} s") from last
            try:
                return self._inner.connect_tcp(
                    address, port, timeout=share, local_address=local_address, socket_options=socket_options
                )
            except (self.core.ConnectError, self.core.ConnectTimeout) as error:
                last = error
        raise last

    def _look_up(self, host: str, port: int, seconds: float) -> list[str]:
        """The host's addresses, or the flavour's own error."""
        try:
            return addresses_of(host, port, seconds)
        except TimeoutError as error:
            raise self.core.ConnectTimeout(f"looking up {host}: {error}") from error
        except OSError as error:
            raise self.core.ConnectError(str(error)) from error

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> _BoundedSync:
        seconds = _connect_within(timeout, self.core.ConnectTimeout)
        stream = self._inner.connect_unix_socket(path, timeout=seconds, socket_options=socket_options)
        return _BoundedSync(stream, self, direct=self._plain)

    def sleep(self, seconds: float) -> None:
        """Wait between two tries to connect, no longer than the call has left."""
        self._inner.sleep(left(seconds) or 0.0)


class AsyncBackend:
    """Round a pool's async backend, in one loop. anyio and trio bound the look-up, and all addresses together."""

    __slots__ = ("_inner", "core", "streams")

    def __init__(self, inner: AsyncInner, core: Core) -> None:
        self._inner = inner
        self.core = core
        self.streams: WeakSet[_BoundedAsync] = WeakSet()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> _BoundedAsync:
        seconds = _connect_within(timeout, self.core.ConnectTimeout)
        stream = await self._inner.connect_tcp(
            host, port, timeout=seconds, local_address=local_address, socket_options=socket_options
        )
        return _BoundedAsync(stream, self)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> _BoundedAsync:
        seconds = _connect_within(timeout, self.core.ConnectTimeout)
        stream = await self._inner.connect_unix_socket(path, timeout=seconds, socket_options=socket_options)
        return _BoundedAsync(stream, self)

    async def sleep(self, seconds: float) -> None:
        """Wait between two tries to connect, no longer than the call has left."""
        await self._inner.sleep(left(seconds) or 0.0)


def drop_sockets(streams: Iterable[_BoundedSync | _BoundedAsync]) -> None:
    """Close the streams' descriptors and nothing else: no TLS farewell, no shutdown, no word to an event loop.

    For sockets that are the parent's (in a forked child), or whose loop is over and cannot close them any more.
    """
    for stream in list(streams):
        sock = stream.get_extra_info("socket")
        sock = getattr(sock, SOCKET_INSIDE, sock)  # asyncio and trio show their sockets through a wrapper
        if isinstance(sock, socket.socket):
            sock.close()
