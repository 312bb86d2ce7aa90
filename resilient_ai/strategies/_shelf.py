"""A store that may fail: then nothing is found and nothing is kept, and calls go on."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from .._call import Operation

if TYPE_CHECKING:
    from .._call import Call
    from .._keying import CacheKey, Keying
    from ..stores.base import Entry, Store

__all__ = ["Shelf", "key_of"]

log = logging.getLogger("resilient_ai")


class Shelf:
    """A store, and what goes into the keys of requests there. A failure is told once until the store works again.

    Attributes:
        store: where the entries are.
        renewing: the keys of the answers that are being asked for anew, in the background.
    """

    def __init__(self, store: Store, keying: Keying) -> None:
        self.store = store
        self.renewing: dict[str, object] = {}
        self._keying = keying
        self._salted = False
        self._failing = False

    async def name(self, call: Call) -> CacheKey | None:
        """The key of a request; None if its answer is not to be kept, or the store cannot say its salt."""
        if not self._salted and not await self._begin(call):
            return None
        try:
            salt = self.store.salt
        except OSError as error:
            self._failed(error)
            return None
        if salt != self._keying.salt:  # at first, and where a file was made anew
            self._keying = self._keying.salted(salt)
        return key_of(call, self._keying)

    async def _begin(self, call: Call) -> bool:
        """Have the store opened where that holds up nobody else; the salt is at hand from then on."""
        if self.store.blocking and not await call.runtime.offload(self._open):
            return False
        self._salted = True
        return True

    def _open(self) -> bool:
        try:
            _ = self.store.salt
        except OSError as error:
            self._failed(error)
            return False
        return True

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


def key_of(call: Call, keying: Keying) -> CacheKey | None:
    """The key of a call's request, by what its options say; None if its answer is not to be kept."""
    facts, options = call.facts, call.options
    if not keying.stateful and (facts.operation is not Operation.STATELESS or facts.ids):
        return None
    if options.namespace is not None or options.subject is not None:
        keying = keying.within(options.namespace, options.subject)
    return call.port.cache_key(call, keying)
