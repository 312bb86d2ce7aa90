"""A race: who wins, what becomes of the loser, in threads and in tasks."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio

from resilient_ai._runtime import race
from resilient_ai._runtime.concurrent import AsyncRuntime
from resilient_ai._runtime.sync import SyncRuntime, drive
from resilient_ai.errors import Failure
from resilient_ai.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

word: ContextVar[str] = ContextVar("word", default="outside")


class Mode:
    """A runtime, events that one side sets and the other waits for, and how a script is run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runtime: Any = SyncRuntime() if name == "sync" else AsyncRuntime()

    def event(self) -> Any:
        return threading.Event() if self.name == "sync" else anyio.Event()

    async def wait(self, event: Any) -> None:
        if self.name == "sync":
            assert event.wait(10)
        else:
            with anyio.fail_after(10):
                await event.wait()

    def run(self, script: Callable[[], Awaitable[None]]) -> None:
        if self.name == "trio":
            trio.run(script)
        else:
            run: Any = drive if self.name == "sync" else asyncio.run
            run(script())


@pytest.fixture(params=["sync", "asyncio", "trio"])
def mode(request: pytest.FixtureRequest) -> Iterator[Mode]:
    yield Mode(request.param)
    for thread in threading.enumerate():
        if thread.name == "resilient-ai-race":
            thread.join(10)
    assert race._threads.count == 0


def failure(text: str) -> Failure:
    return Failure(text, kind=FailureKind.TRANSIENT)


async def nothing(_: object) -> None:
    """Nothing to close."""


def test_a_late_answer_of_a_thread_is_closed() -> None:
    """It cannot be ended, and comes by an answer after it has lost: that is handed over to be closed."""
    runtime, won, closed = SyncRuntime(), threading.Event(), threading.Event()
    answers: list[str] = []

    async def first() -> str:
        assert won.wait(10)
        return "first"

    async def second() -> str:
        return "second"

    async def lost(answer: str) -> None:
        answers.append(answer)
        closed.set()

    assert drive(runtime.race(first, second, after=0.01, may=lambda: True, lost=lost)) == "second"
    assert answers == []
    won.set()
    assert closed.wait(10)
    assert answers == ["first"]


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_two_answers_at_once(name: str) -> None:
    """One is taken, the other one closed; none is lost."""
    closed: list[str] = []
    mode = Mode(name)

    async def script() -> None:
        go = anyio.Event()

        async def first() -> str:
            await go.wait()
            return "first"

        async def second() -> str:
            go.set()
            return "second"

        async def lost(answer: str) -> None:
            await anyio.lowlevel.checkpoint()  # also while the caller is being cancelled
            closed.append(answer)

        won = await mode.runtime.race(first, second, after=0.001, may=lambda: True, lost=lost)
        assert [won, *closed] in (["first", "second"], ["second", "first"])

    mode.run(script)


def test_each_side_has_a_copy_of_the_context(mode: Mode) -> None:
    seen: list[str] = []

    async def script() -> None:
        begun = mode.event()

        async def first() -> str:
            seen.append(word.get())
            word.set("first's")
            await mode.wait(begun)
            raise failure("first")

        async def second() -> str:
            seen.append(word.get())
            word.set("second's")
            begun.set()
            raise failure("second")

        word.set("caller's")
        with pytest.raises(Failure, match="first"):
            await mode.runtime.race(first, second, after=0.01, may=lambda: True, lost=nothing)
        assert word.get() == "caller's"

    mode.run(script)
    assert seen == ["caller's", "caller's"]


def test_the_second_is_not_begun_unless_it_may(mode: Mode) -> None:
    asked: list[int] = []

    async def script() -> None:
        go = mode.event()

        async def first() -> str:
            await mode.wait(go)
            return "first"

        async def second() -> str:
            raise AssertionError("begun")

        def may() -> bool:
            asked.append(1)
            go.set()
            return False

        assert await mode.runtime.race(first, second, after=0.01, may=may, lost=nothing) == "first"

    mode.run(script)
    assert asked == [1]


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt("mine"), SystemExit("mine")])
def test_what_is_no_failure_comes_out_as_itself(mode: Mode, error: BaseException) -> None:
    """No group round it, and the other side is not waited for."""

    async def script() -> None:
        async def first() -> str:
            await mode.runtime.sleep(30)
            return "first"

        async def second() -> str:
            raise error

        with pytest.raises(type(error)) as caught:
            await mode.runtime.race(first, second, after=0.01, may=lambda: True, lost=nothing)
        assert caught.value is error

    mode.run(script)


def test_a_thread_that_waits_is_ended_at_once() -> None:
    """Asleep, or before a gate: the side that has lost raises, so that it sends nothing any more."""
    runtime = SyncRuntime()
    ended: list[str] = []

    async def sleeps() -> str:
        try:
            await runtime.sleep(60)
        except race.Aborted:
            ended.append("sleeps")
            raise
        return "never"

    async def waits() -> str:
        try:
            await runtime.gate().wait(60)
        except race.Aborted:
            ended.append("waits")
            raise
        return "never"

    async def quick() -> str:
        return "quick"

    for slow in (sleeps, waits):
        assert drive(runtime.race(slow, quick, after=0.01, may=lambda: True, lost=nothing)) == "quick"
        for thread in threading.enumerate():
            if thread.name == "resilient-ai-race":
                thread.join(10)
                assert not thread.is_alive()
    assert ended == ["sleeps", "waits"]


def test_without_a_thread_the_first_runs_here_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many threads run as may, or none can be started: no race, and no error."""
    here: list[object] = []

    async def first() -> str:
        here.append(threading.current_thread())
        return "first"

    runtime = SyncRuntime()
    monkeypatch.setattr(race, "MAX_THREADS", 0)
    assert drive(runtime.race(first, first, after=0.01, may=lambda: True, lost=nothing)) == "first"
    monkeypatch.undo()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert drive(runtime.race(first, first, after=0.01, may=lambda: True, lost=nothing)) == "first"
    assert here == [threading.current_thread()] * 2
    assert race._threads.count == 0


@pytest.mark.parametrize("name", ["asyncio", "trio"])
def test_a_gate_is_opened_from_any_thread(name: str) -> None:
    """Opened before or while somebody waits; and shut behind who passed."""
    mode = Mode(name)

    async def script() -> None:
        gate = mode.runtime.gate()
        for _ in range(3):
            thread = threading.Thread(target=gate.open)
            thread.start()
            with anyio.fail_after(10):
                await gate.wait(None)
            thread.join()
        with anyio.fail_after(10):
            await gate.wait(0.01)

    mode.run(script)


def test_a_gate_of_a_loop_that_is_over_is_opened_in_vain() -> None:
    async def made() -> Any:
        return AsyncRuntime().gate()

    for gate in (asyncio.run(made()), trio.run(made)):
        gate.open()
