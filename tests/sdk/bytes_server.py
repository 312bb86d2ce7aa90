"""A server that answers with the very bytes it is given."""

from __future__ import annotations

import socket
import struct
import threading
import time

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nconnection: close\r\n\r\n"
EVENTS = b"text/event-stream"


class Bytes:
    """Answers each request with what is next in ``answers``; then resets the connection if it says so."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, bool]] = []
        self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
            data += connection.recv(65536)
        answer, reset = self.answers[self.asked]
        self.asked += 1
        connection.sendall(answer)
        if reset:
            time.sleep(0.05)  # else the client may see nothing of it
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self._listener.close()


def _length(data: bytes) -> int:
    return int(data.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
