"""A reply of Redis's has its time, however it comes: redis-py gives the whole time-out to each read, and waits without
end for a server that sends a byte now and then."""

from __future__ import annotations

from time import monotonic
from typing import Any

__all__ = ["limit_replies"]


class _Socket:
    """A connection's socket. To send a command begins the time of its reply."""

    def __init__(self, inner: Any, seconds: float) -> None:
        self._inner = inner
        self._seconds = seconds
        self._until = monotonic() + seconds
        self._waits = True

    def settimeout(self, seconds: float | None) -> None:
        """What redis-py sets: 0 to look whether there is anything, its own time-out to wait."""
        self._waits = seconds != 0
        self._inner.settimeout(seconds)

    def sendall(self, data: Any) -> None:
        """Send all of it, within its own time."""
        self._inner.settimeout(self._seconds)
        self._inner.sendall(data)
        self._until = monotonic() + self._seconds

    def recv(self, *how: Any) -> bytes:
        """Read, within what is left.

        Raises:
            TimeoutError: nothing is.
        """
        self._cut()
        read: bytes = self._inner.recv(*how)
        return read

    def recv_into(self, *how: Any) -> int:
        """The same, into a buffer: hiredis's way.

        Raises:
            TimeoutError: nothing is left.
        """
        self._cut()
        count: int = self._inner.recv_into(*how)
        return count

    def _cut(self) -> None:
        if not self._waits:
            return
        left = self._until - monotonic()
        if left <= 0:
            raise TimeoutError("the reply's time is over")
        self._inner.settimeout(left)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def limit_replies(client: Any, seconds: float) -> None:
    """Give each reply that a ``redis.Redis`` of our own waits for so many seconds in all."""
    pool = client.connection_pool
    kind: Any = pool.connection_class

    def connect(connection: Any) -> _Socket:
        return _Socket(kind._connect(connection), seconds)

    pool.connection_class = type(kind.__name__, (kind,), {"_connect": connect})
