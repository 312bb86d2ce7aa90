"""Nothing that a server sends makes us take more memory than it is worth; and what it packed is whole, or no answer."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Target, outcome, wrap
from resilient_ai.testing import Fault

from ..transports.servers import Server
from .modes import Mode, chat, close, each, everything, failing, modes, two_modes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MIB = 1 << 20
ALLOWED = 64 * 1024
"""KiB that such an answer may cost (promise 24)."""

EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%b}]}\n\n'
)
SAID = EVENT % b'{"content":"hello"}'
STREAM = [EVENT % b'{"role":"assistant"}', SAID, EVENT % b'{},"finish_reason":"stop"', b"data: [DONE]\n\n"]
ANSWER = b"""{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",\
"message":{"role":"assistant","content":"hello"}}]}"""


class Says(Server):
    """Answers with the pieces for the first word of the path; soundly if that is ``sound``."""

    def __init__(self, pieces: Callable[[str], Iterable[bytes]], *, tiny: bool = False) -> None:
        super().__init__()
        self._pieces = pieces
        self._tiny = tiny

    def serve(self, connection: socket.socket, number: int) -> None:
        if self._tiny:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as reader:
            word = reader.readline().decode().split("/")[1].split(" ")[0]
            length = 0
            while b":" in (line := reader.readline()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            streamed = b'"stream":true' in reader.read(length).replace(b" ", b"")
        if word == "sound":
            connection.sendall(plain(b"text/event-stream", SAID + STREAM[-1]) if streamed else plain(JSON, ANSWER))
            return
        for piece in self._pieces(word):
            connection.sendall(piece)


JSON, SSE = b"application/json", b"text/event-stream"


def head(kind: bytes, *, status: int = 200, packed: bool = True) -> bytes:
    """Of an answer whose end is the connection's: where nobody says how long it is, nobody hears that it is cut."""
    encoding = b"content-encoding: gzip\r\n" if packed else b""
    return b"HTTP/1.1 %d So\r\ncontent-type: %b\r\nconnection: close\r\n%b\r\n" % (status, kind, encoding)


def plain(kind: bytes, body: bytes) -> bytes:
    return head(kind, packed=False) + body


@cache
def bomb(opening: bytes) -> bytes:
    """300 MB that begin so, in 300 KB."""
    packing = zlib.compressobj(9, wbits=31)
    piece = b"a" * MIB
    return packing.compress(opening) + b"".join(packing.compress(piece) for _ in range(300)) + packing.flush()


def endless(opening: bytes) -> Iterator[bytes]:
    """As much, and not packed."""
    yield opening
    for _ in range(300):
        yield b"a" * MIB


BOMBS: dict[str, tuple[str, Callable[[], Iterable[bytes]], str]] = {
    "an answer": ("json", lambda: [head(JSON), bomb(b'{"choices":"')], "APIConnectionError"),
    "an error": ("json", lambda: [head(JSON, status=500), bomb(b'{"error":"')], "InternalServerError"),
    "an event": ("stream", lambda: [head(SSE), bomb(b'data: {"choices":"')], "APIConnectionError"),
    "an event behind content": (
        "stream",
        lambda: [head(SSE), bomb(SAID + b'data: {"choices":"')],
        "APIConnectionError",
    ),
    "an error instead of events": ("stream", lambda: [head(JSON, status=500), bomb(b"{")], "InternalServerError"),
    "an answer, not packed": ("json", lambda: endless(head(JSON, packed=False) + b'{"a":"'), "APIConnectionError"),
    "a line, not packed": ("stream", lambda: endless(head(SSE, packed=False) + b'data: {"a":"'), "APIConnectionError"),
    "a header": ("json", lambda: endless(b"HTTP/1.1 200 OK\r\nx-long: "), "APIConnectionError"),
    "headers": ("json", lambda: [b"HTTP/1.1 200 OK\r\n", *([b"x: aaaaaaaa\r\n" * 10_000] * 100)], "APIConnectionError"),
    "the size of a chunk": (
        "json",
        lambda: endless(head(JSON, packed=False)[:-2] + b"transfer-encoding: chunked\r\n\r\n5;"),
        "APIConnectionError",
    ),
}


@pytest.fixture(scope="module", params=["sync", "async"])
def cost(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """What each came to, in a process of its own."""
    if sys.platform == "win32":
        pytest.skip("Windows has no getrusage, and no fork")
    calls = [how for how, _, _ in BOMBS.values()]
    by_number = [pieces for _, pieces, _ in BOMBS.values()]
    with Says(lambda number: by_number[int(number)]()) as server:
        command = [sys.executable, "-m", "tests.sdk.one_call", server.url, request.param, *calls]
        root = Path(__file__).parent.parent.parent
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(BOMBS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("what", BOMBS)
def test_300_mb_cost_less_than_64(cost: dict[str, dict[str, Any]], what: str) -> None:
    """Promises 24 and 25: what it raises, and the most memory that it took."""
    said = cost[what]
    assert said["error"] == f"openai.{BOMBS[what][2]}"
    assert said["grown"] < ALLOWED
    assert max(map(len, said["notes"])) < 2000


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "all but its check sum": lambda body: gzip.compress(body)[:-8],
    "half": lambda body: gzip.compress(body)[: len(gzip.compress(body)) // 2],
    "with a wrong check sum": lambda body: gzip.compress(body)[:-8] + bytes(8),
    "and a second half": lambda body: gzip.compress(body[:50]) + gzip.compress(body[50:])[:-9],
    "not at all": lambda body: body,
}


@two_modes
@pytest.mark.parametrize("what", PACKED)
@pytest.mark.parametrize("status", [200, 500])
def test_a_damaged_answer_is_none(mode: Mode, backup: Any, what: str, status: int) -> None:
    """Promise 23. httpx hands on what there is of a cut one as if it were all."""
    body = PACKED[what](ANSWER)

    async def script(server: Says) -> None:
        kind = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
        bare = kind(api_key="key", base_url=server.url)
        client = wrap(bare, fallback=[Target("backup:*", base_url=backup.base_url, api_key=backup.key)])
        answer = await chat(client)
        assert outcome(answer).answered_by == "backup:*"
        await close(client)
        client = wrap(bare)
        error = await failing(chat(client))
        assert type(error) is (openai.APIConnectionError if status == 200 else openai.InternalServerError)
        await close(client, bare)

    with Says(lambda _: [head(JSON, status=status), body]) as server:
        mode.run(script, server)


@modes
def test_a_packed_stream_byte_by_byte(mode: Mode) -> None:
    packing = zlib.compressobj(wbits=31)
    packed = b"".join(packing.compress(event) + packing.flush(zlib.Z_SYNC_FLUSH) for event in STREAM) + packing.flush()

    async def script(server: Says) -> None:
        kind = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
        client = wrap(kind(api_key="key", base_url=server.url))
        chunks = await everything(await chat(client, stream=True))
        assert [chunk.choices[0].delta.content for chunk in chunks] == [None, "hello", None]
        await close(client)

    with Says(lambda _: [head(SSE), *(packed[at : at + 1] for at in range(len(packed)))], tiny=True) as server:
        mode.run(script, server)


@modes
def test_a_packed_stream_is_not_kept_waiting(mode: Mode, primary: Any) -> None:
    """Each event is in the program's hands before its server sends the next."""

    async def script(server: Says) -> None:
        kind = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
        client = wrap(kind(api_key="key", base_url=server.url))
        stream = await chat(client, stream=True)
        iterator = aiter(stream) if mode.is_async else iter(stream)
        for turn in (1, 2, 3):
            await anext(iterator) if mode.is_async else next(iterator)
            taken.append(turn)
        await close(stream)
        await close(client)

    taken: list[int] = []

    def pieces(word: str) -> Iterator[bytes]:
        packing = zlib.compressobj(wbits=31)
        yield head(SSE)
        for sent in range(1, 5):
            yield packing.compress(SAID) + packing.flush(zlib.Z_SYNC_FLUSH)
            for _ in range(500):
                if len(taken) >= min(sent, 3) or server.over.wait(0.01):
                    break
            else:
                raise ValueError("it is kept waiting")

    with Says(pieces) as server:
        mode.run(script, server)
    assert taken == [1, 2, 3]


@modes
@pytest.mark.parametrize("fault", [Fault.gzip(), Fault.paced(0.001)], ids=["packed", "plain"])
def test_packed_or_not_is_all_the_same(mode: Mode, primary: Any, fault: Fault) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary))
        whole = await everything(await chat(client, stream=True))
        answer = await chat(client)
        primary.fault(fault)
        again = await everything(await chat(client, stream=True))
        texts = [[chunk.choices[0].delta.content for chunk in chunks if chunk.choices] for chunks in (whole, again)]
        assert texts[0] == texts[1]
        assert (await chat(client)).choices == answer.choices
        await close(client)

    mode.run(script)


@modes
@pytest.mark.parametrize("fault", [Fault.gzip_cut(after_tokens=2), Fault.gzip_bomb(40 * MIB, after_tokens=2)])
def test_a_packed_stream_that_breaks_is_the_sdk_s_own_error(mode: Mode, primary: Any, fault: Fault) -> None:
    async def script() -> None:
        client = wrap(mode.openai(primary))
        primary.fault(fault)
        got: list[Any] = []

        async def read() -> None:
            stream = await chat(client, stream=True)
            async for chunk in each(stream):
                got.append(chunk)

        error = await failing(read())
        assert type(error) is openai.APIConnectionError
        assert got
        await close(client)

    mode.run(script)
