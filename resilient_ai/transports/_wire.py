"""The leaves: sending and reading, blocking or awaiting. Nothing above them knows which."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from .._runtime.concurrent import within
from .._runtime.limit import run_bounded
from ._direct import direct
from ._egress import check
from ._private import CONTENT, INNER_STREAM
from ._unpacking import unpacked

if TYPE_CHECKING:
    from .._egress import Rule
    from ._direct import Direct
    from ._flavour import Flavour

__all__ = ["AsyncWire", "SyncWire", "TooLarge", "Wire"]


Tick = Callable[[], object]


class TooLarge(Exception):
    """A body is larger than we take into memory."""


class Wire(Protocol):
    """One transport, and the way to use it."""

    transport: Any
    """An httpx or httpx2 transport, sync or async."""
    foreign: bool
    """Whether it is shared, and knows nothing of our deadline."""
    giver: str | None
    """Who gives the keys of what is sent here, if a callable does."""
    rule: Rule | None
    """What holds a call back whose wire this is; None if nothing does."""
    known: tuple[type[Exception], ...]
    """What reading from a `source` raises that is a failure of the provider or of the way there."""

    def bound(self, rule: Rule) -> Wire:
        """The same for one call that may not go everywhere."""
        ...

    async def send(self, request: Any, limit: float | None) -> Any:
        """Send, and return the response with its body unread. ``limit`` is of the monotonic clock.

        Raises:
            NotAllowed: the rule holds it back.
        """
        ...

    async def plain(self, request: Any) -> Any:
        """Send as the bare program does: the transport's own way, without a limit.

        Raises:
            NotAllowed: the rule holds it back.
        """
        ...

    async def read(self, response: Any, most: int, *, packed: bool, tick: Tick | None = None) -> bytes:
        """The body, unpacked in bounded steps. ``packed``: it has a content-encoding. ``tick`` is called at each.

        Raises:
            TooLarge: it is larger than ``most`` bytes; what is beyond them is neither read nor unpacked.
        """
        ...

    async def body(self, request: Any) -> bytes:
        """The request's body, all of it, so that it can be sent again."""
        ...

    def source(self, response: Any, *, packed: bool = False) -> Any:
        """The iterator over a response's bytes: raw, or unpacked if it is ``packed``, by its content-encoding."""
        ...

    def told(self, error: Exception) -> Exception:
        """An error of a `source` in the flavour's own terms."""
        ...

    async def first(self, source: Any) -> bytes | None:
        """The next bytes of a source; None at its end."""
        ...

    async def close(self, response: Any) -> None:
        """Let go of an unread response, or of its stream."""
        ...


def _known(flavour: Flavour, way: Direct | None) -> tuple[type[Exception], ...]:
    return flavour.known if way is None else flavour.known + way.errors


WireT = TypeVar("WireT", bound="SyncWire | AsyncWire")


def _twin(wire: WireT, rule: Rule) -> WireT:
    """A copy that looks where it sends. (By hand: `copy.copy` takes longer than all the looking.)"""
    twin = object.__new__(type(wire))
    for name in wire.__slots__:
        setattr(twin, name, getattr(wire, name))
    twin.rule = rule
    return twin


def _unread(response: Any, flavour: Flavour) -> Any:
    """The response as if nobody had read it: a transport that logs answers hands them on read to their end."""
    content: bytes | None = getattr(response, CONTENT, None)
    if content is None:
        return response
    headers = response.headers
    if "content-encoding" in headers:
        headers = headers.copy()
        del headers["content-encoding"]
        headers["content-length"] = str(len(content))
    stream = flavour.ByteStream(content)
    return flavour.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)


def _gathered(source: Any, owner: Any, most: int, tick: Tick | None) -> bytes:
    size, chunks = 0, list[bytes]()
    try:
        for chunk in source:
            if tick is not None:
                tick()
            size += len(chunk)
            if size > most:
                raise TooLarge
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    finally:
        chunks.clear()  # an exception holds this frame, and may be kept while the next answer is read
        owner.close()


async def _agathered(source: Any, owner: Any, most: int, tick: Tick | None) -> bytes:
    size, chunks = 0, list[bytes]()
    try:
        async for chunk in source:
            if tick is not None:
                tick()
            size += len(chunk)
            if size > most:
                raise TooLarge
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
    finally:
        chunks.clear()  # an exception holds this frame, and may be kept while the next answer is read
        await owner.aclose()


class SyncWire:
    """Blocks. A foreign transport knows nothing of our limits: when one is set, it is called in a thread of its own."""

    __slots__ = ("_direct", "_flavour", "foreign", "giver", "known", "rule", "transport")

    def __init__(self, transport: Any, flavour: Flavour, *, foreign: bool) -> None:
        self.transport = transport
        self.foreign = foreign
        self.giver: str | None = None
        self.rule: Rule | None = None
        self._direct = None if foreign else direct(transport, flavour, "handle_request")
        self.known = _known(flavour, self._direct)
        self._flavour = flavour

    def bound(self, rule: Rule) -> Self:
        """The same for one call that may not go everywhere."""
        return _twin(self, rule)

    async def send(self, request: Any, limit: float | None) -> Any:
        """Send, and return the response with its body unread."""
        if self.rule is not None:
            check(self.rule, request)
        way = self._direct
        if way is not None and way.stands:
            try:
                return way.response(way.pool.handle_request(way.request(request)))
            except way.errors:
                with way.map_errors():
                    raise
        send = self.transport.handle_request
        if limit is None or not self.foreign:
            return _unread(send(request), self._flavour)
        seconds = max(0.0, limit - time.monotonic())
        response = run_bounded(partial(send, request), seconds, discard=lambda response: response.close())
        return _unread(response, self._flavour)

    async def plain(self, request: Any) -> Any:
        """Send as the bare program does."""
        if self.rule is not None:
            check(self.rule, request)
        return self.transport.handle_request(request)

    async def read(self, response: Any, most: int, *, packed: bool, tick: Tick | None = None) -> bytes:
        """The body, unpacked in bounded steps."""
        way = self._direct
        owner = response if way is None else getattr(response.stream, INNER_STREAM, response.stream)
        source = response.stream if way is None else owner
        if packed:
            source = unpacked(iter(source), response.headers["content-encoding"], self._flavour.DecodingError)
        if way is None:
            return _gathered(source, owner, most, tick)
        try:
            return _gathered(source, owner, most, tick)
        except way.errors:
            with way.map_errors():
                raise

    async def body(self, request: Any) -> bytes:
        """The request's body, all of it."""
        return request.read()

    def source(self, response: Any, *, packed: bool = False) -> Any:
        """The iterator over a response's bytes: raw, or unpacked."""
        source = iter(response.stream if self._direct is None else self._direct.body(response.stream))
        if packed:
            return unpacked(source, response.headers["content-encoding"], self._flavour.DecodingError)
        return source

    def told(self, error: Exception) -> Exception:
        """An error of a source in the flavour's own terms."""
        return error if self._direct is None else self._direct.told(error)

    async def first(self, source: Any) -> bytes | None:
        """The next bytes of a source; None at its end."""
        try:
            return next(source, None)
        except self.known as error:
            raise self.told(error) from error

    async def close(self, response: Any) -> None:
        """Let go of an unread response."""
        response.close()


class AsyncWire:
    """Awaits. A foreign transport is called under a cancel scope when a limit is set."""

    __slots__ = ("_direct", "_flavour", "foreign", "giver", "known", "rule", "transport")

    def __init__(self, transport: Any, flavour: Flavour, *, foreign: bool) -> None:
        self.transport = transport
        self.foreign = foreign
        self.giver: str | None = None
        self.rule: Rule | None = None
        self._direct = None if foreign else direct(transport, flavour, "handle_async_request")
        self.known = _known(flavour, self._direct)
        self._flavour = flavour

    def bound(self, rule: Rule) -> Self:
        """The same for one call that may not go everywhere."""
        return _twin(self, rule)

    async def send(self, request: Any, limit: float | None) -> Any:
        """Send, and return the response with its body unread."""
        if self.rule is not None:
            check(self.rule, request)
        way = self._direct
        if way is not None and way.stands:
            try:
                return way.response(await way.pool.handle_async_request(way.request(request)))
            except way.errors:
                with way.map_errors():
                    raise
        send = self.transport.handle_async_request
        if limit is None or not self.foreign:
            return _unread(await send(request), self._flavour)
        response = await within(max(0.0, limit - time.monotonic()), partial(send, request))
        return _unread(response, self._flavour)

    async def plain(self, request: Any) -> Any:
        """Send as the bare program does."""
        if self.rule is not None:
            check(self.rule, request)
        return await self.transport.handle_async_request(request)

    async def read(self, response: Any, most: int, *, packed: bool, tick: Tick | None = None) -> bytes:
        """The body, unpacked in bounded steps."""
        way = self._direct
        owner = response if way is None else getattr(response.stream, INNER_STREAM, response.stream)
        source = response.stream if way is None else owner
        if packed:
            source = unpacked(aiter(source), response.headers["content-encoding"], self._flavour.DecodingError)
        if way is None:
            return await _agathered(source, owner, most, tick)
        try:
            return await _agathered(source, owner, most, tick)
        except way.errors:
            with way.map_errors():
                raise

    async def body(self, request: Any) -> bytes:
        """The request's body, all of it."""
        return await request.aread()

    def source(self, response: Any, *, packed: bool = False) -> Any:
        """The iterator over a response's bytes: raw, or unpacked."""
        source = aiter(response.stream if self._direct is None else self._direct.body(response.stream))
        if packed:
            return unpacked(source, response.headers["content-encoding"], self._flavour.DecodingError)
        return source

    def told(self, error: Exception) -> Exception:
        """An error of a source in the flavour's own terms."""
        return error if self._direct is None else self._direct.told(error)

    async def first(self, source: Any) -> bytes | None:
        """The next bytes of a source; None at its end."""
        try:
            return await anext(source, None)
        except self.known as error:
            raise self.told(error) from error

    async def close(self, response: Any) -> None:
        """Let go of an unread response."""
        await response.aclose()
