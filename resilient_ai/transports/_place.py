"""Where a request goes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..providers.registry import dialect_of
from ._private import URL_PARTS

if TYPE_CHECKING:
    from ..providers.base import Dialect, Endpoint

__all__ = ["OURS", "Place", "place_of"]

OURS = b"x-resilient-ai-"
"""How the names of our own headers begin."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a request goes, and what its headers are called. One object for equal ones: what is known of it is found
    without comparing it again.

    Attributes:
        method: GET, POST, …
        scheme: of its URL.
        host: with the port, if it is named.
        path: as it is sent, without the query.
        names: of its headers, in lower case.
        ours: whether there are some of ours among them.
        dialect: that is spoken there.
        endpoint: that is asked.
    """

    method: str
    scheme: str
    host: str
    path: str
    names: tuple[bytes, ...]
    ours: bool
    dialect: Dialect
    endpoint: Endpoint


def place_of(request: Any, headers: dict[bytes, bytes]) -> Place:
    """Where a request goes; ``headers``: its own, by lower-case name."""
    parts = getattr(request.url, URL_PARTS)
    return _place(request.method, parts[0], parts[2:5], tuple(headers))


@lru_cache(maxsize=1024)  # as few as a program has endpoints, and some with ids
def _place(method: str, scheme: str, address: tuple[str, int | None, str], names: tuple[bytes, ...]) -> Place:
    host, port, path = address
    host = f"[{host}]" if ":" in host else host
    path = path or "/"
    plain = unquote(path)
    dialect = dialect_of(method, plain, dict.fromkeys(names, b""))
    return Place(
        method=method,
        scheme=scheme,
        host=host if port is None else f"{host}:{port}",
        path=path,
        names=names,
        ours=any(name.startswith(OURS) for name in names),
        dialect=dialect,
        endpoint=dialect.endpoint(method, plain),
    )
