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
    from .._call import Call, Next, Reply
    from .._keying import CacheKey
    from ._shelf import Shelf

__all__ = ["fallback_key", "keep", "keep_stream", "renew"]

MOST_RENEWED = 64
"""Answers asked for anew at once, in the background; beyond it the old ones are served until their time is over."""


def fallback_key(key: str) -> str:
    """A fallback's answer is kept under its own name: it is never fresh for the primary."""
    return f"{key} fallback"


def keep(shelf: Shelf, name: CacheKey, call: Call, reply: Reply, verdict: Verdict) -> None:
    """Keep a reply that has ended, if it ended well and is one answer."""
    journal = call.journal
    if verdict is not Verdict.SUCCESS or journal.rescued:
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


def keep_stream(shelf: Shelf, name: CacheKey, call: Call, reply: Reply, verdict: Verdict) -> None:
    """The same of a stream. It ends where nothing can be awaited: a store that blocks is called behind that."""
    if shelf.store.blocking and reply.kept is not None:
        if verdict is Verdict.SUCCESS:
            reply.kept.later = partial(call.runtime.offload, partial(keep, shelf, name, call, reply, verdict))
    else:
        keep(shelf, name, call, reply, verdict)


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
    view.journal = Journal(call.facts, journal.now, journal.fingerprint, journal.emit, now, ())
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
    if reply.verdict is None:
        reply.on_end(partial(keep_stream, shelf, name, call, reply))
        await call.port.drain(reply)
    elif shelf.store.blocking:
        await call.runtime.offload(partial(keep, shelf, name, call, reply, reply.verdict))
    else:
        keep(shelf, name, call, reply, reply.verdict)
    await call.port.discard(reply)
