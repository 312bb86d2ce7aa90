"""The call's deadline holds inside each socket operation, alike in sync, asyncio and trio."""

from __future__ import annotations

import contextlib
import gc
import socket
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai._runtime.limit import deadline
from resilient_ai.transports._pool import bounded_extensions, owned
from tests.transports.servers import Server, SocksProxy, black_hole, client_tls
from tests.transports.sides import Side, awaited, sides

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT, EARLY, LATE = 0.15, 0.03, 0.25
"""Seconds: the limit of the calls here, how much before it and how much after it they may end (a busy machine)."""


@contextlib.contextmanager
def ends_at_the_limit(expected: type[Exception]) -> Iterator[None]:
    """Run the block under a deadline; it must raise what is expected, then."""
    start = monotonic()
    token = deadline.set(start + LIMIT)
    try:
        with pytest.raises(expected) as caught:
            yield
    finally:
        deadline.reset(token)
    assert type(caught.value) is expected
    assert LIMIT - EARLY <= monotonic() - start <= LIMIT + LATE


async def fails_at_the_limit(side: Side, error: str, url: str, content: Any = None, **options: Any) -> None:
    """The call's own time-outs are far away: only the deadline can end it."""
    client = side.client(owned(side.transport(**options)), timeout=30)
    with ends_at_the_limit(getattr(side.module, error)):
        await awaited(client.request("POST" if content else "GET", url, content=content))
    await side.close(client)


@pytest.mark.parametrize("where", ["/drip/head", "/drip/body", "/stall"])
@sides()
def test_a_server_that_drips_bytes(side: Side, where: str) -> None:
    """A deadline covers everything, also one byte every 0.4 s: with httpx's time-outs alone it took 15 to 29 s."""
    with Server() as server:
        side.run(fails_at_the_limit, side, "ReadTimeout", server.url + where)


@sides()
def test_a_server_that_drips_bytes_over_tls(side: Side) -> None:
    with Server(tls=True) as server:

        async def script() -> None:
            await fails_at_the_limit(side, "ReadTimeout", server.url + "/drip/body", verify=client_tls())

        side.run(script)


@sides()
def test_a_stream_read_past_the_deadline(side: Side) -> None:
    """Bytes that are there already end no call late: past the deadline nothing is read."""

    async def script() -> None:
        client = side.client(owned(side.transport()))
        answer = await awaited(client.send(client.build_request("GET", server.url + "/halves"), stream=True))
        token = deadline.set(monotonic() - 1)
        with pytest.raises(side.module.ReadTimeout, match="deadline"):
            await awaited(answer.read() if side.mode == "sync" else answer.aread())
        deadline.reset(token)
        await side.close(client)

    with Server() as server:
        side.run(script)


@sides()
def test_a_deadline_lifted_in_time_leaves_the_stream_alone(side: Side) -> None:
    """A deadline up to the first content must not cut what comes later."""

    async def script() -> bytes:
        client = side.client(owned(side.transport()))
        token = deadline.set(monotonic() + 0.05)
        answer = await awaited(client.send(client.build_request("GET", server.url + "/halves"), stream=True))
        deadline.reset(token)
        body = await awaited(answer.read() if side.mode == "sync" else answer.aread())
        await side.close(client)
        return body

    with Server() as server:
        assert side.run(script) == b"firstafter"


class SlowReader(Server):
    """Takes a little of what is sent every 50 ms."""

    def serve(self, connection: socket.socket, number: int) -> None:
        while not self.over.wait(0.05) and connection.recv(65536):
            pass


@pytest.mark.filterwarnings("ignore:Async generator 'httpx._content:ResourceWarning")  # httpx 0.28 leaves its body so
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@sides()
def test_a_server_that_hardly_reads(side: Side, tls: bool) -> None:
    """httpcore gives each part of a sync write the whole time-out: a body of many parts would outlast any limit."""
    with SlowReader(tls=tls) as server:

        async def script() -> None:
            options = {"verify": client_tls(), "socket_options": [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)]}
            await fails_at_the_limit(side, "WriteTimeout", server.url, content=b"x" * 8_000_000, **options)

        side.run(script)


@sides()
def test_a_host_that_does_not_answer(side: Side) -> None:
    with black_hole() as port:
        side.run(fails_at_the_limit, side, "ConnectTimeout", f"http://127.0.0.1:{port}")


@sides()
def test_a_tls_handshake_that_does_not_end(side: Side) -> None:
    with Server() as server:  # waits for a request, and gets the client's hello
        server.answer = lambda *_: None
        side.run(fails_at_the_limit, side, "ConnectTimeout", server.url.replace("http", "https"))


@sides("asyncio", "trio")
def test_a_tls_handshake_given_up_leaves_no_connection(side: Side) -> None:
    """httpcore forgets the socket when a task is cancelled there; a server would hold it for as long as we run."""
    ended = threading.Event()

    class Mute(Server):
        def serve(self, connection: socket.socket, number: int) -> None:
            while connection.recv(65536):
                pass
            ended.set()

    async def script() -> None:
        client = side.client(owned(side.transport()))
        with anyio.move_on_after(0.1):
            await side.get(client, server.url.replace("http", "https"))
        await anyio.sleep(0.05)
        assert ended.wait(1)
        await side.close(client)

    with Mute() as server:
        side.run(script)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@sides()
def test_a_socks_proxy_that_does_not_answer(side: Side) -> None:
    """httpcore has no time-out at all there; nor does it close the connection, whence the warnings."""
    pytest.importorskip("socksio")

    class Silent(SocksProxy):
        def serve(self, connection: socket.socket, number: int) -> None:
            self.over.wait()

    with Silent() as proxy:

        async def script() -> None:
            await fails_at_the_limit(side, "ReadTimeout", "http://x.test", proxy=f"socks5://127.0.0.1:{proxy.port}")

        side.run(script)
    gc.collect()


@pytest.fixture
def hanging_dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A name server that answers for `slow.test` only when told."""
    real, answer = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        if host in ("slow.test", b"slow.test") and not flags & socket.AI_NUMERICHOST:
            assert answer.wait(5)
            host = "127.0.0.1"
        return real(host, port, family, type, proto, flags)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield answer
    answer.set()


@sides()
def test_a_name_server_that_does_not_answer(side: Side, hanging_dns: threading.Event) -> None:
    """Looking a name up has no time-out of its own: 3.3 s with 0.5 s configured."""

    async def script() -> None:
        await fails_at_the_limit(side, "ConnectTimeout", "http://slow.test:9")
        hanging_dns.set()  # asyncio waits for its threads at the end of a run

    side.run(script)


@sides("sync")
def test_the_connect_time_out_covers_the_look_up(side: Side, hanging_dns: threading.Event) -> None:
    """Without a deadline too: the program's own connect time-out means connecting."""
    start = monotonic()
    with side.client(owned(side.transport()), timeout=LIMIT) as client, pytest.raises(side.module.ConnectTimeout):
        client.get("http://slow.test:9")
    assert monotonic() - start <= LIMIT + LATE


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        hosts = addresses if host in ("many.test", b"many.test") else [host]
        return [info for one in hosts for info in real(one, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs more than one loopback address")


@linux
@sides()
def test_four_addresses_share_the_time(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """connect is per address: four addresses at 1 s took 4 s."""
    addresses = [f"127.0.0.{n}" for n in range(2, 6)]
    resolve_to(monkeypatch, *addresses)
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(black_hole(addresses[0]))
        for address in addresses[1:]:
            stack.enter_context(black_hole(address, port))
        side.run(fails_at_the_limit, side, "ConnectTimeout", f"http://many.test:{port}")


@linux
@sides()
def test_the_next_address_is_tried(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address refuses, the second hangs, the third answers: within the limit."""

    async def script() -> str:
        resolve_to(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.1")
        client = side.client(owned(side.transport()))
        token = deadline.set(monotonic() + 1)
        answer = await side.get(client, f"http://many.test:{server.port}")
        deadline.reset(token)
        await side.close(client)
        return answer

    with Server() as server, black_hole("127.0.0.3", server.port):
        assert side.run(script) == "1"


@sides("sync")
def test_a_name_nobody_knows(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flavour's own ConnectError, as without us."""

    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with side.client(owned(side.transport())) as client, pytest.raises(side.module.ConnectError, match="not known"):
        client.get("http://nobody.test")


@sides()
def test_waiting_for_a_connection_ends_too(side: Side) -> None:
    """The pool's wait is no socket operation: its time-out is cut in the request, by `bounded_extensions`."""

    async def script() -> None:
        client = side.client(owned(side.transport(limits=side.module.Limits(max_connections=1))), timeout=30)
        answer = await awaited(client.send(client.build_request("GET", server.url), stream=True))
        with ends_at_the_limit(side.module.PoolTimeout):
            request = client.build_request("GET", server.url)
            request.extensions = bounded_extensions(request.extensions, phases=("pool",))
            await awaited(client.send(request))
        await side.close(answer)
        await side.close(client)

    with Server() as server:
        side.run(script)


def test_bounded_extensions() -> None:
    """A copy; nothing is invented without a deadline; the shorter limit of each phase counts."""
    given = {"timeout": {"connect": 0.5, "read": None, "write": 600.0, "pool": None}, "trace": 1}
    assert bounded_extensions(given) == given
    assert bounded_extensions(given) is not given
    token = deadline.set(monotonic() + 10)
    try:
        cut = bounded_extensions(given)
        assert cut["trace"] == 1
        assert cut["timeout"]["connect"] == 0.5
        assert all(cut["timeout"][phase] == pytest.approx(10, abs=1) for phase in ("read", "write", "pool"))
        assert given["timeout"]["pool"] is None
        assert set(bounded_extensions({})["timeout"]) == {"connect", "read", "write", "pool"}
        assert bounded_extensions(given, phases=("pool",))["timeout"]["read"] is None
    finally:
        deadline.reset(token)


@sides()
def test_without_a_deadline_all_passes_through(side: Side) -> None:
    """The program's own time-outs are what they were."""

    async def script() -> None:
        client = side.client(owned(side.transport()), timeout=0.15)
        start = monotonic()
        with pytest.raises(side.module.ReadTimeout):
            await side.get(client, server.url + "/stall")
        assert 0.1 <= monotonic() - start <= 0.15 + LATE
        await side.close(client)

    with Server() as server:
        side.run(script)


@sides("sync")
def test_a_program_s_own_backend_is_used(side: Side) -> None:
    """It gets the host by its name, and its streams what is left: it may resolve and connect in its own way."""
    core = sys.modules[side.flavour.replace("x", "core", 1)]
    seen = []

    class Backend(core.SyncBackend):
        def connect_tcp(self, host: str, port: int, **options: Any) -> Any:
            seen.append((host, options["timeout"]))
            return super().connect_tcp("127.0.0.1", port, **options)

    given = side.transport()
    given._pool = core.ConnectionPool(network_backend=Backend())
    with SlowReader() as server, side.client(owned(given), timeout=30) as client:
        url = f"http://named.test:{server.port}"
        with ends_at_the_limit(side.module.WriteTimeout):
            client.post(url, content=b"x" * 8_000_000)
    ((host, timeout),) = seen
    assert host == "named.test"
    assert timeout <= LIMIT
