"""A connection pool of our own for a transport of httpx or httpx2: one a process, and one an event loop.

``owned`` copies the transport and its pool's configuration (limits, TLS, proxy, socket options, ...) and shares no
connection with it. In place of httpcore's pool the copy holds one of two small stand-ins, which keep the real pools:

- ``_Pool`` (sync) has one, and starts afresh in a forked child;
- ``_AsyncPools`` has one for each event loop, since sockets and locks belong to the loop they were made in. A pool ends
  with its loop: see ``_until_loop_ends``.

The real pools talk through ``_backend``, which keeps the call's deadline.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import weakref
from typing import TYPE_CHECKING, Self, TypeVar, cast

from resilient_ai._runtime.limit import deadline, left
from resilient_ai._runtime.loops import current_loop_token, is_over
from resilient_ai.transports._backend import AsyncBackend, SyncBackend, drop_sockets
from resilient_ai.transports._fast_pool import FastAsyncPool, FastPool, can_be_fast
from resilient_ai.transports._private import AUTO_BACKEND, POOL, POOL_FIELDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Collection, Mapping
    from types import AsyncGeneratorType

    from resilient_ai.transports._httpcore import AsyncInner, AsyncPool, Core, Inner, Pool, Response

__all__ = ["bounded_extensions", "owned"]

T = TypeVar("T")

KEPT = "_resilient_ai_pool"
"""The attribute of httpcore's response stream (none of its own names) under which it keeps its pool alive."""

_CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}


def owned(transport: T) -> T | None:
    """A transport like the given one, with a pool of its own; None if it is none of httpx's or httpx2's own kind.

    Given an ``HTTPTransport`` or ``AsyncHTTPTransport`` of either flavour, or of a subclass, the answer is of the same
    class and has the same limits, TLS context, proxy, unix socket, retries, socket options and local address. The given
    one is not touched: each works on, whatever is done to the other; closing either closes its own connections only.

    The pool serves any number of processes and event loops: a forked child starts with an empty one (the parent's
    sockets are closed there without a word on them), and so does each event loop. It keeps the deadline of
    ``resilient_ai._runtime.limit`` inside each connect, TLS handshake, read and write. Over HTTP/2, where calls share a
    connection, a call that runs into its deadline while reading ends that connection for the others too, as every read
    time-out does there.

    None means: share the transport, and never close it.
    """
    parts = _parts(transport)
    if parts is None:
        return None
    stand_in, pool, core = parts
    twin = copy.copy(transport)
    setattr(twin, POOL, stand_in(pool, core))
    return twin


def _parts(transport: object) -> tuple[type[_Pool | _AsyncPools], object, Core] | None:
    """The stand-in to use, the pool to copy and the flavour's httpcore."""
    for cls in type(transport).__mro__:
        flavour = cls.__module__.partition(".")[0]
        if flavour in _CORES and cls.__name__ in ("HTTPTransport", "AsyncHTTPTransport"):
            break
    else:
        return None
    core = sys.modules.get(_CORES[flavour])
    pool = getattr(transport, POOL, None)
    if isinstance(pool, (_Pool, _AsyncPools)):
        pool = pool.template
    kind, stand_in = (
        ("AsyncConnectionPool", _AsyncPools) if cls.__name__.startswith("Async") else ("ConnectionPool", _Pool)
    )
    if (
        core is None
        or not isinstance(pool, getattr(core, kind))
        or not all(hasattr(pool, name) for name in POOL_FIELDS)
    ):
        return None
    return stand_in, pool, cast("Core", core)


def bounded_extensions(
    extensions: Mapping[str, object], *, phases: Collection[str] = ("connect", "read", "write", "pool")
) -> dict[str, object]:
    """A copy of a request's extensions whose time-outs are cut to what the call's deadline leaves.

    ``phases`` names the time-outs to cut. Without a deadline nothing is. A transport from ``owned`` needs only "pool"
    (the wait for a connection, which is no socket operation): its sockets look at the deadline themselves, and a read
    time-out cut here would outlast a deadline that is lifted later, once the answer has begun.
    """
    bounded = dict(extensions)
    if deadline.get() is not None:
        timeouts = dict(cast("Mapping[str, float | None]", extensions.get("timeout") or {}))
        bounded["timeout"] = timeouts | {phase: left(timeouts.get(phase)) for phase in phases}
    return bounded


def _fresh(pool: object, backend: object) -> object:
    """A pool configured like the given one, without its connections."""
    connections, requests, lock, network = POOL_FIELDS
    twin = copy.copy(pool)
    setattr(twin, connections, [])
    setattr(twin, requests, [])
    setattr(twin, lock, type(getattr(pool, lock))())
    setattr(twin, network, backend)
    return twin


# ---- sync


class _Pool:
    """Stands where a sync transport has its pool."""

    __slots__ = ("__weakref__", "_backend", "_core", "_pool", "_sends", "template")

    def __init__(self, template: object, core: Core) -> None:
        self.template = template
        self._core = core
        self._start()
        _stand_ins.add(self)

    def _start(self) -> None:
        inner = cast("Inner", getattr(self.template, POOL_FIELDS[3]))
        self._backend = SyncBackend(inner, self._core)
        self._pool = pool = cast("Pool", _fresh(self.template, self._backend))
        self._sends = pool, (FastPool(pool, self._core) if can_be_fast(pool) else pool).handle_request

    def handle_request(self, request: object) -> object:
        pool, send = self._sends
        try:
            return send(request)
        except Exception as error:
            if not type(error).__module__.startswith(self._core.__name__):
                self._leave(pool)
            raise
        except BaseException:
            self._leave(pool)
            raise

    def _leave(self, pool: Pool) -> None:
        """Go on with a new pool: an interrupt may have struck between a lock's being taken and its block, and that
        connection's lock is then held for good. What others are doing on the old one they finish there."""
        if self._pool is not pool:
            return
        self._start()
        for connection in list(getattr(pool, POOL_FIELDS[0])):
            if connection.is_idle():
                connection.close()

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def after_fork(self) -> None:
        """In the child: leave the parent's connections to it."""
        drop_sockets(self._backend.streams)
        lock = POOL_FIELDS[
            2
        ]  # of a response the forking thread still has: closing it takes a lock a lost thread may hold
        setattr(self._pool, lock, type(getattr(self._pool, lock))())
        self._start()


# ---- async


class _LoopPool:
    """The pool of one event loop, and what ends it with the loop."""

    __slots__ = ("_backend", "_watch", "handle", "pool", "token")

    def __init__(self, template: object, core: Core, token: object) -> None:
        inner = getattr(template, POOL_FIELDS[3])
        if type(inner).__name__ == AUTO_BACKEND:
            inner = type(inner)()
        self.token = weakref.ref(token)
        self._backend = AsyncBackend(cast("AsyncInner", inner), core)
        self.pool = cast("AsyncPool", _fresh(template, self._backend))
        self.handle = (FastAsyncPool(self.pool, core) if can_be_fast(self.pool) else self.pool).handle_async_request
        self._watch = cast("AsyncGeneratorType[None, None]", _until_loop_ends(self.pool, self._backend))
        _step(self._watch.__anext__())

    async def aclose(self) -> None:
        await self.pool.aclose()
        self._unwatch()

    def abandon(self) -> None:
        """Let go of the connections where their loop cannot close them: it is over, or the parent's."""
        drop_sockets(self._backend.streams)
        self._unwatch()

    def _unwatch(self) -> None:
        self._backend.streams.clear()  # leaves the watch with nothing to do
        if not self._watch.ag_running:  # else the loop is ending it at this moment
            _step(self._watch.aclose())


async def _until_loop_ends(pool: AsyncPool, backend: AsyncBackend) -> AsyncGenerator[None, None]:
    """Close the pool when the loop ends.

    An asynchronous generator is the one thing that asyncio and trio alike finish before they go: at the end of
    ``asyncio.run`` and ``trio.run``, or when it is dropped while they run.
    """
    try:
        yield
    finally:
        if backend.streams:
            await pool.aclose()


def _step(step: Awaitable[None]) -> None:
    """Run what is known not to wait, outside of any loop."""
    with contextlib.suppress(StopIteration):
        next(step.__await__())


class _AsyncPools:
    """Stands where an async transport has its pool."""

    __slots__ = ("__weakref__", "_core", "_pools", "template")

    def __init__(self, template: object, core: Core) -> None:
        self.template = template
        self._core = core
        self._pools: dict[int, _LoopPool] = {}  # by the id of the loop's token; weak-keyed it would keep its keys alive
        _stand_ins.add(self)

    def _here(self) -> _LoopPool:
        """The running loop's pool."""
        token = current_loop_token()
        pool = self._pools.get(id(token))
        if pool is None or pool.token() is not token:
            self._sweep()
            pool = self._pools[id(token)] = _LoopPool(self.template, self._core, token)
        return pool

    def _sweep(self) -> None:
        """Let go of the pools whose loops are over. Loops of other threads may do the same at once: `pop` decides."""
        for key, pool in list(self._pools.items()):
            token = pool.token()
            if (token is None or is_over(token)) and self._pools.pop(key, None) is not None:
                pool.abandon()

    async def handle_async_request(self, request: object) -> Response:
        here = self._here()
        response = await here.handle(request)
        setattr(response.stream, KEPT, here)  # an answer being read outlives its client: its pool must not end before
        return response

    async def aclose(self) -> None:
        """Close this loop's connections. Another loop closes its own, when it ends or the transport is dropped."""
        self._sweep()
        pool = self._pools.pop(id(current_loop_token()), None)
        if pool is not None:
            await pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def after_fork(self) -> None:
        """In the child: leave the parent's connections to it."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.abandon()


_stand_ins: weakref.WeakSet[_Pool | _AsyncPools] = weakref.WeakSet()


def _after_fork() -> None:
    for stand_in in list(_stand_ins):
        stand_in.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
