"""httpx or httpx2: the same names in two packages whose objects do not mix."""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from typing import Any

from ._private import HEADER_LIST

__all__ = ["Flavour", "fields", "flavour_named", "flavour_of"]


class Flavour:
    """The names of one package that we use, looked up once."""

    def __init__(self, module: Any) -> None:
        self.name: str = module.__name__
        self.module = module
        self.Request = module.Request
        self.Response = module.Response
        self.ByteStream = module.ByteStream
        self.HTTPStatusError = module.HTTPStatusError
        self.TransportError = module.TransportError
        self.TimeoutException = module.TimeoutException
        self.PoolTimeout = module.PoolTimeout
        self.ConnectTimeout = module.ConnectTimeout
        self.ReadTimeout = module.ReadTimeout
        self.ConnectError = module.ConnectError
        self.ProxyError = module.ProxyError
        self.NetworkError = module.NetworkError
        self.RemoteProtocolError = module.RemoteProtocolError
        self.DecodingError = module.DecodingError
        self.known: tuple[type[Exception], ...] = (
            module.TimeoutException,
            module.NetworkError,
            module.ProxyError,
            module.RemoteProtocolError,
            module.DecodingError,
            TimeoutError,
        )
        """What a transport raises that is a failure of the provider or of the way there; all else passes untouched."""


def fields(headers: Any) -> dict[bytes, bytes]:
    """A Headers as a plain dict by lower-case name; of a name given twice, the last. (One look-up in the Headers itself
    decodes all of them and costs more than this.)"""
    return {name: value for _, name, value in getattr(headers, HEADER_LIST)}


@lru_cache(maxsize=2)
def flavour_named(name: str) -> Flavour:
    """The flavour ``"httpx"`` or ``"httpx2"``."""
    return Flavour(importlib.import_module(name))


def flavour_of(thing: object) -> Flavour | None:
    """The flavour of a client, transport or request; None if it is of neither."""
    for ancestor in type(thing).__mro__:
        root = ancestor.__module__.partition(".")[0]
        if root in ("httpx", "httpx2"):
            return flavour_named(root)
    for name in ("httpx", "httpx2"):  # openai exports BaseTransport, and makes it say that it is openai's
        module = sys.modules.get(name)
        if module is not None and isinstance(thing, module.BaseTransport):
            return flavour_named(name)
    return None
