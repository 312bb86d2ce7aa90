"""An answer on its way into a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Kept", "Packed", "settle"]


@dataclass(slots=True, kw_only=True)
class Packed:
    """An answer as a store keeps it. ``stale_ok``: it may be served when it is old."""

    data: bytes = field(repr=False)
    stale_ok: bool


class Kept(Protocol):
    """A stream as it passed."""

    noted: dict[str, Any]
    """How its answer ended, in the fields of a plain one."""
    later: Callable[[], Awaitable[object]] | None
    """What is left to do when it has ended, and holds up an event loop where it is not awaited."""

    def take(self) -> bytes | None:
        """All of it, if it ended as it should, and is not too large. It is given once."""
        ...


async def settle(kept: Kept | None) -> None:
    """Do what is left to do, once. Whoever is cancelled leaves it to the next one who ends the stream."""
    if kept is not None and kept.later is not None:
        work, kept.later = kept.later, None
        try:
            await work()
        except Exception:
            raise
        except BaseException:
            kept.later = work
            raise
