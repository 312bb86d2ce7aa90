"""Every private name of another library that the transports touch; tests/transports/test_private_names.py checks them.

A private name may go with any release. Where one of these is missing, ``owned()`` answers None, and the given transport
is shared as it is: the pool of our own and the deadline inside a socket operation are lost, nothing else.
"""

from __future__ import annotations

__all__ = ["AUTO_BACKEND", "POOL", "POOL_FIELDS", "SOCKET_INSIDE"]

POOL = "_pool"
"""httpx, httpx2: the httpcore pool of an HTTPTransport or AsyncHTTPTransport; all it sends goes through there."""

POOL_FIELDS = ("_connections", "_requests", "_optional_thread_lock", "_network_backend")
"""httpcore, httpcore2: what a pool must not share with its copy. All else in it is configuration."""

AUTO_BACKEND = "AutoBackend"
"""httpcore, httpcore2: the async backend that looks which loop runs, once, and so serves one kind of loop only."""

SOCKET_INSIDE = "_sock"
"""asyncio.TransportSocket, trio's socket: the ``socket.socket`` inside. Neither can be closed once its loop is over."""
