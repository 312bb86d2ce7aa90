"""What the tests of an exchange over a kept connection have in common: a server with a script, and what came of it."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import socket
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.transports._exchanges import Ways
from resilient_ai.transports._pool import owned

from .servers import Server, heads
from .sides import Side, awaited

if TYPE_CHECKING:
    from collections.abc import Generator

OK = b"HTTP/1.1 200 OK\r\n"


class Scripted(Server):
    """Answers a connection's first request with its number, and each later one with the bytes of the script.

    Args:
        answer: those bytes.
        ends: whether the connection is ended behind them.
        step: how many are sent at once. All of them by default.
        first: whether the script is for first requests too.
        pause: seconds between what is sent.
    """

    def __init__(
        self, answer: bytes = b"", *, ends: bool = False, step: int = 0, first: bool = False, pause: float = 0.0
    ) -> None:
        super().__init__()
        self.script, self.ends, self.step, self.first = answer, ends, step or max(len(answer), 1), first
        self.pause = pause

    def serve(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for count, _ in enumerate(heads(connection)):
            if count == 0 and not self.first:
                self.answer(connection, number, "/")
                continue
            for start in range(0, len(self.script), self.step):
                connection.sendall(self.script[start : start + self.step])
                self.over.wait(self.pause)
            if self.ends:
                return


async def sent(side: Side, client: Any, method: str, url: str, **options: Any) -> Any:
    """An answer whose body was not read yet."""
    return await awaited(client.send(client.build_request(method, url, **options), stream=True))


async def body_of(side: Side, answer: Any) -> bytes:
    return bytes(await awaited(answer.read() if side.mode == "sync" else answer.aread()))


async def told(side: Side, client: Any, method: str, url: str, **options: Any) -> object:
    """What a request came to, as a program sees it: an answer, or an error's kind and text."""
    try:
        answer = await sent(side, client, method, url, **options)
        try:
            body = await body_of(side, answer)
        finally:
            await side.close(answer)
    except Exception as error:  # whatever it is, it must be the same
        return type(error), str(error)
    version, reason = answer.extensions["http_version"], answer.extensions["reason_phrase"]
    return answer.status_code, reason, version, answer.headers.raw, body


def core_of(side: Side) -> Any:
    """httpcore or httpcore2."""
    return importlib.import_module(side.flavour.replace("x", "core", 1))


def core_pool(transport: Any) -> Any:
    """httpcore's pool, of a transport of ours or of a bare one."""
    stand_in = transport._pool
    if hasattr(stand_in, "template"):
        return stand_in._pool if hasattr(stand_in, "_pool") else stand_in._here().pool
    return stand_in


def kept_by(transport: Any) -> Any:
    """The one connection that a pool keeps, as it is inside httpcore's outer one."""
    (connection,) = core_pool(transport).connections
    return connection._connection


def left_in(transport: Any) -> tuple[list[str], int]:
    """The pool's connections (how they stand, and of how many requests), and how many requests it holds."""
    pool = core_pool(transport)
    return [connection.info() for connection in pool.connections], len(pool._requests)


async def seen_by(side: Side, url: str, method: str = "GET", *, bare: bool = False, **options: Any) -> list[object]:
    """What a program sees of a second request, and of a third behind it, by our way or the flavour's bare client."""
    transport = side.transport() if bare else owned(side.transport())
    client = side.client(transport)
    seen: list[object] = [await side.get(client, url)]
    seen += [await told(side, client, method, url, **options), left_in(transport)]
    seen += [await told(side, client, method, url), left_in(transport)]
    await side.close(client)
    return seen


def same(side: Side, server: Server, method: str = "GET", **options: Any) -> list[object]:
    """What a program sees by our way, which must be what it sees by the bare client."""

    async def script(bare: bool) -> list[object]:
        server.numbers = itertools.count(1)
        return await seen_by(side, server.url, method, bare=bare, **options)

    bare, ours = side.run(script, True), side.run(script, False)
    assert ours == bare
    return list(ours)


@contextlib.contextmanager
def watched() -> Generator[list[bool]]:
    """Whether each request that got a kept connection went by an exchange."""
    went: list[bool] = []
    exchange = Ways.exchange

    def noted(self: Ways, taken: Any, pool: Any) -> Any:
        found = exchange(self, taken, pool)
        went.append(found is not None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ways, "exchange", noted)
        yield went
