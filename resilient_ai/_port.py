"""Port: what a surface does for one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ._call import Call, Reply
    from ._egress import Rule
    from ._keying import CacheKey, Keying
    from ._packed import Packed
    from ._sharing import Sharing
    from ._target import Target

__all__ = ["Port"]


class Port(Protocol):
    """What a surface (a transport, a guarded function) does for one call."""

    @property
    def bound(self) -> Rule | None:
        """What holds the call back; None if it may go everywhere."""
        ...

    async def send(self, call: Call) -> Reply:
        """Send once, to ``call.target``, by ``call.limit``.

        Raises:
            Failure: anything known to be one; any other exception passes through untouched.
        """
        ...

    def host(self, target: Target | None) -> str:
        """The host a target is reached at."""
        ...

    def credential(self) -> str:
        """The salted hash of the key the primary is called with."""
        ...

    def fits(self, target: Target) -> str | None:
        """Why the call cannot go to ``target`` at all; None if it can."""
        ...

    def barred(self, target: Target | None) -> str | None:
        """Why the call may not go there, by what it is bound to; None if it may. Asked of a :attr:`bound` one only."""
        ...

    def order(self, targets: list[Target]) -> list[Target]:
        """Those that fit, in the order in which they are asked."""
        ...

    def family(self, target: Target) -> str:
        """The endpoint family that answers the call at ``target``."""
        ...

    def larger(self, target: Target) -> bool:
        """Whether the model at ``target`` is known to take longer requests than the one that was asked for."""
        ...

    def carry(self, target: Target, *, drop: bool) -> tuple[str, ...]:
        """Make the request ready for a target that it fits; the paths of what is left out there come back.

        Raises:
            Failure: it cannot be carried over. (``drop``: what cannot be is left out, where the call makes sense so.)
        """
        ...

    def conversation(self) -> tuple[str | None, bool]:
        """A salted hash of how a conversation begins, and of whose it is; None if it is none, or cannot be read. And
        whether it has been answered before."""
        ...

    def answer(self, reply: Reply) -> tuple[bool, Any]:
        """Whether a plain answer is known, and a copy of it, parsed."""
        ...

    def cache_key(self, call: Call, keying: Keying) -> CacheKey | None:
        """The key of this request; None if its answer is not to be kept."""
        ...

    def digest(self) -> str | None:
        """A salted hash of what is asked, equal for equal requests; None if it cannot be had, or not cheaply."""
        ...

    def alike(self) -> Hashable:
        """What calls have in common whose answers take about as long; read only if somebody asks for slow ones."""
        ...

    def tokens(self) -> int:
        """What the request may cost, input and output, estimated."""
        ...

    def used(self, reply: Reply) -> Callable[[], int | None] | None:
        """To be asked when the answer has ended: the tokens it said it cost, None if it did not. None: it cannot."""
        ...

    def sharing(self) -> Sharing | None:
        """How equal calls share one answer; None if they cannot."""
        ...

    async def discard(self, reply: Reply) -> None:
        """Let go of an answer that nobody will read."""
        ...

    async def drain(self, reply: Reply) -> None:
        """Read a stream to its end, for what is told at its end."""
        ...

    def keep(self) -> None:
        """What is sent from now on may have to be packed: a stream is kept while it passes."""
        ...

    def pack(self, reply: Reply) -> Packed | None:
        """The answer for a store, when it has ended; None if it is not to be stored."""
        ...

    def unpack(self, packed: bytes, call: Call) -> Reply | None:
        """An answer from a store; None if it cannot be given in the form that is asked for, or cannot be read."""
        ...
