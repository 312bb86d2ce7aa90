"""A store that may fail: then nothing is found and nothing is kept, and calls go on."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from .._call import Operation
from ..events import StoreFailed
from ..stores.base import StoreBusy, StoreRepaired

if TYPE_CHECKING:
    from .._call import Call
    from .._keying import CacheKey, Keying
    from ..stores.base import Entry, Store

__all__ = ["Shelf", "key_of"]

log = logging.getLogger("resilient_ai")


BYPASSED = 5.0
"""Seconds for which a store that failed is left alone: a disk or a server needs longer to come back than a call may be
held up for, and what each try costs (50 ms of a locked file, 100 ms of a mute server) is paid once in that time."""

SAME = 60.0
"""Seconds after a write that failed for which a look-up that fails is the same outage, of which somebody was told. A
write may be tried again much later, or never: when all that is asked for is there."""


class _Way:
    """Reading, or writing. A full disk, or a file that another process locks, can still be read: what is there may be
    all there is to serve.

    Attributes:
        fails: not empty while it does.
        told: whether somebody was told of that; else of what befell the other way.
        times: how often it has.
        again_at: when it is to be tried again, if it fails.
    """

    __slots__ = ("again_at", "fails", "times", "told")

    def __init__(self) -> None:
        self.fails: dict[str, object] = {}
        self.told = False
        self.times = 0
        self.again_at = 0.0

    def left_alone(self, now: float) -> bool:
        """Whether it failed a short while ago."""
        return bool(self.fails) and now < self.again_at

    def works(self, times: int) -> None:
        """What was begun when it had failed so many times has been done. That says nothing of a failure since."""
        if self.fails and times == self.times:
            self.fails.clear()


class Shelf:
    """A store, and what goes into the keys of requests there. One that failed is left alone for a while, and calls go
    on without it; that is told once in the log until it works again. One that cannot be written may still be read.

    Attributes:
        store: where the entries are.
        renewing: the keys of the answers that are being asked for anew, in the background.
    """

    def __init__(self, store: Store, keying: Keying) -> None:
        self.store = store
        self.renewing: dict[str, object] = {}
        self._keying = keying
        self._opened = False
        self._reading, self._writing = _Way(), _Way()

    async def name(self, call: Call) -> CacheKey | None:
        """The key of a request; None if its answer is not to be kept, or the store is of no use now."""
        opens = self.store.blocking and not self._opened and not self._left_alone(call)
        if opens and not await call.runtime.offload(partial(self._open, call)):
            return None
        return self.named(call)

    def named(self, call: Call) -> CacheKey | None:
        """The same, where it may block."""
        if self._reading.fails and self._left_alone(call):
            return None
        try:
            salt = self.store.salt  # at hand, once the store is open
        except OSError as error:
            self._failed(self._reading, error, call)
            return None
        if salt != self._keying.salt:  # at first, and where a file was made anew
            self._keying = self._keying.salted(salt)
        return key_of(call, self._keying)

    def _open(self, call: Call) -> bool:
        """Have the store opened where that holds up nobody else."""
        try:
            _ = self.store.salt
        except OSError as error:
            self._failed(self._reading, error, call)
            return False
        self._opened = True
        return True

    def _left_alone(self, call: Call) -> bool:
        """Whether it could not be read a short while ago."""
        return self._reading.left_alone(call.runtime.now())

    async def get(self, key: str, call: Call) -> Entry | None:
        """The entry under ``key``, or None."""
        find = partial(self.find, key, call)
        return await call.runtime.offload(find) if self.store.blocking else find()

    def find(self, key: str, call: Call) -> Entry | None:
        """The same, where it may block."""
        reading = self._reading
        if reading.fails and self._left_alone(call):
            return None
        times = reading.times
        try:
            entry = self.store.get(key)
        except OSError as error:
            self._failed(reading, error, call)
            return None
        if reading.fails:
            reading.works(times)
            if not (reading.fails or self._writing.told):  # the outage is over
                self._writing.fails.clear()
        return entry

    def set(self, key: str, entry: Entry, call: Call) -> None:
        """Keep ``entry``, if the store can."""
        writing = self._writing
        if writing.fails and writing.left_alone(call.runtime.now()):
            return
        times = writing.times
        try:
            self.store.set(key, entry)
        except OSError as error:
            self._failed(writing, error, call)
        else:
            if writing.fails:
                writing.works(times)

    def _failed(self, way: _Way, error: OSError, call: Call) -> None:
        if isinstance(error, StoreBusy):  # it works, for others
            return
        mine, now = object(), call.runtime.now()
        seconds = 0.0 if isinstance(error, StoreRepaired) else BYPASSED
        way.times += 1
        way.again_at = now + seconds
        if way is self._reading:
            self._opened = False
        if way.fails.setdefault("told", mine) is not mine:  # of all threads that meet it at once
            return
        if way is self._reading:
            way.told = not (self._writing.fails and now < self._writing.again_at + SAME)
        else:
            way.told = not self._reading.fails
        if not way.told:
            return
        kind = type(error).__name__
        log.warning("the cache's store failed: %s: %s; calls go on without it", kind, error)
        if call.journal.emit is not None:
            call.journal.emit(StoreFailed(store=type(self.store).__name__, error=kind, seconds=seconds))


def key_of(call: Call, keying: Keying) -> CacheKey | None:
    """The key of a call's request, by what its options say; None if its answer is not to be kept."""
    facts, options = call.facts, call.options
    if not keying.stateful and (facts.operation is not Operation.STATELESS or facts.ids):
        return None
    if options.namespace is not None or options.subject is not None:
        keying = keying.within(options.namespace, options.subject)
    return call.port.cache_key(call, keying)
