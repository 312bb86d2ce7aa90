"""An answer's HTTP framing: its head, and the chunks of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .replies import REASONS

if TYPE_CHECKING:
    from .replies import Reply

LAST_CHUNK: Final = b"0\r\n\r\n"
"""What ends a chunked body."""


def head(reply: Reply, *, close: bool, length: int | None = None) -> bytes:
    """Status line and headers. `length`: of the body, where it is not what the reply has."""
    lines = [f"HTTP/1.1 {reply.status} {REASONS.get(reply.status, 'Status')}", f"content-type: {reply.content_type}"]
    if length is None and reply.events is not None:
        lines.append("transfer-encoding: chunked")
    else:
        lines.append(f"content-length: {len(reply.body) if length is None else length}")
    lines.append("connection: " + ("close" if close else "keep-alive"))
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def chunk(data: bytes) -> bytes:
    """One chunk; of nothing, nothing: an empty one would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
