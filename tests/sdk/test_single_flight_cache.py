"""Shared requests and a cache together: kept once, served stale when nobody answers; across processes by a lease."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Cache, Deadline, Pipeline, Retry, SingleFlight, outcome, wrap
from resilient_ai.stores import MemoryStore, SQLiteStore, _database
from resilient_ai.testing import Fault

from .flights import at_once, nothing_left, soon
from .modes import Mode, chat, close, everything, modes

if TYPE_CHECKING:
    from pathlib import Path

    from resilient_ai.stores import Entry
    from resilient_ai.testing import SimulatedProvider

SURE: dict[str, Any] = {"temperature": 0}


class Counted(MemoryStore):
    """Counts what is kept."""

    kept = 0

    def set(self, key: str, entry: Entry) -> None:
        self.kept += 1
        super().set(key, entry)


@modes
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_kept_once_and_served_to_all_when_nobody_answers(mode: Mode, stream: bool, primary: SimulatedProvider) -> None:
    primary.fault(Fault.slow(1.0))
    store = Counted()

    async def script() -> None:
        cache = Cache(ttl=3, stale_if_error=600, store=store)
        pipeline = Pipeline(Deadline(total=30), cache, SingleFlight(), Retry(attempts=1))
        client = wrap(mode.openai(primary, max_retries=0), pipeline)

        async def one() -> Any:
            got = await chat(client, stream=stream, **SURE)
            if stream:
                await everything(got)
            return outcome(got)

        first = await at_once(mode, [one] * 50)
        assert {told.source for told in first} == {"fresh"}, first[:3]
        assert (primary.count(), store.kept) == (1, 1)
        hits = await at_once(mode, [one] * 20)
        assert {told.source for told in hits} == {"cache"}
        time.sleep(3.1)  # past its time
        primary.heal()
        primary.fault(Fault.status(500))
        stale = await at_once(mode, [one] * 20)
        assert {told.source for told in stale} == {"stale"}
        assert all(told.age is not None and 3 <= told.age < 600 for told in stale)
        primary.heal()
        again = await at_once(mode, [one] * 5)
        assert {told.source for told in again} <= {"fresh", "cache"}
        assert "fresh" in {told.source for told in again}
        assert await soon(mode, nothing_left)
        await close(client)

    mode.run(script)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another holds is waited for as long as it takes: on a busy machine that is more than the 50 ms after
    which a call goes on by itself."""
    monkeypatch.setattr(_database, "BUSY", 10.0)


def process(mode: Mode, provider: SimulatedProvider, path: Path) -> Any:
    """What another process has: a pipeline, and a store of its own on the same file."""
    store = SQLiteStore(path)
    assert store.salt  # opened: all at once would find the new file locked, and go on without it
    cache = Cache(ttl=60, store=store)
    pipeline = Pipeline(Deadline(total=30), cache, SingleFlight(), Retry(attempts=1), isolated=True)
    return wrap(mode.openai(provider), pipeline)


@modes
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_processes_ask_once(mode: Mode, stream: bool, primary: SimulatedProvider, tmp_path: Path) -> None:
    primary.fault(Fault.slow(1.0))

    async def script() -> None:
        clients = [process(mode, primary, tmp_path / "answers") for _ in range(3)]

        async def one(client: Any) -> Any:
            got = await chat(client, stream=stream, **SURE)
            if stream:
                await everything(got)
            return outcome(got).source

        told = await at_once(mode, [lambda client=client: one(client) for client in clients])
        assert sorted(map(str, told)) == ["cache", "cache", "fresh"], told
        await close(*clients)

    mode.run(script)
    assert primary.count() == 1


@modes
@pytest.mark.usefixtures("patient")
def test_the_next_process_asks_if_one_fails(mode: Mode, primary: SimulatedProvider, tmp_path: Path) -> None:
    primary.fault(Fault.status(500, count=1))

    async def script() -> None:
        clients = [process(mode, primary, tmp_path / "answers") for _ in range(3)]
        told = await at_once(mode, [lambda client=client: chat(client, **SURE) for client in clients])
        answers = [one for one in told if not isinstance(one, Exception)]
        assert sorted(str(outcome(one).source) for one in answers) == ["cache", "fresh"], told
        await close(*clients)

    mode.run(script)
    assert primary.count() == 2
