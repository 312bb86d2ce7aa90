"""One TCP connection: requests in, scripts out, with the socket in hand."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Protocol

from .http import MAX_BODY, MAX_HEAD, BadRequestError, Head, chunk_size, parse_head
from .replies import error
from .script import Script, plain

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DRAINED = 4 * MAX_BODY  # of a body too large, so much is read (and dropped) for its client to hear the 413


class Exchange(Protocol):
    """One request at work: what the connection tells of it, and asks of it."""

    def received(self, body: bytes | None) -> Script:
        """The body is here, whole (None: it was too large). What is to be done?"""
        ...

    def broken(self, complaint: str) -> None:
        """The body never came whole, or was no HTTP."""
        ...

    def wrote(self) -> None:
        """A piece of the answer is out."""
        ...

    def ended(self, *, gone_after: int | None) -> None:
        """The script is done, or the client was found gone after so many bytes of it."""
        ...


class Connection(asyncio.Protocol):
    """A connection of a client. `begin` opens an exchange for each request head."""

    def __init__(self, begin: Callable[[Head, Connection], Exchange], forget: Callable[[Connection], None]) -> None:
        self._begin, self._forget = begin, forget
        self._buffer = bytearray()
        self._wake = asyncio.Event()
        self._gone = self._full = False
        self._scanned = 0
        self.number = 0
        self.mute = False
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_BODY:
            self.transport.pause_reading()
        self._wake.set()

    def eof_received(self) -> bool:
        # A client that closes its half is treated as gone: no AI client half-closes and then reads on.
        self._gone = True
        self._wake.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._gone = True
        self._wake.set()
        self._forget(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake.set()

    def reset(self) -> None:
        """Break the connection with RST."""
        sock: socket.socket | None = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def stop(self) -> None:
        """Reset, and end what runs on it."""
        self.reset()
        self._gone = True
        self._wake.set()

    async def _serve(self) -> None:
        try:
            while await self._one():
                pass
        except BadRequestError as problem:
            self._refuse(problem)
        finally:
            self.transport.close()

    async def _one(self) -> bool:
        """Serve one request; say whether another may follow."""
        raw = await self._until(b"\r\n\r\n", MAX_HEAD)
        if raw is None:
            return False
        head = parse_head(raw.lstrip(b"\r\n"))
        exchange = self._begin(head, self)
        self.busy = True
        if head.expects_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            body, too_large = await self._body(head)
        except BadRequestError as problem:
            exchange.broken(str(problem))
            raise
        if body is None and not too_large:
            exchange.broken("the connection ended before the body did")
            return False
        script = exchange.received(body)
        if self.mute:
            script = Script(steps=(), end="hang")
        lives_on = await self._play(script, exchange)
        self.busy = False
        return lives_on and not too_large

    async def _play(self, script: Script, exchange: Exchange) -> bool:
        """Do what the script says; whether the connection lives on."""
        written = 0
        for step in script.steps:
            if isinstance(step, float | int):
                await self._pause(step)
            elif not self._gone:
                self.transport.write(step)
                exchange.wrote()
                written += len(step)
                await self._until_taken()
            if self._gone:
                exchange.ended(gone_after=written)
                return False
        if script.end == "hang":
            await self._until_gone()
            exchange.ended(gone_after=written)
            return False
        exchange.ended(gone_after=None)
        if script.end == "reset":
            self.reset()
        return script.end == "keep"

    def _refuse(self, problem: BadRequestError) -> None:
        """Answer what was no HTTP, and close."""
        for step in plain(error(problem.status, str(problem)), close=True).steps:
            if isinstance(step, bytes):
                self.transport.write(step)

    async def _body(self, head: Head) -> tuple[bytes | None, bool]:
        """The body, and whether it was too large (then it is read away and not kept)."""
        if head.length is None:
            return await self._chunked()
        if head.length <= MAX_BODY:
            return await self._exactly(head.length), False
        left = min(head.length, MAX_DRAINED)
        while left > 0 and (piece := await self._exactly(min(left, 65536))) is not None:
            left -= len(piece)
        return None, True

    async def _chunked(self) -> tuple[bytes | None, bool]:
        body, total = bytearray(), 0
        while True:
            line = await self._until(b"\r\n", 1024)
            if line is None:
                return None, False
            size = chunk_size(line)
            if size == 0:
                break
            total += size
            if total > MAX_DRAINED:
                return None, True
            data = await self._exactly(size + 2)
            if data is None:
                return None, False
            if not data.endswith(b"\r\n"):
                raise BadRequestError("malformed chunk")
            if total <= MAX_BODY:
                body += data[:-2]
        while (line := await self._until(b"\r\n", MAX_HEAD)) != b"":
            if line is None:
                return None, False
        return (bytes(body), False) if total <= MAX_BODY else (None, True)

    async def _until(self, mark: bytes, limit: int) -> bytes | None:
        """What comes before the mark, which is dropped; None if the client went away first."""
        while (found := self._buffer.find(mark)) < 0:
            if len(self._buffer) > limit:
                raise BadRequestError("header fields too large", 431)
            if self._gone:
                return None
            await self._more()
        if found > limit:
            raise BadRequestError("header fields too large", 431)
        data = bytes(self._buffer[:found])
        del self._buffer[: found + len(mark)]
        return data

    async def _exactly(self, size: int) -> bytes | None:
        while len(self._buffer) < size:
            if self._gone:
                return None
            await self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def _more(self) -> None:
        self._wake.clear()
        if not self.transport.is_closing():
            self.transport.resume_reading()
        await self._wake.wait()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than the client."""
        until = asyncio.get_running_loop().time() + seconds
        while not self._gone and (left := until - asyncio.get_running_loop().time()) > 0:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), left)
            except TimeoutError:
                return

    async def _until_taken(self) -> None:
        """Wait for a client that takes slowly: what it never took was not answered."""
        await asyncio.sleep(0)  # others have their turn, and who is gone is heard of
        while self._full and not self._gone:
            self._wake.clear()
            await self._wake.wait()

    async def _until_gone(self) -> None:
        while not self._gone:
            self._wake.clear()
            await self._wake.wait()
