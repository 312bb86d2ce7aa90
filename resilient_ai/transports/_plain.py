"""A plain answer: JSON, read to its end and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._call import Reply
from ..errors import Failure
from ..failures import FailureKind
from ..providers.kinds import in_success
from ._answer import Answer, ParsedOnce, is_json, parsed, was_parsed, whole
from ._request import MAX_BODY

if TYPE_CHECKING:
    from .._call import Call
    from .._journal import Attempt
    from ._port import HttpPort
    from ._received import Headers

__all__ = ["is_plain", "plainly"]

_FILES = ("/content", "/results", ":download")
"""How paths end at which there is what somebody has stored."""


def is_plain(port: HttpPort, headers: Headers) -> bool:
    """Whether an answer is JSON to be read and judged here. What comes from an endpoint we do not know is not: a
    HEAD has no body, and others have customs of their own; nor is a file, whatever is written in it."""
    prepared = port.prepared
    path = prepared.endpoint.path
    if path is None or path.endswith(_FILES) or prepared.request.method == "HEAD" or not is_json(headers):
        return False
    length = headers.get(b"content-length", b"")
    return not length.isdigit() or int(length) <= MAX_BODY


def plainly(port: HttpPort, call: Call, attempt: Attempt, *, response: Any, body: bytes, packed: bool) -> Reply:
    """A plain answer, whose body has been read.

    Raises:
        Failure: it is none.
    """
    whole(response, body, port.flavour, call.runtime.now() - attempt.started, packed=packed)
    try:
        content = parsed(body) if body else None
    except (ValueError, RecursionError):
        raise port.broken(call, "its JSON is malformed") from None
    known = was_parsed(content)
    if body and known:
        response.json = ParsedOnce(body, content)
    if response.status_code == 200:
        _judge(port, call, response, body, content, known=known)
    return Reply(response, ids=port.prepared.dialect.made(port.prepared.facts.family, content) if known else ())


def _judge(port: HttpPort, call: Call, response: Any, body: bytes, content: Any, *, known: bool) -> None:
    """Whether plain JSON under HTTP 200 is an answer; ``known``: all of it was parsed.

    Raises:
        Failure: it is none.
    """
    family, dialect, asked = port.prepared.facts.family, port.prepared.dialect, port.asked
    streamed = port.prepared.streams and port.streamed  # to Gemini's SDK plain JSON is a stream, too
    kind = dialect.inside_success(family, content, asked) if known else None
    if port.in_bytes:
        kind = in_success(content) or FailureKind.BROKEN
    if kind is not None:
        # A response that says itself that it failed is the API's own word, and what nobody can mend is to be read
        # in the provider's own words; any other error body is no answer at all. (Who asked for a stream would read
        # no word of it.)
        told = not (streamed or port.in_bytes) and (dialect.tells_failure(family, content) or not kind.meaning.moves_on)
        answer = Answer(200, tuple(response.headers.raw), body, dialect.request_id) if told else None
        said = "a failure inside HTTP 200"
        raise Failure(said, kind=port.begun(kind), target=call.target_name, status=200, answer=answer)
    if streamed:
        raise port.broken(call, "plain JSON, where a stream was asked for")
