"""A stream's beginning, read while every strategy can still act: up to the first event with content.

What comes before it, nobody has seen yet: a stream that fails there, whose first words are an error, or that is cut or
silent, is a failure like any other, tried again or elsewhere.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from .._call import Reply, Verdict
from .._context import journals
from .._host import Host
from .._runtime.limit import deadline
from ..errors import Failure
from ..failures import FailureKind
from ..providers.registry import UNTERMINATED
from ..providers.streams.choices import each_choice
from ..providers.streams.delivered import Delivered
from ..providers.streams.gist import GISTS
from ..providers.streams.openai_chat import UNTERMINATED_CHAT
from ..providers.streams.reading import Reading, Unread
from ..providers.streams.recorded import Recorded
from ._answer import Answer
from ._first import is_of_events, may_be_answer, tells_error
from ._mend import Mender
from ._plain import is_plain, plainly
from ._request import MAX_BODY
from ._resumed import resumed
from ._stream import stream_classes
from ._unpacking import unpacked
from ._watchman import Terms, Watchman

if TYPE_CHECKING:
    from .._call import Call
    from .._journal import Attempt
    from ..providers.codecs.turn import Turned
    from ..providers.streams.base import Grammar
    from ._port import HttpPort
    from ._received import Headers
    from ._translated import Other
    from ._wire import Wire

__all__ = ["HELD_BYTES", "HELD_EVENTS", "HELD_SECONDS", "Opening"]

HELD_EVENTS = 64
"""Events without content that are held back at most."""
HELD_BYTES = 256 * 1024
"""Bytes that are held back at most."""
HELD_SECONDS = 10.0
"""Seconds for which what has come is held back at most, looked at whenever bytes come: a model that thinks may send
nothing but signs of life for minutes, and a program may want to see them."""

MOST_OPENING = 4096
"""Bytes of a stream's beginning in which its id is looked for."""
_ID = re.compile(rb'"id"\s*:\s*"([^"\\]{1,256})"')
"""The first one is the answer's own, in every dialect that has one."""


class Opening:
    """One stream, until it is handed over.

    Args:
        port: of the call.
        call: for its limits and its clock.
        attempt: the send that brought it.
        wire: how it is read.
        other: how it is turned into the caller's dialect while it is read, if it comes in another one.
    """

    __slots__ = ("_attempt", "_call", "_other", "_port", "_turn", "_wire")

    def __init__(self, port: HttpPort, call: Call, attempt: Attempt, wire: Wire, other: Other | None = None) -> None:
        self._port = port
        self._other = other
        self._call = call
        self._attempt = attempt
        self._wire = wire
        self._turn = None if other is None else other.form.turn(bare=self._ends_bare())

    async def open(self, response: Any, headers: Headers, request: Any) -> Reply:
        """A bound stream, once there is something to hand over.

        Raises:
            Failure: it came to nothing before that.
        """
        port, call, wire = self._port, self._call, self._wire
        declared = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        grammar = self._grammar(declared=declared, status=response.status_code)
        delivered = Delivered() if grammar is not None and grammar.sequel is not None and call.resume is None else None
        reading = self._reading(grammar, delivered, response)
        asked = request if self._other is None else port.prepared.request  # by whose words its SDK is known
        terms = Terms(asked, response.extensions, port.flavour, wire.told, port.failure)
        judge = self._turn or port.prepared.dialect
        passing = self._passing(reading)
        watchman = Watchman(call, passing, judge, terms, bounded=not wire.foreign)
        if grammar is not None and delivered is not None:
            watchman.mender = Mender(port, call, grammar, delivered, wire)
        reply = watchman.reply = Reply(response, verdict=None)
        if isinstance(reading, Recorded):
            reply.kept = reading
            reply.on_end(partial(_let_go, reading))
        body = self._resumed(response, headers, request)
        source = body or self._source(response)
        if self._other is not None:
            self._other.form.marked(response, "text/event-stream")
        try:
            self._no_longer_than_idle()
            first = await wire.first(source)
            if first is not None and call.begun is not None:
                call.begun()
            if is_plain(self._side, headers):
                first = await self._words(source, first)
                if not is_of_events(first):
                    return await self._json(response, source, first)
            if port.in_bytes and not declared and tells_error(first):
                raise port.broken(call, "an error's words, where bytes were asked for")
            judged = not declared and response.status_code == 200 and port.in_json
            if judged and not may_be_answer(first):
                raise port.broken(call, "neither JSON nor an event stream")
            held = await self._held(passing, source, first)
            if reading.stopped:
                raise self._failed(response, reading)
        except BaseException:  # a stream that is over, or cut off from outside, still holds its connection
            with suppress(*port.flavour.known):
                await wire.close(response)
            raise
        if grammar is not None and call.resume is None:
            self._known_by(held)
        if declared or self._turn is not None:
            reply.ids = port.prepared.dialect.made_by_stream(port.prepared.facts.family, held)
        kind = stream_classes(port.flavour)[port.is_async]
        response.stream = kind(body or response.stream, source, watchman, wire.known, held)
        return reply

    def _passing(self, reading: Reading | Unread) -> Reading | Unread | Turned:
        """Who takes the bytes as they come."""
        if self._turn is None or isinstance(reading, Unread):
            return reading
        from ..providers.codecs.turn import Turned  # with the canonical form behind it: few programs ever come here

        return Turned(self._turn, reading)

    def _resumed(self, response: Any, headers: Headers, request: Any) -> Any:
        """The body, if it is one that can be gone on with where it breaks off: no translated answer is."""
        if self._other is not None:
            return None
        port, call, wire = self._port, self._call, self._wire
        return resumed(
            headers, call=call, attempt=self._attempt, port=port, wire=wire, response=response, request=request
        )

    @property
    def _side(self) -> HttpPort:
        """The surface as whoever answers knows it."""
        return self._port if self._other is None else self._other.side

    async def _words(self, source: Any, first: bytes | None) -> bytes | None:
        """The beginning, from which what it is can be told: blanks are sent to keep a connection awake."""
        while first is not None and len(first) < HELD_BYTES and not first.strip():
            self._port.hurry(self._call, self._attempt)
            more = await self._wire.first(source)
            if more is None:
                break
            first += more
        return first

    async def _json(self, response: Any, source: Any, first: bytes | None) -> Reply:
        """What was called JSON, and is."""
        port, call = self._port, self._call
        chunks, size, chunk = list[bytes](), 0, first
        while chunk is not None:
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                raise port.broken(call, f"a JSON answer of more than {MAX_BODY} bytes")
            port.hurry(call, self._attempt)
            chunk = await self._wire.first(source)
        await self._wire.close(response)
        return plainly(self._side, call, self._attempt, response=response, body=b"".join(chunks), packed=False)

    def _known_by(self, held: bytes) -> None:
        """What an SDK makes of a whole stream has the answer's own id, and nothing else to find its outcome by."""
        found = _ID.search(held, 0, MOST_OPENING)
        if found is not None:
            journals.keep(found[1].decode("utf-8", "replace"), self._call.journal)

    def _no_longer_than_idle(self) -> None:
        """Its head is here: a silence behind it is one between two bytes, and still one before the first event."""
        call, limit = self._call, deadline.get()
        if call.idle is not None:
            idle = call.runtime.now() + call.idle
            deadline.set(idle if limit is None else min(limit, idle))

    def _source(self, response: Any) -> Any:
        """The iterator over the body's bytes, unpacked."""
        packed = self._wire.source(response)
        encoding = response.headers.get("content-encoding")
        if encoding is None:
            return packed
        source = unpacked(packed, encoding, self._port.flavour.DecodingError)
        if source is not packed:
            del response.headers["content-encoding"]
            response.headers.pop("content-length", None)
        return source

    def _grammar(self, *, declared: bool, status: int) -> Grammar | None:
        """How the events are read. A server that says nothing of its stream is taken at the request's word; a redirect
        is none."""
        port = self._port
        prepared = port.prepared
        family = prepared.facts.family
        grammar = prepared.dialect.streams.get(family)
        if grammar is None or not (declared or (status == 200 and port.in_json and port.streamed)):
            return None
        if self._other is None and family == "chat" and self._ends_bare():
            return UNTERMINATED_CHAT
        return grammar

    def _ends_bare(self) -> bool:
        """Whether the host that answers is known to leave out the terminal event."""
        target = self._call.target
        bare = target is not None and isinstance(target.host, Host) and not target.host.terminated
        return bare or self._port.host(target) in UNTERMINATED

    def _reading(self, grammar: Grammar | None, delivered: Delivered | None, response: Any) -> Reading | Unread:
        """Who reads the events, and keeps them if somebody wants them. (What goes on with another answer is none.)"""
        if grammar is None:
            return Unread()
        prepared = self._port.prepared
        one = each_choice(grammar, prepared.facts.family, prepared.body)
        took = None if delivered is None else delivered.took
        if self._port.keeps and self._call.resume is None and response.status_code == 200:
            return Recorded(one, took, GISTS.get((prepared.dialect.name, prepared.facts.family)))
        return Reading(one, took)

    async def _held(self, reading: Reading | Unread | Turned, source: Any, first: bytes | None) -> bytes:
        """What may be handed on of the beginning."""
        call, held, chunk = self._call, list[bytes](), first
        until = call.runtime.now() + HELD_SECONDS
        while chunk is not None:
            held.append(reading.feed(chunk))
            if reading.ready or reading.events >= HELD_EVENTS or sum(map(len, held)) >= HELD_BYTES:
                break
            if call.runtime.now() >= until:
                break
            self._port.hurry(call, self._attempt)
            chunk = await self._wire.first(source)
        else:
            held.append(reading.end())
            if not (reading.satisfied or reading.stopped):
                why = "is empty" if first is None else "ended without its terminal event"
                raise self._port.broken(call, f"the stream {why}")
        return b"".join(held)

    def _failed(self, response: Any, reading: Reading | Unread) -> Failure:
        """The failure of a stream of which nobody has seen anything."""
        port, told = self._port, reading.error
        if told is None:
            return port.broken(self._call, f"in the stream {reading.fault}")
        kind = (self._turn or port.prepared.dialect).told_in_stream(told)
        kind = FailureKind.BROKEN if kind is FailureKind.TRANSIENT else port.begun(kind)
        # If nobody else answers, the program reads it: its SDK raises its own exception of it, with its body.
        answer = Answer(200, tuple(response.headers.raw), told, port.prepared.dialect.request_id)
        said = "the stream begins with an error"
        return Failure(said, kind=kind, target=self._call.target_name, status=200, answer=answer)


def _let_go(recorded: Recorded, verdict: Verdict) -> None:
    if verdict is not Verdict.SUCCESS:
        recorded.forget()
