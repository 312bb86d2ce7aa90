"""How equal requests share one answer: what makes them equal, and what each has of it."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .._call import Reply
from .._context import NO_OPTIONS
from .._state.flights import longest
from .._target import salted_digest
from ..errors import AllFailed, Failure
from ..providers.certainty import is_certain, stays_there
from ._answer import MARKS, Answer, mark
from ._fanout import AsyncFanout, SyncFanout
from ._private import HEADER_LIST
from ._shared_stream import reader_classes

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from .._call import Call
    from .._sharing import Sharing
    from ._fanout import Fanout
    from ._port import HttpPort
    from ._shared_stream import Leave

__all__ = ["HttpSharing"]

PHASES = ("connect", "read", "write", "pool")

_ANOTHER_S = frozenset({b"set-cookie", b"content-length", b"transfer-encoding"}) | MARKS
"""Headers that say something to one reader only, or of the way the answer came."""

_PLUMBING = frozenset({b"user-agent", b"content-length", b"traceparent", b"tracestate", b"connection"})
"""Headers that make no difference to an answer, and may differ between equal calls; so do the SDKs' own."""


class HttpSharing:
    """One request's part in it."""

    __slots__ = ("_port", "flavour", "request")

    def __init__(self, port: HttpPort) -> None:
        self._port = port
        self.request = port.prepared.request
        self.flavour = port.flavour

    def certain(self) -> bool:
        """Whether equal requests are meant to have equal answers."""
        prepared = self._port.prepared
        return not prepared.multipart and is_certain(prepared.facts.family, prepared.body or b"")

    def name(self, call: Call) -> Hashable | None:
        """The request as it is sent, with all its headers but the plumbing, under the options it goes by."""
        prepared = self._port.prepared
        body = prepared.body
        if prepared.endpoint.path is None or not body or stays_there(prepared.facts.family, body):
            return None
        digest, options = self._port.digest(), call.options
        if digest is None:
            return None
        by = options if options is NO_OPTIONS else replace(options, deadline=None, tag=None)
        told = [b"%b:%b" % item for item in prepared.headers.items() if not _is_plumbing(item[0])]
        return digest, salted_digest(b"\n".join(told)), prepared.facts.host, by

    def widen(self, others: Iterable[Sharing]) -> None:
        """The longest of everybody's time-outs, phase by phase."""
        limits = [other.timeouts for other in (self, *others) if isinstance(other, HttpSharing)]
        if any(limit != limits[0] for limit in limits):
            self._port.wait_for({phase: longest([limit.get(phase) for limit in limits]) for phase in PHASES})

    @property
    def is_async(self) -> bool:
        """Whether its program awaits."""
        return self._port.is_async

    @property
    def timeouts(self) -> dict[str, float | None]:
        """The program's own, in seconds; None or missing is none."""
        return self.request.extensions.get("timeout") or {}

    def share(self, reply: Reply, call: Call) -> _Whole | _Stream:
        """The answer, for as many as want it."""
        return _Whole(reply) if reply.verdict is not None else _Stream(reply, call, is_async=self._port.is_async)

    def own(self, failure: Failure) -> Failure:
        """A failure like that one, and nothing in it that is another call's."""
        twin = type(failure).__new__(type(failure), *failure.args)
        twin.__dict__.update(failure.__dict__)
        twin.__dict__.pop("__notes__", None)
        if isinstance(failure, AllFailed) and isinstance(twin, AllFailed):
            twin.failures = tuple(self.own(one) for one in failure.failures)
            at = [one is failure.told for one in failure.failures]
            twin.told = twin.failures[at.index(True)] if True in at else self.own(failure.told)
        if isinstance(failure.answer, Answer):
            headers = tuple((name, value) for name, value in failure.answer.headers if name.lower() != b"set-cookie")
            twin.answer = replace(failure.answer, headers=headers)
        cause: Any = failure.__cause__
        if isinstance(cause, self.flavour.TransportError):  # the program may see it: with its own request
            own: Any = copy.copy(cause)
            own.request = self.request
            twin.__cause__ = own
        return twin

    def answer(self, of: Any, call: Call, *, request_id: str | None = None, **body: Any) -> Any:
        """A response of the call's own, with the lines of ``of``: with the provider's id for the request, if it is the
        call's; else it has one of ours."""
        lines: list[tuple[bytes, bytes, bytes]] = getattr(of.headers, HEADER_LIST)
        id_header = self._port.prepared.dialect.request_id
        left_out = _ANOTHER_S if request_id is not None else _ANOTHER_S | {id_header}
        headers = [(raw, value) for raw, name, value in lines if name not in left_out]
        extensions = {name: of.extensions[name] for name in ("http_version", "reason_phrase") if name in of.extensions}
        response: Any = self.flavour.Response(of.status_code, headers=headers, extensions=extensions, **body)
        response.is_stream_consumed = response.is_closed = False
        mark(response, call.journal, request_id, id_header)
        return response


class _Whole:
    """An answer that has been read."""

    __slots__ = ("_reply",)

    live = whole = False

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def reply(self, call: Call, *, leads: bool, leave: Leave) -> Reply:  # noqa: ARG002  # a Shared's signature
        """It, with the same body."""
        if leads:
            return self._reply
        sharing: Any = call.port.sharing()
        return Reply(sharing.answer(self._reply.value, call, content=self._reply.value.content))

    def pumped(self, by_one: bool) -> None:
        """Nothing is left to read."""

    async def pump(self) -> None:
        """Nothing is left to read."""


class _Stream:
    """An answer that is being read."""

    __slots__ = ("_fanout", "_reply")

    live = True

    def __init__(self, reply: Reply, call: Call, *, is_async: bool) -> None:
        self._reply = reply
        kind: type[Any] = AsyncFanout if is_async else SyncFanout
        self._fanout: Fanout = kind(reply.value.stream, call.runtime)

    @property
    def whole(self) -> bool:
        return self._fanout.whole

    def reply(self, call: Call, *, leads: bool, leave: Leave) -> Reply | None:
        """It, with a stream of the call's own."""
        sharing: Any = call.port.sharing()
        readers: tuple[Any, Any] = reader_classes(sharing.flavour)
        made: Any = readers[1 if sharing.is_async else 0]
        reader: Any = made(self._fanout, sharing, call, leave, leads=leads)
        if not reader.enter():
            return None
        of, asked = self._reply.value, self._fanout.source.call
        asked.stream_limit = longest([asked.stream_limit, call.stream_limit])
        attempt = self._reply.attempt if leads else None
        request_id = None if attempt is None else attempt.request_id
        answer = sharing.answer(of, call, request_id=request_id, stream=reader)
        own = reader.reply = Reply(answer, verdict=None, ids=self._reply.ids)
        own.kept = self._reply.kept  # whoever ends it last does what is left to do
        if leads:
            own.attempt, own.limits = attempt, self._reply.limits
        return own

    def pumped(self, by_one: bool) -> None:
        """Whether one reads on for all."""
        self._fanout.pumped(by_one)

    async def pump(self) -> None:
        """Read it on."""
        await self._fanout.pump()


def _is_plumbing(name: bytes) -> bool:
    return name in _PLUMBING or name.startswith((b"x-stainless-", b"x-resilient-ai-"))
