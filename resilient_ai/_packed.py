"""An answer on its way into a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["Kept", "Packed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """An answer as a store keeps it. ``stale_ok``: it may be served when it is old."""

    data: bytes = field(repr=False)
    stale_ok: bool


class Kept(Protocol):
    """A stream as it passed."""

    noted: dict[str, Any]
    """How its answer ended, in the fields of a plain one."""

    def take(self) -> bytes | None:
        """All of it, if it ended as it should, and is not too large. It is given once."""
        ...
