"""Requests over kept connections: what a program sees of them is what httpcore's own connection lets it see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.transports import _exchanges
from resilient_ai.transports._exchanges import ways
from resilient_ai.transports._pool import owned

from .exchanged import OK, Scripted, core_of, kept_by, left_in, same, told, watched
from .sides import Side, sides

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

WHOLE = {
    "content-length": OK + b"Content-Length: 5\r\nX-One: a\r\nx-one: b\r\n\r\nhello",
    "chunked": CHUNKED + b"5\r\nhello\r\n6; of=it\r\n world\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "informational": EARLY + OK + b"Content-Length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\nX-One: a\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    "folded": OK + b"X-One: a\r\n  b\r\nContent-Length: 2\r\n\r\nhi",
}  # fmt: skip
"""Answers behind which a connection goes on."""

LAST = {
    "without length": OK + b"\r\nuntil the end",
    "connection: close": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.0 without length": b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "no status": b"HTTP/1.1 abc\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no header": OK + b"no colon\r\n\r\n",
    "header's name": OK + b"a b: c\r\n\r\n",
    "header's value": OK + b"a: b\0c\r\n\r\n",
    "length": OK + b"Content-Length: five\r\n\r\nhello",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "coding": OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "chunk size": CHUNKED + b"xyz\r\nhello\r\n",
    "chunk's end": CHUNKED + b"5\r\nhellohello\r\n",
    "nothing": b"",
    "nothing behind a 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "head cut": OK + b"Content-Le",
    "body cut": OK + b"Content-Length: 50\r\n\r\nhello",
    "chunk cut": CHUNKED + b"50\r\nhello",
    "chunks cut": CHUNKED + b"5\r\nhello\r\n",
    "trailers cut": CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum",
    "switched unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}
"""Answers that are a connection's last, by what they say or by what is wrong with them."""


@pytest.fixture(autouse=True)
def went() -> Iterator[list[bool]]:
    with watched() as found:
        yield found


@sides("sync", "asyncio")
def test_all_names_are_there(side: Side) -> None:
    """The contract: a release of httpcore that renames what is used must fail here, and not in a program."""
    core = core_of(side)
    found = ways(core, is_async=side.mode != "sync")
    assert found is not None
    kind: Any = core.HTTP11Connection if side.mode == "sync" else core.AsyncHTTP11Connection
    origin = core.Origin(b"http", b"localhost", 80)
    connection = kind(origin, None)
    used = _exchanges._OF_IT  # pyright: ignore[reportPrivateUsage]  # the contract is on them
    assert [name for name in used if not hasattr(connection, name)] == []


@pytest.mark.parametrize("step", [0, 1], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("name", WHOLE)
@sides()
def test_an_answer_is_the_same(side: Side, name: str, step: int, went: list[bool]) -> None:
    with Scripted(WHOLE[name], step=step) as server:
        seen = same(side, server)
    assert went == [True, True]
    assert "IDLE, Request Count: 3" in str(seen[-1]), "it was the same connection all the time"


@pytest.mark.parametrize("name", LAST)
@sides()
def test_a_last_answer_is_the_same(side: Side, name: str, went: list[bool]) -> None:
    with Scripted(LAST[name], ends=True) as server:
        seen = same(side, server)
    assert went == [True]
    assert seen[2] == ([], 0), "nothing was left of it"


@sides()
def test_a_head_too_large_is_refused_alike(side: Side, went: list[bool]) -> None:
    with Scripted(OK + b"X-One: " + b"x" * 300_000) as server:
        seen = same(side, server)
    assert went == [True]
    assert "too long" in str(seen[1])


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE"])
@sides()
def test_other_methods_are_the_same(side: Side, method: str, went: list[bool]) -> None:
    answer = OK + b"Content-Length: 2\r\n\r\n"
    with Scripted(answer if method == "HEAD" else answer + b"hi") as server:
        same(side, server, method)
    assert went == [True, True]


class Posted(Scripted):
    """Reads a second request's head only, answers, and hangs up."""

    def serve(self, connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        self.answer(connection, number, "/")
        connection.recv(1)
        connection.sendall(self.script)


@sides()
def test_an_answer_to_half_a_request_arrives(side: Side, went: list[bool]) -> None:
    """The other end answers and hangs up before all of the body was sent: the answer counts, not the failed write.
    (Now and then its reset overtakes the answer: then the error is the same.)"""

    async def script() -> object:
        transport = owned(side.transport())
        client = side.client(transport)
        await side.get(client, server.url)
        seen = await told(side, client, "POST", server.url, content=b"x" * 8_000_000)
        assert left_in(transport) == ([], 0)
        assert await side.get(client, server.url) == "2"
        await side.close(client)
        return seen

    with Posted(OK + b"Content-Length: 5\r\n\r\nearly") as server:
        seen: Any = side.run(script)
    assert seen[-1] == b"early" or issubclass(seen[0], side.module.ReadError)
    assert went == [True]


@sides()
def test_a_failed_write_is_no_failure(side: Side, went: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without the network's chance: every write of the second request fails, and its answer is there.
    (Regression: trio warned of the body's generator, which was left as it was.)"""
    core = core_of(side)
    with Scripted(OK + b"Content-Length: 5\r\n\r\nearly") as server:

        async def script() -> object:
            transport = owned(side.transport())
            client = side.client(transport)
            await side.get(client, server.url)
            inner = kept_by(transport)._network_stream._inner
            write = inner.write

            def failing(data: bytes, timeout: float | None = None) -> Any:
                done = write(data, timeout=timeout)
                if side.mode == "sync":
                    raise core.WriteError("reset")
                return _then_fail(done, core.WriteError("reset"))

            monkeypatch.setattr(inner, "write", failing)
            seen = await told(side, client, "POST", server.url, content=b"x" * 10)
            assert left_in(transport) == ([], 0), "of such a request not all was sent"
            await side.close(client)
            return seen

        seen: Any = side.run(script)
    assert seen[-1] == b"early"
    assert went == [True]


async def _then_fail(done: Any, error: Exception) -> None:
    await done
    raise error
