"""How long a connection is waited for where another target stands by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._runtime.limit import connecting

if TYPE_CHECKING:
    from .._call import Call, Next, Reply

__all__ = ["CONNECT", "briefly_connected"]

CONNECT = 2.0
"""Seconds for each step of making a connection (look-up and TCP, TLS) while another target stands by. Our choice: a
lost SYN is sent again after one (RFC 6298), and twice this, for the quick repeat, is below the 5 s in which a call is
to be answered elsewhere. The SDKs wait for 5 s (openai, anthropic), or without end (google-genai)."""


async def briefly_connected(next: Next, call: Call) -> Reply:
    """Ask a target; while another stands by, one that no connection can be made to is given up soon."""
    if not call.has_next:
        return await next(call)
    token = connecting.set(CONNECT)
    try:
        return await next(call)
    finally:
        connecting.reset(token)
