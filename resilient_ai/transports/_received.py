"""What comes back of a request: an answer that is read and judged here, a stream, or a failure."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import Failure
from ..failures import FailureKind
from ..providers.headers import asked_wait, should_retry
from ..providers.kinds import never_fits
from ..providers.retired import is_retired
from ._answer import Answer, is_html, mark
from ._flavour import fields
from ._judged import ended, limits_of
from ._opening import Opening
from ._plain import is_plain, plainly
from ._request import MAX_BODY
from ._wire import TooLarge

if TYPE_CHECKING:
    from .._call import Call, Reply
    from .._journal import Attempt
    from ._port import HttpPort
    from ._translated import Other, Translated
    from ._wire import Wire

__all__ = ["Headers", "error_of", "received"]

Headers = dict[bytes, bytes]

MAX_ERROR = 1024 * 1024
"""Bytes of an error answer that are read; its kind and its message stand at the beginning."""


async def received(
    port: HttpPort,
    call: Call,
    attempt: Attempt,
    *,
    response: Any,
    wire: Wire,
    request: Any,
    form: Translated | None = None,
) -> Reply:
    """The reply that an answer is; ``form``: what it answers, if that was translated. Then it is judged as its own
    dialect has it, and turned into the caller's before anybody else sees it.

    Raises:
        Failure: it is none.
    """
    status: int = response.status_code
    headers = fields(response.headers)
    other = None if form is None else form.sent(port, request)
    side = port if other is None else other.side
    dialect = side.prepared.dialect
    request_id = headers.get(dialect.request_id)
    attempt.status = status
    attempt.request_id = None if request_id is None else request_id.decode("latin-1")
    if call.target is not None:
        await _guard(port, call, response, wire)
    if status >= 400:
        failure = await error_of(side, call, response, headers, wire)
        raise failure if form is None else form.failure(failure)
    if is_html(headers) and (side.in_bytes or (side.in_json and not side.streamed)):  # which Flask calls so
        await wire.close(response)
        raise port.broken(call, "a page of HTML")
    if other is not None and status != 200:
        await wire.close(response)
        raise port.broken(call, f"HTTP {status} to a call that is answered with 200")
    if other is not None and not port.streamed:
        reply = await _turned(other, port, call, attempt, response=response, headers=headers, wire=wire)
    elif other is None and is_plain(port, headers) and not (status == 200 and port.streamed):
        reply = await _plain(port, call, attempt, response=response, headers=headers, wire=wire)
    else:
        reply = await Opening(port, call, attempt, wire, other).open(response, headers, request)
    if reply.verdict is None:
        reply.on_end(partial(ended, call.journal, attempt))
    reply.attempt = attempt
    reply.limits = partial(limits_of, headers, dialect.name)
    call.journal.answered(call.target_name, "fresh" if call.target is None else "fallback", call.model)
    mark(response, call.journal, attempt.request_id, port.prepared.dialect.request_id)
    return reply


async def _turned(
    other: Other,
    port: HttpPort,
    call: Call,
    attempt: Attempt,
    *,
    response: Any,
    headers: Headers,
    wire: Wire,
) -> Reply:
    """A plain answer in another dialect, turned into the caller's."""
    if headers.get(b"content-type", b"").startswith(b"text/event-stream"):
        await wire.close(response)
        raise port.broken(call, "an event stream, where none was asked for")
    try:
        reply = await _plain(other.side, call, attempt, response=response, headers=headers, wire=wire)
    except Failure as failure:
        raise other.form.failure(failure) from failure.__cause__
    other.form.reply(call, reply, port)
    return reply


async def _guard(port: HttpPort, call: Call, response: Any, wire: Wire) -> None:
    """Nothing of a fallback reaches what belongs to the primary: its cookies, its redirects."""
    if "set-cookie" in response.headers:
        del response.headers["set-cookie"]
    if 300 <= response.status_code < 400:
        await wire.close(response)
        raise port.broken(call, "it redirects")


async def error_of(port: HttpPort, call: Call, response: Any, headers: Headers, wire: Wire) -> Failure:
    """The failure that an answer with an error status is."""
    status: int = response.status_code
    try:
        body = await wire.read(response, MAX_ERROR, packed=b"content-encoding" in headers)
    except TooLarge:
        body = b""
    except port.flavour.known:  # the status is known; that says enough
        body = b""
    try:
        content = json.loads(body) if body else None
    except (ValueError, RecursionError):
        content = None
    dialect = port.prepared.dialect
    asked = asked_wait(headers, time.time())
    retired = is_retired(port.host(call.target), port.prepared.facts.family, status)
    return Failure(
        f"HTTP {status}",
        kind=FailureKind.GONE if retired else dialect.classify(status, content),
        retired=retired,
        target=call.target_name,
        status=status,
        retry_after=dialect.wait(content) if asked is None else asked,
        should_retry=False if never_fits(content) else should_retry(headers),
        limits=partial(limits_of, headers, dialect.name),
        answer=Answer(status, tuple(response.headers.raw), body, dialect.request_id),
    )


async def _plain(port: HttpPort, call: Call, attempt: Attempt, *, response: Any, headers: Headers, wire: Wire) -> Reply:
    packed = b"content-encoding" in headers
    try:
        tick = None
        if call.first_byte is not None or call.idle is not None:  # the first bytes are here: other limits hold now
            tick = partial(port.hurry, call, attempt)
            tick()
        body = await wire.read(response, MAX_BODY, packed=packed, tick=tick)
    except TooLarge:
        raise port.broken(call, f"a JSON answer of more than {MAX_BODY} bytes") from None
    return plainly(port, call, attempt, response=response, body=body, packed=packed)
