"""`owned()`: the same transport with a pool of its own, and neither transport notices the other."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from resilient_ai.transports._pool import owned
from resilient_ai.transports._private import POOL, POOL_FIELDS
from tests.transports.servers import Proxy, Server, SocksProxy, client_tls
from tests.transports.sides import Side, sides

if TYPE_CHECKING:
    from pathlib import Path


def real_pool(transport: Any) -> Any:
    """The httpcore pool behind a transport of ours."""
    stand_in = getattr(transport, POOL)
    return stand_in._pool if hasattr(stand_in, "_pool") else stand_in._here().pool


@sides()
def test_connections_are_kept_alive_and_never_shared(side: Side) -> None:
    """wrap(): "has a connection pool of its own, and closes its own only"; the given client works before and after."""
    given = side.transport()
    ours = owned(given)
    assert ours is not None
    assert type(ours) is type(given)

    async def script() -> list[str]:
        theirs, mine = side.client(given), side.client(ours)
        used = [await side.get(client, server.url) for client in (theirs, mine, theirs, mine)]
        await side.close(mine)
        used.append(await side.get(theirs, server.url))
        await side.close(theirs)
        return used

    with Server() as server:
        assert side.run(script) == ["1", "2", "1", "2", "1"]


@sides()
def test_ours_outlives_the_given_one(side: Side) -> None:
    """wrap(OpenAI()): a given client that is closed, or dropped, takes nothing of ours with it."""
    given = side.transport()

    async def script() -> list[str]:
        ours = owned(given)
        theirs, mine = side.client(given), side.client(ours)
        await side.get(theirs, server.url)
        used = [await side.get(mine, server.url)]
        await side.close(theirs)
        used.append(await side.get(mine, server.url))
        await side.close(mine)
        return used

    with Server() as server:
        assert side.run(script) == ["2", "2"]


@sides()
def test_a_closed_pool_starts_again_when_used(side: Side) -> None:
    """As httpx's transports do: closing closes the connections of now."""

    async def script() -> list[str]:
        transport = owned(side.transport())
        used = []
        for _ in range(2):
            used.append(await side.get(side.client(transport), server.url))
            await side.close(transport)
        return used

    with Server() as server:
        assert side.run(script) == ["1", "2"]


def proxied(side: Side) -> dict[str, Any]:
    return {"proxy": side.module.Proxy("http://127.0.0.1:9", auth=("u", "p"), headers={"x-corp": "1"})}


CONFIGURATIONS = {
    "plain": lambda side: {
        "limits": side.module.Limits(max_connections=3, max_keepalive_connections=2, keepalive_expiry=9.5),
        "verify": client_tls(),
        "retries": 2,
        "local_address": "127.0.0.1",
        "socket_options": [(1, 9, 1)],
        "http1": False,
        "http2": False,
    },
    "uds": lambda side: {"uds": "/tmp/some.sock"},
    "proxy": proxied,
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@sides("sync", "asyncio")
def test_the_configuration_is_kept(side: Side, configuration: str) -> None:
    """wrap(): proxies, TLS, limits, ... carry over: all that is in the pool but its connections, requests and lock."""
    given = side.transport(**CONFIGURATIONS[configuration](side))
    before = dict(vars(getattr(given, POOL)))

    async def script() -> dict[str, Any]:
        transport = owned(given)
        pool = real_pool(transport)
        assert type(pool) is type(getattr(given, POOL))
        values = dict(vars(pool))
        await side.close(transport)
        return values

    ours = side.run(script)
    assert all(ours[name] is value for name, value in before.items() if name not in POOL_FIELDS)
    assert all(ours[name] is not before[name] for name in POOL_FIELDS)
    assert vars(getattr(given, POOL)) == before


@sides()
def test_through_a_socks_proxy(side: Side) -> None:
    """httpcore's SOCKS pool is of the same family."""
    pytest.importorskip("socksio")

    async def script() -> list[str]:
        client = side.client(owned(side.transport(proxy=f"socks5://127.0.0.1:{proxy.port}")))
        used = [await side.get(client, server.url) for _ in range(2)]
        await side.close(client)
        return used

    with Server() as server, SocksProxy() as proxy:
        assert side.run(script) == ["1", "1"]


@sides()
def test_limits_are_honoured(side: Side) -> None:
    """One connection allowed, one in use: the next request waits in vain for the pool, as it would in the given one."""

    async def script() -> None:
        limits = side.module.Limits(max_connections=1)
        client = side.client(owned(side.transport(limits=limits)))
        request = client.build_request("GET", server.url)
        sent = client.send(request, stream=True)
        answer = sent if side.mode == "sync" else await sent
        with pytest.raises(side.module.PoolTimeout):
            await side.get(client, server.url, timeout=side.module.Timeout(5, pool=0.05))
        await side.close(answer)
        await side.close(client)

    with Server() as server:
        side.run(script)


@sides()
def test_through_an_http_proxy(side: Side) -> None:
    """Forwarded (http) and tunnelled (https): the proxy sees our requests, on connections of our own."""

    async def script() -> None:
        transport = owned(side.transport(proxy=proxy.url, verify=client_tls()))
        client = side.client(transport)
        for server in (plain, secure, secure):
            assert await side.get(client, server.url) == "1"
        await side.close(client)

    with Server() as plain, Server(tls=True) as secure, Proxy() as proxy:
        side.run(script)
    assert [line.split(" ")[0] for line in proxy.seen] == ["GET", "CONNECT"]


@sides()
def test_over_a_unix_socket(side: Side, tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def script() -> list[str]:
        client = side.client(owned(side.transport(uds=path)))
        used = [await side.get(client, server.url) for _ in range(2)]
        await side.close(client)
        return used

    with Server(uds=path) as server:
        assert side.run(script) == ["1", "1"]


@sides()
def test_over_tls_by_name(side: Side) -> None:
    """The certificate is checked against the host's name, also where we look the address up ourselves."""

    async def script() -> list[str]:
        client = side.client(owned(side.transport(verify=client_tls())))
        used = [await side.get(client, f"https://localhost:{server.port}") for _ in range(2)]
        await side.close(client)
        return used

    with Server(tls=True) as server:
        assert side.run(script) == ["1", "1"]


@sides("sync", "asyncio")
def test_a_subclass_keeps_its_class_and_state(side: Side) -> None:
    """A program's own HTTPTransport subclass works as it did."""
    base = type(side.transport())

    class Tagged(base):
        tag = "none"

    given = Tagged()
    given.tag = "mine"
    ours = owned(given)
    assert type(ours) is Tagged
    assert ours.tag == "mine"


@sides("sync", "asyncio")
def test_owned_twice_is_a_pool_of_its_own_again(side: Side) -> None:
    """wrap(wrap(client)) nests nothing."""
    once = owned(side.transport())
    twice = owned(once)
    assert getattr(twice, POOL) is not getattr(once, POOL)
    assert getattr(twice, POOL).template is getattr(once, POOL).template


def test_a_foreign_transport_is_left_alone() -> None:
    """ "A user's transport that is not httpx's is shared and never closed by us": there is no pool to copy."""

    class Foreign(httpx.BaseTransport):
        pass

    class Renamed(httpx.HTTPTransport):
        """As a release without the private name would be."""

        def __init__(self) -> None:
            pass

    assert owned(Foreign()) is None
    assert owned(Renamed()) is None
    assert owned(httpx.MockTransport(lambda request: httpx.Response(200))) is None
    assert owned(httpx.ASGITransport(app=lambda *_: None)) is None
    assert owned(object()) is None


def test_httpx2_is_not_imported_for_httpx() -> None:
    """openai 2 programs may have no httpx2: the modules come from the object in hand."""
    import subprocess

    code = (
        "import sys, httpx; from resilient_ai.transports._pool import owned; "
        "owned(httpx.HTTPTransport()); owned(httpx.AsyncHTTPTransport()); print('httpx2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
