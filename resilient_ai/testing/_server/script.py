"""From an answer and a fault to what happens on the socket, as data: write, wait, and how it ends."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from .replies import REASONS, Event, Refusal, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..faults import Fault
    from .dialect import Dialect
    from .world import Ask

Step: TypeAlias = bytes | float
"""Bytes are written, a number is waited for (seconds)."""

End: TypeAlias = Literal["keep", "close", "reset", "hang"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What the connection does: the steps in their order, and then its end."""

    steps: Iterable[Step]
    end: End = "keep"


@dataclass(frozen=True, slots=True)
class Telling:
    """How an error is told to this request: in the words of its API."""

    dialect: Dialect
    ask: Ask


PAGE = (
    "<!DOCTYPE html><html><head><title>{code} {reason}</title></head>"
    "<body><center><h1>{code} {reason}</h1></center><hr><center>cloudflare</center></body></html>"
)


def replaces(fault: Fault) -> bool:
    """Whether the fault speaks instead of the endpoint, so that nothing is executed (unless it says `made`)."""
    return fault.kind in {"status", "vendor", "rate_limited", "html", "redirect", "reset", "blackhole"}


_ELSEWHERE = frozenset({"revoked", "retired", "slower"})
"""Faults that have done their work before anything is sent: in the refusal, or in the wait."""


def instead(fault: Fault, telling: Telling) -> Reply:
    """The answer of a fault that replaces the endpoint's (of reset and blackhole, one that never goes out)."""
    match fault.kind:
        case "status":
            reply = telling.dialect.outage(fault.code, telling.ask)
            if fault.text is not None:
                kind = "application/json" if fault.text.lstrip()[:1] in {"{", "["} else "text/plain"
                reply = Reply(status=fault.code, content_type=kind, body=fault.text.encode())
            return dataclasses.replace(reply, headers=fault.headers)
        case "vendor":
            return _told_by_vendor(fault, telling)
        case "rate_limited":
            return telling.dialect.limited(fault.text, telling.ask)
        case "html":
            page = PAGE.format(code=fault.code, reason=REASONS.get(fault.code, "Error"))
            return Reply(status=fault.code, content_type="text/html; charset=UTF-8", body=page.encode())
        case "redirect":
            return Reply(status=307, content_type="text/plain", headers={"location": fault.text or "/"})
        case _:
            return Reply()


def _told_by_vendor(fault: Fault, telling: Telling) -> Reply:
    body, kind = fault.text or "", "application/json"
    if fault.stream is not None and telling.dialect.streams(telling.ask):
        body, kind = fault.stream, "text/event-stream"
    elif is_gateway(fault):
        kind = "text/html; charset=UTF-8" if body.startswith("<") else "text/plain; charset=UTF-8"
    return Reply(status=fault.code, content_type=kind, headers=fault.headers, body=body.encode())


def is_gateway(fault: Fault) -> bool:
    """Whether what stands before the API speaks, so that nothing of the API's own is in the answer."""
    return fault.kind == "html" or (fault.kind == "vendor" and not (fault.text or "").startswith("{"))


def perform(reply: Reply, fault: Fault | None, telling: Telling, *, close: bool) -> Script:
    """Say how `reply` goes out under `fault`. `close`: the client asked for the connection to end."""
    end: End = "close" if close else "keep"
    if fault is None or fault.kind in _ELSEWHERE:
        return plain(reply, close=close)
    match fault.kind:
        case "reset":
            return Script(steps=(), end="reset")
        case "blackhole":
            return Script(steps=(), end="hang")
        case _ if replaces(fault):
            return Script(steps=_healthy(reply, close), end=end)
        case "slow":
            return Script(steps=(fault.seconds, *_healthy(reply, close)), end=end)
        case "drip":
            return Script(steps=_one_by_one(b"".join(_healthy(reply, close)), fault.seconds), end=end)
        case "drip_body":
            head, *rest = _healthy(reply, close)
            return Script(steps=(head, *_one_by_one(b"".join(rest), fault.seconds)), end=end)
        case "paced":
            head, *rest = _pieces(reply, close)
            return Script(steps=(head, *(step for piece in rest for step in (fault.seconds, piece))), end=end)
        case "set_cookie":
            reply = dataclasses.replace(reply, headers={**reply.headers, "set-cookie": fault.text or ""})
            return Script(steps=_healthy(reply, close), end=end)
        case "wrong_length":
            body = reply.body or b"".join(event.data for event in reply.events or ())
            return Script(steps=(_head(reply, True, length=len(body) + 10), body), end="close")
        case _:
            return _cut(reply, fault, telling, close, end)


def plain(reply: Reply, *, close: bool) -> Script:
    """The answer as it is."""
    return Script(steps=_healthy(reply, close), end="close" if close else "keep")


def _cut(reply: Reply, fault: Fault, telling: Telling, close: bool, end: End) -> Script:
    """Faults that strike in the middle of a body."""
    if reply.events is None:
        return _cut_body(reply, fault, telling, close, end)
    before, after = _split(reply.events, fault.tokens)
    head, sent = _head(reply, close), b"".join(_chunk(event.data) for event in before)
    broken = next((event.data for event in after if event.content), b"data: {}\n\n")
    match fault.kind:
        case "slow_first_token":
            opening, rest = _split(reply.events, 0)
            chunks = b"".join(_chunk(event.data) for event in rest) + LAST_CHUNK
            opened = b"".join(_chunk(event.data) for event in opening)
            return Script(steps=(head + opened, fault.seconds, chunks), end=end)
        case "stalled":
            return Script(steps=(head + sent,), end="hang")
        case "truncated":
            return Script(steps=(_head(reply, True) + sent, _chunk(broken)[: len(broken) // 2]), end="close")
        case "truncated_clean":
            return Script(steps=(head + sent + LAST_CHUNK,), end=end)
        case "malformed_json":
            bad = _chunk(broken[: len(broken) // 2] + b"\n\n")
            remaining = b"".join(_chunk(event.data) for event in after)
            return Script(steps=(head + sent + bad + remaining + LAST_CHUNK,), end=end)
        case _:
            told = telling.dialect.break_stream(reply, fault.text or "server_error", len(before), telling.ask)
            return Script(steps=(head + sent + _chunk(told) + LAST_CHUNK,), end=end)


def _cut_body(reply: Reply, fault: Fault, telling: Telling, close: bool, end: End) -> Script:
    half = reply.body[: len(reply.body) // 2]
    match fault.kind:
        case "slow_first_token":
            return Script(steps=(_head(reply, close), fault.seconds, reply.body), end=end)
        case "stalled":
            return Script(steps=(_head(reply, close) + half,), end="hang")
        case "truncated":
            return Script(steps=(_head(reply, True) + half,), end="close")
        case "error_in_stream":
            message = "The server had an error while processing your request."
            told = telling.dialect.refuse(Refusal(500, message, code=fault.text), telling.ask)
            told = dataclasses.replace(told, status=200, headers=reply.headers)
            return Script(steps=_healthy(told, close), end=end)
        case _:
            cut = dataclasses.replace(reply, body=half)
            return Script(steps=_healthy(cut, close), end=end)


def _split(events: Iterable[Event], tokens: int) -> tuple[list[Event], list[Event]]:
    """Cut before the content event that would be one more than `tokens`."""
    before: list[Event] = []
    rest = list(events)
    while rest and not (rest[0].content and tokens == 0):
        tokens -= rest[0].content
        before.append(rest.pop(0))
    if not rest and before:  # fewer tokens than asked for: what closes the stream must not go out all the same
        last = max((index for index, event in enumerate(before) if event.content), default=len(before) - 1)
        before, rest = before[: last + 1], before[last + 1 :]
    return before, rest


def _healthy(reply: Reply, close: bool) -> tuple[bytes, ...]:
    head = _head(reply, close)
    if reply.events is None:
        return head, reply.body
    return head, b"".join(_chunk(event.data) for event in reply.events) + LAST_CHUNK


def _pieces(reply: Reply, close: bool) -> Iterator[bytes]:
    """The head, then a piece at a time."""
    yield _head(reply, close)
    if reply.events is None:
        size = max(1, len(reply.body) // 8)
        for start in range(0, len(reply.body), size):
            yield reply.body[start : start + size]
        return
    for event in reply.events:
        yield _chunk(event.data)
    yield LAST_CHUNK


def _one_by_one(data: bytes, seconds: float) -> Iterator[Step]:
    for index in range(len(data)):
        yield data[index : index + 1]
        yield seconds


def _head(reply: Reply, close: bool, *, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}", f"content-type: {reply.content_type}"]
    if length is None and reply.events is not None:
        lines.append("transfer-encoding: chunked")
    else:
        lines.append(f"content-length: {len(reply.body) if length is None else length}")
    lines.append("connection: " + ("close" if close else "keep-alive"))
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
