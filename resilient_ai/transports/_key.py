"""The key of a request in a cache: equal for requests that cannot be answered differently, and for no others.

All of a request is in its key, but for

- what is said of the *form* of the answer: ``stream`` and ``stream_options`` of the dialects whose answers are kept in
  either form, Gemini's ``streamGenerateContent`` and ``alt=sse``, and an ``Accept`` that says the same;
- the headers of the transport, of tracing and of the SDK itself (:data:`PLUMBING`, Sentry's in ``baggage``): none tells
  what is asked;
- the credential (:data:`~._request.CREDENTIALS`), which goes into the namespace, or is replaced by one that was named.

Any other header, known to us or not, is part of it: a gateway may choose the model by one. Numbers count as they are
written (``1``, ``1.0`` and ``1e0`` differ), the order of a JSON object's keys and white space do not.
"""

from __future__ import annotations

import hashlib
import json
import marshal
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from .._call import Operation
from .._keying import CacheKey
from .._memo import Memo
from .._target import salted_digest
from ..providers.keeping import State, leaving
from ..stores.base import digest as named
from ._answer import BLANKS
from ._place import OURS
from ._private import HEADER_LIST, URL_PARTS
from ._request import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._keying import Keying
    from ..providers.keeping import Leaving
    from ._place import Place
    from ._request import Prepared

__all__ = ["cache_key", "digest"]

CANONICAL = 16 * 1024
"""Bytes up to which a JSON body's keys are sorted first; above it equal bytes are needed (sorting costs ms there)."""

_NAME = itemgetter(0)


def _by_name(members: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """A JSON object as it is read: a tuple, where an array is a list. Members of one name stay as they come."""
    members.sort(key=_NAME)
    return tuple(members)


# Numbers become bytes, which nothing else does: they count as they are written.
_read = json.JSONDecoder(object_pairs_hook=_by_name, parse_int=str.encode, parse_float=str.encode).raw_decode  # pyright: ignore[reportArgumentType]  # bytes, for a number

BY_VALUE = 2
"""The version of marshal's format in which equal values are equal bytes; later ones refer back to equal objects."""

_DIGESTED = 1024 * 1024
"""Bytes above which a request has no digest."""


def digest(prepared: Prepared) -> str | None:
    """A salted hash of the request as it is sent; None if its body is large or not kept, or it has none."""
    body = prepared.body
    if not body or len(body) > _DIGESTED:
        return None
    request = prepared.request
    return salted_digest(b"\n".join((request.method.encode(), request.url.raw_path, body)))


def cache_key(prepared: Prepared, keying: Keying) -> CacheKey | None:
    """The key of the canonical request in its namespace, as one BLAKE2b; None if its answer is not to be kept."""
    body, endpoint = prepared.body, prepared.endpoint
    if body is None or len(body) > keying.most or endpoint.path is None:
        return None
    if endpoint.operation is not Operation.STATELESS or endpoint.ids:
        return None
    place, headers = prepared.place, prepared.headers
    if place is None:
        return None
    counting = _counting(place)
    lines = len(getattr(prepared.request.headers, HEADER_LIST))
    if counting.lines < lines:  # a name is there twice: only its last line is at hand
        return None
    asked = _asked.__wrapped__ if prepared.multipart else _asked  # a form's boundary is a new one each time
    query: str | None = getattr(prepared.request.url, URL_PARTS)[5]
    where = asked(keying, place, (prepared.dialect.name, endpoint.family), query, counting.values(headers))
    if prepared.digest is None:
        return where.key(body)
    whole = (where, prepared.digest)
    known = _latest.get(whole)
    if known is None:
        known = where.key(body)
        if known is not None:
            _latest.keep(whole, known)
    return known


_latest: Memo[tuple[_Asked, bytes], CacheKey] = Memo(512)


@lru_cache(maxsize=256)  # as few as a program has endpoints and keys
def _asked(
    keying: Keying, place: Place, endpoint: tuple[str, str], query: str | None, values: tuple[bytes, ...]
) -> _Asked:
    """All of a request but its body; ``endpoint``: its dialect and family."""
    dialect, family = endpoint
    names = _counting(place).names
    headers = dict(zip(names, values, strict=True))
    kind = headers.get(b"content-type", b"")
    raw = place.path if query is None else f"{place.path}?{query}"
    path, secret, in_events = _where(raw.encode("ascii"), dialect)
    space = (
        _credential(keying.salt, (*map(headers.get, CREDENTIALS), secret))
        if keying.namespace is None
        else named(keying.salt, "namespace", keying.namespace)
    )
    subject = None if keying.subject is None else named(keying.salt, "subject", keying.subject)
    bound = f" {keying.bound}" if keying.bound else ""
    head = f"{space} {subject}{bound}\n{dialect} {place.method} {place.scheme} {place.host}"
    told = [b"%b:%b" % (name, _told(name, headers[name])) for name in names if name not in _OF_THE_KEY]
    digest = hashlib.blake2b(b"\n".join((keying.salt, head.encode(), path, *told, b"", b"")), digest_size=32)
    form = kind if kind.startswith(b"multipart/") else None
    judge = None if form is not None else leaving(dialect, family)
    return _Asked(digest, endpoint, space, subject, in_events, form, judge, keying.stateful)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A request but for its body: the key begun, its endpoint, whose it is, whether it asks for a stream, its content
    type if it is a form, who tells what its body may leave behind, and whether it may."""

    digest: Any  # the standard library has no public name for a hash's type
    endpoint: tuple[str, str]
    space: str
    subject: str | None
    in_events: bool
    form: bytes | None
    leaving: Leaving | None
    stateful: bool

    def key(self, body: bytes) -> CacheKey | None:
        """The key of the whole request; None if its answer is not to be kept."""
        endpoint, space, subject = self.endpoint, self.space, self.subject
        read = _canonical(endpoint, body) if self.form is None else _Read(b"form\n", _parts(self.form, body))
        if self.leaving is not None:
            state = self.leaving.behind(body, read.names)
            if state is not State.NONE and (state is not State.KEPT or not self.stateful):
                return None
        digest = self.digest.copy()
        digest.update(read.how + read.said)
        plain = digest.hexdigest()
        if read.how != _JSON or endpoint not in _BOTH:
            return CacheKey(plain, space, subject)
        streamed = f"{plain} stream"
        if self.in_events or read.in_events:
            return CacheKey(streamed, space, subject, plain)
        return CacheKey(plain, space, subject, streamed)


@lru_cache(maxsize=256)  # as few as a program has keys
def _credential(salt: bytes, parts: tuple[bytes | None, ...]) -> str:
    return named(salt, "credential", b"\n".join([part or b"" for part in parts]).decode("latin-1"))


_OF_THE_KEY = frozenset(CREDENTIALS)


PLUMBING = frozenset(
    {
        b"accept-encoding", b"connection", b"content-length", b"expect", b"idempotency-key",
        b"keep-alive", b"newrelic", b"request-id", b"sentry-trace", b"te", b"traceparent", b"tracestate",
        b"transfer-encoding", b"user-agent", b"x-amzn-trace-id", b"x-client-request-id",
        b"x-cloud-trace-context", b"x-correlation-id", b"x-goog-api-client", b"x-request-id", b"x-request-start",
        b"x-server-timeout",
    }
)  # fmt: skip
"""Headers that say how a request travels, who traces it and which SDK it comes from. ``baggage`` and ``x-client-name``
are not among them: a program says what it likes there, and a gateway may go by it."""
_PREFIXES = (OURS, b"x-stainless-", b"x-b3-", b"x-datadog-", b"x-amzn-bedrock-trace")
_FORMS = frozenset({b"application/json", b"text/event-stream"})


class _Counting(NamedTuple):
    """Of a request's headers those that may change its answer, or say whose it is; how to have their values; and how
    many lines it is sent with, if none is there twice."""

    names: tuple[bytes, ...]
    values: Callable[[dict[bytes, bytes]], tuple[bytes, ...]]
    lines: int


@lru_cache(maxsize=1024)
def _counting(place: Place) -> _Counting:
    counting = tuple(sorted(name for name in place.names if name not in PLUMBING and not name.startswith(_PREFIXES)))
    lines = sum(not name.startswith(OURS) for name in place.names)
    return _Counting(counting, itemgetter(*counting) if len(counting) > 1 else partial(_values, counting), lines)


def _values(names: tuple[bytes, ...], headers: dict[bytes, bytes]) -> tuple[bytes, ...]:
    return tuple([headers[name] for name in names])


def _told(name: bytes, value: bytes) -> bytes:
    """What a header says but for an answer's form, and for the boundary of a form's parts, which is drawn anew."""
    if name == b"accept" and value in _FORMS:
        return b""
    if name == b"baggage":
        return b",".join([member for member in value.split(b",") if not member.strip().startswith(_TRACED)])
    return b"multipart" if name == b"content-type" and value.startswith(b"multipart/") else value


_TRACED = b"sentry-"
"""What Sentry puts into ``baggage`` tells which trace a request belongs to: another one each time."""

_STREAMED = b":streamGenerateContent"


def _where(raw: bytes, dialect: str) -> tuple[bytes, bytes, bool]:
    """The path and its query; what in it is a key; and whether it asks for a stream."""
    if dialect != "gemini" or b"?" not in raw:
        return raw, b"", False
    path, _, query = raw.partition(b"?")
    asked = [part for part in query.split(b"&") if part]
    said = [part for part in asked if not part.startswith(b"key=")]
    secret = b"&".join([part for part in asked if part.startswith(b"key=")])
    streamed = path.endswith(_STREAMED) and b"alt=sse" in said
    if streamed:
        path = path.removesuffix(_STREAMED) + b":generateContent"
        said.remove(b"alt=sse")
    return (b"%b?%b" % (path, b"&".join(said)) if said else path), secret, streamed


FORM = frozenset({"stream", "stream_options"})
"""Fields that say in which form the answer is to come."""
_EITHER = frozenset({("openai", "chat"), ("openai", "completions"), ("openai", "responses"), ("anthropic", "messages")})
"""Whose answers say the same, streamed or not, as the body asks."""
_BOTH = _EITHER | {("gemini", "generate_content")}


class _Read(NamedTuple):
    """What a body says; before it how that was read, so that no two ways of reading can say the same; the names of its
    members, where they are known; and whether it asks for a stream."""

    how: bytes
    said: bytes
    names: list[str] | None = None
    in_events: bool = False


_JSON = b"json\n"


def _canonical(endpoint: tuple[str, str], body: bytes) -> _Read:
    if len(body) > CANONICAL:
        return _as_it_is(body)
    try:
        text = body.decode().strip(BLANKS)
        value: Any
        value, end = _read(text)
    except (ValueError, RecursionError):
        return _as_it_is(body)
    if end != len(text):
        return _as_it_is(body)
    names, in_events = None, False
    if text.startswith("{"):
        names = [member[0] for member in value]
        if not FORM.isdisjoint(names) and endpoint in _EITHER:
            in_events = ("stream", True) in value
            value = tuple([member for member in value if member[0] not in FORM])
    try:
        return _Read(_JSON, marshal.dumps(value, BY_VALUE), names, in_events)
    except ValueError:  # nested too deeply
        return _as_it_is(body)


def _as_it_is(body: bytes) -> _Read:
    return _Read(b"bytes\n", body)


def _parts(kind: bytes, body: bytes) -> bytes:
    """A form's parts, each behind its length: their boundary, named in the form's type, is drawn anew each time."""
    boundary = kind.partition(b"boundary=")[2].partition(b";")[0].strip().strip(b'"')
    if not boundary:
        return body
    return b"".join([b"%d:%b" % (len(part), part) for part in body.split(b"--" + boundary)])
