"""The words for an answer that several equal calls share: what a surface does for ``SingleFlight``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from ._call import Call, Reply
    from .errors import Failure

__all__ = ["Shared", "Sharing"]


class Shared(Protocol):
    """An answer, for as many as want it.

    Attributes:
        live: whether it is a stream, which has to be read on from its provider as long as anybody reads here.
        whole: whether who comes now still gets it from its beginning.
    """

    @property
    def live(self) -> bool: ...

    @property
    def whole(self) -> bool: ...

    def reply(self, call: Call, *, leads: bool, leave: Callable[[], Callable[[], object] | None]) -> Reply | None:
        """It, as an answer of the call's own; None if its beginning is gone by now.

        Args:
            leads: whether it answers this call's own request.
            leave: told when nobody reads that any more; returns what ends the request, if nobody else does.
        """
        ...

    def pumped(self, by_one: bool) -> None:
        """Whether it is read on by :meth:`pump` alone; else by whoever wants more."""
        ...

    async def pump(self) -> None:
        """Read a stream on for everybody, until it ends."""
        ...


class Sharing(Protocol):
    """How one call shares an answer with others, or has one from them."""

    def certain(self) -> bool:
        """Whether equal requests are meant to have equal answers: embeddings, a temperature of 0, a seed."""
        ...

    def name(self, call: Call) -> Hashable | None:
        """Equal for equal requests that may share an answer; None if this one may not."""
        ...

    def widen(self, others: Iterable[Sharing]) -> None:
        """Let the request take as long as the most patient program among the others would let its own take."""
        ...

    def share(self, reply: Reply, call: Call) -> Shared:
        """The answer to the call, for as many as want it."""
        ...

    def own(self, failure: Failure) -> Failure:
        """Another call's failure, as one of this call's own."""
        ...
