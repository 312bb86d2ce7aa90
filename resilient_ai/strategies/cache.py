"""What was answered before."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .._call import scope_text
from .._keying import Keying
from .._settings import check_name, is_number, shown
from ..errors import ConfigurationError, Failure, NotCached
from ._freshness import age_of, seconds_for, sound_rule
from ._keep import fallback_key, keep_when_ended, renew
from ._shelf import Shelf

if TYPE_CHECKING:
    from .._call import Call, Next, Reply
    from .._keying import CacheKey
    from ..stores.base import Entry, Store
    from ._freshness import Seconds

__all__ = ["Cache", "serve"]

log = logging.getLogger("resilient_ai")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cache:
    """Serve an answer that was given before, to the same request under the same key. Off until asked for.

    Only complete, successful answers are kept: no refusal, none that was cut short by a limit or put together from two.
    Kept are answers of calls that create nothing and neither leave nor use state at the vendor. Nothing is shared
    between credentials, organisations, projects or base URLs.

    ``ttl``, ``stale_if_error`` and ``stale_while_revalidate`` are ages in seconds, or mappings to such, by model
    (``"gpt-4o*"``) or endpoint family (``"embeddings"``), of which the first that fits holds: ``{"embeddings": 86400,
    "*": 60}``; None in it stands for never.

    Args:
        ttl: how old an answer may be that is served without asking anyone. Default: never.
        stale_if_error: how old an answer may be that is served when every target failed. It is marked with its age.
            Answers with tool calls are not served so. Default: never.
        stale_while_revalidate: how old an answer may be that is served at once while it is asked for anew in the
            background. It is more than ``ttl``, or has no effect. Default: never.
        store: where answers are kept. Default: this process's memory, 64 MiB.
        namespace: answers are shared inside a namespace only. Default: the credential's. ``options(namespace=…)`` names
            one for a block or a call.
        stale_tools: whether answers with tool calls are served when every target failed. Default False: they would act
            on a world that has moved on.
        stateful: whether answers are kept to requests that leave or use state at the vendor: what is stored there (the
            Responses API stores unless told ``store=False``), conversations, files, stored prompts, tools that look
            something up. A hit leaves nothing there. What makes something, or acts, is never kept. Default False.
        max_request: bytes of a request whose answer is kept. Default 1 MiB: what is longer seldom comes again.

    Raises:
        ConfigurationError: a time that is not above 0, a store that is none, an empty namespace, a flag that is none.
    """

    ttl: Seconds = None
    stale_if_error: Seconds = None
    stale_while_revalidate: Seconds = None
    store: Store | None = None
    namespace: str | None = None
    stale_tools: bool = False
    stateful: bool = False
    max_request: int = 1024 * 1024

    __private__: ClassVar[tuple[str, ...]] = ("namespace",)

    def __post_init__(self) -> None:
        for name in ("ttl", "stale_if_error", "stale_while_revalidate"):
            object.__setattr__(self, name, sound_rule(f"Cache({name}=…)", getattr(self, name)))
        if isinstance(self.store, type):
            raise ConfigurationError(f"Cache(store=…) is a Store; {self.store.__name__} is a class: make one")
        lacks = () if self.store is None else _lacking(self.store)
        if lacks:
            what = f"{type(self.store).__name__} has no {' and no '.join(lacks)}"
            raise ConfigurationError(f"Cache(store=…) is a Store; {what}")
        check_name("Cache(namespace=…)", self.namespace)
        for name in ("stale_tools", "stateful"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"Cache({name}=…) is True or False, got {getattr(self, name)!r}")
        if not (is_number(self.max_request) and isinstance(self.max_request, int) and self.max_request > 0):
            raise ConfigurationError(f"Cache(max_request=…) is a number of bytes above 0, got {self.max_request!r}")

    def __repr__(self) -> str:
        return f"Cache({', '.join(f'{name}={value!r}' for name, value in shown(self))})"

    def new_state(self) -> Shelf:
        """The store given, or one of memory."""
        from ..stores.memory import MemoryStore

        keying = Keying(namespace=self.namespace, stateful=self.stateful, most=self.max_request)
        return Shelf(MemoryStore() if self.store is None else self.store, keying)

    @property
    def does_nothing(self) -> bool:
        """Whether it was asked for nothing: then a pipeline passes it by."""
        return self.ttl is None and self.stale_if_error is None and self.stale_while_revalidate is None

    async def execute(self, next: Next, call: Call) -> Reply:
        """Serve what is fresh; else ask; else serve what is stale."""
        use = call.options.cache
        if use == "no-store":
            return await next(call)
        shelf = call.state(self)
        name = call.key = await shelf.name(call) if shelf.store.blocking else shelf.named(call)
        if use == "only":
            return await self._only(shelf, name, call)
        if name is None:
            return await next(call)
        if use != "refresh" and self._serves_at_once:
            served = await self._at_once(shelf, name, call, next)
            if served is not None:
                return served
        call.port.keep()
        try:
            reply = await next(call)
        except Failure as failure:
            served = None
            if use != "refresh" and failure.kind.meaning.stale:
                served = await self._stale(shelf, name, call, "every target failed")
            if served is None:
                raise
            return served
        if not reply.copied:
            await keep_when_ended(shelf, name, call, reply)
        return reply

    @property
    def _serves_at_once(self) -> bool:
        return self.ttl is not None or self.stale_while_revalidate is not None

    async def _at_once(self, shelf: Shelf, name: CacheKey, call: Call, next: Next | None = None) -> Reply | None:
        """An answer that waits for nobody's. One past its ``ttl`` is asked for anew by ``next``, in the background."""
        for key in name.both:
            entry = await shelf.get(key, call) if shelf.store.blocking else shelf.find(key, call)
            if entry is None:
                continue
            age = age_of(entry, call)
            fresh = age < seconds_for(self.ttl, call.facts)
            if not fresh and age >= seconds_for(self.stale_while_revalidate, call.facts):
                continue
            served = serve(entry, call, age)
            if served is None:
                continue
            if next is not None and not fresh:
                renew(shelf, name, call, next)
            return served
        return None

    async def _only(self, shelf: Shelf, name: CacheKey | None, call: Call) -> Reply:
        """What there is, in a call that is to ask nobody."""
        if name is not None:
            served = await self._at_once(shelf, name, call)
            if served is None:
                served = await self._stale(shelf, name, call, "nobody was to be asked")
            if served is not None:
                return served
        raise NotCached("nothing is kept that answers it, and nobody was to be asked (cache='only')")

    async def _stale(self, shelf: Shelf, name: CacheKey, call: Call, why: str) -> Reply | None:
        """An answer that may stand in: the primary's, else a fallback's."""
        longest = seconds_for(self.stale_if_error, call.facts)
        if not longest:
            return None
        for key in (*name.both, *map(fallback_key, name.both)):
            entry = await shelf.get(key, call)
            if entry is None or not (entry.stale_ok or self.stale_tools):
                continue
            age = age_of(entry, call)
            served = serve(entry, call, age, why) if age <= longest else None
            if served is not None:
                return served
        return None


_NEEDED = ("blocking", "salt", "get", "set")


def _lacking(store: Store) -> list[str]:
    """What it has not. Nothing is asked of it: its salt may lie on a disk or in a server that is down."""
    return [name for name in _NEEDED if not hasattr(type(store), name) and name not in getattr(store, "__dict__", ())]


def serve(entry: Entry, call: Call, age: float, stale: str | None = None) -> Reply | None:
    """The answer, marked; None if it cannot serve this call. ``stale``: why an old one is."""
    journal = call.journal
    before = (journal.answered_by, journal.source, journal.model, journal.age)
    journal.answered(entry.answered_by, "cache" if stale is None else "stale", entry.model, age)
    reply = call.port.unpack(entry.data, call)
    if reply is None:
        journal.answered_by, journal.source, journal.model, journal.age = before
    elif stale is not None:
        log.warning("%s: stale answer served, %.0f s old, since %s", scope_text(call.scope), age, stale)
    return reply
