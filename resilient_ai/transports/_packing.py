"""An answer as bytes for a store: a status line, the header lines, an empty line, the body, as HTTP has it.

Behind the status stands the form that was asked for. An answer that was asked for in another one is turned over, where
nothing is lost by it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._packed import Packed
from ..providers.forms.base import EVENTS, PLAIN, USAGE
from ..providers.forms.table import turned
from ..providers.whole import calls_tools
from ._answer import MARKS, ParsedOnce, whole
from ._form import form_of
from ._private import HEADER_LIST

if TYPE_CHECKING:
    from .._call import Reply
    from ._flavour import Flavour
    from ._request import Prepared

__all__ = ["packed", "unpacked"]

LEFT_OUT = MARKS | {
    b"connection",
    b"content-length",
    b"keep-alive",
    b"request-id",
    b"set-cookie",
    b"transfer-encoding",
    b"x-request-id",
}
"""Headers that belong to one answer, or to its way here, and not to its repetition."""


def packed(reply: Reply, prepared: Prepared) -> Packed | None:
    """An answer for a store; None of a stream that did not end as it should, or was not kept."""
    response = reply.value
    body: bytes | None
    try:
        body = response.content if reply.kept is None else reply.kept.take()
    except RuntimeError:  # not read: a stream
        return None
    if body is None:
        return None
    lines: list[tuple[bytes, bytes, bytes]] = getattr(response.headers, HEADER_LIST)
    kept = [b"%b:%b" % (raw, value) for raw, name, value in lines if name not in LEFT_OUT]
    head = b"%d %b" % (response.status_code, form_of(prepared).encode())
    return Packed(data=b"\n".join([head, *kept, b"", body]), stale_ok=not calls_tools(body))


_KINDS = {
    PLAIN: "application/json",
    EVENTS: "text/event-stream; charset=utf-8",
    USAGE: "text/event-stream; charset=utf-8",
}


def unpacked(data: bytes, prepared: Prepared, flavour: Flavour) -> Any:
    """The answer again, as a response that has just come: a stream too is all there at once. None if it cannot be had
    in the form that is asked for, or is no packing of ours."""
    head, _, body = data.partition(b"\n\n")
    found = _head(head, flavour)
    if found is None:
        return None
    status, had, headers = found
    asked = form_of(prepared)
    if had != asked:
        again = turned(body, had, asked, prepared.dialect.name, prepared.facts.family)
        if again is None:
            return None
        body = again
    response = flavour.Response(status, headers=headers, stream=_NOTHING)  # it copies them, but for their encoding
    response.headers.encoding = headers.encoding
    if had != asked:
        response.headers["Content-Type"] = _KINDS[asked]
    lines: list[tuple[bytes, bytes, bytes]] = getattr(response.headers, HEADER_LIST)
    lines.append((b"Content-Length", b"content-length", b"%d" % len(body)))
    whole(response, body, flavour, 0.0, packed=False)
    response.json = ParsedOnce(body)
    return response


_NOTHING: Any = ()
"""In the place of a stream, until there is one: without, a response makes up headers and reads itself."""


@lru_cache(maxsize=256)  # they are few, and alike where the answers are of one request
def _head(head: bytes, flavour: Flavour) -> tuple[int, str, Any] | None:
    """The status, the form and the headers. None if it is no packing of ours."""
    first, *lines = head.split(b"\n")
    status, _, form = first.partition(b" ")
    if not (status.isdigit() and len(status) == 3 and form):
        return None
    parts = [line.partition(b":") for line in lines]
    headers = flavour.module.Headers([(name, value) for name, _, value in parts])
    return int(status), form.decode("latin-1"), headers
