"""Every private name of another library that the transports touch, but for what ``_fast_pool`` and ``_exchange`` use of
httpcore; tests/transports/test_private_names.py checks them.

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
    "AIO",
    "AIOHTTP_SESSIONS",
    "API_CLIENT",
    "API_CLIENT_CLASS",
    "API_METHODS",
    "ASYNC_HTTP",
    "ASYNC_REQUEST",
    "ASYNC_REQUEST_ONCE",
    "AUTH_ASYNC",
    "AUTH_SYNC",
    "AUTO_BACKEND",
    "CLIENT_WRAPPER",
    "COHERE_SETTINGS",
    "CONTENT",
    "COOKIE_POLICY",
    "ERROR_MAPPER",
    "EXECUTOR",
    "H11_HEADERS",
    "HEADERS",
    "HEADER_LIST",
    "HTTP_CLIENT",
    "HTTP_OPTIONS",
    "INNER_STREAM",
    "KEY_CALLABLES",
    "LOOP_CLIENTS",
    "LOOP_CLIENTS_LOCK",
    "MADE_LATER",
    "MOUNTS",
    "PER_LOOP",
    "POOL",
    "POOL_FIELDS",
    "POOL_STREAM",
    "REQUEST",
    "REQUEST_ID",
    "REQUEST_ONCE",
    "SOCKET_INSIDE",
    "STATE",
    "STATUS_ERROR_MAKER",
    "STREAMS",
    "SUB_SDKS",
    "SYNC_HTTP",
    "TRANSPORT",
    "TRANSPORT_FOR_URL",
    "URL_PARTS",
    "USE_AIOHTTP",
]

POOL = "_pool"
"""httpx, httpx2: the httpcore pool of an HTTPTransport or AsyncHTTPTransport; all it sends goes through there."""

POOL_FIELDS = ("_connections", "_requests", "_optional_thread_lock", "_network_backend")
"""httpcore, httpcore2: what a pool must not share with its copy. All else in it is configuration."""

POOL_STREAM = "_stream"
"""httpcore, httpcore2: the connection's stream inside the pool's, which only hands its chunks on."""

AUTO_BACKEND = "AutoBackend"
"""httpcore, httpcore2: the async backend that looks which loop runs, once, and so serves one kind of loop only."""

SOCKET_INSIDE = "_sock"
"""asyncio.TransportSocket, trio's socket: the ``socket.socket`` inside. Neither can be closed once its loop is over."""

CONTENT = "_content"
"""httpx, httpx2: the body of a Request, once read; the decoded one of a Response. We read that in bounded steps, and
put it there ourselves."""

HEADER_LIST = "_list"
"""httpx, httpx2: the (raw name, lower-case name, value) triples of a Headers; adding to it costs no copy of it."""

URL_PARTS = "_uri_reference"
"""httpx, httpx2: the (scheme, userinfo, host, port, path, query, fragment) of a URL, whose properties put them together
anew each time."""

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

KEY_CALLABLES = ("_api_key_provider", "_azure_ad_token_provider")
"""openai: where a client keeps the callable that gives its keys; None if it has a key that stays."""

HTTP_CLIENT = "_client"
"""openai, anthropic, groq, ollama: the http client of an SDK client."""

STATUS_ERROR_MAKER = "_make_status_error_from_response"
"""openai, anthropic, groq: makes the exception for an error answer; uses nothing of the client it is called on but its
class."""

SUB_SDKS = "_sub_sdk_map"
"""mistralai: the names of what hangs on a client once it was asked for."""

CLIENT_WRAPPER = "_client_wrapper"
EXECUTOR = "_executor"
COHERE_SETTINGS = {
    "api_key": "_token",
    "base_url": "_base_url",
    "client_name": "_client_name",
    "timeout": "_timeout",
    "max_retries": "_max_retries",
}
"""cohere: where a client keeps its settings and its http client, and its settings' names by constructor argument."""

API_CLIENT = "_api_client"
API_CLIENT_CLASS = "BaseApiClient"
AIO = "_aio"
MADE_LATER = "google.genai._gaos"
"""google-genai: the inner client that sends, its class, the async half of a client, and the package of those resources
that are made when they are first asked for."""

HTTP_OPTIONS = "_http_options"
SYNC_HTTP = "_httpx_client"
ASYNC_HTTP = "_async_httpx_client"
AIOHTTP_SESSIONS = "_aiohttp_sessions"
"""google-genai: what an inner client keeps."""

USE_AIOHTTP = "_use_aiohttp"
AUTH_SYNC = "_use_google_auth_sync"
AUTH_ASYNC = "_use_google_auth_async"
REQUEST = "_request"
REQUEST_ONCE = "_request_once"
ASYNC_REQUEST = "_async_request"
ASYNC_REQUEST_ONCE = "_async_request_once"
API_METHODS = (USE_AIOHTTP, AUTH_SYNC, AUTH_ASYNC, REQUEST, REQUEST_ONCE, ASYNC_REQUEST, ASYNC_REQUEST_ONCE)
"""google-genai: by which way an inner client sends, and its sending with and without its own retries."""

PER_LOOP = "_per_loop"
LOOP_CLIENTS = "_loop_clients"
LOOP_CLIENTS_LOCK = "_loop_clients_lock"
"""google-genai: its async http client's switch for one client for each event loop, and those clients."""

REQUEST_ID = "_request_id"
"""openai, anthropic: a parsed answer's request id."""

H11_HEADERS: Any = getattr(_headers, "Headers", None)
"""h11, in ``_headers``: header lines that have been checked, as (raw name, lower-case name, value) triples: the very
form of httpx's own list. A request that is given them is not checked again."""

ERROR_MAPPER = "map_httpcore_exceptions"
INNER_STREAM = "_httpcore_stream"
"""httpx, httpx2: httpcore's stream inside the stream of a Response."""

STREAMS = {"handle_request": "ResponseStream", "handle_async_request": "AsyncResponseStream"}
"""httpx, httpx2, in ``_transports.default``: what turns httpcore's errors and streams into httpx's."""
