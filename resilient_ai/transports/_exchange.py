"""A request over a kept HTTP/1.1 connection of httpcore's: its bytes out, its answer's in, each event by h11.

httpcore's connection does the same, and around each step tells whoever traces it, renames h11's errors at each event
and hands each piece of a body on through three generators: some 20 of a call's 1,100 µs (`python -m benchmarks.pool`).
Here h11 is driven at first hand; it makes and reads every byte, and keeps the connection's state. Which requests
come here: `_exchanges`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

from ._abandoned import later

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from ._exchanges import Ways

__all__ = ["AsyncExchange", "Came", "Leaves", "SyncExchange"]


class Leaves(Protocol):
    """Whose connections they are."""

    close_connections: Any
    """What closes those that `leave` tells."""

    def leave(self, taken: Any) -> list[Any]:
        """A request is over. The connections to close."""
        ...


class Came:
    """An answer's head, and its body to come: what httpx asks of httpcore's own."""

    __slots__ = ("extensions", "headers", "status", "stream")

    def __init__(self, head: Any, stream: _Exchange, network: Any) -> None:
        self.status: int = head.status_code
        self.headers: list[tuple[bytes, bytes]] = head.headers.raw_items()
        self.stream = stream
        version = b"HTTP/" + head.http_version
        self.extensions = {"http_version": version, "reason_phrase": head.reason, "network_stream": network}


class _Exchange:
    """One request and its answer, whose body it is to who reads that.

    Args:
        ways: over such connections.
        inner: the connection inside the pool's.
        taken: the request, as it stands in the pool's list.
        pool: whose connection it is.
    """

    def __init__(self, ways: Ways, inner: Any, taken: Any, pool: Leaves) -> None:
        self._ways = ways
        self._inner = inner
        self._taken = taken
        self._pool = pool
        self._is_over = self._is_closed = False

    def _begin(self) -> None:
        """Make the connection this request's, if it is nobody's."""
        inner = self._inner
        if inner._state is not self._ways.idle:
            raise self._ways.gone
        inner._request_count += 1
        inner._state = self._ways.active
        inner._expire_at = None

    def _has_rest(self) -> bool:
        """Whether bytes came behind the last answer: the next request's answer would be read from them (bare too)."""
        return bool(self._inner._h11_state.trailing_data[0])

    def _timeouts(self) -> Any:
        return self._taken.request.extensions.get("timeout", {})

    def _head(self) -> bytes:
        """The bytes of the request's head."""
        request, h11 = self._taken.request, self._ways.h11
        try:
            event = h11.Request(method=request.method, target=request.url.target, headers=request.headers)
        except h11.LocalProtocolError as error:
            raise self._ways.local_error(error) from error
        head: bytes = self._inner._h11_state.send(event)
        return head

    def _event(self) -> Any:
        """What comes next, if all of it is here; else h11's sign that it needs data."""
        try:
            return self._inner._h11_state.next_event()
        except self._ways.h11.RemoteProtocolError as error:
            raise self._ways.remote_error(error) from error

    def _took(self, data: bytes) -> None:
        """More bytes have come, or the end."""
        state = self._inner._h11_state
        if not data and state.their_state is self._ways.h11.SEND_RESPONSE:
            raise self._ways.remote_error("Server disconnected without sending a response.")
        state.receive_data(data)

    def _is_head(self, event: Any) -> bool:
        """Whether an answer begins with it: of those under 200, only the change to another protocol."""
        h11 = self._ways.h11
        return type(event) is h11.Response or (type(event) is h11.InformationalResponse and event.status_code == 101)

    def _came(self, head: Any) -> Came:
        network, status = self._inner._network_stream, head.status_code
        if status == 101 or (self._taken.request.method == b"CONNECT" and 200 <= status < 300):
            network = self._ways.upgraded(network, self._inner._h11_state.trailing_data[0])
        return Came(head, self, network)


class SyncExchange(_Exchange):
    """By blocking."""

    def send(self) -> Came:
        """Send the request, and read the answer's head.

        Raises:
            ConnectionNotAvailable: httpcore's. Somebody was faster, or it is of no use; nothing was sent.
        """
        inner, h11, timeouts = self._inner, self._ways.h11, self._timeouts()
        stream, state, write = inner._network_stream, inner._h11_state, timeouts.get("write")
        with inner._state_lock:
            self._begin()
        try:
            if self._has_rest():
                raise self._ways.gone
            try:
                stream.write(self._head(), timeout=write)
                for piece in self._taken.request.stream:
                    stream.write(state.send(h11.Data(data=piece)), timeout=write)
                stream.write(state.send(h11.EndOfMessage()), timeout=write)
            except self._ways.write_error:
                pass  # the other end may have answered before it hung up
            while not self._is_head(event := self._event()):
                if event is h11.NEED_DATA:
                    self._took(stream.read(inner.READ_NUM_BYTES, timeout=timeouts.get("read")))
            return self._came(event)
        except BaseException:
            self._over()
            raise

    def __iter__(self) -> Iterator[bytes]:
        if self._is_over:  # what comes there by now is another request's
            return
        h11, stream, timeout = self._ways.h11, self._inner._network_stream, self._timeouts().get("read")
        size = self._inner.READ_NUM_BYTES
        try:
            while True:
                event = self._event()
                if event is h11.NEED_DATA:
                    self._took(stream.read(size, timeout=timeout))
                elif type(event) is h11.Data:
                    yield bytes(event.data)
                elif event is h11.PAUSED or type(event) is h11.EndOfMessage:
                    return
        except GeneratorExit:
            self._drop()
            raise
        except BaseException:
            self.close()
            raise

    def _drop(self) -> None:
        """It is not read to its end. That may be the collector's doing, in whose midst no lock is to be taken."""
        if self._is_closed:
            return
        try:
            if not self._is_over:
                self._is_over = True
                self._inner.close()
        finally:
            later(self.close)

    def _over(self) -> None:
        """Nothing more is read: the connection is free, or closed. An interrupt that comes between closes it."""
        if not self._is_over:
            self._is_over = True
            try:
                (self._inner.close if self._has_rest() else self._inner._response_closed)()
            except BaseException:
                self._inner.close()
                raise

    def close(self) -> None:
        """Let go of the answer, and of the request's place in the pool."""
        if not self._is_closed:
            self._is_closed = True
            try:
                self._over()
            finally:
                self._pool.close_connections(self._pool.leave(self._taken))


class AsyncExchange(_Exchange):
    """By awaiting, in one loop: where nothing is awaited nobody comes between, and no lock is needed."""

    _pieces: Callable[[], AsyncGenerator[bytes, None] | None] | None = None

    async def send(self) -> Came:
        """Send the request, and read the answer's head.

        Raises:
            ConnectionNotAvailable: httpcore's. Somebody was faster, or it is of no use; nothing was sent.
        """
        inner, h11, timeouts = self._inner, self._ways.h11, self._timeouts()
        stream, state, write = inner._network_stream, inner._h11_state, timeouts.get("write")
        self._begin()
        try:
            if self._has_rest():
                raise self._ways.gone
            try:
                await stream.write(self._head(), timeout=write)
                for piece in self._taken.request.stream:
                    await stream.write(state.send(h11.Data(data=piece)), timeout=write)
                await stream.write(state.send(h11.EndOfMessage()), timeout=write)
            except self._ways.write_error:
                pass  # the other end may have answered before it hung up
            while not self._is_head(event := self._event()):
                if event is h11.NEED_DATA:
                    self._took(await stream.read(inner.READ_NUM_BYTES, timeout=timeouts.get("read")))
            return self._came(event)
        except BaseException:
            await self._over()
            raise

    def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._read()
        self._pieces = ref(pieces)  # it holds this: held in turn, neither would go before the collector comes
        return pieces

    async def _read(self) -> AsyncGenerator[bytes, None]:
        if self._is_over:  # what comes there by now is another request's
            return
        h11, stream, timeout = self._ways.h11, self._inner._network_stream, self._timeouts().get("read")
        size = self._inner.READ_NUM_BYTES
        try:
            while True:
                event = self._event()
                if event is h11.NEED_DATA:
                    self._took(await stream.read(size, timeout=timeout))
                elif type(event) is h11.Data:
                    yield bytes(event.data)
                elif event is h11.PAUSED or type(event) is h11.EndOfMessage:
                    return
        except BaseException:
            await self.aclose()
            raise

    async def _over(self) -> None:
        """Nothing more is read: the connection is free, or closed. No scope's cancelling comes between; asyncio's own
        does, and closes it (httpcore's would be in use for good)."""
        if not self._is_over:
            self._is_over = True
            with self._ways.shield():
                try:
                    await (self._inner.aclose() if self._has_rest() else self._inner._response_closed())
                except BaseException:
                    await self._inner.aclose()
                    raise

    async def aclose(self) -> None:
        """Let go of the answer, and of the request's place in the pool."""
        if not self._is_closed:
            self._is_closed = True
            try:
                await self._over()
            finally:
                await self._pool.close_connections(self._pool.leave(self._taken))
                pieces = None if self._pieces is None else self._pieces()
                if pieces is not None:  # trio complains of one that is left
                    with suppress(RuntimeError):  # somebody is reading: it ends there
                        await pieces.aclose()
