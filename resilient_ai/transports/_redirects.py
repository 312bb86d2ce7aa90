"""What a redirect to another host must not carry along."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

from ._request import CREDENTIALS

__all__ = ["forget_keys"]

_PORTS = {"http": 80, "https": 443}
_KEYS = [name.decode() for name in CREDENTIALS if name not in (b"authorization", b"cookie")]
"""What httpx does not take off by itself."""


def forget_keys(request: Any, response: Any) -> None:
    """Take the keys off a request that is redirected to another host: the http client makes the next request of this
    one, and of all that could be a credential it leaves off ``Authorization`` and cookies only."""
    location = response.headers.get("location") if 300 <= response.status_code < 400 else None
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
