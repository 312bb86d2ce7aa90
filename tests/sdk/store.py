"""A server that hands out one file, well or badly, and the SDK's ways to fetch one."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import TYPE_CHECKING, Any

import openai

from resilient_ai import wrap

from ..transports.servers import Server
from .modes import Mode, do, each, entered, failing

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from resilient_ai import Pipeline

BODY = random.Random(7).randbytes(300_000)
ETAG = '"one"'


class Store(Server):
    """Hands out one file on any path. Each request is answered as ``script`` says, in order; the last for all others.

    An answer is a function of the store, the connection and where the body is to begin; it ends the connection.
    """

    def __init__(self, *script: Answer) -> None:
        super().__init__()
        self._script = list(script)
        self.asked: list[dict[str, str]] = []
        """The headers of each request."""
        self.closed = threading.Event()
        """Whether a client has closed its connection."""

    def serve(self, connection: socket.socket, number: int) -> None:
        with connection.makefile("rb") as reader:
            while reader.readline():
                headers = dict[str, str]()
                while b":" in (line := reader.readline()):
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                reader.read(int(headers.get("content-length", 0)))
                self.asked.append(headers)
                answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
                if not answer(self, connection, start):
                    return

    def hang(self, connection: socket.socket) -> None:
        """Wait until the client has gone."""
        with contextlib.suppress(OSError):
            while not self.over.is_set() and connection.recv(1):
                pass
        self.closed.set()


if TYPE_CHECKING:
    Answer = Callable[[Store, socket.socket, int], object]


def sends(
    *, cut: int | None = None, stall: bool = False, chunked: bool = False, status: int | None = None, **said: str | None
) -> Answer:
    """The file from ``start`` on, or as much of it as comes before ``cut``; then the connection ends, or hangs."""

    def answer(store: Store, connection: socket.socket, start: int) -> bool:
        end = len(BODY) if cut is None else max(start, cut)
        headers: dict[str, str | None] = {
            "content-type": "video/mp4",
            "accept-ranges": "bytes",
            "etag": ETAG,
            "content-range": f"bytes {start}-{len(BODY) - 1}/{len(BODY)}" if start else None,
            "content-length": None if chunked else str(len(BODY) - start),
            "transfer-encoding": "chunked" if chunked else None,
        }
        headers |= {name.replace("_", "-"): value for name, value in said.items()}
        lines = [f"HTTP/1.1 {status or (206 if start else 200)} So"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
        part = BODY[start:end]
        if chunked:
            part = b"%x\r\n%s\r\n" % (len(part), part) + (b"0\r\n\r\n" if cut is None else b"")
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + part)
        if stall:
            store.hang(connection)
        return cut is None and not stall

    return answer


def only_says(status: int, **said: str) -> Answer:
    """An answer without a body."""

    def answer(store: Store, connection: socket.socket, start: int) -> bool:
        lines = [f"HTTP/1.1 {status} So", "content-length: 0", *(f"{name}: {value}" for name, value in said.items())]
        connection.sendall("\r\n".join(lines).replace("_", "-").encode() + b"\r\n\r\n")
        return True

    return answer


def hangs_up(store: Store, connection: socket.socket, start: int) -> bool:
    return False


SPEECH: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "hello"}
WAYS: dict[str, Callable[[Any], Any]] = {
    "speech": lambda client: client.audio.speech.create(**SPEECH),
    "file": lambda client: client.files.content("file-1"),
    "video": lambda client: client.videos.download_content("video_1"),
}
STREAMED: dict[str, Callable[[Any], Any]] = {
    "speech": lambda client: client.audio.speech.with_streaming_response.create(**SPEECH),
    "file": lambda client: client.files.with_streaming_response.content("file-1"),
    "video": lambda client: client.videos.with_streaming_response.download_content("video_1"),
}
FRAMES = {"a length": False, "chunks": True}
AT = 100_000


def client_of(mode: Mode, store: Store, *pipeline: Pipeline) -> Any:
    kind = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
    return wrap(kind(api_key="key", base_url=f"{store.url}/v1"), *pipeline)


async def at_once(client: Any, what: str = "file") -> bytes:
    """Read by the SDK."""
    return (await do(WAYS[what](client))).content


async def streamed(client: Any, what: str, got: list[bytes]) -> None:
    """Read it as it comes."""
    async with entered(STREAMED[what](client)) as response:
        async for chunk in each(response.iter_bytes()):
            got.append(chunk)


async def read(client: Any, what: str = "file") -> bytes:
    got: list[bytes] = []
    await streamed(client, what, got)
    return b"".join(got)


async def cut_short(client: Any, what: str = "file") -> tuple[BaseException, bytes]:
    """The exception that reading ends in, and what had come before it."""
    got: list[bytes] = []
    return await failing(streamed(client, what, got)), b"".join(got)
