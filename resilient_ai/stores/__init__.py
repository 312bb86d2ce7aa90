"""Where answers are kept: bytes in, bytes out."""

from .base import Entry, Store
from .memory import MemoryStore

__all__ = ["Entry", "MemoryStore", "Store"]
