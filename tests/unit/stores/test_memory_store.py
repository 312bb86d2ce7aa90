"""The store in memory: bounded, thread-safe."""

from __future__ import annotations

import random

import pytest

from resilient_ai.stores import Entry, MemoryStore
from resilient_ai.stores.memory import OVERHEAD
from tests.some_stores import used_at_once


def entry(size: int) -> Entry:
    return Entry(data=b"x" * size, stored=0.0, answered_by="primary", model=None, stale_ok=True)


def test_the_least_recently_used_goes_first() -> None:
    store = MemoryStore(max_bytes=3 * (100 + OVERHEAD))
    for key in "abc":
        store.set(key, entry(100))
    assert store.get("a") is not None
    store.set("d", entry(100))
    assert [key for key in "abcd" if store.get(key) is not None] == ["a", "c", "d"]


def test_one_that_is_too_large_is_not_kept_and_drops_nobody() -> None:
    """Nor does the answer that it was to replace stay: it is not the newest any more."""
    store = MemoryStore(max_bytes=2000)
    store.set("a", entry(10))
    store.set("b", entry(5000))
    assert store.get("a") is not None
    assert store.get("b") is None
    store.set("a", entry(5000))
    assert store.get("a") is None


def test_bounded_under_many_writes() -> None:
    """Promise 34, as far as memory goes."""
    dice = random.Random(1)
    store = MemoryStore(max_bytes=100_000)
    for n in range(20_000):
        store.set(str(n), entry(dice.randrange(2000)))
        assert store._entries.currsize <= 100_000
    store.clear()
    assert len(store) == 0


def test_threads_and_what_has_no_room() -> None:
    assert used_at_once(MemoryStore(max_bytes=50_000), keys=100, rounds=2000) == []


def test_bounded_in_number() -> None:
    store = MemoryStore(max_entries=3)
    for key in "abcd":
        store.set(key, entry(1))
    assert [key for key, _ in store.entries()] == ["b", "c", "d"]


def test_erasure_and_what_it_wants() -> None:
    store = MemoryStore()
    for key, stored in (("a", 1.0), ("b", 2.0)):
        store.set(key, Entry(data=b"", stored=stored, answered_by="p", model=None, stale_ok=True, namespace="t7"))
    store.set("c", entry(1))
    with pytest.raises(ValueError, match="clear"):
        store.purge()
    assert store.purge(namespace="t7", before=2.0) == 1
    assert store.purge(namespace="t7", subject="s") == 0
    assert store.purge(namespace="t7") == 1
    store.delete("c")
    store.delete("c")
    assert len(store) == 0
