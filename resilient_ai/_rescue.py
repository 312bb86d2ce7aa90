"""What is left of a call for a stream that breaks under its reader's eyes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._call import Call, Reply
    from ._settings import Way
    from ._target import Target
    from .errors import Failure

__all__ = ["Rescue", "Resume"]


@dataclass(frozen=True, slots=True)
class Resume:
    """How an answer that broke off under its reader's eyes is asked for once more.

    Attributes:
        way: ``"replay"`` asks for it from its beginning, ``"continue"`` from where it broke off.
        text: what the reader has, for whoever is to go on with it.
        fits: whether a target can be asked so.
        last: whether no other way is left to be tried after it.
    """

    way: Way
    text: str = field(repr=False)
    fits: Callable[[Target | None], bool]
    last: bool


class Rescue(Protocol):
    """What is left, once every strategy's frame has returned, for a stream that breaks."""

    def ways(self, call: Call) -> tuple[Way, ...]:
        """What is to be tried, in order."""
        ...

    async def ask(self, call: Call, failure: Failure, resume: Resume) -> Reply:
        """Ask for the answer once more, after ``failure`` of the stream that ``call`` brought.

        Raises:
            Failure: nobody gave one.
        """
        ...
