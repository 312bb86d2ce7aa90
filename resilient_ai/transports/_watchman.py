"""What watches over a stream while it passes: its limits, its end, and what a program sees if it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .._call import Verdict
from .._outcome import TEXT, Words
from .._state.pace import Pace
from ..errors import Failure
from ..failures import FailureKind
from ._answer import explain
from ._sdk import connection_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._call import Call, Reply
    from ..providers.base import Dialect
    from ..providers.codecs.turn import StreamTurn, Turned
    from ..providers.streams.reading import Reading, Unread
    from ._flavour import Flavour
    from ._mend import Mender

__all__ = ["Breach", "Broke", "Guard", "Terms", "Watchman"]


class Breach(NamedTuple):
    """How a stream broke.

    Attributes:
        call: what had brought it.
        failure: what it is, as the strategies would see it.
        told: the event in which the provider told an error, as it came; else the exception that the program would see
            of its http client.
        cause: where that comes from.
    """

    call: Call
    failure: Failure
    told: bytes | Exception
    cause: BaseException | None


class Broke(Exception):
    """A stream broke that is read by one that is to go on with another."""

    def __init__(self, breach: Breach) -> None:
        super().__init__()
        self.breach = breach


class Terms(NamedTuple):
    """The program's own terms for what happens to its stream.

    Attributes:
        request: the one the stream answers.
        marks: where the stream's response keeps what is known of it.
        flavour: of the client.
        translate: what a transport's exception is in the flavour's terms.
        judge: the failure that such an exception is.
    """

    request: Any
    marks: dict[str, Any]
    flavour: Flavour
    translate: Callable[[Exception], Exception]
    judge: Callable[[Call, Exception], Failure]


class Guard(Protocol):
    """Who watches over what is read just now: the stream itself, or another answer that goes on with it."""

    reply: Reply

    @property
    def complete(self) -> bool:
        """Whether the terminal signal was seen; a stream without one is complete only at its end."""
        ...

    @property
    def may_linger(self) -> bool:
        """Whether the rest of the body may be read as it is closed: nothing but its end is to come, and soon."""
        ...

    def ended(self) -> Breach | None:
        """All is read: how the stream broke, if it did not end as it should."""
        ...

    def failed(self, error: Exception) -> Breach | None:
        """Reading failed: how the stream broke; None if all there was to say had been said, and it is no matter."""
        ...

    def breach(self) -> Breach:
        """What forbids to go on with what is in order so far."""
        ...

    def closed(self) -> None:
        """The reader stopped."""
        ...


class Watchman:
    """What both kinds of stream do at each step, but for the reading itself.

    Args:
        call: for its limits and its clock.
        reading: reads the events.
        dialect: reads an error that the stream tells; what turns the stream, if something does.
        terms: what the program is to see of a failure.
        bounded: whether reading keeps the deadline; a foreign transport's does not.
    """

    __slots__ = ("_dialect", "_pace", "_terms", "bounded", "call", "mender", "reading", "reply")

    reply: Reply

    def __init__(
        self,
        call: Call,
        reading: Reading | Unread | Turned,
        dialect: Dialect | StreamTurn,
        terms: Terms,
        *,
        bounded: bool,
    ) -> None:
        self.call = call
        self.reading = reading
        self._dialect = dialect
        self._terms = terms
        self._pace = None if call.pace is None else Pace(call.pace, call.runtime.now())
        self.bounded = bounded
        self.mender: Mender | None = None

    @property
    def marks(self) -> dict[str, Any]:
        """Where the stream's response keeps what is known of it."""
        return self._terms.marks

    @property
    def unlimited(self) -> bool:
        """Whether only the program's own time-outs hold."""
        return self.call.idle is None and self.call.stream_limit is None and self._pace is None

    def limit(self) -> float | None:
        """When the next bytes must be here."""
        call = self.call
        limits = (
            call.stream_limit,
            None if call.idle is None else call.runtime.now() + call.idle,
            None if self._pace is None else self._pace.until(),
        )
        return min((limit for limit in limits if limit is not None), default=None)

    def came(self, size: int) -> None:
        """So many bytes have come."""
        if self._pace is not None:
            self._pace.came(size, self.call.runtime.now())

    @property
    def resumes(self) -> bool:
        """Whether the stream is read by one that is to go on with it."""
        return self.call.resume is not None

    def ended(self) -> Breach | None:
        """All is read: how the stream broke, if it did not end as it should."""
        if self.reading.stopped or not self.reading.satisfied:
            return self.breach()
        self.reply.end(Verdict.SUCCESS)
        return None

    def closed(self) -> None:
        """The reader stopped: a success if the terminal signal had come, else no evidence."""
        self.reply.end(Verdict.SUCCESS if self.complete else Verdict.NONE)

    def failed(self, error: Exception) -> Breach | None:
        """The transport failed. None: all there was to say had been said, and it is no matter."""
        if self.complete:
            self.reply.end(Verdict.SUCCESS)
            return None
        told = self._terms.translate(error)
        failure = self._terms.judge(self.call, told)
        if failure.kind is FailureKind.DEADLINE and self.call.stream_limit is None:  # that was for its first byte
            failure = self._failure(str(failure), FailureKind.SILENT)
        return self._broken(failure, told, error)

    def breach(self) -> Breach:
        """What forbids to go on: an error told in the stream, an event that is none, an end without its signal."""
        reading = self.reading
        if reading.error is not None:
            kind = self._dialect.told_in_stream(reading.error)
            failure = self._failure("the stream told an error", kind)
            self._over(failure, Verdict.FAILURE if kind.meaning.counts else Verdict.NONE)
            return Breach(self.call, failure, reading.error, None)
        why = "the stream ended without its terminal event"
        if reading.fault is not None:
            why = f"in the stream {reading.fault}"
        error = self._terms.flavour.RemoteProtocolError(why)
        return self._broken(self._failure(f"no sound answer: {why}", FailureKind.BROKEN), error, error)

    def _broken(self, failure: Failure, error: Exception, cause: Exception) -> Breach:
        failure.__cause__ = error
        self._over(failure, Verdict.SUCCESS if self.complete else Verdict.FAILURE)
        return Breach(self.call, failure, error, cause)

    def _over(self, failure: Failure, verdict: Verdict) -> None:
        """It broke. That is the end of its attempt, and not yet of the call."""
        attempt = self.reply.attempt
        if attempt is not None and not attempt.over and self.reply.verdict is None:
            attempt.over = True
            attempt.ended = self.call.runtime.now()
            failure.status = attempt.status
            if not self.complete:
                self.call.journal.failed(attempt, failure, self.call.model)
        self.reply.end(verdict)

    def finish(self) -> None:
        """The call is over, unless it is another stream's."""
        if not self.resumes:
            self.call.journal.finish()

    def told(self, breach: Breach) -> bytes | Exception:
        """What the program is to see of it. There it can see the text that was delivered."""
        journal, terms = self.call.journal, self._terms
        journal.finish()
        kept = None if self.mender is None else Words(self.mender.words)
        if kept is not None:
            terms.marks[TEXT] = kept
        if isinstance(breach.told, bytes):
            return breach.told
        raised = connection_error(breach.failure, terms.request, terms.flavour)
        explain(raised, journal, breach.failure)
        if kept is not None:
            setattr(raised, TEXT, kept)
        return raised

    def _failure(self, text: str, kind: FailureKind) -> Failure:
        return Failure(text, kind=kind, target=self.call.target_name)

    @property
    def may_linger(self) -> bool:
        """Whether the rest of the body may be read as it is closed: nothing but its end is to come, and soon."""
        return self.complete and self.bounded

    @property
    def complete(self) -> bool:
        """Whether the terminal signal was seen; a stream without one is complete only at its end."""
        return self.reading.seen
