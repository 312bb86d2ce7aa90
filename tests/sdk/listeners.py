"""Listening hosts that count who connects, whatever is said then."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Any, NamedTuple

from resilient_ai import Target

__all__ = [
    "Hosts", "Listener", "chat_answer", "down", "late", "messages_answer", "messages_stream", "redirect",
    "request_from", "reset",
]  # fmt: skip

CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def said(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "connection: close", "", ""]).encode() + body


def chat_answer(by: str) -> bytes:
    return said("200 OK", json.dumps(CHAT | {"system_fingerprint": by}).encode())


def messages_answer(by: str) -> bytes:
    """Anthropic's."""
    told = MESSAGE | {"model": by, "stop_reason": "end_turn", "content": [{"type": "text", "text": "hello"}]}
    return said("200 OK", json.dumps(told).encode())


def messages_stream(by: str) -> bytes:
    """The same, streamed."""
    text = {"type": "text_delta", "text": "hello"}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": MESSAGE | {"model": by}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    return said("200 OK", body).replace(b"application/json", b"text/event-stream")


def down() -> bytes:
    return said("503 Service Unavailable", b'{"error": {"message": "down", "type": "server_error"}}')


def redirect(location: str) -> bytes:
    return said("307 Temporary Redirect", b"", f"location: {location}")


def reset() -> bytes:
    """No answer at all: the connection is reset."""
    return b""


def late(answer: bytes, seconds: float) -> tuple[float, bytes]:
    return seconds, answer


class Listener:
    """Answers every request as ``answer`` says; ``accepted`` counts the connections."""

    def __init__(self, answer: Any = None) -> None:
        self.answer: Any = down() if answer is None else answer
        self.accepted = 0
        self.heads: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = self.base_url = f"http://{self.place}/v1"
        self.key = "k"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        """What is done for one connection, which is closed behind it."""
        self.heads.append(request_from(connection).partition(b"\r\n\r\n")[0])
        seconds, answer = self.answer if isinstance(self.answer, tuple) else (0.0, self.answer)
        time.sleep(seconds)
        if not answer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(answer)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the one who accepts
        self._listener.close()


def request_from(connection: socket.socket) -> bytes:
    """The next request, with its body; what there is of it, if the client has closed."""
    data = b""
    while True:
        head, whole, body = data.partition(b"\r\n\r\n")
        if whole and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0):
            return data
        more = connection.recv(65536)
        if not more:
            return data
        data += more


class Hosts(NamedTuple):
    """Four that listen: two in the EU, two elsewhere."""

    eu: Listener
    eu_too: Listener
    us: Listener
    nowhere: Listener

    @property
    def regions(self) -> dict[str, str]:
        """Where the first is; the targets say it of themselves, and the last says nothing."""
        return {self.eu.place: "eu"}

    @property
    def targets(self) -> list[Target]:
        """The forbidden first: whatever moves on would meet them."""
        return [
            Target("us:*", base_url=self.us.url, api_key="k", region="us"),
            Target("nowhere:*", base_url=self.nowhere.url, api_key="k"),
            Target("eu2:*", base_url=self.eu_too.url, api_key="k", region="eu"),
        ]

    @property
    def elsewhere(self) -> int:
        """Connections that the hosts outside have accepted."""
        return self.us.accepted + self.nowhere.accepted
