"""The key of a request in a cache."""

from __future__ import annotations

import hashlib
import json
import marshal
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .._target import salted_digest
from ._answer import BLANKS
from ._request import credential_of

if TYPE_CHECKING:
    from ._request import Prepared

__all__ = ["cache_key", "digest"]

CANONICAL = 16 * 1024
"""Bytes up to which a JSON body's keys are sorted first; above it equal bytes are needed (sorting costs ms there)."""

_NAME = itemgetter(0)


def _by_name(members: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """A JSON object as it is read: a tuple, where an array is a list. Members of one name stay as they come."""
    members.sort(key=_NAME)
    return tuple(members)


_read = json.JSONDecoder(object_pairs_hook=_by_name).raw_decode

BY_VALUE = 2
"""The version of marshal's format in which equal values are equal bytes; later ones refer back to equal objects."""

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
    request, headers = prepared.request, prepared.headers
    url = request.url
    space = f"key {credential_of(headers)}" if namespace is None else f"named {namespace!r}"
    head = f"{space}\n{request.method} {url.scheme} {prepared.facts.host} "
    parts = (
        head.encode("utf-8", "backslashreplace"),
        url.raw_path,
        *[headers.get(name, b"") for name in VERSIONS],
        _canonical(prepared, body),
    )
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def _canonical(prepared: Prepared, body: bytes) -> bytes:
    if prepared.multipart:
        # Each multipart body has a boundary of its own, named in its type.
        boundary = prepared.headers[b"content-type"].partition(b"boundary=")[2].strip(b'"')
        return body.replace(boundary, b"") if boundary else body
    if len(body) > CANONICAL:
        return body
    try:
        text = body.decode().strip(BLANKS)
        value, end = _read(text)
        return marshal.dumps(value, BY_VALUE) if end == len(text) else body
    except (ValueError, RecursionError):
        return body
