"""What is downloaded, as object stores hand it out: with an ETag, and any part of it alone."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

from .replies import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def stored(content_type: str, body: bytes) -> Reply:
    """A file."""
    headers = {"etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "accept-ranges": "bytes"}
    return Reply(content_type=content_type, headers=headers, body=body)


def ranged(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """The part of a file that is asked for: 206, or 416 if there is none. All of it if it is another file by now
    (`If-Range`), or if several parts are asked for at once."""
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    etag = reply.headers.get("etag")
    if reply.status != 200 or etag is None or found is None or found[0] == "bytes=-":
        return reply
    if headers.get("if-range", etag) != etag:
        return reply
    size = len(reply.body)
    first, last = (int(found[1]), int(found[2] or size)) if found[1] else (size - int(found[2]), size)
    first, last = max(first, 0), min(last, size - 1)
    if first > last:
        return dataclasses.replace(
            reply, status=416, headers={**reply.headers, "content-range": f"bytes */{size}"}, body=b""
        )
    told = {**reply.headers, "content-range": f"bytes {first}-{last}/{size}"}
    return dataclasses.replace(reply, status=206, headers=told, body=reply.body[first : last + 1])
