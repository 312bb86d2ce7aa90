"""Every store, as the tests make one; and a cipher from the standard library, which is good for tests only."""

from __future__ import annotations

import atexit
import hashlib
import hmac
import os
import random
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilient_ai.stores import Entry, MemoryStore, SQLiteStore
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.stores import Store


class Cipher:
    """A stream of SHAKE under a nonce, and a MAC over that and the aad."""

    def __init__(self, key: bytes = b"k" * 32) -> None:
        self.key = key

    def _stream(self, nonce: bytes, data: bytes) -> bytes:
        stream = hashlib.shake_256(self.key + nonce).digest(len(data))
        return bytes(a ^ b for a, b in zip(data, stream, strict=True))

    def _mac(self, data: bytes, aad: bytes) -> bytes:
        return hmac.digest(self.key, len(aad).to_bytes(8, "big") + aad + data, "sha256")

    def seal(self, data: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(16)
        sealed = nonce + self._stream(nonce, data)
        return sealed + self._mac(sealed, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        body, mac = sealed[:-32], sealed[-32:]
        if not hmac.compare_digest(mac, self._mac(body, aad)):
            raise KeyError("it does not open")
        return self._stream(body[:16], body[16:])


def memory(_: Path, **said: Any) -> Store:
    return MemoryStore(**said)


def sqlite(folder: Path, **said: Any) -> Store:
    return SQLiteStore(folder / "cache.sqlite3", **said)


def redis(folder: Path, **said: Any) -> Store:
    from resilient_ai.stores import RedisStore

    # A name of its own for each test; time-outs that leave room for a loaded machine.
    return RedisStore(shared_redis().url, **{"prefix": f"test-{folder.name}", "timeout": 5.0, **said})


KINDS: dict[str, Callable[..., Store]] = {"memory": memory, "sqlite": sqlite, "redis": redis}


@cache
def shared_redis() -> RedisServer:
    """One for all the tests of a process that only keep and get."""
    server = RedisServer(Path(tempfile.mkdtemp()))
    atexit.register(server.stop)
    return server


def entry(data: bytes = b"answer", **said: Any) -> Entry:
    known: dict[str, Any] = {"stored": time.time(), "answered_by": "primary", "model": "m", "stale_ok": True}
    return Entry(data=data, **{**known, **said})


def used_at_once(store: Store, *, keys: int, rounds: int) -> list[BaseException]:
    """What went wrong while eight threads looked up and kept: under each key there is one value, or nothing."""
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(rounds):
                key = str(dice.randrange(keys))
                found = store.get(key)
                assert found is None or found.data == key.encode() * 10
                store.set(key, entry(key.encode() * 10))
        except OSError:  # others were at it for too long: a miss, as any
            pass
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed
