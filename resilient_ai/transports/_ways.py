"""The ways to targets that have settings of their own: a pool for each, none of it the primary's."""

from __future__ import annotations

import logging
import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..strategies.fallback import Fallback
from ._pool import owned

if TYPE_CHECKING:
    from .._http_settings import HttpSettings
    from ..pipeline import Pipeline
    from ._flavour import Flavour

__all__ = ["loaded", "transports"]

log = logging.getLogger("resilient_ai")

CONNECTIONS, IDLE = 1000, 100
"""Connections of a pool, and those kept open for later: the numbers of openai-python 3.54."""


def transports(pipeline: Pipeline, flavour: Flavour, *, is_async: bool) -> dict[HttpSettings, Any]:
    """A transport for each of the settings that the pipeline's targets have.

    Raises:
        ConfigurationError: a file that cannot be read, or is none of the kind; a proxy of a kind that cannot be used.
    """
    fallback = pipeline.find(Fallback)
    if fallback is None:
        return {}
    settings = {target.http: target.name for target in fallback.every_target() if target.http is not None}
    return {one: _transport(one, name, flavour, is_async=is_async) for one, name in settings.items()}


def _transport(settings: HttpSettings, name: str, flavour: Flavour, *, is_async: bool) -> Any:
    module = flavour.module
    kind = module.AsyncHTTPTransport if is_async else module.HTTPTransport
    if settings.verify is False:
        _say_unverified(name)
    limits = module.Limits(max_connections=CONNECTIONS, max_keepalive_connections=IDLE)
    try:
        proxy = _proxy(settings, flavour)
        made = kind(verify=_context(settings, settings.cert, flavour), limits=limits, proxy=proxy, trust_env=False)
    except ImportError as error:  # of socksio
        raise ConfigurationError(f"{name}: a SOCKS proxy needs the package socksio: pip install socksio") from error
    except (OSError, ssl.SSLError, ValueError) as error:
        why = f"{type(error).__name__}" + (f": {error.strerror}" if isinstance(error, OSError) and error.errno else "")
        raise ConfigurationError(f"{name}: its verify= or cert= cannot be used ({why})") from error
    return owned(made)


@lru_cache(maxsize=64)  # once: a program may make a client for each call
def _say_unverified(name: str) -> None:
    log.warning("%s: verify=False: whoever is on the way there can read the prompts and the key (told once)", name)


def _proxy(settings: HttpSettings, flavour: Flavour) -> Any:
    """The proxy. One that speaks TLS itself is held to the same authorities, and not shown the client certificate."""
    url = settings.proxy
    if url is None or not url.startswith("https://"):
        return url
    return flavour.module.Proxy(url, ssl_context=_context(settings, None, flavour))


def _context(settings: HttpSettings, given: str | tuple[str, ...] | None, flavour: Flavour) -> ssl.SSLContext:
    if isinstance(settings.verify, ssl.SSLContext):
        return settings.verify
    files = [settings.verify] if isinstance(settings.verify, str) else []
    cert: tuple[str | None, ...] = given if isinstance(given, tuple) else (given,)
    files += [path for path in cert[:2] if path is not None]
    return loaded(settings.verify, cert, flavour, tuple(map(_stamp, files)))


def _stamp(path: str) -> tuple[int, int]:
    """What tells that a file is another one now: certificates are renewed."""
    there = Path(path).stat()
    return there.st_mtime_ns, there.st_size


@lru_cache(maxsize=16)  # a program that makes a client for each call would read all authorities of the world each time
def loaded(
    verify: bool | str, cert: tuple[str | None, ...], flavour: Flavour, stamps: tuple[tuple[int, int], ...]
) -> ssl.SSLContext:
    """The context that the files make; ``stamps``: as they are now."""
    del stamps
    if isinstance(verify, bool):
        context: ssl.SSLContext = flavour.module.create_ssl_context(verify=verify)
    elif Path(verify).is_dir():
        context = ssl.create_default_context(capath=verify)
    else:
        context = ssl.create_default_context(cafile=verify)
    chain, key, password = (*cert, None, None)[:3]
    if chain is not None:
        context.load_cert_chain(chain, key, password)
    return context
