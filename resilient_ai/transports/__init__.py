"""Guarded httpx and httpx2 transports, sync and async."""

from .transport import wrap_transport

__all__ = ["wrap_transport"]
