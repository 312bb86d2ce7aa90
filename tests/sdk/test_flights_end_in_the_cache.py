"""A flight ends when its answer is in the cache: who misses there either joins it, or finds what it brought."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Cache, Deadline, Pipeline, Retry, SingleFlight, outcome, wrap
from resilient_ai.stores import MemoryStore
from resilient_ai.testing import Fault

from .flights import at_once, in_flight, nothing_left
from .modes import MODES, Mode, chat, close, everything, two_modes

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.stores import Entry
    from resilient_ai.testing import SimulatedProvider

SURE: dict[str, Any] = {"temperature": 0}
MANY = 1000 if os.environ.get("SOAK") else 100
KINDS = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


class Leasing(MemoryStore):
    """As a store does that several processes share."""

    def __init__(self, **said: Any) -> None:
        super().__init__(**said)
        self._held: dict[str, str] = {}
        self._at = threading.Lock()

    def claim(self, key: str, *, seconds: float, owner: str) -> bool:
        with self._at:
            return self._held.setdefault(key, owner) == owner

    def release(self, key: str, *, owner: str) -> None:
        with self._at:
            if self._held.get(key) == owner:
                del self._held[key]


STORES = pytest.mark.parametrize("kind", [MemoryStore, Leasing])


def wrapped(mode: Mode, provider: SimulatedProvider, cache: Cache) -> Any:
    pipeline = Pipeline(Deadline(total=60), cache, SingleFlight(), Retry(attempts=1), isolated=True)
    return wrap(mode.openai(provider, max_retries=0), pipeline)


async def ask(client: Any, stream: bool) -> tuple[str, Any]:
    """The words of an answer, and what is told of it."""
    got = await chat(client, stream=stream, **SURE)
    if not stream:
        return got.choices[0].message.content, outcome(got)
    events = await everything(got)
    return "".join(event.choices[0].delta.content or "" for event in events if event.choices), outcome(got)


@KINDS
@STORES
def test_who_missed_looks_again(kind: type[MemoryStore], stream: bool, primary: SimulatedProvider) -> None:
    """Between a look that finds nothing and the flight, an equal call came and went."""
    between: list[Callable[[], object]] = []

    class Late(kind):
        def get(self, key: str) -> Entry | None:
            found: Entry | None = super().get(key)
            while between:
                between.pop()()
            return found

    mode = MODES[0]
    client = wrapped(mode, primary, Cache(store=Late(), ttl=60))
    between.append(lambda: mode.run(ask, client, stream))
    _, told = mode.run(ask, client, stream)
    assert primary.count() == 1
    assert told.source == "cache"
    assert nothing_left()
    client.close()


@KINDS
@STORES
def test_who_comes_as_it_is_kept_shares_it(kind: type[MemoryStore], stream: bool, primary: SimulatedProvider) -> None:
    """An answer is there, and on its way into the store: an equal call joins, and asks nobody."""
    got: list[Any] = []

    class Slow(kind):
        def set(self, key: str, entry: Entry) -> None:
            thread = threading.Thread(target=lambda: got.append(mode.run(ask, client, stream)))
            thread.start()
            end = time.monotonic() + 5
            while primary.count() < 2 and in_flight() < 2 and time.monotonic() < end:
                time.sleep(0.005)
            threads.append(thread)
            super().set(key, entry)

    threads: list[threading.Thread] = []
    mode = MODES[0]
    client = wrapped(mode, primary, Cache(store=Slow(), ttl=60))
    words, _ = mode.run(ask, client, stream)
    for thread in threads:
        thread.join(10)
    assert primary.count() == 1
    assert [said for said, _ in got] == [words]
    client.close()


@two_modes
@KINDS
def test_one_asks_for_all_through_an_outage(mode: Mode, stream: bool, primary: SimulatedProvider) -> None:
    """A thousand that come when they come: one request; then nobody answers, and each is told how old its answer is."""
    primary.fault(Fault.slow(0.3))  # shorter than it takes for all to come

    async def script() -> None:
        store = MemoryStore()
        client = wrapped(mode, primary, Cache(store=store, ttl=60))
        old = wrapped(mode, primary, Cache(store=store, stale_if_error=600))  # to which nothing that is kept is fresh
        first = await at_once(mode, [lambda: ask(client, stream)] * MANY)
        assert {words for words, _ in first} == {first[0][0]}
        assert first[0][0]
        assert {told.source for _, told in first} <= {"fresh", "cache"}
        assert primary.count() == 1
        primary.heal()
        primary.fault(Fault.status(503))
        stale = await at_once(mode, [lambda: ask(old, stream)] * MANY)
        assert {(words, told.source, told.degraded) for words, told in stale} == {(first[0][0], "stale", True)}
        assert all(told.age is not None and 0 < told.age < 600 for _, told in stale)
        primary.heal()
        primary.fault(Fault.slow(0.3))
        store.clear()
        before = primary.count()
        again = await at_once(mode, [lambda: ask(client, stream)] * MANY)
        assert "fresh" in {told.source for _, told in again}
        assert {told.source for _, told in again} <= {"fresh", "cache"}
        assert primary.count() == before + 1
        await close(client, old)

    mode.run(script)


def test_what_is_no_longer_fresh_is_not_found_so(primary: SimulatedProvider) -> None:
    """The second look takes what was kept since the call began, and nothing older."""
    mode = MODES[0]
    for kind in (MemoryStore, Leasing):
        client = wrapped(mode, primary, Cache(store=kind(), stale_if_error=600))
        before = primary.count()
        sources = [mode.run(ask, client, False)[1].source for _ in range(3)]
        assert sources == ["fresh"] * 3
        assert primary.count() == before + 3
        client.close()
