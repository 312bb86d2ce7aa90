"""An answer: how it is read, judged, marked, and how a failure's is handed to the program."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._context import journals
from .._journal import notes
from ._flavour import flavour_named
from ._private import CONTENT, HEADER_LIST
from ._sdk import status_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._journal import Journal
    from ..errors import Failure
    from ._flavour import Flavour

__all__ = [
    "BLANKS",
    "JOURNAL",
    "MARKS",
    "Answer",
    "ParsedOnce",
    "error_response",
    "is_event_stream",
    "is_html",
    "is_json",
    "mark",
    "parsed",
    "parsed_anew",
    "raise_now",
    "raising",
    "tell",
    "whole",
]

JOURNAL = "resilient_ai"
"""The extension of a response under which its journal is found."""

_ATTEMPTS = b"x-resilient-ai-attempts"
_ANSWERED_BY = b"x-resilient-ai-answered-by"
_SOURCE = b"x-resilient-ai-source"
_AGE = b"x-resilient-ai-age"
_JOINED = b"x-resilient-ai-joined"
MARKS = frozenset({_ATTEMPTS, _ANSWERED_BY, _SOURCE, _AGE, _JOINED})
"""The headers by which :func:`mark` says who gave an answer."""

LIMIT_PARSED = 64 * 1024
"""Bytes of a JSON answer that are parsed to see that it is one; of a larger one only both ends are looked at."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end. It may echo the prompt, so that only its status is shown. The provider's id for
    the request stands in its ``id_header``."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)
    id_header: bytes = b"x-request-id"


def is_json(headers: Mapping[bytes, bytes]) -> bool:
    """Whether an answer says it is JSON."""
    kind = headers.get(b"content-type", b"")
    return kind == b"application/json" or kind.partition(b";")[0].strip().lower().endswith((b"/json", b"+json"))


def is_html(headers: Mapping[bytes, bytes]) -> bool:
    """Whether an answer is a page: of a gateway, or of whoever else stands in between."""
    return headers.get(b"content-type", b"").lower().startswith(b"text/html")


def is_event_stream(answer: Answer) -> bool:
    """Whether a failure's answer is the beginning of a stream: an error that was told in one under HTTP 200."""
    kinds = (value for name, value in answer.headers if name.lower() == b"content-type")
    return answer.status == 200 and any(kind.startswith(b"text/event-stream") for kind in kinds)


class _Unparsed:
    """Stands where nothing was parsed: a class, since it is the same one in every copy."""


_read = json.JSONDecoder().raw_decode
BLANKS = " \t\n\r"
"""What JSON has for white space (RFC 8259, 2)."""


def _loaded(body: bytes) -> Any:
    """What ``json.loads`` says, in half the time: UTF-8 is taken for granted (RFC 8259, 8.1) and not guessed."""
    try:
        text = body.decode().strip(BLANKS)
        value, end = _read(text)
    except ValueError:  # a byte order mark, UTF-16: json.loads looks
        return json.loads(body)
    return value if end == len(text) else json.loads(body)  # which says what is too much


def parsed(body: bytes) -> Any:
    """The parsed body; the body's two ends if it is large.

    Raises:
        ValueError: it is no JSON.
    """
    if len(body) <= LIMIT_PARSED:
        return _loaded(body)
    ends = body[:64].lstrip()[:1] + body[-64:].rstrip()[-1:]
    if ends not in (b"{}", b"[]"):
        raise ValueError("cut short")
    return _Unparsed


def was_parsed(value: Any) -> bool:
    """Whether :func:`parsed` looked at all of it."""
    return value is not _Unparsed


class ParsedOnce:
    """Stands in for a response's ``json()``: hands over what was parsed already, if it was, the first time; then parses
    anew, so that nobody shares an object that another may change."""

    __slots__ = ("_body", "_value")

    def __init__(self, body: bytes, value: Any = _Unparsed) -> None:
        self._body = body
        self._value = value

    def peek(self) -> tuple[bool, Any]:
        """Whether it is still at hand, and what was parsed: to be read only."""
        return self._value is not _Unparsed, self._value

    def __call__(self, **options: Any) -> Any:
        value, self._value = self._value, _Unparsed
        if options:
            return json.loads(self._body, **options)
        return _loaded(self._body) if value is _Unparsed else value


def parsed_anew(response: Any) -> tuple[bool, Any]:
    """Whether a response that has been read is JSON, and what it says, as an object of its own."""
    content: bytes | None = getattr(response, CONTENT, None)
    if not content:
        return False, None
    try:
        return True, json.loads(content)
    except (ValueError, RecursionError):
        return False, None


_NO_TIME = timedelta(0)


def whole(response: Any, body: bytes, flavour: Flavour, seconds: float, *, packed: bool) -> None:
    """Put the body that was read where the response's own reader would have put it.

    The response stays open, and its raw bytes can be read, as if it had just come.
    """
    if packed:
        headers = response.headers
        del headers["content-encoding"]
        headers["content-length"] = str(len(body))
    setattr(response, CONTENT, body)
    response.stream = flavour.ByteStream(body)
    response.is_stream_consumed = response.is_closed = False
    response.elapsed = timedelta(seconds=seconds) if seconds else _NO_TIME


def mark(response: Any, journal: Journal, request_id: str | None, id_header: bytes = b"x-request-id") -> None:
    """Say on the response who gave it, and remember that by its request id, which stands in ``id_header``."""
    lines: list[tuple[bytes, bytes, bytes]] = getattr(response.headers, HEADER_LIST)
    lines += _who(len(journal.attempts), journal.answered_by, journal.source)
    if journal.age is not None:
        lines.append((_AGE, _AGE, b"%d" % journal.age))
    if journal.joined:
        lines.append((_JOINED, _JOINED, b"true"))
    if request_id is None:  # an SDK's parsed answer carries nothing else by which its outcome could be found
        request_id = f"resilient-ai-{journal.number}"
        lines.append((id_header, id_header, request_id.encode()))
    response.extensions[JOURNAL] = journal
    journals.keep(request_id, journal)


@lru_cache(maxsize=256)  # as few as a program has targets and attempts
def _who(attempts: int, answered_by: str | None, source: str | None) -> tuple[tuple[bytes, bytes, bytes], ...]:
    """The headers that say so."""
    lines = [(_ATTEMPTS, _ATTEMPTS, b"%d" % attempts)]
    if answered_by is not None and source is not None:
        lines.append((_ANSWERED_BY, _ANSWERED_BY, answered_by.encode("ascii", "backslashreplace")))
        lines.append((_SOURCE, _SOURCE, source.encode()))
    return tuple(lines)


def error_response(answer: Answer, request: Any, failure: Failure, journal: Journal, flavour: Flavour) -> Any:
    """The answer of a failure for the program: as it came, but that no SDK will retry it."""
    names = (b"content-encoding", b"content-length", b"transfer-encoding", b"x-should-retry")
    headers = [(name, value) for name, value in answer.headers if name.lower() not in names]
    headers.append((b"x-should-retry", b"false"))
    response = error_classes(flavour)(answer.status, headers=headers, content=answer.body, request=request)
    response.told = failure
    response.is_stream_consumed = response.is_closed = False
    mark(response, journal, response.headers.get(answer.id_header.decode()), answer.id_header)
    return response


NO_ANSWER = 599
"""The status of a response that is none, where an SDK lets an exception pass only out of an answer. A program sees the
exception; the number shows in debug logs and to hooks of the http client."""


def raising(raised: Exception, request: Any, failure: Failure, journal: Journal, flavour: Flavour) -> Any:
    """A response whose ``raise_for_status()`` raises what is to be seen of a failure without an answer."""
    extensions = {"reason_phrase": b"No Answer"}
    headers = [(b"x-should-retry", b"false")]
    response = error_classes(flavour)(NO_ANSWER, headers=headers, request=request, extensions=extensions)
    response.told, response.raised = failure, raised
    response.extensions[JOURNAL] = journal
    return response


def raise_now(response: Any) -> None:
    """Raise the SDK's own exception for an error answer, where the SDK has one that we can make."""
    raised = status_error(response)
    if raised is not None:
        explain(raised, response.extensions[JOURNAL], response.told)
        raise raised from response.told


def tell(error: Exception, response: Any) -> None:
    """Add to an exception that an SDK made of an answer of ours what was tried."""
    told = getattr(response, "told", None)
    if told is not None:
        explain(error, response.extensions[JOURNAL], told)
        error.__cause__ = told


def again(flavour: str, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Any:
    """A plain response, from a pickled one."""
    return flavour_named(flavour).Response(status, headers=headers, content=body)


@lru_cache(maxsize=2)
def error_classes(flavour: Flavour) -> type[Any]:
    """The response class of a flavour whose error carries the notes of its call."""

    base: Any = flavour.Response

    class ErrorResponse(base):
        """An error answer after all was tried."""

        told: Failure | None = None
        raised: Exception | None = None

        def __reduce_ex__(self, protocol: Any) -> Any:
            """A copy is a plain response: what it was told stays in this process."""
            return again, (flavour.name, self.status_code, list(self.headers.raw), self.content)

        def raise_for_status(self) -> ErrorResponse:
            if self.raised is not None:
                raise self.raised from self.told
            try:
                super().raise_for_status()  # pyright: ignore[reportUnknownMemberType]
            except flavour.HTTPStatusError as error:
                raised = status_error(self) or error
                explain(raised, self.extensions[JOURNAL], self.told)
                raise raised from self.told
            return self

    ErrorResponse.__name__ = ErrorResponse.__qualname__ = "Response"
    return ErrorResponse


def explain(error: BaseException, journal: Journal, failure: Failure | None) -> None:
    """Add to what the program will see what was tried; once, and in the place of what was told of an earlier call."""
    if getattr(error, JOURNAL, None) is journal or failure is None:
        return
    setattr(error, JOURNAL, journal)
    lines = notes(journal, failure)
    earlier: list[Any] | None = getattr(error, "__notes__", None)
    if earlier:  # one exception object may be raised again and again
        earlier[:] = _without(earlier, lines[0].partition(" call failed: ")[0])
    for line in lines:
        error.add_note(line)


_LINES = ("  attempt ", "  skipped ", "  joined: ", "  unknown: ")
"""How the lines of :func:`~resilient_ai._journal.notes` begin."""


def _without(told: list[Any], head: str) -> list[Any]:
    """An exception's notes but for those of ours that begin so."""
    left: list[Any] = []
    ours = False
    for line in told:
        text = str(line)
        ours = text.startswith(f"{head} call failed: ") or (ours and text.startswith(_LINES))
        if not ours:
            left.append(line)
    return left
