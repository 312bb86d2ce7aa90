"""One request of several processes: while one asks, the others wait for what it keeps in the store they share."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._call import Verdict
from ..errors import Failure
from ._keep import fallback_key, keep
from .cache import Cache

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._call import Call, Next, Reply
    from .._keying import CacheKey
    from ._shelf import Shelf

__all__ = ["ask_once"]

T = TypeVar("T")

LEASE = 60.0
"""Seconds at most for which others wait for one process: should it die, they go on by themselves. A minute is more than
nearly every answer takes."""

FIRST, LONGEST = 0.05, 0.5
"""Seconds between two looks into the store: at first, and at most."""

JUST = 1.0
"""Seconds by which an answer may have been stored before it was waited for: between a look into the cache and the
lease, or by another machine's clock."""

_KEEPER = Cache()
"""Under its kind a pipeline has its shelf."""


async def ask_once(next: Next, call: Call) -> Reply:
    """Ask; or have the answer of another process that is asking."""
    if call.key is None:  # no cache, or it does not keep this one
        return await next(call)
    shelf = call.state(_KEEPER)
    if not hasattr(shelf.store, "claim"):
        return await next(call)
    return await _Lease(shelf, call.key, call).ask(next)


class _Lease:
    """One call's claim to be the one who asks."""

    def __init__(self, shelf: Shelf, name: CacheKey, call: Call) -> None:
        self._shelf = shelf
        self._leases: Any = shelf.store
        self._name = name
        self._call = call
        self._owner = secrets.token_hex(8)

    async def ask(self, next: Next) -> Reply:
        """The reply of whoever asks."""
        runtime, left = self._call.runtime, self._call.time_left()
        seconds = LEASE if left is None else min(LEASE, left)
        began, until, pause = runtime.wall(), runtime.now() + seconds, FIRST
        while True:
            claimed = await self._try(partial(self._claim, seconds))
            if claimed is None or (not claimed and runtime.now() >= until):
                return await next(self._call)
            if claimed:
                return await self._asked(next)
            await runtime.sleep(max(0.0, min(pause, until - runtime.now())))
            pause = min(2 * pause, LONGEST)
            reply = await self._found(began)
            if reply is not None:
                return reply

    async def _asked(self, next: Next) -> Reply:
        try:
            reply = await next(self._call)
        except Failure:
            await self._try(self._release)
            raise
        except BaseException:  # where nothing can be awaited any more
            self._call.runtime.spawn(partial(self._try, self._release))
            raise
        if reply.verdict is None:
            reply.on_end(partial(self._ended, reply))
        else:
            await self._try(partial(self._ended, reply, reply.verdict))
            reply.copied = True  # it is kept
        return reply

    def _ended(self, reply: Reply, verdict: Verdict) -> None:
        """Keep it first, then let the others look. (Found by the collector, it is left to run out: no lock there.)"""
        if verdict is Verdict.DROPPED:
            return
        keep(self._shelf, self._name, self._call, reply, verdict)
        try:
            self._release()
        except OSError:
            return  # it runs out by itself

    async def _found(self, began: float) -> Reply | None:
        """What was kept meanwhile."""
        call, journal = self._call, self._call.journal
        for key in (self._name.key, fallback_key(self._name.key)):
            entry = await self._shelf.get(key, call)
            if entry is None or entry.stored < began - JUST:
                continue
            before = (journal.answered_by, journal.source, journal.model, journal.age)
            journal.answered(entry.answered_by, "cache", entry.model, max(0.0, call.runtime.wall() - entry.stored))
            reply = call.port.unpack(entry.data, call)
            if reply is not None:
                reply.copied = True
                return reply
            journal.answered_by, journal.source, journal.model, journal.age = before
        return None

    def _claim(self, seconds: float) -> bool:
        return bool(self._leases.claim(self._name.key, seconds=seconds, owner=self._owner))

    def _release(self) -> None:
        self._leases.release(self._name.key, owner=self._owner)

    async def _try(self, work: Callable[[], T]) -> T | None:
        """Where it may block. None: the store fails, and calls go on without it."""
        try:
            return await self._call.runtime.offload(work) if self._shelf.store.blocking else work()
        except OSError:
            return None
