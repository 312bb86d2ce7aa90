"""What pipelines have learnt in this process: shared by equal ones, dropped on demand and by a fork."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from ._call import Stateful

__all__ = ["PipelineStates", "every_state", "forget_everything", "shared"]

StateT = TypeVar("StateT")


class PipelineStates:
    """The state of one pipeline's strategies, by kind."""

    __slots__ = ("__weakref__", "_lock", "_of", "listener_told")

    def __init__(self) -> None:
        self.listener_told = False
        self._lock = Lock()
        self._of: dict[type[Any], Any] = {}

    def of(self, strategy: Stateful[StateT], /) -> StateT:
        kind = type(strategy)
        state: StateT | None = self._of.get(kind)
        if state is None:
            with self._lock:
                state = self._of.get(kind)
                if state is None:
                    state = self._of[kind] = strategy.new_state()
        return state

    def known(self) -> list[Any]:
        """Every state there is."""
        return list(self._of.values())


class _Shared:
    """The states of all pipelines in this process: by fingerprint, the least recently built dropped first; isolated."""

    LIMIT = 512

    def __init__(self) -> None:
        self.epoch = 0
        self.renew()

    def renew(self) -> None:
        """Start afresh, the lock included: a forked child may have got it locked."""
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Start afresh; pipelines notice by the epoch."""
        with self._lock:
            self.epoch += 1
            self._by_fingerprint: OrderedDict[str, PipelineStates] = OrderedDict()
            self._isolated: WeakSet[PipelineStates] = WeakSet()

    def own(self) -> PipelineStates:
        """A state that is one pipeline's own, and goes with it; run-time control reaches it nevertheless."""
        states = PipelineStates()
        with self._lock:
            self._isolated.add(states)
        return states

    def of(self, fingerprint: str) -> PipelineStates:
        with self._lock:
            states = self._by_fingerprint.setdefault(fingerprint, PipelineStates())
            self._by_fingerprint.move_to_end(fingerprint)
            if len(self._by_fingerprint) > self.LIMIT:
                self._by_fingerprint.popitem(last=False)
            return states

    def every(self) -> list[PipelineStates]:
        with self._lock:
            return [*self._by_fingerprint.values(), *self._isolated]


shared = _Shared()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shared.renew)


def forget_everything() -> None:
    """Drop all that pipelines have learnt in this process."""
    shared.clear()


def every_state() -> list[Any]:
    """The state of every strategy of every pipeline, for run-time control."""
    return [state for states in shared.every() for state in states.known()]
