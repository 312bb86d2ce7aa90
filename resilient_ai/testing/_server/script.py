"""From an answer and a fault to what happens on the socket, as data: write, wait, and how it ends."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from .frames import LAST_CHUNK, chunk, head
from .packing import packed
from .replies import REASONS, Event, Refusal, Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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


_ELSEWHERE = frozenset({"revoked", "retired", "slower", "not_streamed"})
"""Faults that have done their work before anything is sent: in the refusal, in the wait, or in what is answered."""


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
            begun, *rest = _healthy(reply, close)
            return Script(steps=(begun, *_one_by_one(b"".join(rest), fault.seconds)), end=end)
        case "paced":
            begun, *rest = _pieces(reply, close)
            return Script(steps=(begun, *(step for piece in rest for step in (fault.seconds, piece))), end=end)
        case "set_cookie":
            reply = dataclasses.replace(reply, headers={**reply.headers, "set-cookie": fault.text or ""})
            return Script(steps=_healthy(reply, close), end=end)
        case _:
            return _shaped(reply, fault, telling, close, end)


_BROKEN = b'data: {"text": "the rest of it is lost"}\n\n'
"""What is cut where no event with content is left."""


def _shaped(reply: Reply, fault: Fault, telling: Telling, close: bool, end: End) -> Script:
    """Faults of the body's own."""
    match fault.kind:
        case "gzip" | "gzip_cut" | "gzip_bomb":
            before, after = (reply.events or (), []) if fault.kind == "gzip" else _split(reply.events or (), fault)
            return Script(steps=packed(reply, fault, list(before), after, close=close), end=end)
        case "thinking":
            return Script(steps=_thinking(reply, fault, telling, close), end=end)
        case "wrong_length":
            body = reply.body or b"".join(event.data for event in reply.events or ())
            return Script(steps=(head(reply, close=True, length=len(body) + 10), body), end="close")
        case _:
            return _cut(reply, fault, telling, close, end)


def plain(reply: Reply, *, close: bool) -> Script:
    """The answer as it is."""
    return Script(steps=_healthy(reply, close), end="close" if close else "keep")


def _cut(reply: Reply, fault: Fault, telling: Telling, close: bool, end: End) -> Script:
    """Faults that strike in the middle of a body."""
    if reply.events is None:
        return _cut_body(reply, fault, telling, close, end)
    before, after = _split(reply.events, fault)
    begun, sent = head(reply, close=close), _chunks(before)
    broken = next((event.data for event in after if event.content or not fault.opened), _BROKEN)
    match fault.kind:
        case "slow_first_token":
            return Script(steps=(begun + sent, fault.seconds, _chunks(after) + LAST_CHUNK), end=end)
        case "stalled":
            return Script(steps=(begun + sent,), end="hang")
        case "truncated":
            return Script(steps=(head(reply, close=True) + sent, chunk(broken)[: len(broken) // 2]), end="close")
        case "truncated_clean":
            return Script(steps=(begun + sent + LAST_CHUNK,), end=end)
        case "unterminated":
            return Script(steps=(begun + _chunks(_unterminated(reply.events, fault)) + LAST_CHUNK,), end=end)
        case "malformed_json":
            bad = chunk(broken[: len(broken) // 2] + b"\n\n")
            lost = next((place for place, event in enumerate(after) if event.data is broken), -1)
            remaining = _chunks(after[:lost] if lost > 0 else []), _chunks(after[lost + 1 :])
            return Script(steps=(begun + sent + remaining[0] + bad + remaining[1] + LAST_CHUNK,), end=end)
        case _:
            told = telling.dialect.break_stream(reply, fault.text or "server_error", len(before), telling.ask)
            return Script(steps=(begun + sent + chunk(told) + LAST_CHUNK,), end=end)


def _cut_body(reply: Reply, fault: Fault, telling: Telling, close: bool, end: End) -> Script:
    half = reply.body[: len(reply.body) // 2]
    match fault.kind:
        case "slow_first_token":
            return Script(steps=(head(reply, close=close), fault.seconds, reply.body), end=end)
        case "unterminated":
            return plain(reply, close=close)
        case "stalled":
            return Script(steps=(head(reply, close=close) + half,), end="hang")
        case "truncated":
            return Script(steps=(head(reply, close=True) + half,), end="close")
        case "error_in_stream":
            message = "The server had an error while processing your request."
            told = telling.dialect.refuse(Refusal(500, message, code=fault.text), telling.ask)
            told = dataclasses.replace(told, status=200, headers=reply.headers)
            return Script(steps=_healthy(told, close), end=end)
        case _:
            cut = dataclasses.replace(reply, body=half)
            return Script(steps=_healthy(cut, close), end=end)


def _unterminated(events: Sequence[Event], fault: Fault) -> Sequence[Event]:
    """All but the terminal event, or nothing behind the last content."""
    last = max((place for place, event in enumerate(events) if event.content), default=-1)
    return events[:-1] if fault.finished else events[: last + 1]


def _thinking(reply: Reply, fault: Fault, telling: Telling, close: bool) -> Iterator[Step]:
    if reply.events is None:
        yield fault.seconds
        yield from _healthy(reply, close)
        return
    opening, rest = _split_at(reply.events, 0)
    yield head(reply, close=close) + _chunks(opening)
    thoughts = list(itertools.takewhile(lambda event: event.thought, rest))
    for told in thoughts or [Event(telling.dialect.ping())] * thoughts_of(fault):
        yield fault.every
        yield chunk(told.data)
    yield _chunks(rest[len(thoughts) :]) + LAST_CHUNK


def thoughts_of(fault: Fault) -> int:
    """In how many pieces it thinks."""
    return max(1, round(fault.seconds / fault.every))


def _split(events: Iterable[Event], fault: Fault) -> tuple[list[Event], list[Event]]:
    """Cut where the fault strikes."""
    return _split_at(events, fault.tokens) if fault.opened else ([], list(events))


def _split_at(events: Iterable[Event], tokens: int) -> tuple[list[Event], list[Event]]:
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
    begun = head(reply, close=close)
    return (begun, reply.body) if reply.events is None else (begun, _chunks(reply.events) + LAST_CHUNK)


def _pieces(reply: Reply, close: bool) -> Iterator[bytes]:
    """The head, then a piece at a time."""
    yield head(reply, close=close)
    if reply.events is None:
        size = max(1, len(reply.body) // 8)
        for start in range(0, len(reply.body), size):
            yield reply.body[start : start + size]
        return
    for event in reply.events:
        yield chunk(event.data)
    yield LAST_CHUNK


def _chunks(events: Iterable[Event]) -> bytes:
    return b"".join(chunk(event.data) for event in events)


def _one_by_one(data: bytes, seconds: float) -> Iterator[Step]:
    for index in range(len(data)):
        yield data[index : index + 1]
        yield seconds
