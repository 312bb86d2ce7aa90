"""Straight to the pool: what an httpx transport does between its client and httpcore's pool, without what is checked
there a second time.

httpx hands httpcore strings and headers that it has just made and checked itself; httpcore checks each again, which
costs more than a whole pipeline of strategies (`python -m benchmarks.overhead`). Only a transport whose own method is
httpx's is passed by: one that somebody subclassed or patched (to trace it, say) is called as it is.
"""

from __future__ import annotations

import re
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ._private import ERROR_MAPPER, H11_HEADERS, HEADER_LIST, INNER_STREAM, POOL, POOL_STREAM, STREAMS

if TYPE_CHECKING:
    from ._flavour import Flavour

__all__ = ["Direct", "direct"]


ERRORS = ("TimeoutException", "NetworkError", "ProtocolError", "ProxyError", "UnsupportedProtocol")
"""httpcore's exceptions, their bases only."""


_LINE = re.compile(
    rb"(?:[-!#$%&'*+.^_`|~0-9a-zA-Z]+\0(?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?\n)*"
)
"""Header lines as RFC 9110, 5 has them: a token, and a value without control characters or blanks at its ends; between
them a NUL, which neither can hold, where on the wire a colon stands, which a value may."""


def checked(headers: Any) -> Any:
    """The headers in the form h11 gives them once it has checked them, checked here by one pattern for all (h11 takes
    two for each, and a third of the time of sending). What that pattern does not know is left to h11, as it came."""
    lines: list[tuple[bytes, bytes, bytes]] = getattr(headers, HEADER_LIST)
    names = [name for _, name, _ in lines]
    text = b"".join([b"%b\0%b\n" % (raw, value) for raw, _, value in lines])
    if H11_HEADERS is None or b"transfer-encoding" in names:
        return headers.raw
    if text.count(b"\n") != len(lines) or _LINE.fullmatch(text) is None:  # a line break inside would pass for two lines
        return headers.raw
    length = [value for _, name, value in lines if name == b"content-length"]
    if length and not (len(length) == 1 and length[0].isdigit()):
        return headers.raw
    return H11_HEADERS(lines)


class Direct:
    """The pieces needed to pass a transport by."""

    __slots__ = (
        "_core",
        "_kind",
        "_method",
        "_plain",
        "_renamed",
        "_request",
        "_response",
        "_stream",
        "_url",
        "errors",
        "map_errors",
        "pool",
    )

    def __init__(self, transport: Any, plain: FunctionType, flavour: Flavour, core: Any) -> None:
        module = sys.modules[plain.__module__]
        self.pool: Any = getattr(transport, POOL)
        self.map_errors: Any = getattr(module, ERROR_MAPPER)
        self.errors: tuple[type[Exception], ...] = tuple(getattr(core, name) for name in ERRORS)
        self._core: str = core.__name__
        self._kind: type[Any] = type(transport)
        self._method = plain.__name__
        self._plain = plain
        self._stream: Any = getattr(module, STREAMS[plain.__name__])
        self._renamed: type[Exception] = flavour.TransportError
        self._request: Any = core.Request
        self._url: Any = core.URL
        self._response: Any = flavour.Response

    @property
    def stands(self) -> bool:
        """Whether nobody has patched the transport since."""
        return getattr(self._kind, self._method) is self._plain

    def request(self, request: Any) -> Any:
        """The request in httpcore's terms."""
        extensions = request.extensions
        there = request.url
        url = object.__new__(self._url)
        url.scheme = there.raw_scheme
        url.host = there.raw_host
        url.port = there.port
        url.target = extensions.get("target", there.raw_path)
        inner = object.__new__(self._request)
        inner.method = request.method.encode("ascii")
        inner.url = url
        inner.headers = checked(request.headers)
        inner.stream = request.stream
        inner.extensions = extensions
        return inner

    def told(self, error: Exception) -> Exception:
        """The error in httpx's terms."""
        if not isinstance(error, self.errors):
            return error
        try:
            with self.map_errors():
                raise error
        except self._renamed as renamed:
            return renamed

    def body(self, stream: Any) -> Any:
        """The stream of the connection inside ``stream``, a response's: what lies between renames errors, which is done
        here, and hands each chunk on, which costs two generators a chunk."""
        if type(stream) is not self._stream:
            return stream
        inner = getattr(stream, INNER_STREAM)
        return getattr(inner, POOL_STREAM, inner) if type(inner).__module__.startswith(self._core) else inner

    def response(self, inner: Any) -> Any:
        """httpcore's response in httpx's terms. Its headers are put in place as they are: httpx would normalise each,
        which h11 has done, and try encodings on all, where nearly always they are ASCII."""
        response = self._response(inner.status, stream=self._stream(inner.stream), extensions=inner.extensions)
        headers = [(name, name.lower(), value) for name, value in inner.headers]
        setattr(response.headers, HEADER_LIST, headers)
        if b"".join([value for _, _, value in headers]).isascii():  # names always are (RFC 9110, 5.6.2)
            response.headers.encoding = "ascii"
        return response


def direct(transport: Any, flavour: Flavour, method: str) -> Direct | None:
    """The way past ``transport``; None if its own ``method`` does more than httpx's."""
    plain = getattr(type(transport), method)  # pyright: ignore[reportUnknownArgumentType]  # of either package
    core = sys.modules.get("httpcore2" if flavour.name == "httpx2" else "httpcore")
    if not isinstance(plain, FunctionType) or plain.__module__ != f"{flavour.name}._transports.default" or core is None:
        return None
    module = sys.modules[plain.__module__]
    if not (hasattr(module, ERROR_MAPPER) and hasattr(module, STREAMS[method])):
        return None
    return Direct(transport, plain, flavour, core)
