"""What a store is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Entry", "Store"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer that was given.

    Attributes:
        data: the answer, in the surface's packing.
        stored: when, in seconds of the runtime's clock: it means nothing to another process, nor after a restart.
        answered_by: who gave it.
        model: the model asked for there.
        stale_ok: whether it may be served when it is old.
    """

    data: bytes = field(repr=False)
    stored: float
    answered_by: str
    model: str | None
    stale_ok: bool


class Store(Protocol):
    """A bounded place for entries. ``blocking`` stores are called where they hold up no event loop.

    A store that cannot be read or written raises OSError, whatever it stands on: calls then go on without it.
    """

    blocking: bool

    def get(self, key: str) -> Entry | None:
        """The entry under ``key``, or None."""
        ...

    def set(self, key: str, entry: Entry) -> None:
        """Keep ``entry``, in place of any before; others may be dropped to stay inside the bounds."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...
