"""How an answer comes into the cache: when it has ended well; or asked for anew in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .._call import Verdict
from .._journal import Journal
from .._target import PRIMARY
from ..errors import Failure
from ..stores.base import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._call import Call, Next, Reply
    from .._keying import CacheKey
    from ._shelf import Shelf

__all__ = ["fallback_key", "keep_when_ended", "renew"]

MOST_RENEWED = 64
"""Answers asked for anew at once, in the background; beyond it the old ones are served until their time is over."""


def fallback_key(key: str) -> str:
    """A fallback's answer is kept under its own name: it is never fresh for the primary."""
    return f"{key} fallback"


async def keep_when_ended(
    shelf: Shelf, name: CacheKey, call: Call, reply: Reply, then: Callable[[], object] | None = None
) -> None:
    """Keep a reply, once: now, or when it ends. ``then`` is called behind that, unless the collector finds it."""
    reply.copied = True
    if reply.verdict is not None and then is None and not shelf.store.blocking:  # nearly always: as few steps as can be
        _keep(shelf, name, call, reply)
        return
    keeping = _Keeping(shelf, name, call, reply, then)
    if reply.verdict is None:
        reply.on_end(keeping.ended)
    elif shelf.store.blocking:
        await call.runtime.offload(keeping.run)
    else:
        keeping.run()


def _keep(shelf: Shelf, name: CacheKey, call: Call, reply: Reply) -> None:
    """Keep a reply that is over, if it ended well and is one answer."""
    journal = call.journal
    if reply.verdict is not Verdict.SUCCESS or journal.rescued:
        return
    packed = call.port.pack(reply)
    if packed is None:
        return
    by = journal.answered_by or PRIMARY
    entry = Entry(
        data=packed.data,
        stored=call.runtime.wall(),
        answered_by=by,
        model=journal.model,
        stale_ok=packed.stale_ok,
        namespace=name.namespace,
        subject=name.subject,
        family=call.facts.family,
    )
    shelf.set(name.key if by == PRIMARY else fallback_key(name.key), entry, call)


class _Keeping:
    """A reply on its way into the store."""

    __slots__ = ("_call", "_name", "_reply", "_shelf", "_then")

    def __init__(
        self, shelf: Shelf, name: CacheKey, call: Call, reply: Reply, then: Callable[[], object] | None
    ) -> None:
        self._shelf, self._name, self._call, self._reply, self._then = shelf, name, call, reply, then

    def ended(self, verdict: Verdict) -> None:
        """A stream is over, where nothing can be awaited: a store that blocks is called behind that."""
        runtime, kept = self._call.runtime, self._reply.kept
        if verdict is Verdict.DROPPED:  # no lock may be taken
            return
        if not self._shelf.store.blocking:
            self.run()
        elif verdict is Verdict.SUCCESS and kept is not None:
            kept.later = partial(runtime.offload, self.run)
        elif self._then is not None:  # whoever read it may be gone, and is not waited for
            runtime.spawn(partial(runtime.offload, self.run))

    def run(self) -> None:
        """Keep it."""
        try:
            _keep(self._shelf, self._name, self._call, self._reply)
        finally:
            if self._then is not None:
                self._then()


def renew(shelf: Shelf, name: CacheKey, call: Call, next: Next) -> None:
    """Begin to ask for an answer anew, beside the call that was served the old one; once at a time for each key."""
    renewing, mine = shelf.renewing, object()
    if len(renewing) >= MOST_RENEWED or renewing.setdefault(name.key, mine) is not mine:
        return
    done = partial(renewing.pop, name.key, None)
    if call.runtime.spawn(partial(_renewed, shelf, name, _apart(call), next), ended=done) is None:
        done()


def _apart(call: Call) -> Call:
    """The same call as one of nobody's: with a journal of its own, and as much time as the first had."""
    now = call.runtime.now()
    view, journal = call.derive(), call.journal
    view.journal = Journal(call.facts, journal.now, journal.fingerprint, journal.emit, now)
    if call.deadline is not None:
        view.deadline = view.limit = now + max(0.0, call.deadline - journal.started)
        view.stream_limit = None if call.stream_limit is None else view.deadline
    return view


async def _renewed(shelf: Shelf, name: CacheKey, call: Call, next: Next) -> None:
    call.port.keep()
    try:
        reply = await next(call)
    except Failure:  # told as an event; the old answer serves until its time is over
        return
    if not reply.copied:
        await keep_when_ended(shelf, name, call, reply)
    if reply.verdict is None:
        await call.port.drain(reply)
    await call.port.discard(reply)
