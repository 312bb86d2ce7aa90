"""Where answers are kept: bytes in, bytes out."""

import importlib
from typing import TYPE_CHECKING, Any

from .base import Encryption, Entry, Leases, Store, StoreBusy, StoreRepaired, digest
from .memory import MemoryStore

if TYPE_CHECKING:
    from .redis import RedisStore
    from .sqlite import SQLiteStore
    from .warming import Warmed, awarm, warm

__all__ = [
    "Encryption",
    "Entry",
    "Leases",
    "MemoryStore",
    "RedisStore",
    "SQLiteStore",
    "Store",
    "StoreBusy",
    "StoreRepaired",
    "Warmed",
    "awarm",
    "digest",
    "warm",
]

# What stands on a database, or is for once, is fetched when first used.
_HOMES = {"RedisStore": ".redis", "SQLiteStore": ".sqlite"} | dict.fromkeys(("Warmed", "awarm", "warm"), ".warming")


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
