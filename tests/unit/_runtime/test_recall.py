"""Work that is ended from outside."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from resilient_ai._runtime.base import Recalled
from resilient_ai._runtime.concurrent import AsyncRuntime
from resilient_ai._runtime.race import Aborted, aborted
from resilient_ai._runtime.sync import SyncRuntime, drive

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MODES = ("sync", "asyncio", "trio")


def ignored(end: Callable[[], object]) -> None:
    """Nobody will recall it."""


def run(mode: str, script: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    if mode == "sync":
        drive(script(SyncRuntime()))
    else:
        anyio.run(script, AsyncRuntime(), backend=mode)


@pytest.mark.parametrize("mode", MODES)
def test_it_is_ended_from_another_thread(mode: str) -> None:
    async def script(runtime: Any) -> None:
        def handed(end: Callable[[], object]) -> None:
            threading.Timer(0.05, end).start()

        began = runtime.now()
        with pytest.raises(Recalled):
            await runtime.recallable(lambda: runtime.sleep(20), handed)
        assert runtime.now() - began < 10
        assert not aborted()
        await runtime.sleep(0)  # what follows is its own again

    run(mode, script)


@pytest.mark.parametrize("mode", MODES)
def test_what_has_an_answer_keeps_it(mode: str) -> None:
    """A recall that comes too late ends nothing."""
    ends: list[Callable[[], object]] = []

    async def script(runtime: Any) -> None:
        async def work() -> str:
            await runtime.sleep(0.001)
            return "answer"

        assert await runtime.recallable(work, ends.append) == "answer"
        ends[0]()
        await runtime.sleep(0.001)

    run(mode, script)


@pytest.mark.parametrize("mode", MODES)
def test_what_it_meets_is_raised_as_it_is(mode: str) -> None:
    async def script(runtime: Any) -> None:
        async def work() -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await runtime.recallable(work, ignored)

    run(mode, script)


@pytest.mark.parametrize("mode", MODES)
def test_the_other_side_of_a_race_may_still_win(mode: str) -> None:
    """A side of a race that may be recalled is ended by the race as ever, and one that is recalled has failed."""

    async def script(runtime: Any) -> None:
        async def slow() -> str:
            await runtime.recallable(lambda: runtime.sleep(20), ignored)
            return "slow"

        async def quick() -> str:
            return "quick"

        async def lost(_: str) -> None:
            raise AssertionError

        began = runtime.now()
        assert await runtime.race(slow, quick, after=0.01, may=lambda: True, lost=lost) == "quick"
        assert runtime.now() - began < 10

    run(mode, script)


def test_a_recall_before_the_wait_begins_ends_it_at_once() -> None:
    """In sync mode what blocks says only then how it is woken."""
    runtime = SyncRuntime()

    async def script() -> None:
        with pytest.raises(Recalled):
            await runtime.recallable(lambda: runtime.sleep(20), lambda end: end())

    drive(script())


def test_a_thread_that_is_told_to_stop_elsewhere_says_so() -> None:
    """What ends by the race it runs in is no recall."""
    runtime = SyncRuntime()

    async def work() -> None:
        raise Aborted

    async def script() -> None:
        with pytest.raises(Recalled):
            await runtime.recallable(work, ignored)

    drive(script())
