"""A tiny forward proxy: absolute-form requests, and CONNECT tunnels."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


class Proxy:
    """Attributes: url; seen: the request lines that arrived; heads: their headers, as they came."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.getsockname()[1]}"
        self._tls = tls
        self.seen: list[str] = []
        self.heads: list[bytes] = []
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                if self._tls is not None:
                    client = self._tls.wrap_socket(client, server_side=True)
                self._open.append(client)
                self._start(self._serve, client)

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536) or b"\r\n\r\n"
            line, _, rest = head.partition(b"\r\n")
            method, target, version = line.decode().split(" ")
            self.seen.append(f"{method} {target}")
            self.heads.append(head.partition(b"\r\n\r\n")[0])
            host = target if method == "CONNECT" else target.split("/")[2]
            name, _, port = host.rpartition(":")
            upstream = socket.create_connection((name, int(port)))
            self._open.append(upstream)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = "/" + target.split("/", 3)[3]
                upstream.sendall(f"{method} {path} {version}\r\nConnection: close\r\n".encode() + rest)
            self._start(self._pump, client, upstream)
            self._pump(upstream, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def stop(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(2)


@contextmanager
def proxy(tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    it = Proxy(tls)
    try:
        yield it
    finally:
        it.stop()
