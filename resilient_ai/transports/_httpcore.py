"""What is used of httpcore and httpcore2, by public names, as types: one description of both, importing neither."""

# ruff: noqa: ASYNC109 - the interface is httpcore's
from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

__all__ = [
    "AsyncInner",
    "AsyncPool",
    "AsyncStream",
    "Core",
    "Inner",
    "Pool",
    "Response",
    "SocketOption",
    "Stream",
    "SyncStream",
]

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

R_co = TypeVar("R_co", covariant=True)
W_co = TypeVar("W_co", covariant=True)


class Core(Protocol):
    """What is used of the module httpcore or httpcore2."""

    __name__: str
    ConnectError: type[Exception]
    ConnectionNotAvailable: type[Exception]
    ConnectTimeout: type[Exception]
    LocalProtocolError: type[Exception]
    ReadError: type[Exception]
    ReadTimeout: type[Exception]
    RemoteProtocolError: type[Exception]
    WriteError: type[Exception]
    WriteTimeout: type[Exception]
    SyncBackend: type[object]


class Stream(Protocol[R_co, W_co]):
    """What sync and async network streams have in common: the one returns, the other returns awaitables."""

    def read(self, max_bytes: int, timeout: float | None = None) -> R_co: ...
    def write(self, buffer: bytes, timeout: float | None = None) -> W_co: ...
    def get_extra_info(self, info: str) -> object: ...


class SyncStream(Stream[bytes, None], Protocol):
    """A connected socket, in plain or in TLS."""

    def close(self) -> None: ...
    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> SyncStream: ...


class AsyncStream(Stream[Awaitable[bytes], Awaitable[None]], Protocol):
    """A connected socket, in plain or in TLS."""

    async def aclose(self) -> None: ...
    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> AsyncStream: ...


class Inner(Protocol):
    """A sync network backend of httpcore, or a user's own."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> SyncStream: ...
    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> SyncStream: ...
    def sleep(self, seconds: float) -> None: ...


class AsyncInner(Protocol):
    """An async network backend of httpcore, or a user's own."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> AsyncStream: ...
    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> AsyncStream: ...
    async def sleep(self, seconds: float) -> None: ...


class Response(Protocol):
    """httpcore's Response."""

    stream: object


class Pool(Protocol):
    """httpcore's ConnectionPool: what is used of it by name."""

    def handle_request(self, request: object) -> object: ...
    def close(self) -> None: ...


class AsyncPool(Protocol):
    """httpcore's AsyncConnectionPool: what is used of it by name."""

    def handle_async_request(self, request: object) -> Awaitable[Response]: ...
    async def aclose(self) -> None: ...
