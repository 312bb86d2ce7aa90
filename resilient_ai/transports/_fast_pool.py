"""A short way to httpcore's pool for what is nearly always so: a kept connection is free, and nobody waits for one.

httpcore goes through all its connections twice for each request, as it comes and as it ends, and makes an event for it
to wait by: in a program, where the processor's caches have seen much else between two requests, some 40 of a call's
1,100 µs (`python -m benchmarks.pool`). Here a request that finds a free connection takes it, and leaves it where it is
when it is over. All else is httpcore's: new connections, limits, queues, what expires, what is to be closed.
"""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from ._abandoned import close_abandoned
from ._exchanges import ways

if TYPE_CHECKING:
    from ._httpcore import Core

__all__ = ["Fast", "FastAsyncPool", "FastPool", "Taken", "can_be_fast"]

TIDY = 1.0
"""Seconds of use after which the pool looks at all its connections again: what has expired is closed so much later."""

_BYTES = "PoolByteStream"
_ROUND = "_assign_requests_to_connections"
_USED = (
    *("_connections", "_http2", "_max_keepalive_connections", "_optional_thread_lock", "_requests"),
    *(_ROUND, "_close_connections"),
)
"""Private names: in the pool's module, the stream of its answers; of the pool, what is used here and by that stream."""


def can_be_fast(pool: Any) -> bool:
    """Whether a pool is httpcore's own, has all that is used of it, and knows connections for one request at a time."""
    return _is_plain(pool) and all(hasattr(pool, name) for name in _USED) and not pool._http2


def _is_plain(pool: Any) -> bool:
    """Whether its class is httpcore's, and how it sends is nobody else's: one that traces or records sees each request.
    (A wrapper tells the name and module of what it wraps, but not its globals.)"""
    kind: Any = type(pool)  # pyright: ignore[reportUnknownVariableType]  # of either package
    if kind.__module__ not in ("httpcore", "httpcore2"):  # of which it has a public name
        return False
    module, sends = _module_of(kind), _sends(kind)
    return hasattr(module, _BYTES) and getattr(sends, "__globals__", None) is vars(module)


def _module_of(kind: Any) -> Any:
    """The module of httpcore that the working of a class of pools is from."""
    return sys.modules.get(getattr(getattr(kind, _ROUND, None), "__module__", ""))


def _sends(kind: Any) -> Any:
    """The function by which a class of pools sends."""
    return getattr(kind, "handle_request", None) or getattr(kind, "handle_async_request", None)


class Taken:
    """A request that has its connection: what the pool's list of requests holds of it."""

    __slots__ = ("connection", "request")

    def __init__(self, request: Any, connection: Any) -> None:
        self.request = request
        self.connection = connection

    def is_queued(self) -> bool:
        return False


class Fast:
    """What both kinds have in common. To the stream of an answer it is the pool: that asks it for what begins with an
    underscore here."""

    __slots__ = (
        *("_bytes", "_gone", "_kind", "_plain", "_pool", "_requests", "_tidied_at", "_ways", "close_connections"),
    )

    is_async = False

    def __init__(self, pool: Any, core: Core) -> None:
        self._pool = pool
        self._requests: list[Any] = pool._requests
        self.close_connections = pool._close_connections
        self._ways = ways(core, is_async=self.is_async)
        self._gone = core.ConnectionNotAvailable
        self._kind: Any = type(pool)
        self._plain = _sends(self._kind)
        self._bytes: Any = getattr(_module_of(self._kind), _BYTES)
        self._tidied_at = 0.0

    @property
    def _close_connections(self) -> Any:
        return self.close_connections

    @property
    def _optional_thread_lock(self) -> Any:
        return self._pool._optional_thread_lock  # a forked child has another one

    def take(self, request: Any) -> Taken | None:
        """Take a free connection for a request; None if there is none, or it has to be looked at more closely: whoever
        waits comes first, and who patched the pool's class meanwhile (to record, say) is asked."""
        if _sends(self._kind) is not self._plain:
            return None
        origin, requests = request.url.origin, self._requests
        with self._optional_thread_lock:
            for connection in self._pool._connections:
                if not (connection.is_available() and connection.can_handle_request(origin)):
                    continue
                if requests and any(other.connection in (None, connection) for other in requests):
                    return None
                if connection.has_expired():
                    return None
                taken = Taken(request, connection)
                requests.append(taken)
                return taken
        return None

    def leave(self, taken: Taken) -> list[Any]:
        """Forget a request that is over, or came to nothing; the connections to close."""
        with self._optional_thread_lock:
            self._requests.remove(taken)
            return self._assign_requests_to_connections()

    def _assign_requests_to_connections(self) -> list[Any]:
        """Called with the lock held, when a request is over; the connections to close."""
        now = monotonic()
        if now - self._tidied_at < TIDY and self._is_tidy():
            return []
        self._tidied_at = now
        closing: list[Any] = self._pool._assign_requests_to_connections()
        return closing

    def _is_tidy(self) -> bool:
        """Whether nobody waits, nothing is closed, and no more is kept than may be."""
        pool, connections = self._pool, self._pool._connections
        if len(connections) > pool._max_keepalive_connections:
            return False
        for request in self._requests:
            if request.connection is None:
                return False
        for connection in connections:  # noqa: SIM110  # a generator costs as much as all of this
            if connection.is_closed():
                return False
        return True


class FastPool(Fast):
    """Before a sync pool."""

    __slots__ = ()

    def handle_request(self, request: Any) -> Any:
        """Send a request over a connection that is free, or as the pool does."""
        close_abandoned()
        taken = self.take(request)
        if taken is None:
            return self._pool.handle_request(request)
        try:
            exchange = None if self._ways is None else self._ways.exchange(taken, self)
            if exchange is not None:
                return exchange.send()
            response = taken.connection.handle_request(request)
        except BaseException as error:
            self.close_connections(self.leave(taken))
            if isinstance(error, self._gone):  # somebody was faster, and nothing was sent
                return self._pool.handle_request(request)
            raise
        response.stream = self._bytes(response.stream, taken, self)
        return response


class FastAsyncPool(Fast):
    """Before an async pool."""

    __slots__ = ()

    is_async = True

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request over a connection that is free, or as the pool does."""
        taken = self.take(request)
        if taken is None:
            return await self._pool.handle_async_request(request)
        try:
            exchange = None if self._ways is None else self._ways.exchange(taken, self)
            if exchange is not None:
                return await exchange.send()
            response = await taken.connection.handle_async_request(request)
        except BaseException as error:
            await self.close_connections(self.leave(taken))
            if isinstance(error, self._gone):  # somebody was faster, and nothing was sent
                return await self._pool.handle_async_request(request)
            raise
        response.stream = self._bytes(response.stream, taken, self)
        return response
