"""Observe mode for requests: sent as the program sends them, judged as they pass, handed on as they came."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .._call import Reply, Verdict
from .._context import journals
from .._observe import say_if_late, say_late, stop_if_changed
from ..errors import Failure
from ..providers.streams.reading import Reading, Unread
from ._abandoned import close_abandoned
from ._answer import JOURNAL, LIMIT_PARSED, is_html, parsed, was_parsed
from ._first import is_of_events, may_be_answer
from ._flavour import fields
from ._judged import finish
from ._plain import is_plain
from ._port import HttpPort
from ._received import error_of
from ._request import MAX_BODY
from ._unpacking import unpacked_whole
from ._watched import watched_streams

if TYPE_CHECKING:
    from .._call import Call
    from .._journal import Attempt
    from .._keying import CacheKey, Keying
    from ..failures import FailureKind
    from ._received import Headers

__all__ = ["ObservedPort"]

LOOKED_AT = 64
"""Bytes at an answer's beginning that tell whether it may be one."""


class ObservedPort(HttpPort):
    """Sends what the program sent, once, without a limit; what came is the program's.

    Attributes:
        sent: whether it was sent.
        came: the response, or the transport's own exception.
    """

    __slots__ = ("came", "sent")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sent = False
        self.came: Any = None

    def cache_key(self, call: Call, keying: Keying) -> CacheKey | None:  # noqa: ARG002  # a Port's signature
        """None: nothing is served from a store, nor kept in one."""
        return None

    def digest(self) -> str | None:
        """None: what is sent again is the SDK's own repeat, which is left on here."""
        return None

    def sharing(self) -> None:
        """None: each request is the program's own."""

    def used(self, reply: Reply) -> None:  # a Port's signature
        """None: the answer is the program's to read."""

    def hand_over(self) -> Any:
        """What came, for the program: a response, or the transport's exception, raised."""
        came, self.came = self.came, None  # not kept: it and its stream would keep each other
        if isinstance(came, Exception):
            try:
                raise came
            finally:
                del came
        return came

    async def send(self, call: Call) -> Reply:
        """Once; Stopped if it would not be the program's own send."""
        stop_if_changed(self, call)
        return await self.once(call)

    async def once(self, call: Call) -> Reply:
        """Send, and judge what comes back without touching it."""
        close_abandoned()
        self.sent = True
        attempt = call.journal.begin(call.target_name)
        try:
            response = self.came = await self._wire.plain(self.prepared.request)
            attempt.ended = call.runtime.now()
            return await self._judged(call, attempt, response)
        except Failure as failure:
            attempt.ended = attempt.ended or call.runtime.now()
            call.journal.failed(attempt, failure, call.model)
            raise
        except self.flavour.known as error:
            self.came = error
            attempt.ended = call.runtime.now()
            known = self.failure(call, error)
            call.journal.failed(attempt, known, call.model)
            raise known from error
        finally:
            say_if_late(call, attempt)

    async def _judged(self, call: Call, attempt: Attempt, response: Any) -> Reply:
        headers = fields(response.headers)
        request_id = headers.get(self.prepared.dialect.request_id)
        attempt.status = response.status_code
        response.extensions[JOURNAL] = call.journal
        if request_id is not None:
            attempt.request_id = request_id.decode("latin-1")
            journals.keep(attempt.request_id, call.journal)
        stream = watched_streams(self.flavour)[self.is_async](response.stream)
        response.stream = stream
        if response.status_code >= 400:
            seen = await self._seen(stream, headers)
            # Read from a copy, so that no byte of the program's own is missing.
            copy = self.flavour.Response(
                response.status_code, headers=response.headers.raw, stream=self.flavour.ByteStream(seen)
            )
            raise await error_of(self, call, copy, headers, self._wire)
        if self.in_json and is_html(headers) and not self.prepared.streams:
            raise self.broken(call, "a page of HTML")
        call.journal.answered(call.target_name, "fresh", call.model)
        reply = Reply(None, verdict=None)  # not the response: dropped, it must go at once
        stream.judge = Judge(self, call, attempt, reply, headers=headers, status=response.status_code)
        reply.on_end(partial(finish, call.journal))
        return reply

    async def _seen(self, stream: Any, headers: Headers) -> bytes:
        """The beginning of an error's body, if it says something; held for the program, and an error in it too."""
        if not headers.get(b"content-type", b"").startswith((b"application/", b"text/")):
            return b""
        size = 0
        try:
            while size <= LIMIT_PARSED and (chunk := await self._wire.first(stream.source)) is not None:
                stream.held.append(chunk)
                size += len(chunk)
        except self.flavour.known as error:
            stream.error = error
        except BaseException:  # cut off from outside: nobody will close it
            await self._wire.close(self.came)
            raise
        return b"".join(stream.held) if size <= LIMIT_PARSED else b""

    def what_it_says(self, call: Call, headers: Headers, body: bytes, status: int) -> Failure | None:
        """The failure a JSON answer is, read to its end; None if it is sound."""
        encoding = headers.get(b"content-encoding")
        if encoding:
            unpacked = unpacked_whole(body, encoding.decode("latin-1"), MAX_BODY)
            if unpacked is None:
                return self.broken(call, "it cannot be unpacked, or is too large")
            body = unpacked
        try:
            content = parsed(body) if body else None
        except (ValueError, RecursionError):
            return self.broken(call, "its JSON is malformed")
        if status != 200:
            return None
        facts, dialect = self.prepared.facts, self.prepared.dialect
        kind = dialect.inside_success(facts.family, content, self.asked) if was_parsed(content) else None
        if kind is not None:
            return Failure("a failure inside HTTP 200", kind=kind, status=200)
        if self.asked and facts.family in dialect.streams and self.prepared.streams:
            return self.broken(call, "plain JSON, where a stream was asked for")
        return None

    def begins(self, call: Call, headers: Headers, beginning: bytes, status: int) -> Failure | None:
        """The failure an answer is that does not say it is JSON, or events, and begins so; None if it may be either."""
        declared = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        judged = not declared and status == 200 and self.in_json and b"content-encoding" not in headers
        return (
            self.broken(call, "neither JSON nor an event stream") if judged and not may_be_answer(beginning) else None
        )

    def cut(self, call: Call) -> Failure:
        """The failure a stream without its end is."""
        return self.broken(call, "the stream ended without its terminal event")

    def told_in_stream(self, error: bytes) -> FailureKind:
        """The kind of an error told inside a stream."""
        return self.prepared.dialect.told_in_stream(error)

    def broke(self, call: Call, error: Exception) -> Failure:
        """The failure a transport's exception is."""
        return self.failure(call, error)

    def watch(self, headers: Headers, *, declared: bool | None = None) -> Reading | Unread:
        """Who reads an event stream; of a packed one nothing is known."""
        if declared is None:
            declared = headers.get(b"content-type", b"").startswith(b"text/event-stream")
        sse = declared and b"content-encoding" not in headers
        grammar = self.prepared.dialect.streams.get(self.prepared.facts.family) if sse else None
        return Unread() if grammar is None else Reading(grammar)

    def reads(self, headers: Headers) -> bool:
        """Whether an answer is JSON whose schema is known."""
        return is_plain(self, headers)


class Judge:
    """Looks on while an answer passes, and says how it ended."""

    __slots__ = ("_attempt", "_begun", "_body", "_call", "_headers", "_port", "_reply", "_size", "_status", "_watch")

    def __init__(
        self, port: ObservedPort, call: Call, attempt: Attempt, reply: Reply, *, headers: Headers, status: int
    ) -> None:
        self._port = port
        self._call = call
        self._attempt = attempt
        self._reply = reply
        self._headers = headers
        self._status = status
        self._begun = b""
        self._watch = port.watch(headers)
        self._body: list[bytes] | None = [] if port.reads(headers) else None
        self._size = 0

    def took(self, chunk: bytes) -> None:
        """Bytes passed."""
        if self._body is not None and not self._size and is_of_events(chunk) and self._port.streamed:
            self._body, self._watch = None, self._port.watch(self._headers, declared=True)  # whatever it is called
        if self._body is None:
            self._begun = self._begun or chunk[:LOOKED_AT]
            self._watch.feed(chunk)
        elif self._size <= LIMIT_PARSED:
            self._size += len(chunk)
            self._body.append(chunk)

    def exhausted(self) -> None:
        """All has passed."""
        failure = None
        if self._body is not None:
            if self._size <= LIMIT_PARSED:
                failure = self._port.what_it_says(self._call, self._headers, b"".join(self._body), self._status)
        elif not self._finished():
            failure = self._port.cut(self._call)
        else:
            failure = self._port.begins(self._call, self._headers, self._begun, self._status)
        self._end(Verdict.SUCCESS, failure)

    def _finished(self) -> bool:
        """Whether the stream may end here; an error told in it is judged by itself."""
        self._watch.end()
        return self._watch.satisfied or self._watch.error is not None

    def failed(self, error: Exception) -> None:
        """The transport broke."""
        self._end(Verdict.FAILURE, self._port.broke(self._call, error))

    def closed(self) -> None:
        """The reader stopped: a success if the end of an event stream had come, else no evidence."""
        complete = self._body is None and self._watch.seen
        self._end(Verdict.SUCCESS if complete else Verdict.NONE, None)

    def dropped(self) -> None:
        """The collector found it."""
        self._reply.end(Verdict.DROPPED)

    def _end(self, verdict: Verdict, failure: Failure | None) -> None:
        if self._reply.verdict is not None:
            return
        told = self._watch.error
        if told is not None:
            failure = Failure("an error in the stream", kind=self._port.told_in_stream(told), status=200)
        if failure is not None:
            verdict = Verdict.FAILURE if failure.kind.meaning.counts else Verdict.NONE
            if failure.kind.meaning.moves_on:  # else it would have been the program's to read, as it is
                say_late(self._call, failure)
            self._call.journal.failed(self._attempt, failure, self._call.model)
        self._reply.end(verdict)
