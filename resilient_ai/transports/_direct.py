"""Straight to the pool: what an httpx transport does between its client and httpcore's pool, without what is checked
there a second time.

httpx hands httpcore strings and headers that it has just made and checked itself; httpcore checks each again, which
costs more than a whole pipeline of strategies (`python -m benchmarks.overhead`). Only a transport whose own method is
httpx's is passed by: one that somebody subclassed or patched (to trace it, say) is called as it is.
"""

from __future__ import annotations

import string
import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ._private import ERROR_MAPPER, H11_HEADERS, HEADER_LIST, INNER_STREAM, POOL, POOL_STREAM, STREAMS

if TYPE_CHECKING:
    from ._flavour import Flavour

__all__ = ["Direct", "direct"]


ERRORS = ("TimeoutException", "NetworkError", "ProtocolError", "ProxyError", "UnsupportedProtocol")
"""httpcore's exceptions, their bases only."""


_IN_NAMES = b"-!#$%&'*+.^_`|~" + string.digits.encode() + string.ascii_letters.encode()
_IN_VALUES = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
"""What RFC 9110, 5 has in a header's name and in its value."""


def checked(headers: Any) -> Any:
    """The headers in the form h11 gives them once it has checked them, all at once (h11 matches two patterns for each,
    which takes a third of the time of sending). What is not plainly right is left to h11, as it came."""
    lines: list[tuple[bytes, bytes, bytes]] = getattr(headers, HEADER_LIST)
    if H11_HEADERS is None or not lines:
        return headers.raw
    raw, names, values = zip(*lines, strict=True)
    if b"".join(raw).translate(None, _IN_NAMES) or not all(raw):
        return headers.raw
    if b"".join(values).translate(None, _IN_VALUES) or tuple(map(bytes.strip, values)) != values:
        return headers.raw
    if b"transfer-encoding" in names or names.count(b"content-length") > 1:
        return headers.raw
    if b"content-length" in names and not values[names.index(b"content-length")].isdigit():
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
