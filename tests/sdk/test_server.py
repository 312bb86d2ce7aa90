"""A server that builds its client anew for every request it answers, while the primary is dead."""

from __future__ import annotations

import gc
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import outcome, wrap
from resilient_ai.testing import Fault

from .modes import MODES, Mode, chat, failing, two_modes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Nobody closes these clients, as such servers do not; the sockets of bare ones are left to the collector as well.
pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts handles and memory in /proc"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

CALLS = 200
SETTLED = 50
"""From this call on the circuit is open, and what is built once is built."""

DEAD = {"503": Fault.status(503), "refused": Fault.refused()}
WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "once": lambda bare, fallback: wrap(bare, fallback=fallback),
    "twice": lambda bare, fallback: wrap(wrap(bare, fallback=fallback), fallback=fallback),
    "with_options": lambda bare, fallback: wrap(bare, fallback=fallback).with_options(timeout=20),
}


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What is left to the collector is collected while its warnings are still ours."""
    yield
    gc.collect()


@dataclass
class Held:
    """What the process holds at the moments it was looked at: handles, and bytes of memory."""

    handles: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    def look(self) -> None:
        gc.collect()
        self.handles.append(len(os.listdir("/proc/self/fd")))
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory.append(pages * os.sysconf("SC_PAGE_SIZE"))

    def judge(self) -> None:
        assert max(self.handles) - self.handles[0] <= 2, self.handles
        assert self.memory[-1] - self.memory[0] < 4e6, self.memory  # a client with its pool is some 100 KB


class Server:
    """Answers each request with a client of its own."""

    def __init__(self, mode: Mode, way: str, primary: Any, fallback: Any) -> None:
        self.mode, self.way, self.primary, self.fallback = mode, way, primary, fallback
        self.asked_primary = 0
        self.began = time.monotonic()

    @property
    def most(self) -> int:
        """Requests of the primary's by now: until its circuit opened, and then with each open time, which doubles. Ten
        in the ten seconds this may take; a machine that does other things beside it may take longer."""
        took = time.monotonic() - self.began
        return 7 + sum(took >= 0.8 * probe for probe in (1, 3, 7, 15, 31, 61))

    async def answer(self) -> None:
        answer = await chat(WAYS[self.way](self.mode.openai(self.primary), self.fallback))
        told = outcome(answer)
        assert (told.answered_by, answer.system_fingerprint) == ("backup:*", "fp_backup")
        self.asked_primary += sum(attempt.startswith("primary: ") for attempt in told.attempts)


@two_modes
@pytest.mark.parametrize("dead", DEAD)
def test_a_client_for_each_call(mode: Mode, primary: Any, backup: Any, to_backup: Any, dead: str) -> None:
    """Promise 43: 200 clients act as one, and cost what bare ones at the backup cost."""
    server, held, added = Server(mode, "once", primary, to_backup), Held(), list[float]()

    async def script() -> None:
        for number in range(CALLS):
            if number >= SETTLED and number % 50 == 0:
                held.look()
            started = time.perf_counter()
            await server.answer()
            between = time.perf_counter()
            if number >= SETTLED:
                await chat(mode.openai(backup))
                added.append((between - started) - (time.perf_counter() - between))
        held.look()

    primary.fault(DEAD[dead])
    mode.run(script)
    assert 7 <= server.asked_primary <= server.most
    assert primary.count() == (0 if dead == "refused" else server.asked_primary)
    assert statistics.median(added) < 0.020
    held.judge()


@pytest.mark.parametrize("way", ["twice", "with_options"])
def test_wrapped_twice_or_through_with_options(primary: Any, to_backup: Any, way: str) -> None:
    """Promise 43: the same."""
    mode = MODES[0]
    server, held = Server(mode, way, primary, to_backup), Held()

    async def script() -> None:
        for number in range(CALLS):
            if number >= SETTLED and number % 50 == 0:
                held.look()
            await server.answer()
        held.look()

    primary.fault(DEAD["503"])
    mode.run(script)
    assert 7 <= primary.count() == server.asked_primary <= server.most
    held.judge()


@two_modes
@pytest.mark.parametrize("way", WAYS)
def test_switched_off(mode: Mode, primary: Any, backup: Any, to_backup: Any, monkeypatch: Any, way: str) -> None:
    """Promise 43: exactly the bare SDK's requests, its retries included, from every client anew."""
    monkeypatch.setenv("RESILIENT_AI", "off")

    def bare(client: Any) -> Any:
        return client.with_options(timeout=20) if way == "with_options" else client

    async def script(make: Callable[[Any], Any]) -> None:
        for _ in range(10):
            error = await failing(chat(make(mode.openai(primary))))
            assert type(error) is openai.InternalServerError
            assert not hasattr(error, "__notes__")

    def seen_with(make: Callable[[Any], Any]) -> list[Any]:
        primary._simulator.reset()
        primary.fault(Fault.status(503, headers={"retry-after-ms": "1"}))
        mode.run(script, make)
        return [(r.method, r.path, r.query, list(r.headers.items()), r.body_sha256, r.key) for r in primary.requests()]

    expected = seen_with(bare)
    assert len(expected) == 30
    assert seen_with(lambda client: WAYS[way](client, to_backup)) == expected
    assert backup.count() == 0
