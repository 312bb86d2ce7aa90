"""One request of all that are equal, in this process and in those that share its store: what one brings is in the store
before the others are let go on, and who comes too late to share the request looks there first."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import Failure
from ._keep import fallback_key, keep_when_ended
from .cache import Cache, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._call import Call, Next, Reply
    from .._keying import CacheKey
    from ..stores.base import Entry
    from ._shelf import Shelf

__all__ = ["ask_once"]

T = TypeVar("T")

LEASE = 60.0
"""Seconds at most for which others wait for one process: should it die, they go on by themselves. A minute is more than
nearly every answer takes."""

FIRST, LONGEST = 0.05, 0.5
"""Seconds between two looks into the store: at first, and at most."""

JUST = 1.0
"""Seconds by which an answer may seem to have been stored before the call began, if it was waited for: by another
machine's clock."""

_KEEPER = Cache()
"""Under its kind a pipeline has its shelf."""


async def ask_once(next: Next, call: Call) -> Reply:
    """Ask, and keep the answer, or have it kept when it ends; or have what an equal call brought since this one began:
    it looked into the cache before it came here."""
    if call.key is None:  # no cache, or it does not keep this one
        return await next(call)
    shelf = call.state(_KEEPER)
    leases = hasattr(shelf.store, "claim")
    return await (_Lease if leases else _Asking)(shelf, call.key, call).ask(next)


class _Asking:
    """One call that is about to ask, and its place in the store."""

    def __init__(self, shelf: Shelf, name: CacheKey, call: Call) -> None:
        self._shelf = shelf
        self._name = name
        self._call = call
        now, wall = call.runtime.now(), call.runtime.wall()
        self._began = wall - (now - call.journal.started)

    async def ask(self, next: Next) -> Reply:
        """The reply of whoever asks."""
        reply = None
        if self._may_look:
            reply = self._served(await self._offloaded(self._brought))
        return await self._asked(next) if reply is None else reply

    @property
    def _may_look(self) -> bool:
        """Whether what others brought will do; their request may have been made before this call."""
        return self._call.options.cache != "refresh"

    async def _asked(self, next: Next, then: Callable[[], object] | None = None) -> Reply:
        call = self._call
        reply = await next(call)
        if not reply.copied:
            await keep_when_ended(self._shelf, self._name, call, reply, then)
        return reply

    def _brought(self, earlier: float = 0.0) -> Entry | None:
        """What was kept since the call began, or ``earlier`` by so many seconds."""
        for key in (self._name.key, fallback_key(self._name.key)):
            entry = self._shelf.find(key, self._call)
            if entry is not None and entry.stored >= self._began - earlier:
                return entry
        return None

    def _served(self, entry: Entry | None) -> Reply | None:
        if entry is None:
            return None
        reply = serve(entry, self._call, max(0.0, self._call.runtime.wall() - entry.stored))
        if reply is not None:
            reply.copied = True
        return reply

    async def _offloaded(self, work: Callable[[], T]) -> T:
        """Where it may block."""
        return await self._call.runtime.offload(work) if self._shelf.store.blocking else work()


class _Lease(_Asking):
    """The same for all processes that share the store: while one asks, the others wait for what it keeps."""

    def __init__(self, shelf: Shelf, name: CacheKey, call: Call) -> None:
        super().__init__(shelf, name, call)
        self._leases: Any = shelf.store
        self._owner = secrets.token_hex(8)

    async def ask(self, next: Next) -> Reply:
        """The reply of whoever asks."""
        runtime, left = self._call.runtime, self._call.time_left()
        seconds = LEASE if left is None else min(LEASE, left)
        until, pause = runtime.now() + seconds, FIRST
        while True:
            claimed, entry = await self._offloaded(partial(self._claim, seconds))
            reply = self._served(entry)
            if reply is not None:
                return reply
            if claimed:
                return await self._asked_for_all(next)
            if claimed is None or runtime.now() >= until:
                return await self._asked(next)
            await runtime.sleep(max(0.0, min(pause, until - runtime.now())))
            pause = min(2 * pause, LONGEST)
            reply = self._served(await self._offloaded(partial(self._brought, JUST)))
            if reply is not None:
                return reply

    def _claim(self, seconds: float) -> tuple[bool | None, Entry | None]:
        """Whether this one is to ask, or what has come before it could: then the lease is nobody's again. None: the
        store fails, and calls go on without it."""
        try:
            claimed = bool(self._leases.claim(self._name.key, seconds=seconds, owner=self._owner))
        except OSError:
            return None, None
        entry = self._brought() if claimed and self._may_look else None
        if entry is not None:
            self._release()
        return claimed, entry

    async def _asked_for_all(self, next: Next) -> Reply:
        try:
            return await self._asked(next, self._release)
        except Failure:
            await self._offloaded(self._release)
            raise
        except BaseException:  # where nothing can be awaited any more
            self._call.runtime.spawn(partial(self._offloaded, self._release))
            raise

    def _release(self) -> None:
        """(That of a stream found by the collector is left to run out: no lock there.)"""
        try:
            self._leases.release(self._name.key, owner=self._owner)
        except OSError:
            return  # it runs out by itself
