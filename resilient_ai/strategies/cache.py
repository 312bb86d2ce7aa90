"""What was answered before."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from .._call import Operation, Verdict, scope_text
from .._settings import check_seconds
from .._target import PRIMARY
from ..errors import ConfigurationError, Failure
from ..stores.base import Entry

if TYPE_CHECKING:
    from .._call import Call, Next, Reply
    from ..stores.base import Store

__all__ = ["Cache"]

log = logging.getLogger("resilient_ai")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Serve an answer that was given before, to the same request under the same key. Off until asked for.

    Only complete, successful answers of calls that create nothing are kept. Nothing is shared between credentials,
    organisations, projects or base URLs.

    Args:
        ttl: seconds for which an answer counts as fresh and is served without asking anyone. Default: never.
        stale_if_error: how old, in seconds, an answer may be that is served when every target failed. It is marked with
            its age. Answers with tool calls are not served so. Default: never.
        store: where answers are kept. Default: this process's memory, 64 MiB.
        namespace: answers are shared inside a namespace only. Default: the credential's.

    Raises:
        ConfigurationError: a time that is not above 0, a store that is none, or a namespace that is no string.
    """

    ttl: float | None = None
    stale_if_error: float | None = None
    store: Store | None = None
    namespace: str | None = None

    def __post_init__(self) -> None:
        for name, seconds in (("ttl", self.ttl), ("stale_if_error", self.stale_if_error)):
            if seconds is not None:
                check_seconds(f"Cache({name}=…)", seconds)
        lacks = () if self.store is None else [name for name in ("get", "set") if not _callable(self.store, name)]
        if lacks or isinstance(self.store, type):
            what = f"has no {' and no '.join(lacks)}" if lacks else "is a class: make one"
            raise ConfigurationError(f"Cache(store=…) is a Store; {type(self.store).__name__} {what}")
        if not isinstance(self.namespace, str | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(f"Cache(namespace=…) is a string, got {type(self.namespace).__name__}")

    def new_state(self) -> Shelf:
        """The store given, or one of memory."""
        from ..stores.memory import MemoryStore

        return Shelf(MemoryStore() if self.store is None else self.store)

    @property
    def does_nothing(self) -> bool:
        """Whether it was asked for neither: then a pipeline passes it by."""
        return self.ttl is None and self.stale_if_error is None

    async def execute(self, next: Next, call: Call) -> Reply:
        """Serve what is fresh; else ask; else serve what is stale."""
        key = self._key(call)
        if key is None:
            return await next(call)
        shelf = call.state(self)
        if self.ttl is not None and call.options.cache != "refresh":
            entry = await shelf.get(key, call) if shelf.store.blocking else shelf.find(key)
            if entry is not None and _age(entry, call) < self.ttl:
                return _serve(entry, call, stale=False)
        try:
            reply = await next(call)
        except Failure as failure:
            entry = await self._stale(shelf, key, call) if failure.kind.meaning.stale else None
            if entry is None:
                raise
            return _serve(entry, call, stale=True)
        if reply.verdict is not None and shelf.store.blocking:
            await call.runtime.offload(partial(_keep, shelf, key, call, reply, reply.verdict))
        elif reply.verdict is not None:
            _keep(shelf, key, call, reply, reply.verdict)
        else:  # a stream ends where nothing can be awaited
            reply.on_end(partial(_keep, shelf, key, call, reply))
        return reply

    def _key(self, call: Call) -> str | None:
        if call.options.cache == "no-store":
            return None
        if call.facts.operation is not Operation.STATELESS or call.facts.ids:
            return None
        return call.port.cache_key(call, self.namespace)

    async def _stale(self, shelf: Shelf, key: str, call: Call) -> Entry | None:
        """An answer that may stand in: the primary's, else a fallback's."""
        if self.stale_if_error is None or call.options.cache == "refresh":
            return None
        for name in (key, _fallback_key(key)):
            entry = await shelf.get(name, call)
            if entry is not None and entry.stale_ok and _age(entry, call) <= self.stale_if_error:
                return entry
        return None


def _callable(thing: object, name: str) -> bool:
    return callable(getattr(thing, name, None))


class Shelf:
    """A store that may fail: then nothing is found and nothing is kept, which is said once until it works again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._failing = False

    async def get(self, key: str, call: Call) -> Entry | None:
        """The entry under ``key``, or None."""
        find = partial(self.find, key)
        return await call.runtime.offload(find) if self.store.blocking else find()

    def find(self, key: str) -> Entry | None:
        """The same, where it may block."""
        try:
            entry = self.store.get(key)
        except OSError as error:
            self._failed(error)
            return None
        self._failing = False
        return entry

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, if the store can."""
        try:
            self.store.set(key, entry)
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            log.warning("the cache's store failed: %s: %s; calls go on without it", type(error).__name__, error)


def _fallback_key(key: str) -> str:
    """A fallback's answer is kept under its own name: it is never fresh for the primary."""
    return f"{key} fallback"


AHEAD = 5.0
"""Seconds by which an answer may seem to come from the future: as far as the clocks of two machines that are kept in
step by NTP may differ, generously. One further ahead was stored before a clock was set back: nobody knows its age."""


def _age(entry: Entry, call: Call) -> float:
    """Seconds; infinite if it cannot be told."""
    age = call.runtime.wall() - entry.stored
    return max(0.0, age) if age >= -AHEAD else math.inf


def _serve(entry: Entry, call: Call, *, stale: bool) -> Reply:
    age = _age(entry, call)
    if stale:
        log.warning("%s: stale answer served, %.0f s old, since every target failed", scope_text(call.scope), age)
    call.journal.answered(entry.answered_by, "stale" if stale else "cache", entry.model, age)
    return call.port.unpack(entry.data, call)


def _keep(shelf: Shelf, key: str, call: Call, reply: Reply, verdict: Verdict) -> None:
    if verdict is not Verdict.SUCCESS:
        return
    packed = call.port.pack(reply)
    if packed is None:
        return
    by, model = call.journal.answered_by or PRIMARY, call.journal.model
    entry = Entry(
        data=packed.data,
        stored=call.runtime.wall(),
        answered_by=by,
        model=model,
        stale_ok=packed.stale_ok,
        family=call.facts.family,
    )
    shelf.set(key if by == PRIMARY else _fallback_key(key), entry)
