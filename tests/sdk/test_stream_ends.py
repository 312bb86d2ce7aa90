"""What becomes of a stream's connection when the SDK stops reading at the terminal event."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from resilient_ai import wrap

from .listeners import Listener, request_from
from .modes import HELLO, MODEL, Mode, close, do, each, entered, modes

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n'
DONE = b"data: [DONE]\n\n"


def _piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Streamer(Listener):
    """Answers every request with a stream; ``end`` is sent behind its terminal event: the body's end, or none."""

    def __init__(self, end: bytes) -> None:
        self._end = end
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        while request_from(connection):
            connection.sendall(HEAD + _piece(EVENT) + _piece(DONE) + self._end)


@pytest.fixture
def streamer(request: pytest.FixtureRequest) -> Iterator[Streamer]:
    server = Streamer(request.param)
    yield server
    server.close()


async def _stop_at_done(mode: Mode, url: str) -> float:
    """Reads three streams to their terminal event and no further, as SDKs do; the seconds that closing them took."""
    client = wrap(mode.http_client())
    seconds = 0.0
    for _ in range(3):
        body = {"model": MODEL, "messages": HELLO, "stream": True}
        manager = client.stream("POST", f"{url}/chat/completions", json=body)
        async with entered(manager) as response:
            async for chunk in each(response.aiter_raw() if mode.is_async else response.iter_raw()):
                if DONE in chunk:
                    break
            began = time.monotonic()
            await do(response.aclose() if mode.is_async else response.close())
            seconds += time.monotonic() - began
    await close(client)
    return seconds


@modes
@pytest.mark.parametrize("streamer", [b"0\r\n\r\n"], indirect=True, ids=["ends"])
def test_a_complete_stream_s_connection_is_used_again(mode: Mode, streamer: Streamer) -> None:
    """Openai 3's sync SDK stops at [DONE], and so the bare one makes a connection, with TLS, for every stream."""
    mode.run(_stop_at_done, mode, streamer.url)
    assert streamer.accepted == 1


@modes
@pytest.mark.parametrize("streamer", [b"", _piece(b": still here\n\n") * 9], indirect=True, ids=["mute", "chatty"])
def test_a_body_that_does_not_end_is_not_waited_for(mode: Mode, streamer: Streamer) -> None:
    assert mode.run(_stop_at_done, mode, streamer.url) < 2
    assert streamer.accepted == 3
