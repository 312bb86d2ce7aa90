"""Calls that can be ended and asked again, should their target have lost them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .silence import ENOUGH_AFTER_AN_OUTAGE

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .permit import Permit
    from .silence import Silence

__all__ = ["Patient"]


class Patient:
    """Those of a circuit, under its lock.

    A call is lost if nothing came back from its target between the last sign of life before it began and the answer to
    a call that began later: of a probe, or of any call if those that still wait should have been answered by then.
    """

    __slots__ = ("_lock", "_silence", "calls")

    def __init__(self, silence: Silence, lock: AbstractContextManager[object]) -> None:
        self._silence = silence
        self._lock = lock
        self.calls: dict[int, tuple[Permit, Callable[[], object]]] = {}  # by the permit's id

    def add(self, permit: Permit, recall: Callable[[], object]) -> None:
        """``recall`` ends this call, which may be asked again."""
        with self._lock:
            if not permit.ended:
                self.calls[id(permit)] = permit, recall

    def recall_silent(self, now: float) -> None:
        """Another target is well again: call back those that this one seems to have lost."""
        with self._lock:
            last = self._silence.last
            seem_lost = bool(self.calls) and self._silence.overtaken(last, now, ENOUGH_AFTER_AN_OUTAGE)
            lost = self._between(last, now) if seem_lost else []
        for recall in lost:
            recall()

    def overtaken(self, by: Permit, last: float, now: float) -> list[Callable[[], object]]:
        """What recalls those that an answer shows to be lost; the last sign of life before it came at ``last``. Called
        under the lock; what it returns is called outside."""
        return self._between(last, by.began) if by.probe or self._silence.overtaken(last, now) else []

    def _between(self, since: float, until: float) -> list[Callable[[], object]]:
        waiting = self._silence.waiting
        lost = [key for key in self.calls if since < waiting.get(key, since) < until]
        return [self.calls.pop(key)[1] for key in lost]
