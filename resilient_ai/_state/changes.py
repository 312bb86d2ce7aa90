"""A circuit's changes of state, told outside its lock."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

Change = tuple[str, str, float]
"""The old state, the new one, and when."""

_log = logging.getLogger("resilient_ai")


def tell(changes: deque[Change], listener: Callable[[str, str, float], None] | None) -> None:
    """Hand each change to the listener, once. What that raises is logged."""
    while changes:
        try:
            change = changes.popleft()
        except IndexError:  # another thread was quicker
            return
        if listener is not None:
            try:
                listener(*change)
            except Exception:  # noqa: BLE001 - foreign code; a permit just granted must reach its caller
                _log.warning("telling of a circuit's change failed", exc_info=True)
