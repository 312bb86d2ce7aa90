"""A body that breaks off is gone on with where it broke off, if its server says that it can be.

Files, videos: what a store hands out with a strong ETag and ``Accept-Ranges: bytes`` (`_resumption`). All else ends as
it would have without us: in the SDK's own error.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._runtime.limit import deadline
from .._runtime.sync import drive
from ..errors import Failure
from ..failures import FailureKind
from ..providers.headers import asked_wait
from ._flavour import fields
from ._pool import bounded_extensions
from ._resumption import resumable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._call import Call
    from .._journal import Attempt
    from ._port import HttpPort
    from ._resumption import Resumption
    from ._wire import Wire

__all__ = ["RESUMES", "AsyncResumed", "Resumed", "resumed"]

RESUMES = 3
"""How often a body is gone on with at most. Our choice: with a network that breaks so often something else is wrong."""

BACKOFF = 0.5
"""Seconds waited before the second try, up to; twice that before the third. The first is made at once."""

LONGEST = 5.0
"""Seconds that a server may ask to wait for the rest. Somebody sits before a body that has begun."""

_ALL = ("connect", "read", "write", "pool")
_POOL = ("pool",)
_DIFFERENT = ("range", "if-range", "accept-encoding")


class _Body:
    """A body from one answer after the other, as far as sync and async have it in common.

    It stands where a response's source stands, and where its stream does: closed, it closes what it reads from.

    Args:
        resumption: what to ask.
        call: for its limits, and its journal, where each further answer is an attempt.
        attempt: the one that brought the answer.
        port: of the call.
        wire: where the rest is asked for: where the beginning came from.
        response: the answer, its body unread.
        request: what was sent for it.
    """

    def __init__(
        self,
        resumption: Resumption,
        *,
        call: Call,
        attempt: Attempt,
        port: HttpPort,
        wire: Wire,
        response: Any,
        request: Any,
    ) -> None:
        self._resumption = resumption
        self._call = call
        self._attempt = attempt
        self._port = port
        self._wire = wire
        self._request = request
        self._left = RESUMES
        self._asked = 0
        self._wait = 0.0
        self._known = wire.known
        self._stream: Any = response.stream
        self._source: Any = wire.source(response)
        self._closed = False

    def _short(self) -> Exception | None:
        """The error for a body that has ended, if it has done so early."""
        resumption = self._resumption
        if resumption.whole:
            return None
        told = f"the body ended after {resumption.at} bytes of {resumption.total}"
        error: Exception = self._port.flavour.RemoteProtocolError(told)
        return error

    async def _mended(self, cause: Exception) -> bytes:
        """The bytes that come next, from another answer.

        Raises:
            Exception: ``cause``, if they cannot be had.
        """
        call = self._call
        if self._resumption.at:  # if not, nobody has anything yet: the strategies can act
            self._lost(cause)
        else:
            self._left = 0
        while self._left > 0 and not self._closed:
            self._left -= 1
            if self._asked:
                wait = max(self._wait, random.uniform(0, BACKOFF * 2 ** (self._asked - 1)))
                if not self._fits(wait):
                    break
                await call.runtime.sleep(wait)
            self._asked += 1
            until = self._until()
            if until is not None and until <= call.runtime.now():
                break
            try:
                found = await self._ask(until)
            except Failure as failure:
                self._note(failure)
                if not self._wait:
                    break
                continue
            except self._known as error:
                self._lost(error)
                continue
            if not self._closed:
                self._asked = 0
                return found
        await self._let_go()
        try:
            raise cause
        finally:
            del cause  # its traceback holds this frame

    async def _ask(self, until: float | None) -> bytes:
        """Ask for the rest, and read its first bytes.

        Raises:
            Failure: another answer came. The waiting that may help is kept.
        """
        call, resumption = self._call, self._resumption
        self._wait = 0.0
        await self._let_go()
        attempt = self._attempt = call.journal.begin(call.target_name)
        token = deadline.set(until)
        try:
            response = await self._wire.send(self._again(), until)
            self._stream, self._source = response.stream, self._wire.source(response)
            headers = fields(response.headers)
            attempt.status = response.status_code
            why = resumption.mismatch(response.status_code, headers)
            if why is None:
                found = await self._wire.first(self._source)
                if found:
                    resumption.at += len(found)
                    return found
                why = "it is empty"
            if response.status_code in (408, 429) or response.status_code >= 500:
                self._wait = asked_wait(headers, time.time()) or 0.001
            kind = FailureKind.TRANSIENT if self._wait else FailureKind.BROKEN
            text = f"not the rest of the body: {why}"
            raise Failure(text, kind=kind, target=call.target_name, status=response.status_code)
        finally:
            deadline.reset(token)
            attempt.ended = call.runtime.now()

    def _again(self) -> Any:
        request = self._request
        headers = [(name, value) for name, value in request.headers.multi_items() if name not in _DIFFERENT]
        extensions = dict(request.extensions)
        if deadline.get() is not None:  # as for any other attempt: sockets of our own look at the deadline themselves
            extensions = bounded_extensions(extensions, phases=_ALL if self._wire.foreign else _POOL)
        return self._port.flavour.Request(
            "GET", request.url, headers=headers + self._resumption.asks(), extensions=extensions
        )

    def _until(self) -> float | None:
        """When the next bytes must be here."""
        call = self._call
        now = call.runtime.now()
        limits = [now + seconds for seconds in (call.first_byte, call.idle, call.per_attempt) if seconds is not None]
        if call.stream_limit is not None:
            limits.append(call.stream_limit)
        return min(limits, default=None)

    def _fits(self, wait: float) -> bool:
        limit = self._call.stream_limit
        return wait <= LONGEST and (limit is None or self._call.runtime.now() + wait < limit)

    def _lost(self, error: Exception) -> None:
        self._note(self._port.failure(self._call, self._wire.told(error)))

    def _note(self, failure: Failure) -> None:
        """The attempt has failed after all."""
        call = self._call
        failure.status = failure.status or self._attempt.status
        self._attempt.ended = call.runtime.now()
        call.journal.failed(self._attempt, failure, call.model)

    async def _let_go(self) -> None:
        with suppress(*self._known):
            await self._wire.close(self._stream)


class Resumed(_Body):
    """By blocking."""

    def __iter__(self) -> Resumed:
        return self

    def __next__(self) -> bytes:
        try:
            chunk: bytes = next(self._source)
        except StopIteration:
            error = self._short()
            if error is None:
                raise
        except self._known as broken:
            error = broken
        else:
            self._resumption.at += len(chunk)
            return chunk
        try:
            return drive(self._mended(error))
        finally:
            del error

    def close(self) -> None:
        """Close what it reads from."""
        self._closed = True
        close = getattr(self._source, "close", None)
        if close is not None:
            with suppress(ValueError):  # somebody else is reading
                close()
        self._stream.close()


class AsyncResumed(_Body):
    """By awaiting."""

    def __aiter__(self) -> AsyncResumed:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk: bytes = await anext(self._source)
        except StopAsyncIteration:
            error = self._short()
            if error is None:
                raise
        except self._known as broken:
            error = broken
        else:
            self._resumption.at += len(chunk)
            return chunk
        try:
            return await self._mended(error)
        finally:
            del error

    async def aclose(self) -> None:
        """Close what it reads from."""
        self._closed = True
        await self._stream.aclose()


def resumed(
    headers: Mapping[bytes, bytes],
    *,
    call: Call,
    attempt: Attempt,
    port: HttpPort,
    wire: Wire,
    response: Any,
    request: Any,
) -> Resumed | AsyncResumed | None:
    """The body of an answer, gone on with when it breaks off; None if that cannot be, or the call is not to be rescued.
    It stands for the answer's source and for its stream."""
    rescue = call.rescue
    if rescue is None or rescue.ways(call) == ("error",):
        return None
    resumption = resumable(request.method, response.status_code, headers)
    if resumption is None:
        return None
    kind = AsyncResumed if port.is_async else Resumed
    return kind(resumption, call=call, attempt=attempt, port=port, wire=wire, response=response, request=request)
