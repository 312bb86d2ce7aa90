"""What to ask for the rest of a body that broke off, and whether an answer is that rest. No I/O.

The rest is asked for with ``Range`` and, so that nobody gets the rest of another file, ``If-Range`` (RFC 9110, 13.1.5
and 14); only an answer that says to be exactly that rest is taken.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Resumption", "resumable"]

_RANGE = re.compile(rb"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class Resumption:
    """A body that has come in part.

    Attributes:
        at: how many bytes are here.
        total: how many there are to be; None as long as nobody said.
    """

    __slots__ = ("_etag", "_validator", "at", "total")

    def __init__(self, validator: str, total: int | None) -> None:
        self._validator = validator
        self._etag = validator.startswith('"')
        self.total = total
        self.at = 0

    @property
    def whole(self) -> bool:
        """Whether the body may end here."""
        return self.total is None or self.at == self.total

    def asks(self) -> list[tuple[str, str]]:
        """The headers that ask for the rest, and for nothing else. Not packed: what is here was not."""
        return [("range", f"bytes={self.at}-"), ("if-range", self._validator), ("accept-encoding", "identity")]

    def mismatch(self, status: int, headers: Mapping[bytes, bytes]) -> str | None:
        """Why an answer is not the rest; None if it is."""
        if status != 206:
            return f"HTTP {status}"
        if b"content-encoding" in headers:
            return "it is packed"
        said = _RANGE.fullmatch(headers.get(b"content-range", b"").strip().lower())
        if said is None:
            return "it does not say what it is"
        first, last, total = map(int, said.groups())
        if first != self.at or last != total - 1 or (self.total or total) != total or last < first:
            return f"it says to be {said[0].decode()}, at {self.at} of {self.total}"
        length = headers.get(b"content-length")
        if length is not None and not (length.isdigit() and int(length) == total - first):
            return "its length is another"
        given = headers.get(b"etag" if self._etag else b"last-modified")
        if given is not None and given.decode("latin-1").strip() != self._validator:
            return "it is of another file"
        self.total = total
        return None


def resumable(method: str, status: int, headers: Mapping[bytes, bytes]) -> Resumption | None:
    """What can be done when this answer's body breaks off; None if nothing. ``headers`` are by lower-case name."""
    if method != "GET" or status != 200 or b"content-encoding" in headers:
        return None
    if headers.get(b"accept-ranges", b"").strip().lower() != b"bytes":
        return None
    if headers.get(b"content-type", b"").lower().startswith((b"text/event-stream", b"multipart/byteranges")):
        return None
    validator = _validator(headers)
    length = headers.get(b"content-length")
    if validator is None or (length is not None and not length.isdigit()):
        return None
    return Resumption(validator, None if length is None else int(length))


def _validator(headers: Mapping[bytes, bytes]) -> str | None:
    """A strong one: equal only for equal bytes. A weak ETag says that they may differ; a date is strong only if the
    file was older than a second when it was sent (RFC 9110, 8.8.2.2)."""
    etag = headers.get(b"etag")
    if etag is not None:
        said = etag.decode("latin-1").strip()
        return said if len(said) > 2 and said[0] == said[-1] == '"' else None
    try:
        changed, sent = (headers[name].decode("latin-1").strip() for name in (b"last-modified", b"date"))
        seconds = (parsedate_to_datetime(sent) - parsedate_to_datetime(changed)).total_seconds()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return changed if seconds >= 1 else None
