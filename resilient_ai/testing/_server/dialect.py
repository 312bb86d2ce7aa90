"""What a host asks of the API it speaks: which request this is, what is wrong with it, and how that is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from .replies import Refusal, Reply
from .world import Ask, World

if TYPE_CHECKING:
    from ..records import Provider
    from .meter import Level

Handler = Callable[[World, Ask], Reply]
"""One endpoint: it answers a request that was found right. It may still raise Refusal, for an id it never made."""


class Dialect(Protocol):
    """One vendor's API on the wire. Stateless: what was made is in the `World`."""

    def family(self, path: str) -> str:
        """The endpoint family of a path."""
        ...

    def begin(self, method: str, path: str, query: Mapping[str, str]) -> Ask:
        """The request as far as its first line tells it."""
        ...

    def credential(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """The key it came with, wherever this API looks for one."""
        ...

    def judge(self, ask: Ask, headers: Mapping[str, str], body: bytes | None, provider: Provider) -> Handler:
        """Read the body into `ask` and check it (None: it was too large). Raises Refusal; makes nothing."""
        ...

    def streams(self, ask: Ask) -> bool:
        """Whether the request asks for a stream."""
        ...

    def unstreamed(self, ask: Ask, handler: Handler) -> Handler:
        """What answers a request as if it had not asked for a stream."""
        ...

    def ping(self) -> bytes:
        """A sign of life in a stream, which says nothing."""
        ...

    def refuse(self, refusal: Refusal, ask: Ask) -> Reply:
        """The refusal in this API's error body."""
        ...

    def outage(self, status: int, ask: Ask) -> Reply:
        """The error body that goes with a status when nothing about the request is wrong."""
        ...

    def limited(self, wait: float | str | None, ask: Ask) -> Reply:
        """Too many requests: a wait in seconds, a text that is sent as it is, or nothing told of it."""
        ...

    def levels(self, levels: Mapping[str, Level]) -> Mapping[str, str]:
        """The headers that tell how the limits stand, if this API tells it."""
        ...

    def break_stream(self, reply: Reply, code: str, sequence: int, ask: Ask) -> bytes:
        """The event that tells an error inside a stream of this kind."""
        ...

    def sign(self, ask: Ask, milliseconds: int) -> Mapping[str, str]:
        """The headers every answer carries."""
        ...
