"""The key of a request in a cache."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ._request import credential_of

if TYPE_CHECKING:
    from ._request import Prepared

__all__ = ["cache_key"]

CANONICAL = 16 * 1024
"""Bytes up to which a JSON body's keys are sorted first; above it equal bytes are needed (sorting costs ms there)."""

CACHED = 1024 * 1024
"""Bytes above which a request is not cached."""


def cache_key(prepared: Prepared, namespace: str | None) -> str | None:
    """SHA-256 of the canonical request and its namespace; None if it is not to be cached."""
    body = prepared.body
    if body is None or len(body) > CACHED or prepared.endpoint.path is None:
        return None
    request = prepared.request
    space = credential_of(request) if namespace is None else f"named {namespace}"
    head = [space, request.method, str(request.url), request.headers.get("openai-beta", "")]
    return hashlib.sha256(json.dumps(head).encode() + b"\n" + _canonical(prepared, body)).hexdigest()


def _canonical(prepared: Prepared, body: bytes) -> bytes:
    if prepared.multipart:
        # Each multipart body has a boundary of its own, named in its type.
        boundary = prepared.request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
        return body.replace(boundary, b"") if boundary else body
    if len(body) > CANONICAL:
        return body
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except ValueError:
        return body
