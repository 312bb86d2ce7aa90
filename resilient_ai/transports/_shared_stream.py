"""A stream that several read, as one of them has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._call import Verdict
from .._outcome import TEXT
from .._packed import settle
from .._runtime.sync import drive
from ..errors import DeadlineExceeded, Failure
from ..failures import FailureKind
from ._abandoned import later
from ._answer import explain
from ._fanout import Cursor, LeftBehind
from ._sdk import connection_error

if TYPE_CHECKING:
    from .._call import Call, Reply
    from ._flavour import Flavour
    from ._sharing import HttpSharing

__all__ = ["Leave", "reader_classes"]

Leave = Callable[[], "Callable[[], object] | None"]
"""Told when a reader stops; returns what ends the request if it was the last one."""

GRACE = 0.1
"""Seconds that a reader waits beyond a limit that may be the request's own: what becomes of the request is evidence
about its target."""

LINGER = 0.01
"""Seconds for which a stream of which all is told may end by itself, which leaves its connection to the next call."""

PARTING = 0.25
"""Seconds that the last reader waits at most, when it leaves, for the request to be ended: its connection is then back
in the pool, as that of a stream of its own would be."""


class _Reader:
    """What both kinds of reader have in common."""

    reply: Reply
    _over = True

    def __init__(self, fanout: Any, sharing: HttpSharing, call: Call, leave: Leave, *, leads: bool) -> None:
        self._fanout, self._sharing, self._call, self._leave, self._leads = fanout, sharing, call, leave, leads
        self._gate: Any = None
        self._cursor = Cursor()
        self._stop: Callable[[], object] | None = None
        self._since: float | None = None  # when it began to wait for the next piece
        self._idle: float | None = sharing.timeouts.get("read")

    def enter(self) -> bool:
        """Take part; False if the beginning is gone."""
        self._over = not self._fanout.enter(self._cursor)
        return not self._over

    def _taken(self) -> bytes | None:
        """The next piece; empty if there is none yet, None at the end.

        Raises:
            Exception: what its program is to see.
        """
        try:
            chunk: bytes | None = self._fanout.take(self._cursor)
        except LeftBehind:
            raise self._broke(_behind(self._call)) from None
        if chunk:
            self._since = None
        elif chunk is None:
            if self._fanout.error is not None:
                raise self._broke()
            self._end(Verdict.SUCCESS)
        return chunk

    async def _wait(self) -> None:
        """Wait for the next piece, or for what else there is to see."""
        runtime = self._call.runtime
        now = runtime.now()
        self._since = now if self._since is None else self._since
        left = self._left(now)
        if left is not None and left <= 0:
            raise self._broke(_late(self._call, now)) from None
        if self._gate is None:
            self._gate = runtime.gate()
            self._cursor.wake = self._gate.open
            return  # asked again: it may have come before there was a way to tell it
        await self._gate.wait(left)

    def _left(self, now: float) -> float | None:
        limits = (
            self._call.stream_limit,
            None if self._idle is None or self._since is None else self._since + self._idle,
        )
        limit = min((limit for limit in limits if limit is not None), default=None)
        return None if limit is None else limit + GRACE - now

    def _end(self, verdict: Verdict) -> None:
        """It reads no more."""
        if self._over:
            return
        self._over = True
        self._fanout.leave(self._cursor)
        self._stop = self._leave()
        self.reply.end(verdict)
        self._call.journal.finish()

    def _conclude(self) -> None:
        """Of all that is told a last reader has it kept before it leaves: from then on, equal calls ask anew."""
        if not self._over and self._fanout.is_last(self._cursor):
            self._fanout.source.conclude()

    def _stopped(self) -> Callable[[], object] | None:
        """What ends the request, if nobody else reads it and it has not ended by itself."""
        self._end(Verdict.SUCCESS if self._fanout.source.complete else Verdict.NONE)
        stop, self._stop = self._stop, None
        return None if self._fanout.over else stop

    async def _parted(self, seconds: float) -> None:
        """Wait until the request has ended, so long at most."""
        runtime, fanout = self._call.runtime, self._fanout
        gate = self._gate = self._gate or runtime.gate()
        until = runtime.now() + seconds
        fanout.parting = gate.open
        while not fanout.over and (left := until - runtime.now()) > 0:
            await gate.wait(left)

    def _broke(self, failure: Failure | None = None) -> Exception:
        """The exception for its program; by default for what broke the request."""
        fanout, sharing = self._fanout, self._sharing
        error, breach = fanout.error, fanout.source.breach
        self._end(Verdict.FAILURE)
        if failure is None and self._leads and error is not None and breach is not None:
            raised: Exception = error
            return raised
        if failure is None:
            failure = _cut(self._call) if breach is None else sharing.own(breach.failure)
        raised = connection_error(failure, sharing.request, sharing.flavour)
        words = getattr(error, TEXT, None)
        if words is not None:
            setattr(raised, TEXT, words)
        explain(raised, self._call.journal, failure)
        if raised is not failure.__cause__:
            raised.__cause__ = failure
        return raised

    def __del__(self) -> None:
        if not self._over:  # found by the collector: no lock here
            later(_leaving(self._fanout, self._cursor, self._leave, self._call))


def _leaving(fanout: Any, cursor: Cursor, leave: Leave, call: Call) -> Callable[[], object]:
    def left() -> None:
        fanout.leave(cursor)
        stop = leave()
        if not fanout.is_pumped:
            fanout.close()
        elif stop is not None and not fanout.over:
            stop()
        call.journal.finish()

    return left


def _behind(call: Call) -> Failure:
    why = "it was read too slowly: others, who share the request, are far ahead, and what was not read is gone"
    return Failure(why, kind=FailureKind.LOCAL, target=call.target_name)


def _late(call: Call, now: float) -> Failure:
    if call.stream_limit is not None and now >= call.stream_limit:
        return DeadlineExceeded("the call's time was over", target=call.target_name)
    return Failure("no byte came", kind=FailureKind.SILENT, target=call.target_name)


def _cut(call: Call) -> Failure:
    why = "the stream was cut off where it was read for all who share it"
    return Failure(why, kind=FailureKind.TRANSIENT, target=call.target_name)


@lru_cache(maxsize=2)
def reader_classes(flavour: Flavour) -> tuple[type[Any], type[Any]]:
    """The sync and the async reader of a flavour."""
    sync_base: Any = flavour.module.SyncByteStream
    async_base: Any = flavour.module.AsyncByteStream

    class Reader(_Reader, sync_base):
        """Reads by blocking; while it is alone, what it wants it reads on itself."""

        def __iter__(self) -> Reader:
            return self

        def __next__(self) -> bytes:
            fanout = self._fanout
            while not self._over:
                chunk = self._taken()
                if chunk:
                    return chunk
                if chunk is None:
                    break
                if fanout.may_pull():
                    try:
                        fanout.pull()
                    finally:
                        fanout.pulled()
                else:
                    drive(self._wait())
            drive(settle(self.reply.kept))
            raise StopIteration

        def close(self) -> None:
            self._conclude()
            drive(settle(self.reply.kept))
            stop, fanout = self._stopped(), self._fanout
            if stop is None:
                return
            if not fanout.is_pumped:
                fanout.close()
                return
            try:
                if fanout.source.complete:
                    drive(self._parted(LINGER))
            finally:
                stop()
            drive(self._parted(PARTING))

    class AsyncReader(_Reader, async_base):
        """Reads by awaiting."""

        def __aiter__(self) -> AsyncReader:
            return self

        async def __anext__(self) -> bytes:
            while not self._over:
                chunk = self._taken()
                if chunk:
                    return chunk
                if chunk is None:
                    break
                await self._wait()
            await settle(self.reply.kept)
            raise StopAsyncIteration

        async def aclose(self) -> None:
            self._conclude()
            try:
                await settle(self.reply.kept)
            finally:
                stop = self._stopped()
            if stop is None:
                return
            try:
                if self._fanout.source.complete:
                    await self._parted(LINGER)
            finally:
                stop()
            await self._parted(PARTING)
            await settle(self.reply.kept)

    return Reader, AsyncReader
