"""The contract with httpx, httpcore, asyncio and trio: what we touch of them without being invited is still there."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import pytest
import trio

from resilient_ai.transports._private import AUTO_BACKEND, CONTENT, POOL, POOL_FIELDS, SOCKET_INSIDE, URL_PARTS
from tests.transports.sides import Side, sides


@sides("sync", "asyncio")
def test_a_transport_keeps_its_pool_where_we_look(side: Side) -> None:
    """A new release that renames `_pool` or a field of it must fail here, not in a program."""
    transport = side.transport()
    pool = getattr(transport, POOL)
    core = sys.modules[side.flavour.replace("x", "core", 1)]
    assert isinstance(pool, core.ConnectionPool if side.mode == "sync" else core.AsyncConnectionPool)
    assert [getattr(pool, name) for name in POOL_FIELDS[:2]] == [[], []]
    assert all(name in vars(pool) for name in POOL_FIELDS)
    type(getattr(pool, POOL_FIELDS[2]))()  # the lock can be made anew


@sides("asyncio")
def test_the_async_backend_looks_for_its_loop_once(side: Side) -> None:
    """The reason to make a new one for each loop; and it is made without arguments."""
    backend = getattr(getattr(side.transport(), POOL), POOL_FIELDS[3])
    assert type(backend).__name__ == AUTO_BACKEND
    type(backend)()


@pytest.mark.parametrize("run", [asyncio.run, trio.run], ids=["asyncio", "trio"])
def test_a_loop_s_sockets_have_a_real_one_inside(run: Any) -> None:
    """asyncio.TransportSocket and trio's socket cannot be closed outside of their loop; the one inside can."""

    async def script() -> object:
        if run is trio.run:
            with trio.socket.socket() as sock:
                return getattr(sock, SOCKET_INSIDE)
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            return getattr(server.sockets[0], SOCKET_INSIDE)

    assert isinstance(run(script), socket.socket) if run is trio.run else isinstance(run(script()), socket.socket)


@pytest.mark.parametrize("flavour", ["httpx", "httpx2"])
def test_a_request_has_its_body_and_its_address_where_we_look(flavour: str) -> None:
    """A body once it is read, and not before; all of a URL in its order."""
    module: Any = pytest.importorskip(flavour)
    url = "https://user:secret@host.example:8443/a%20b?c=%20d#e"
    request = module.Request("POST", url, content=b"body")
    assert getattr(request, CONTENT) == request.content == b"body"
    assert getattr(module.Request("POST", url, content=iter([b"body"])), CONTENT, None) is None
    scheme, userinfo, host, port, path, query, _ = getattr(request.url, URL_PARTS)
    assert (scheme, userinfo, host, port) == ("https", "user:secret", "host.example", 8443)
    assert f"{path}?{query}".encode() == request.url.raw_path
    assert getattr(module.URL("https://host.example"), URL_PARTS)[5] is None
