"""The client of redis-py's, and what becomes of its exceptions: none leaves a store."""

from __future__ import annotations

import importlib
import re
from inspect import iscoroutinefunction
from threading import BoundedSemaphore
from typing import Any, Protocol, cast

from .._settings import check_seconds
from ..errors import ConfigurationError
from . import _forks
from ._redis_limit import limit_replies
from .base import StoreBusy

__all__ = ["CONNECTIONS", "CROWD", "Commands", "Server", "client_of"]

CONNECTIONS = 8
"""Threads that ask the server at once, each on a connection of its own. More would take nothing off each other: one
interpreter speaks for all, and a thousand connections are more than a server, or this process, may have."""

CROWD = 5.0
"""Seconds to wait for other threads: a thousand that look for the same answer at once, in an outage, are no failure of
the server, and at some 0.3 ms each have all been there in 0.3 s."""

GARBAGE = (
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, MemoryError, RecursionError
)  # fmt: skip
"""What a client raises that reads what no Redis ever said."""

CODE = re.compile(r"[A-Z]{2,16}\b")
"""What an error of Redis's begins with: OOM, READONLY, NOAUTH. What follows may repeat a password that it was sent."""


class Commands(Protocol):
    """As much of ``redis.Redis`` as is used."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command and give its reply."""
        ...


def client_of(server: object, timeout: float) -> Commands:
    """A client of the server at a URL; or the one that is given.

    Raises:
        ConfigurationError: it is neither, or redis-py is not installed.
    """
    check_seconds("RedisStore(timeout=…)", timeout)
    if isinstance(server, str):
        return _connected(server, timeout)
    if isinstance(server, type) or not callable(getattr(server, "execute_command", None)):
        raise ConfigurationError(f"RedisStore(server) is a URL or a redis.Redis, got {type(server).__name__}")
    if iscoroutinefunction(cast("Commands", server).execute_command):
        raise ConfigurationError("RedisStore(server) is a redis.Redis; stores are called in worker threads")
    pool = getattr(server, "connection_pool", None)
    if getattr(pool, "connection_kwargs", {}).get("decode_responses"):
        raise ConfigurationError("RedisStore(server) keeps bytes: make its client without decode_responses=True")
    return cast("Commands", server)


def _connected(url: str, timeout: float) -> Commands:
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise ConfigurationError("RedisStore needs redis-py: pip install 'resilient-ai[redis]'") from None
    settings: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # saves a HELLO; nothing here needs the third
    }
    try:
        client = cast("Commands", Redis.from_url(url, **settings))  # pyright: ignore[reportUnknownMemberType]  # its kwargs
    except (ValueError, TypeError):  # without its words: a URL holds a password
        raise ConfigurationError("RedisStore(url) is like redis://host:6379/0, rediss://… or unix:///path") from None
    limit_replies(client, timeout)
    return client


def _exceptions(client: Commands) -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    """All that it raises; what it raises where the server cannot be reached. (valkey-py is redis-py, renamed.)"""
    packages = {kind.__module__.partition(".")[0] for kind in type(client).__mro__}
    package = next((name for name in _CLIENTS if name in packages), "redis")
    try:
        found: Any = importlib.import_module(f"{package}.exceptions")
    except ImportError:  # a client of the program's own, which raises what it likes
        return (OSError,), (OSError,)
    return (getattr(found, _CLIENTS[package]),), (found.ConnectionError, found.TimeoutError)


_CLIENTS = {"redis": "RedisError", "valkey": "ValkeyError"}
"""Package: the base of its exceptions."""


class Server:
    """The server, asked by a few threads at once; the others wait asleep for one of them to be done, and fail with it
    if it cannot be reached.

    Args:
        client: asks it.
    """

    def __init__(self, client: Commands) -> None:
        self._client = client
        self._errors, self._unreached = _exceptions(client)
        self._lost = 0  # times
        self.in_child()
        _forks.keep(self)

    def ask(self, *command: bytes | str | float) -> Any:
        """The reply.

        Raises:
            OSError: there is none, or it is none of Redis's.
            StoreBusy: it could not be asked for so long.
        """
        lost = self._lost
        if not self._free.acquire(timeout=CROWD):
            raise StoreBusy("redis: too many threads of this program are at it")
        try:
            if lost != self._lost:  # else each that waits would try for as long, after the others
                raise OSError("redis: it could not be reached by another thread of this program")
            return self._asked(command)
        finally:
            self._free.release()

    def _asked(self, command: tuple[bytes | str | float, ...]) -> Any:
        try:
            return self._client.execute_command(*command)
        except self._errors as error:
            code = CODE.match(str(error))
            told = f"redis: {type(error).__name__}{f' {code.group()}' if code else ''}"
            if isinstance(error, self._unreached):
                self._lost += 1
            raise OSError(told) from None
        except GARBAGE as error:
            raise OSError(f"redis: {type(error).__name__}: it answers what no Redis says") from None

    # ---- forks

    def before_fork(self) -> bool:
        """Nothing is held: redis-py sees to its connections."""
        return False

    def after_fork(self) -> None:
        """Nothing was held."""

    def in_child(self) -> None:
        """Nobody is at it: those who were are not here."""
        self._free = BoundedSemaphore(CONNECTIONS)
