"""Looking up a host's addresses within a limit."""

from __future__ import annotations

import ipaddress
import socket

from resilient_ai._runtime.limit import run_bounded

__all__ = ["addresses_of", "is_address"]


def is_address(host: str) -> bool:
    """Whether it is an IP address already, so that there is nothing to look up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def addresses_of(host: str, port: int, seconds: float) -> list[str]:
    """The host's IP addresses, each once, in the system's order of preference.

    ``getaddrinfo`` has no time-out, hence a thread, which is left behind at the limit.

    Raises:
        TimeoutError: not known within ``seconds``.
        OSError: there is no such host (``socket.gaierror``).
    """
    found = run_bounded(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), seconds)
    return list(dict.fromkeys(_address(sockaddr) for *_, sockaddr in found))


def _address(sockaddr: tuple[object, ...]) -> str:
    """The numeric host of what ``getaddrinfo`` found; a link-local IPv6 address keeps its interface."""
    host, scope = str(sockaddr[0]), sockaddr[3] if len(sockaddr) > 3 else 0
    return f"{host}%{scope}" if scope and "%" not in host else host
