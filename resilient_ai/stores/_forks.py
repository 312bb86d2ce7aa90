"""What a fork does to stores: their locks may be held, and a change half made, by a thread the child does not have."""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

__all__ = ["keep", "leave"]


class Forked(Protocol):
    """A store that is told of forks."""

    def before_fork(self) -> bool:
        """Hold still; whether it does."""
        ...

    def after_fork(self) -> None:
        """Go on, in the parent, if it held still."""
        ...

    def in_child(self) -> None:
        """Begin anew."""
        ...


_every: WeakSet[Forked] = WeakSet()
_still: dict[int, list[Forked]] = {}
_left: list[object] = []


def keep(store: Forked) -> None:
    """Tell ``store`` of every fork from now on."""
    _every.add(store)


def leave(thing: object) -> None:
    """Never let go of ``thing``, which belongs to the parent."""
    _left.append(thing)


def _before() -> None:
    _still[threading.get_ident()] = [store for store in list(_every) if store.before_fork()]


def _after() -> None:
    for store in _still.pop(threading.get_ident(), ()):
        store.after_fork()


def _child() -> None:
    _still.clear()
    for store in list(_every):
        store.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_child)
