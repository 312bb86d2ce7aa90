"""A provider that answers at once: canned bytes from a process of its own, so that only the client is measured."""

from __future__ import annotations

import json
import multiprocessing
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "word " * 60}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 60, "total_tokens": 70},
    }
).encode()
CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**CHUNK, "choices": [choice]}).encode() + b"\n\n"


def _chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


TOKENS = 60
"""Chunks with content that a stream has, unless asked for otherwise."""
HEAD = b"HTTP/1.1 200 OK\r\nx-request-id: req_1\r\nopenai-processing-ms: 1\r\n"
PLAIN = HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER


def _stream(tokens: int) -> bytes:
    content = [_event({"content": "word "})] * tokens
    events = [_event({"role": "assistant"}), *content, _event({}, "stop"), b"data: [DONE]\n\n"]
    return HEAD + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + _chunked(events)


def _serve(ready: Connection, tokens: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    stream = _stream(tokens)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        multiprocessing.Process(target=_connection, args=(connection, stream), daemon=False).start()
        connection.close()


def _connection(connection: socket.socket, stream: bytes) -> None:
    with suppress(ConnectionError):  # a client that leaves in the middle
        _answered(connection, stream)


def _answered(connection: socket.socket, stream: bytes) -> None:
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = connection.recv(262144)
            if not more:
                return
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        parts, have = [rest], len(rest)
        while have < length:
            parts.append(connection.recv(262144))
            have += len(parts[-1])
        body = b"".join(parts)
        data = body[length:]
        connection.sendall(stream if b'"stream":true' in body[-200:] or b'"stream":true' in body[:200] else PLAIN)


@contextmanager
def serving(tokens: int = TOKENS) -> Iterator[str]:
    """The base URL of such a provider, whose streams have so many chunks with content."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs, tokens))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.kill()
        process.join()
