"""A request: what is read off it, and how it is addressed to another target."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .._call import Facts, Operation
from .._host import Host
from .._target import salted_digest
from ..errors import Failure
from ..failures import FailureKind
from ..providers.base import Dialect, Endpoint, Span, form_field, top_level
from ..providers.codecs.base import Untranslatable, refusing
from ..providers.hosting import PLAIN, fitted, key_header, url_at
from ._private import CONTENT
from ._said import digest_of, said

if TYPE_CHECKING:
    from .._context import Options
    from .._target import Target
    from ..providers.codecs.base import Lost
    from ._flavour import Flavour
    from ._place import Place
    from ._wire import Wire

__all__ = ["ASKED", "MAX_BODY", "Prepared", "addressed", "prepare", "refilled"]

MAX_BODY = 32 * 1024 * 1024
"""Bytes of a request kept so that it can be sent again; of a JSON answer read before it is handed over."""

ASKED = "resilient_ai_asked"
"""The extension of a redirected request that says what it asks for, where its new path does not: whoever answers there,
or does not, does it for the first one. (An http client hands all extensions on to the next request.)"""

FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Headers that go with a body which is handed on unread."""


class Prepared(NamedTuple):
    """A request made ready to be sent, perhaps more than once.

    Attributes:
        headers: by lower-case name.
        body: all of it, or None if it can be sent only once.
        digest: of the body, where equal requests are looked for.
        dialect: that it speaks: the place's, or that of the request that was redirected there.
        endpoint: the same.
        multipart: whether it is a form; else it is JSON, or none.
        streams: whether its body asks for an event stream.
        place: where the program itself sends it; None of a translated one.
    """

    request: Any
    headers: dict[bytes, bytes]
    body: bytes | None
    digest: bytes | None
    dialect: Dialect
    endpoint: Endpoint
    multipart: bool
    facts: Facts
    streams: bool = False
    place: Place | None = None

    def __repr__(self) -> str:
        return f"<Prepared {self.endpoint}>"  # the rest holds keys and prompts


async def prepare(
    request: Any, headers: dict[bytes, bytes], place: Place, wire: Wire, options: Options, *, equals: bool = False
) -> Prepared:
    """Read what a request says; buffer its body, if it is of a known and bearable size. ``equals``: equal ones are
    looked for."""
    extensions = request.extensions
    dialect, endpoint = place.dialect, place.endpoint
    if endpoint.path is None and ASKED in extensions and place.method == "POST":
        dialect, endpoint = extensions[ASKED]
    body: bytes | None = getattr(request, CONTENT, None)
    if body is None or len(body) > MAX_BODY or headers.get(b"content-length") != b"%d" % len(body):
        body = await _body(request, headers, wire)
    multipart = headers.get(b"content-type", b"").startswith(b"multipart/")
    stateless = endpoint.operation is Operation.STATELESS
    looks = equals and stateless and endpoint.path is not None and options.cache != "no-store"
    digest = digest_of(body) if looks and body and not multipart else None
    says = said(dialect, endpoint, body or b"", digest, multipart=multipart)
    facts = Facts(
        endpoint.family,
        Operation.CREATING if stateless and says.leaves else endpoint.operation,
        says.model,
        place.host,
        endpoint.ids + says.ids,
        repeatable=body is not None,
        timeout=_own_timeout(extensions),
        tag=options.tag,
        giver=wire.giver,
    )
    return Prepared(request, headers, body, digest, dialect, endpoint, multipart, facts, says.streams, place)


async def _body(request: Any, headers: dict[bytes, bytes], wire: Wire) -> bytes | None:
    """The body, or None if it can be sent only once: of unknown length (a generator), or too large to keep."""
    length = headers.get(b"content-length")
    if length is None:
        return None if b"transfer-encoding" in headers else b""
    if not length.isdigit() or len(length) > 18:  # a program's own: how many bytes there are is unknown
        return None
    if int(length) > MAX_BODY:
        return None
    try:
        return request.content
    except RuntimeError:  # not read yet: it comes from a file, say
        return await wire.body(request)


def _own_timeout(extensions: dict[str, Any]) -> float | None:
    """The program's own limit: httpx has no total one, so it is the longest of its phases."""
    timeouts = extensions.get("timeout")
    if not timeouts:
        return None
    try:
        return max(timeouts["connect"], timeouts["read"], timeouts["write"]) or None
    except (KeyError, TypeError):  # a phase without one
        return None


def addressed(prepared: Prepared, target: Target, flavour: Flavour, lost: Lost = refusing) -> Any:
    """The same request for another target: its URL, key and model, and what its host wants otherwise; nothing of the
    primary's but the request itself.

    Raises:
        Failure: its host does not take it as it is, and ``lost`` lets nothing be left out.
    """
    try:
        return _addressed(prepared, target, flavour, lost)
    except Untranslatable as said:
        raise Failure(f"not sent: {said}", kind=FailureKind.LOCAL, target=target.name) from None


def _addressed(prepared: Prepared, target: Target, flavour: Flavour, lost: Lost) -> Any:
    request = prepared.request
    dialect, endpoint = prepared.dialect, prepared.endpoint
    host = target.host if isinstance(target.host, Host) else PLAIN
    body = prepared.body or b""
    base_url = target.base_url or ""
    query = [(name, value) for name, value in request.url.params.multi_items() if name in dialect.query]
    headers = [
        (name, value)
        for name, value in request.headers.multi_items()
        if name in dialect.forwarded or name.startswith("x-stainless-")
    ]
    streams = host.stream_path is not None and prepared.streams
    url = url_at(host, base_url, endpoint, target.model or prepared.facts.model, stream=streams)
    if not prepared.multipart:
        body = fitted(body, host, target.vendor, lost, prepared.headers)
    span = None if target.model is None or endpoint.model is not None else _model_span(body, prepared)
    if target.model is not None and span is not None:
        body = span.replaced(body, target.model, quoted=not prepared.multipart)
    if host.wrapping:
        query, headers = [], [one for one in headers if not one[0].startswith("anthropic-")]
    key = target.key()  # a callable's was asked for when the call came here
    if key is not None:
        headers.append(key_header(host, dialect, key, base_url, prepared.headers))
    unread = prepared.body is None  # not kept, and not read by anybody yet: it is handed on as it is
    if unread:
        headers += [(name, value) for name, value in request.headers.multi_items() if name in FRAMING]
    made = flavour.Request(
        request.method,
        url,
        params=[*query, *host.query] or None,
        headers=[*headers, *host.headers],
        content=body if body or (request.method == "POST" and not unread) else None,
        extensions=dict(request.extensions),
    )
    if unread:
        made.stream = request.stream
    return made


def _model_span(body: bytes, prepared: Prepared) -> Span | None:
    """Where a body names its model."""
    return form_field(body, "model") if prepared.multipart else top_level(body, "model")


def refilled(prepared: Prepared, body: bytes, flavour: Flavour) -> Prepared:
    """The same request with another body."""
    request = prepared.request
    headers = [(name, value) for name, value in request.headers.multi_items() if name not in FRAMING]
    made = flavour.Request(
        request.method, request.url, headers=headers, content=body, extensions=dict(request.extensions)
    )
    return Prepared(made, prepared.headers, body, None, *prepared[4:])


CREDENTIALS = (
    b"authorization",
    b"api-key",
    b"x-api-key",
    b"x-goog-api-key",
    b"openai-organization",
    b"openai-project",
    b"x-goog-user-project",
    b"cookie",
)
"""Of every dialect: whatever a request carries of these says whom it speaks for."""


def credential_of(headers: dict[bytes, bytes], query: bytes = b"") -> str:
    """A request's credential and whom it speaks for, as one salted hash; ``query`` if the key stands there."""
    return _credential((*map(headers.get, CREDENTIALS), query))


@lru_cache(maxsize=256)  # as few as a program has keys
def _credential(parts: tuple[bytes | None, ...]) -> str:
    return salted_digest(b"\n".join([part or b"" for part in parts]))
