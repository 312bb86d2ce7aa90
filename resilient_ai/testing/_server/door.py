"""A provider's listening socket, which can be open, closed, or open and deaf."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKLOG: Final = 512


class Door:
    """Listens on 127.0.0.1; `port` stays its own whatever happens."""

    def __init__(self, port: int, accept: Callable[[], asyncio.Protocol]) -> None:
        self._make = accept
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        self.state: str | None = "refused"
        self._task: asyncio.Task[None] | None = None
        self._fillers: list[socket.socket] = []

    def change(self, state: str | None) -> None:
        """None: accepts. "refused": connects are refused. "mute_connect": connects are never completed."""
        self._drop_fillers()
        if state == "refused":
            self._stop()
            self._socket.close()
            self._socket = _bound(self.port)  # bound and not listening: refuses, and nobody else takes the port
        elif state == "mute_connect":
            self._stop()
            self._fill()
        else:
            self._socket.listen(_BACKLOG)
            self._task = asyncio.get_running_loop().create_task(self._accept())
        self.state = state

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, _ = await loop.sock_accept(self._socket)
            except OSError:  # out of handles, or the client is gone already
                await asyncio.sleep(0.01)
                continue
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(self._make, connected)

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _fill(self) -> None:
        """Fill the accept queue: Linux then drops every further SYN, as a dead host does."""
        self._socket.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def _drop_fillers(self) -> None:
        """Take our own connects out of the queue again."""
        if not self._fillers:
            return
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self._socket.close()
        self._socket = _bound(self.port)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", port))
    return bound
