"""Small servers on real sockets, in threads of the test's process: what they saw is looked at, not told by a mock.

Each answer's body is the number of the connection it was given on (1 for the first), so a test sees which was used.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

PEM = Path(__file__).with_name("localhost.pem")


def client_tls() -> ssl.SSLContext:
    """A context that trusts the tests' servers."""
    return ssl.create_default_context(cafile=str(PEM))


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


class Server:
    """Accepts connections and serves each in a thread; ends them all, and waits for the threads, on exit."""

    def __init__(self, *, uds: str | None = None, tls: bool = False) -> None:
        if uds is None:
            self.socket = socket.create_server(("127.0.0.1", 0))
            self.port = self.socket.getsockname()[1]
            self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(uds)
            self.socket.listen()
            self.url = "http://uds"
        self.tls = server_tls() if tls else None
        self.over = threading.Event()
        self.seen: list[str] = []
        """The request line of each request."""
        self.numbers = itertools.count(1)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self._spawn(self._connection, connection, next(self.numbers))

    def _connection(self, raw: socket.socket, number: int) -> None:
        with raw, contextlib.suppress(OSError, ValueError):
            self._open.add(raw)
            connection = self.tls.wrap_socket(raw, server_side=True) if self.tls else raw
            self._open.add(connection)
            try:
                with connection:
                    self.serve(connection, number)
            finally:
                self._open -= {raw, connection}

    def serve(self, connection: socket.socket, number: int) -> None:
        for head in heads(connection):
            line = head.split(b"\r\n", 1)[0].decode()
            self.seen.append(line)
            self.answer(connection, number, line.split(" ")[1])

    def answer(self, connection: socket.socket, number: int, target: str) -> None:
        body = str(number).encode()
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        if "/stall" in target:
            self.over.wait()
        elif "/drip" in target:  # /drip/head from the first byte on, /drip/body from the body on: a byte every 0.1 s
            long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
            sudden = long.index(b"x") if "/drip/body" in target else 0
            connection.sendall(long[:sudden])
            for byte in long[sudden:]:
                connection.sendall(bytes([byte]))
                if self.over.wait(0.1):
                    break
        elif "/halves" in target:  # the body in two parts, 0.1 s apart
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + b"first")
            self.over.wait(0.1)
            connection.sendall(b"after")
        else:
            connection.sendall(answer)

    def tunnel(self, one: socket.socket, other: socket.socket) -> None:
        self._open.add(other)
        back = threading.Thread(target=pump, args=(other, one), daemon=True)
        back.start()
        pump(one, other)
        back.join()
        self._open.discard(other)


class Proxy(Server):
    """An HTTP proxy: tunnels on CONNECT, forwards what has an absolute target (one request a connection upstream)."""

    def serve(self, connection: socket.socket, number: int) -> None:
        for head in heads(connection):
            line, rest = head.split(b"\r\n", 1)
            self.seen.append(line.decode())
            method, target, version = line.split(b" ")
            where, _, path = target.removeprefix(b"http://").partition(b"/")
            host, port = where.decode().split(":")
            with socket.create_connection((host, int(port))) as upstream:
                if method == b"CONNECT":
                    connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                    self.tunnel(connection, upstream)
                    return
                upstream.sendall(b"%s /%s %s\r\n%s" % (method, path, version, rest))
                connection.sendall(upstream.recv(65536))


class SocksProxy(Server):
    """A SOCKS 5 proxy without a password (RFC 1928), for IPv4 addresses."""

    def serve(self, connection: socket.socket, number: int) -> None:
        connection.recv(64)
        connection.sendall(b"\x05\x00")
        asked = connection.recv(64)  # version, connect, reserved, IPv4, four bytes of address, two of port
        where = socket.inet_ntoa(asked[4:8]), int.from_bytes(asked[8:10])
        with socket.create_connection(where) as upstream:
            connection.sendall(b"\x05\x00\x00" + asked[3:10])
            self.tunnel(connection, upstream)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)


def heads(connection: socket.socket) -> Iterator[bytes]:
    """The head of each request that comes; bodies are left out of these tests."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        yield head + b"\r\n\r\n"


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port where connecting takes for ever: its queue of connections is full. The port's number."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind((host, port))
        listening.listen(0)
        for _ in range(4):  # one or two get in, the others hang
            full = stack.enter_context(socket.socket())
            full.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                full.connect(listening.getsockname())
        yield listening.getsockname()[1]
