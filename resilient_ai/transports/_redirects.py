"""What a redirect must not carry along, and what it does: what the request asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from ._request import ASKED, CREDENTIALS

if TYPE_CHECKING:
    from ..providers.base import Dialect, Endpoint

__all__ = ["redirected"]

_PORTS = {"http": 80, "https": 443}
_KEYS = [name.decode() for name in CREDENTIALS if name not in (b"authorization", b"cookie")]
"""What httpx does not take off by itself."""


def redirected(request: Any, response: Any, dialect: Dialect, endpoint: Endpoint) -> None:
    """Look at an answer that may send the client elsewhere."""
    if 300 <= response.status_code < 400:
        request.extensions[ASKED] = dialect, endpoint
        _forget_keys(request, response)


def _forget_keys(request: Any, response: Any) -> None:
    """Take the keys off a request that is redirected to another host: the http client makes the next request of this
    one, and of all that could be a credential it leaves off ``Authorization`` and cookies only."""
    location = response.headers.get("location")
    if location is None or not _leads_away(str(request.url), location):
        return
    for name in _KEYS:
        if name in request.headers:
            del request.headers[name]


def _leads_away(url: str, location: str) -> bool:
    """Whether it is another host, another port, or no TLS any more; what cannot be read may be anything."""
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        origins = [(one.scheme, one.hostname, one.port or _PORTS.get(one.scheme)) for one in (here, there)]
    except ValueError:
        return True
    upgraded = origins[0] == ("http", here.hostname, 80) and origins[1] == ("https", here.hostname, 443)
    return origins[0] != origins[1] and not upgraded
