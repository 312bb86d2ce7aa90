"""What a strategy may do besides calling the next one: read the clock and wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Runtime(Protocol):
    """Time in the caller's own mode.

    In sync mode every method blocks and its coroutine never suspends; in async mode it yields to the event loop.
    """

    def now(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    async def offload(self, blocking: Callable[[], T]) -> T:
        """Run something that blocks (a store on disk) where it holds up nobody else."""
        ...
