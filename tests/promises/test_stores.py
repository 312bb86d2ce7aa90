"""Promises 30 to 32: whatever befalls a store, each call has its answer or its honest failure, and it is told."""

from __future__ import annotations

import shutil
import signal
import socket
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Cache, Pipeline, Retry, outcome, wrap
from resilient_ai.events import StoreFailed
from resilient_ai.stores import RedisStore, SQLiteStore
from resilient_ai.testing import Fault
from tests.between import Between, garbled, slow
from tests.redis_server import RedisServer

from .big import Api, in_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from resilient_ai.stores import Store
    from resilient_ai.testing import SimulatedProvider
    from tests.sdk.modes import Mode

ROOM = 1.5
"""Seconds that a call may take more than it would: what is promised is 0.05 and 0.1; a loaded machine stalls."""


class Trouble:
    """A store, and what befalls it."""

    store: Store

    def strike(self) -> None:
        """From now on."""

    def end(self) -> None:
        """Clean up."""


class File(Trouble):
    def __init__(self, folder: Path) -> None:
        self.path = folder / "store" / "cache.db"
        self.store = self.kept = SQLiteStore(self.path)

    def end(self) -> None:
        self.kept.close()


class Corrupt(File):
    def strike(self) -> None:
        self.kept.close()
        data = bytearray(self.path.read_bytes())
        data[100:] = bytes(byte ^ 0x55 for byte in data[100:])
        self.path.write_bytes(data)


class Cut(File):
    def strike(self) -> None:
        self.kept.close()
        self.path.write_bytes(self.path.read_bytes()[:5000])


class Removed(File):
    def strike(self) -> None:
        shutil.rmtree(self.path.parent)


class Locked(File):
    """For whoever writes: what is kept is still served."""

    def strike(self) -> None:
        self.other = sqlite3.connect(self.path, isolation_level=None)
        self.other.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self.other.close()
        self.kept.close()


class Nowhere(Trouble):
    """A folder in which nothing can be made."""

    def __init__(self, folder: Path) -> None:
        self.store = SQLiteStore("/proc/sys/nowhere/cache.db")


class Redis(Trouble):
    def __init__(self, folder: Path) -> None:
        self.server = RedisServer(folder)
        self.store = RedisStore(self.server.url, timeout=0.05)

    def strike(self) -> None:
        self.server.stop()

    def end(self) -> None:
        self.server.stop()


class Hangs(Redis):
    def strike(self) -> None:
        self.server.signal(signal.SIGSTOP)


class Slow(Redis):
    """It answers, and each time too late."""

    turn = staticmethod(slow)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.between = Between(self.server.port)
        self.store = RedisStore(f"redis://127.0.0.1:{self.between.port}/0", timeout=0.05)

    def strike(self) -> None:
        self.between.turn = self.turn

    def end(self) -> None:
        self.between.end()
        super().end()


class Garbled(Slow):
    """What it says is spoilt on its way."""

    turn = staticmethod(garbled)


class Full(Redis):
    def strike(self) -> None:
        self.server.say("CONFIG", "SET", "maxmemory", "1")


class Nonsense(Trouble):
    """A server of the web, where Redis should be."""

    def __init__(self, folder: Path) -> None:
        self.line = socket.create_server(("127.0.0.1", 0))
        self.store = RedisStore(f"redis://127.0.0.1:{self.line.getsockname()[1]}")

    def strike(self) -> None:
        self.line.close()

    def end(self) -> None:
        self.line.close()


TROUBLES = [Corrupt, Cut, Removed, Locked, Nowhere, Redis, Hangs, Slow, Garbled, Full, Nonsense]


@pytest.fixture(params=TROUBLES, ids=lambda kind: kind.__name__.lower())
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trouble]:
    struck = request.param(tmp_path)
    yield struck
    struck.end()


@in_each
def test_every_call_has_its_answer_or_its_honest_failure(
    api: Api, mode: Mode, primary: SimulatedProvider, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    """And an event and one warning tell of the store."""
    events: list[Any] = []
    cache = Cache(store=trouble.store, ttl=60.0, stale_if_error=600.0)

    async def timed(client: Any, **said: Any) -> Any:
        began = time.monotonic()
        answer = await api.call(client, mode, **said)
        assert time.monotonic() - began < ROOM
        return answer

    async def script() -> None:
        given = api.client(mode, primary)
        client = wrap(given, Pipeline.default(Retry(attempts=1), cache, listeners=[events.append], isolated=True))
        await api.call(client, mode)
        await api.call(client, mode)
        trouble.strike()
        for model in (*api.models, *api.models):
            assert outcome(await timed(client, model=model)).source in ("fresh", "cache")
        primary.fault(Fault.status(503))
        for model in api.models:
            try:
                answer = await timed(client, model=model)
            except api.errors() as failed:
                assert outcome(failed).attempts
                assert not isinstance(trouble, Locked) or model != api.models[0], "it was there to be read"
            else:
                assert outcome(answer).source in ("stale", "cache")
        await api.end(client, given)

    mode.run(script)
    assert [event for event in events if isinstance(event, StoreFailed)]
    said = [record.getMessage() for record in caplog.records if "the cache's store" in record.getMessage()]
    assert len(said) in (1, 2), said  # each time it fails anew


@in_each
def test_a_server_that_is_restarted_is_used_again(
    api: Api, mode: Mode, primary: SimulatedProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resilient_ai.strategies import _shelf

    monkeypatch.setattr(_shelf, "BYPASSED", 0.01)
    server = RedisServer(tmp_path)
    store = RedisStore(server.url, timeout=5.0)

    async def until(source: str, ask: Callable[[], Any]) -> None:
        end = time.monotonic() + 10
        while outcome(await ask()).source != source:
            assert time.monotonic() < end

    async def script() -> None:
        given = api.client(mode, primary)
        client = wrap(given, Pipeline.default(Cache(store=store, ttl=60.0), isolated=True))

        def ask() -> Any:
            return api.call(client, mode)

        await until("cache", ask)
        server.stop()
        assert outcome(await ask()).source == "fresh"
        server.start()
        await until("cache", ask)
        await api.end(client, given)

    try:
        mode.run(script)
    finally:
        server.stop()
