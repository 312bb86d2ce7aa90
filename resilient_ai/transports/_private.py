"""Every private name of another library that the transports touch; tests/transports/test_private_names.py checks them.

A private name may go with any release. Where one of the pool's is missing, ``owned()`` answers None, and the given
transport is shared as it is: the pool of our own and the deadline inside a socket operation are lost, nothing else.
Where one of h11's or of ``_direct``'s is, requests go the longer way. Without the others there is no wrapping.
"""

from __future__ import annotations

from typing import Any

try:
    from h11 import _headers
except ImportError:
    _headers = None  # type: ignore[assignment]  # what is not there is checked before it is used

__all__ = [
    "AUTO_BACKEND",
    "CONTENT",
    "COOKIE_POLICY",
    "ERROR_MAPPER",
    "H11_HEADERS",
    "HEADERS",
    "HEADER_LIST",
    "HTTP_CLIENT",
    "INNER_STREAM",
    "MOUNTS",
    "POOL",
    "POOL_FIELDS",
    "REQUEST_ID",
    "SOCKET_INSIDE",
    "STATE",
    "STATUS_ERROR_MAKER",
    "STREAMS",
    "TRANSPORT",
    "TRANSPORT_FOR_URL",
]

POOL = "_pool"
"""httpx, httpx2: the httpcore pool of an HTTPTransport or AsyncHTTPTransport; all it sends goes through there."""

POOL_FIELDS = ("_connections", "_requests", "_optional_thread_lock", "_network_backend")
"""httpcore, httpcore2: what a pool must not share with its copy. All else in it is configuration."""

AUTO_BACKEND = "AutoBackend"
"""httpcore, httpcore2: the async backend that looks which loop runs, once, and so serves one kind of loop only."""

SOCKET_INSIDE = "_sock"
"""asyncio.TransportSocket, trio's socket: the ``socket.socket`` inside. Neither can be closed once its loop is over."""

CONTENT = "_content"
"""httpx, httpx2: the decoded body of a Response, once read. We read in bounded steps, and put it there ourselves."""

HEADER_LIST = "_list"
"""httpx, httpx2: the (raw name, lower-case name, value) triples of a Headers; adding to it costs no copy of it."""

HEADERS = "_headers"
"""httpx, httpx2: a Client's own headers. Setting them by the property would bring back defaults its user took out."""

COOKIE_POLICY = "_policy"
"""http.cookiejar: which cookies a CookieJar takes; its one setting."""

TRANSPORT = "_transport"
MOUNTS = "_mounts"
TRANSPORT_FOR_URL = "_transport_for_url"
"""httpx, httpx2: a Client's transports, and its own choice among them."""

STATE = "_state"
"""httpx, httpx2: whether a Client has been opened; a copy of an opened one has not been."""

HTTP_CLIENT = "_client"
"""openai: the http client of an SDK client."""

STATUS_ERROR_MAKER = "_make_status_error_from_response"
"""openai: makes the exception for an error answer; uses nothing of the client it is called on but its class."""

REQUEST_ID = "_request_id"
"""openai: a parsed answer's x-request-id."""

H11_HEADERS: Any = getattr(_headers, "Headers", None)
"""h11, in ``_headers``: header lines that have been checked, as (raw name, lower-case name, value) triples: the very
form of httpx's own list. A request that is given them is not checked again."""

ERROR_MAPPER = "map_httpcore_exceptions"
INNER_STREAM = "_httpcore_stream"
"""httpx, httpx2: httpcore's stream inside the stream of a Response."""

STREAMS = {"handle_request": "ResponseStream", "handle_async_request": "AsyncResponseStream"}
"""httpx, httpx2, in ``_transports.default``: what turns httpcore's errors and streams into httpx's."""
