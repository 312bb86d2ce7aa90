"""An answer as bytes for a store: a status line, the header lines, an empty line, the body, as HTTP has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._call import Packed
from ..providers.keeping import calls_tools
from ._answer import MARKS
from ._private import HEADER_LIST

if TYPE_CHECKING:
    from ._flavour import Flavour

__all__ = ["packed", "unpacked"]

LEFT_OUT = frozenset({b"set-cookie", b"x-request-id", b"request-id", b"content-length"}) | MARKS
"""Headers that belong to one answer, not to its repetition."""


def packed(response: Any) -> Packed | None:
    """A plain answer for a store; None for a stream."""
    try:
        body: bytes = response.content
    except RuntimeError:  # not read: a stream
        return None
    lines: list[tuple[bytes, bytes, bytes]] = getattr(response.headers, HEADER_LIST)
    kept = [b"%b:%b" % (raw, value) for raw, name, value in lines if name not in LEFT_OUT]
    data = b"\n".join([b"%d" % response.status_code, *kept, b"", body])
    return Packed(data=data, stale_ok=not calls_tools(body))


def unpacked(data: bytes, flavour: Flavour) -> Any:
    """The answer again, as a response that has just come."""
    head, _, body = data.partition(b"\n\n")
    status, *lines = head.split(b"\n")
    headers = [(name, value) for name, _, value in (line.partition(b":") for line in lines)]
    response = flavour.Response(int(status), headers=headers, content=body)
    response.is_stream_consumed = response.is_closed = False
    return response
