"""The client of redis-py's, and what becomes of its exceptions: none leaves a store."""

from __future__ import annotations

import re
from inspect import iscoroutinefunction
from typing import Any, Protocol, cast

from .._settings import check_seconds
from ..errors import ConfigurationError

__all__ = ["Commands", "asked", "client_of"]

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
    return client


def asked(client: Commands, *command: bytes | str | float) -> Any:
    """The reply.

    Raises:
        OSError: there is none, or it is none of Redis's.
    """
    from redis.exceptions import RedisError

    try:
        return client.execute_command(*command)
    except RedisError as error:
        code = CODE.match(str(error))
        raise OSError(f"redis: {type(error).__name__}{f' {code.group()}' if code else ''}") from None
    except GARBAGE as error:
        raise OSError(f"redis: {type(error).__name__}: it answers what no Redis says") from None
