"""The key of a request in a cache."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from .._target import salted_digest
from ._request import credential_of

if TYPE_CHECKING:
    from ._request import Prepared

__all__ = ["cache_key", "digest"]

CANONICAL = 16 * 1024
"""Bytes up to which a JSON body's keys are sorted first; above it equal bytes are needed (sorting costs ms there)."""

_SHA256 = hashlib.sha256()
_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode

CACHED = 1024 * 1024
"""Bytes above which a request is not cached."""


def digest(prepared: Prepared) -> str | None:
    """A salted hash of the request as it is sent; None if its body is large or not kept, or it has none."""
    body = prepared.body
    if not body or len(body) > CACHED:
        return None
    request = prepared.request
    return salted_digest(b"\n".join((request.method.encode(), request.url.raw_path, body)))


VERSIONS = (b"openai-beta", b"anthropic-version", b"anthropic-beta")
"""Headers that change what an answer looks like."""


def cache_key(prepared: Prepared, namespace: str | None) -> str | None:
    """SHA-256 of the canonical request and its namespace; None if it is not to be cached."""
    body = prepared.body
    if body is None or len(body) > CACHED or prepared.endpoint.path is None:
        return None
    request = prepared.request
    url = request.url
    space = f"key {credential_of(prepared.headers)}" if namespace is None else f"named {namespace!r}"
    head = (
        space.encode("utf-8", "backslashreplace"),
        request.method.encode(),
        url.raw_scheme,
        url.netloc,
        url.raw_path,
        *(prepared.headers.get(name, b"") for name in VERSIONS),
    )
    digest = _SHA256.copy()  # a fifth of the cost of a new one, which looks its algorithm up
    digest.update(b"\n".join(head) + b"\n" + _canonical(prepared, body))
    return digest.hexdigest()


def _canonical(prepared: Prepared, body: bytes) -> bytes:
    if prepared.multipart:
        # Each multipart body has a boundary of its own, named in its type.
        boundary = prepared.headers[b"content-type"].partition(b"boundary=")[2].strip(b'"')
        return body.replace(boundary, b"") if boundary else body
    if len(body) > CANONICAL:
        return body
    try:
        return _encode(_decode(body.decode())).encode()
    except ValueError:
        return body
