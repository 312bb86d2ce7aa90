"""Where answers are kept: bytes in, bytes out."""

from .base import Entry, Store, digest
from .memory import MemoryStore

__all__ = ["Entry", "MemoryStore", "Store", "digest"]
