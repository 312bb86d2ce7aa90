"""Work that outlives whoever began it, on threads, asyncio and trio."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai._runtime import spawn
from resilient_ai._runtime.concurrent import ASYNC
from resilient_ai._runtime.sync import SYNC, drive

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

RUNTIMES: dict[str, Any] = {"sync": SYNC, "asyncio": ASYNC, "trio": ASYNC}
modes = pytest.mark.parametrize("mode", RUNTIMES)
word: ContextVar[str] = ContextVar("word", default="")


def run(mode: str, script: Callable[[], Coroutine[Any, Any, None]]) -> None:
    if mode == "sync":
        drive(script())
    else:
        anyio.run(script, backend=mode)


class Work:
    """Waits at a gate of its own, and says what became of it."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.said: list[str] = []
        self.began, self.ended = threading.Event(), threading.Event()
        self.gate: Any = None

    async def __call__(self) -> None:
        self.gate = self.runtime.gate()
        self.said.append(f"began {word.get()}")
        self.began.set()
        await self.gate.wait(20)
        self.said.append("done")

    def over(self) -> None:
        self.said.append("over")
        self.ended.set()

    async def until(self, event: threading.Event) -> None:
        if self.runtime is SYNC:
            assert event.wait(20)
            return
        with anyio.fail_after(20):
            while not event.is_set():
                await anyio.sleep(0.001)


@modes
def test_it_outlives_the_one_who_began_it(mode: str) -> None:
    runtime = RUNTIMES[mode]
    work = Work(runtime)

    async def begin() -> None:
        word.set("mine")
        assert runtime.spawn(work, ended=work.over) is not None

    async def script() -> None:
        if runtime is SYNC:
            thread = threading.Thread(target=lambda: drive(begin()))
            thread.start()
            thread.join()
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(begin)
        await work.until(work.began)
        work.gate.open()
        await work.until(work.ended)

    run(mode, script)
    assert work.said == ["began mine", "done", "over"]


@modes
def test_it_is_ended_from_any_thread(mode: str) -> None:
    runtime = RUNTIMES[mode]
    work = Work(runtime)

    async def script() -> None:
        spawned = runtime.spawn(work, ended=work.over)
        await work.until(work.began)
        thread = threading.Thread(target=spawned.cancel)
        thread.start()
        await work.until(work.ended)
        thread.join()
        assert spawned.over
        spawned.cancel()  # what has ended is left alone

    run(mode, script)
    assert work.said == ["began ", "over"]


@modes
def test_what_it_raises_is_logged_without_its_words(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    runtime = RUNTIMES[mode]
    ended = threading.Event()

    async def work() -> None:
        raise ValueError("the prompt")

    async def script() -> None:
        assert runtime.spawn(work, ended=ended.set) is not None
        await Work(runtime).until(ended)

    with caplog.at_level(logging.DEBUG):
        run(mode, script)
    assert [record.getMessage() for record in caplog.records if record.name == "resilient_ai"] == [
        "work in the background failed: ValueError"
    ]


@pytest.mark.parametrize("mode", ["asyncio", "trio"])
def test_it_ends_with_its_loop(mode: str) -> None:
    work = Work(ASYNC)

    async def script() -> None:
        ASYNC.spawn(work, ended=work.over)
        await work.until(work.began)

    run(mode, script)
    assert work.said == ["began ", "over"]


def test_cancelled_before_its_first_step() -> None:
    work = Work(ASYNC)

    async def script() -> None:
        ASYNC.spawn(work, ended=work.over)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await work.until(work.ended)

    asyncio.run(script())
    assert work.said == ["over"]


def test_no_more_threads_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "MAX_SPAWNED", 1)
    first, second = Work(SYNC), Work(SYNC)

    async def script() -> None:
        assert SYNC.spawn(first, ended=first.over) is not None
        assert SYNC.spawn(second, ended=second.over) is None
        await first.until(first.began)
        first.gate.open()
        await first.until(first.ended)
        assert SYNC.spawn(second, ended=second.over) is not None
        await second.until(second.began)
        second.gate.open()
        await second.until(second.ended)

    drive(script())
    assert second.said == ["began ", "done", "over"]
