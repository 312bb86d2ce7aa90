"""Answers before they are bytes: one for a body, one for a stream, and the vendor's error bodies."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json: TypeAlias = dict[str, Any]
JsonValue: TypeAlias = dict[str, Any] | list[Any] | str | float | bool | None

REASONS = {
    200: "OK",
    206: "Partial Content",
    301: "Moved Permanently",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    416: "Range Not Satisfiable",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Event(NamedTuple):
    """One event of a stream: its bytes, whether it carries content, and whether that is a thought."""

    data: bytes
    content: bool = False
    thought: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer. A stream has `events` and its way of telling an error; anything else has `body`."""

    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    events: Sequence[Event] | None = None
    named_events: bool = False
    made: str | None = None


class Refusal(Exception):  # it is the vendor's word against the request, not a fault of ours
    """The vendor says no: its status and its error body."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.kind = status, message, param, code, kind

    def reply(self) -> Reply:
        """The refusal as an answer."""
        return error(self.status, self.message, param=self.param, code=self.code, kind=self.kind)


def as_object(value: JsonValue) -> Json:
    """The value if it is a JSON object, else an empty one: what is deep in a request may be anything."""
    return value if isinstance(value, dict) else {}


def as_list(value: JsonValue) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def encode(value: Any) -> bytes:
    """JSON as the vendors send it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def ok(value: Any, *, made: str | None = None, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON answer."""
    return Reply(body=encode(value), made=made, headers=headers or {})


def error(
    status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str | None = None
) -> Reply:
    """The vendor's error body: `{"error": {message, type, param, code}}`."""
    kind = kind or _kind_of(status)
    return Reply(
        status=status, body=encode({"error": {"message": message, "type": kind, "param": param, "code": code}})
    )


def waits(wait: float | str | None) -> dict[str, str]:
    """The headers that tell a wait; a text is sent as it is."""
    if isinstance(wait, float):
        return {"retry-after": str(math.ceil(wait)), "retry-after-ms": str(math.ceil(wait * 1000))}
    return {} if wait is None else {"retry-after": str(wait)}


def go_duration(seconds: float) -> str:
    """Seconds as Go prints a duration, which is what OpenAI sends: `12ms`, `1s`, `6m0s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    shown = f"{rest:.3f}".rstrip("0").rstrip(".")
    return f"{int(minutes)}m{shown}s" if minutes else f"{shown}s"


def outage(status: int) -> Reply:
    """The body that goes with a status when nothing about the request is wrong."""
    message, code = _OUTAGES.get(status, (f"The upstream answered {status}.", None))
    return error(status, message, code=code)


def event(value: Any, *, content: bool = False, thought: bool = False, name: str | None = None) -> Event:
    """One server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return Event(head + b"data: " + encode(value) + b"\n\n", content, thought)


def _kind_of(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    if status == 503:
        return "service_unavailable_error"
    return "server_error" if status >= 500 else "invalid_request_error"


_OUTAGES: dict[int, tuple[str, str | None]] = {
    401: ("Incorrect API key provided.", "invalid_api_key"),
    403: ("You are not allowed to use this resource.", "permission_denied"),
    404: ("The requested resource was not found.", "not_found"),
    429: ("Rate limit reached for requests.", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request. Sorry about that!", "server_error"),
    503: ("The server is currently overloaded. Please try again later.", "server_is_overloaded"),
}
