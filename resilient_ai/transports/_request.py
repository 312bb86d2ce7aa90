"""A request: what is read off it, and how it is addressed to another target."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .._call import Facts, Operation
from .._context import Options, current, said
from .._host import Host
from .._target import salted_digest
from ..errors import ConfigurationError, Failure
from ..failures import FailureKind
from ..providers.base import Dialect, Endpoint, Span, form_field, model_of, top_level
from ..providers.codecs.base import Untranslatable, refusing
from ..providers.hosting import PLAIN, fitted, key_header, url_at
from ..providers.registry import dialect_of
from ._first import asks_for_stream
from ._flavour import fields

if TYPE_CHECKING:
    from .._target import Target
    from ..providers.codecs.base import Lost
    from ._flavour import Flavour
    from ._wire import Wire

__all__ = ["ASKED", "MAX_BODY", "Prepared", "addressed", "options_of", "prepare", "refilled", "strip"]

MAX_BODY = 32 * 1024 * 1024
"""Bytes of a request kept so that it can be sent again; of a JSON answer read before it is handed over."""

OURS = b"x-resilient-ai-"

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
        multipart: whether it is a form; else it is JSON, or none.
    """

    request: Any
    headers: dict[bytes, bytes]
    body: bytes | None
    dialect: Dialect
    endpoint: Endpoint
    multipart: bool
    facts: Facts

    def __repr__(self) -> str:
        return f"<Prepared {self.endpoint}>"  # the rest holds keys and prompts


async def prepare(request: Any, headers: dict[bytes, bytes], wire: Wire, options: Options) -> Prepared:
    """Read what a request says; buffer its body, if it is of a known and bearable size."""
    path: str = request.url.path
    dialect = dialect_of(request.method, path, headers)
    endpoint = dialect.endpoint(request.method, path)
    if endpoint.path is None and ASKED in request.extensions and request.method == "POST":
        dialect, endpoint = request.extensions[ASKED]
    body = await _body(request, headers, wire)
    multipart = headers.get(b"content-type", b"").startswith(b"multipart/")
    operation, ids, model = endpoint.operation, endpoint.ids, endpoint.model
    if body and multipart:
        span = form_field(body, "model")
        model = None if span is None else span.value
    elif body:
        if model is None:
            model = model_of(body)
        leaves, spoken_of = dialect.effects(endpoint.family, body)
        ids += spoken_of
        if leaves and operation is Operation.STATELESS:
            operation = Operation.CREATING
    facts = Facts(
        family=endpoint.family,
        operation=operation,
        model=model,
        host=request.url.netloc.decode("ascii"),
        ids=ids,
        repeatable=body is not None,
        timeout=_own_timeout(request),
        tag=options.tag,
        giver=wire.giver,
    )
    return Prepared(request, headers, body, dialect, endpoint, multipart, facts)


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


def _own_timeout(request: Any) -> float | None:
    """The program's own limit: httpx has no total one, so it is the longest of its phases."""
    timeouts = request.extensions.get("timeout")
    if not timeouts:
        return None
    connect, read, write = timeouts.get("connect"), timeouts.get("read"), timeouts.get("write")
    if connect is None or read is None or write is None:
        return None
    return max(connect, read, write) or None


def options_of(request: Any, headers: dict[bytes, bytes]) -> Options:
    """The options in force for a request: the block's, then its own headers', which are taken off it.

    Raises:
        ConfigurationError: a header says what no option can be.
    """
    outer = current.get()
    if OURS not in b"\n".join(headers):  # nearly always; one search costs less than one question a header
        return outer
    ours = {name: value for name, value in headers.items() if name.startswith(OURS)}
    strip(request)
    return _read(outer, {name[len(OURS) :].decode(): value.decode("latin-1").strip() for name, value in ours.items()})


def strip(request: Any) -> None:
    """Take our own headers off a request: they are nobody else's."""
    for name in fields(request.headers):
        if name.startswith(OURS):
            del request.headers[name.decode()]


_OPTIONS = frozenset(
    {
        "deadline", "fallback", "cache", "namespace", "subject", "tag", "priority", "patience", "rescue", "region",
        "hosts",
    }
)  # fmt: skip


def _read(outer: Options, words: dict[str, str]) -> Options:
    unknown = words.keys() - _OPTIONS
    if unknown:
        raise ConfigurationError(f"there is no option header x-resilient-ai-{min(unknown)}")
    fallback = words.get("fallback")
    if fallback not in (None, "on", "off"):
        raise ConfigurationError(f"x-resilient-ai-fallback takes on or off, got {fallback!r}")
    cache: Any = words.get("cache")
    priority: Any = words.get("priority")
    rescue: Any = words.get("rescue")
    hosts = words.get("hosts")
    return said(
        outer,
        deadline=_seconds(words, "deadline"),
        fallback=None if fallback is None else fallback == "on",
        cache=cache,
        namespace=words.get("namespace"),
        subject=words.get("subject"),
        tag=words.get("tag"),
        priority=priority,
        patience=_seconds(words, "patience"),
        rescue=None if rescue is None else tuple(word.strip() for word in rescue.split(",")),
        region=words.get("region"),
        hosts=None if hosts is None else [host.strip() for host in hosts.split(",")],
        source="x-resilient-ai-*",
    )


def _seconds(words: dict[str, str], name: str) -> float | None:
    word = words.get(name)
    try:
        return None if word is None else float(word)
    except ValueError:
        raise ConfigurationError(f"x-resilient-ai-{name} takes seconds, got {word!r}") from None


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
    url = url_at(host, base_url, endpoint, target.model or prepared.facts.model, stream=_streams(host, body))
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


def _streams(host: Host, body: bytes) -> bool:
    return host.stream_path is not None and asks_for_stream(body)


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
    return Prepared(made, prepared.headers, body, *prepared[3:])


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
