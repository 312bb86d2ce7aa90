"""A server that answers with the very bytes it is given."""

from __future__ import annotations

import socket
import struct
import time

from .listeners import Listener, request_from

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nconnection: close\r\n\r\n"
EVENTS = b"text/event-stream"


class Bytes(Listener):
    """Answers each request with what is next in ``answers``; then resets the connection if it says so."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, bool]] = []
        self.asked = 0
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        if not request_from(connection):  # closed, and nothing asked
            return
        answer, reset = self.answers[self.asked]
        self.asked += 1
        connection.sendall(answer)
        if reset:
            time.sleep(0.05)  # else the client may see nothing of it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
