"""What a look-up costs: the key of a 1 KB request and an answer of 1 KB, in each store, small and full.

    python -m benchmarks.stores [--entries 1000000] [--rounds 20] [--redis redis://localhost:6379/0]

CPU time and wall time of one thread, in turns, the lower quartile of the rounds; hits, each of another key, at random.
A file of a million entries takes 1.7 GB of a temporary folder (`TMPDIR`) for that long.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx

from resilient_ai._context import NO_OPTIONS
from resilient_ai._keying import Keying
from resilient_ai._runtime.sync import drive
from resilient_ai.stores import Entry, MemoryStore, RedisStore, SQLiteStore
from resilient_ai.stores._database import writing
from resilient_ai.stores._record import Sealer
from resilient_ai.stores.sqlite import PUT
from resilient_ai.transports._flavour import fields
from resilient_ai.transports._key import cache_key
from resilient_ai.transports._place import place_of
from resilient_ai.transports._request import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "https://api.openai.com/v1/chat/completions"
SMALL = 1000
LOOKS = 500
WARM_UP = 20
"""Rounds until what a process that runs holds in its memory is there."""
ANSWER = os.urandom(1000)
WIRE: Any = SimpleNamespace(giver=None)


def name(number: int) -> str:
    """A key, of those that a cache makes."""
    return sha256(number.to_bytes(8, "big")).hexdigest()


def entry() -> Entry:
    """An answer."""
    return Entry(
        data=ANSWER, stored=time.time(), answered_by="primary", model="gpt-4o", stale_ok=True, namespace="0" * 32
    )


def filled(folder: Path, entries: int) -> SQLiteStore:
    """A file of so many, written in few transactions."""
    store = SQLiteStore(folder / f"{entries}.sqlite3", max_bytes=8 * 1024**3)
    salt, kept, sealer = store.salt, entry(), Sealer(None)
    for first in range(0, entries, 10_000):
        numbers = range(first, min(first + 10_000, entries))
        keys = [name(number) for number in numbers]
        rows = [(key, kept.namespace, None, kept.stored, sealer.record(key, kept, salt)) for key in keys]

        def write(db: Any, rows: list[Any] = rows) -> None:
            with writing(db):
                db.executemany(PUT, rows)

        store._file.run(write)
    with store.path.open("rb") as file:  # what is looked at is in the system's cache, as it is where it is used
        while file.read(1024 * 1024):
            pass
    return store


def key() -> Callable[[int], object]:
    """The key of a request of 1 KB."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x" * 900}], "temperature": 0}
    headers = {"content-type": "application/json", "authorization": "Bearer sk-one", "user-agent": "OpenAI/Python"}
    request = httpx.Request("POST", URL, headers=headers, content=json.dumps(body))
    headers, keying = fields(request.headers), Keying(salt=b"s" * 16)
    prepared = drive(prepare(request, headers, place_of(request, headers), WIRE, NO_OPTIONS))
    return lambda _: cache_key(prepared, keying)


def looks(store: Any, entries: int) -> Callable[[int], object]:
    """One of its entries."""

    def look(number: int) -> object:
        found = store.get(name(number % entries))
        assert found is not None, number
        return found

    return look


def measured(work: dict[str, Callable[[int], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """CPU and wall microseconds of each."""
    dice = random.Random(5)
    times: dict[str, tuple[list[float], list[float]]] = {what: ([], []) for what in work}
    for number in range(-WARM_UP, rounds):
        for what, look in work.items():
            numbers = [dice.randrange(10**9) for _ in range(LOOKS)]
            wall, cpu = time.perf_counter(), time.process_time()
            for one in numbers:
                look(one)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if number >= 0:
                times[what][0].append(cpu / LOOKS * 1e6)
                times[what][1].append(wall / LOOKS * 1e6)
    return {
        what: (statistics.quantiles(cpus, n=4)[0], statistics.quantiles(walls, n=4)[0])
        for what, (cpus, walls) in times.items()
    }


def main() -> None:
    """Fill, look, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--redis", metavar="URL")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        memory = MemoryStore()
        for number in range(SMALL):
            memory.set(name(number), entry())
        small, large = filled(folder, SMALL), filled(folder, asked.entries)
        work = {
            "key": key(),
            "memory": looks(memory, SMALL),
            f"SQLite, {SMALL:,}": looks(small, SMALL),
            f"SQLite, {asked.entries:,}": looks(large, asked.entries),
            "SQLite, a miss": lambda number: large.get(name(asked.entries + number)),
            "SQLite, a write": lambda number: small.set(name(number % SMALL), entry()),
        }
        if asked.redis is not None:
            redis = RedisStore(asked.redis, prefix="benchmark", timeout=1.0)
            for number in range(SMALL):
                redis.set(name(number), entry())
            work["Redis"] = looks(redis, SMALL)
        found = measured(work, asked.rounds)
        for what, (cpu, wall) in found.items():
            print(f"{what:24} {cpu:7.1f} µs CPU {wall:7.1f} µs wall")
        few, many = found[f"SQLite, {SMALL:,}"][0], found[f"SQLite, {asked.entries:,}"][0]
        print(f"{asked.entries:,} entries over {SMALL:,}: {many / few:.2f} times the CPU")
        if asked.redis is not None:
            redis.clear()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
