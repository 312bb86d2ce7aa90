"""A way of its own to a target: its proxy, its authority, its client certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import ConfigurationError

__all__ = ["HttpSettings"]

_PROXIES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """How a target is reached, where that is not as the program's own client does: ``Target(…, http=HttpSettings(…))``.

    Targets with equal settings share a connection pool within a client; it is closed with the client, and is never the
    client's own. Whatever is not said here is not taken from the client either: no proxy but this one, the usual
    authorities, no client certificate, nothing of the environment but ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.

    Args:
        proxy: its URL, ``http://``, ``https://`` or ``socks5://`` (which needs the package ``socksio``), with user name
            and password if it wants them; they are never shown. Default: none.
        verify: whose signature a server's certificate must have: True, the usual authorities (the default); the path of
            a file with others, or of a folder; an ``ssl.SSLContext``; False, nobody's: then anyone on the way can read
            along.
        cert: a client certificate: the path of a file with it and its key, or (certificate, key), or (certificate, key,
            password). Default: none.

    Raises:
        ConfigurationError: an argument is of the wrong type or form. What a file holds is looked at by ``wrap()``.
    """

    proxy: str | None = field(default=None, repr=False)
    verify: bool | str | ssl.SSLContext = True
    cert: str | tuple[str, str] | tuple[str, str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.proxy is not None:
            _check_proxy(self.proxy)
        if isinstance(self.verify, Path):
            object.__setattr__(self, "verify", str(self.verify))
        if not isinstance(self.verify, bool | str | ssl.SSLContext) or self.verify == "":  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
            raise ConfigurationError(
                "HttpSettings(verify=…) is True, False, the path of a file or folder, or an SSLContext, got "
                f"{type(self.verify).__name__}"
            )
        object.__setattr__(self, "cert", _cert(self.cert))
        if self.cert is not None and isinstance(self.verify, ssl.SSLContext):
            raise ConfigurationError(
                "HttpSettings(verify=an SSLContext, cert=…): load the certificate into the context: load_cert_chain()"
            )

    @property
    def is_secret(self) -> bool:
        """Whether it holds what must not be written down."""
        password = isinstance(self.cert, tuple) and len(self.cert) == 3
        return password or isinstance(self.verify, ssl.SSLContext) or "@" in (self.proxy or "")


def _check_proxy(url: object) -> None:
    """Refuse what is no proxy's URL. It is never quoted: it may hold a password."""
    if not isinstance(url, str):
        raise ConfigurationError(f"HttpSettings(proxy=…) is a URL, got {type(url).__name__}")
    try:
        parts = urlsplit(url)
        sound = parts.scheme in _PROXIES and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        sound = False
    if not sound:
        kinds = ", ".join(f"{one}://" for one in _PROXIES)
        raise ConfigurationError(f"HttpSettings(proxy=…) is a URL of {kinds}, with a host; it is not shown here")


def _cert(given: object) -> str | tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str | Path) and str(given):
        return str(given)
    if isinstance(given, list | tuple):
        parts: list[object] = [*given]  # pyright: ignore[reportUnknownArgumentType]  # checked below
        if len(parts) in (2, 3) and all(isinstance(part, str | Path) for part in parts):
            return tuple(str(part) for part in parts)
    raise ConfigurationError(
        "HttpSettings(cert=…) is the path of a file, or (certificate, key), or (certificate, key, password)"
    )
