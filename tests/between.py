"""What stands between a client and a server, and does something to what the server says."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Between", "garbled", "slow"]


def slow(said: bytes) -> bytes:
    """A fifth of a second late."""
    time.sleep(0.2)
    return said


def garbled(said: bytes) -> bytes:
    """Something that no Redis says, in as many bytes."""
    return (b"HTTP/1.1 400 Bad Request\r\n\r\n" * (len(said) // 28 + 1))[: max(28, len(said))]


class Between:
    """A line to ``port``, on a port of its own.

    Attributes:
        turn: what becomes of each piece that the server says; as it is, at first.
    """

    def __init__(self, port: int) -> None:
        self.turn: Callable[[bytes], bytes] = bytes
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lines: list[socket.socket] = []
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *args: object) -> None:
        threading.Thread(target=work, args=args, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._lines += [here, there]
                self._start(self._pass, here, there, False)
                self._start(self._pass, there, here, True)

    def _pass(self, one: socket.socket, other: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while said := one.recv(65536):
                other.sendall(self.turn(said) if answers else said)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        for line in (self._listening, *self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
