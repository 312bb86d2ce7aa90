"""What a request's body says of the request."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from .._memo import Memo
from ..providers.base import form_field, model_of
from ._first import asks_for_stream

if TYPE_CHECKING:
    from ..providers.base import Dialect, Endpoint

__all__ = ["Said", "digest_of", "said"]

DIGESTED = 16 * 1024
"""Bytes of a body up to which it is remembered what it said: a digest of more takes longer than it saves."""


class Said(NamedTuple):
    """What a body says.

    Attributes:
        model: that is asked for.
        leaves: whether the call leaves something behind, although its endpoint does not say so.
        ids: of things made earlier that it speaks of.
        streams: whether an event stream is asked for.
    """

    model: str | None
    leaves: bool = False
    ids: tuple[str, ...] = ()
    streams: bool = False


_latest: Memo[tuple[str, str, str | None, bytes], Said] = Memo(512)

LONGEST = 1000
"""Characters of what is remembered of a body. Models and ids are short; what is longer is somebody's text."""


def digest_of(body: bytes) -> bytes | None:
    """What tells a body from every other one; None of a large one."""
    return hashlib.blake2b(body).digest() if len(body) <= DIGESTED else None


def said(dialect: Dialect, endpoint: Endpoint, body: bytes, digest: bytes | None, *, multipart: bool) -> Said:
    """What a body says: a multipart form, or JSON. With its ``digest`` it is remembered."""
    if not body:
        return Said(endpoint.model)
    if multipart:
        span = form_field(body, "model")
        return Said(None if span is None else span.value, streams=asks_for_stream(body))
    if digest is None:
        return _read(dialect, endpoint, body)
    key = (dialect.name, endpoint.family, endpoint.model, digest)
    known = _latest.get(key)
    if known is None:
        known = _read(dialect, endpoint, body)
        if len(known.model or "") + sum(map(len, known.ids)) <= LONGEST:
            _latest.keep(key, known)
    return known


def _read(dialect: Dialect, endpoint: Endpoint, body: bytes) -> Said:
    model = endpoint.model  # a path names it, or the body does
    leaves, ids = dialect.effects(endpoint.family, body)
    return Said(model_of(body) if model is None else model, leaves, ids, asks_for_stream(body))
