"""A program that stands still for a moment has heard nothing meanwhile; that says nothing about its provider."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from resilient_ai import Pipeline, outcome, wrap
from resilient_ai.testing import Fault

from .modes import MODES, Mode, chat, close

STANDSTILL = 1.5
"""Seconds: twice as long as the shortest silence that is suspected."""


@pytest.mark.parametrize("mode", MODES[1:], ids=lambda mode: mode.name)
def test_a_blocked_loop_is_no_silence(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """Promise 42: answers lie there unread while the program computes; nobody is left for that."""

    async def script() -> None:
        bare = mode.openai(primary)
        client = wrap(bare, Pipeline.default(isolated=True), fallback=to_backup)
        for _ in range(3):
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(chat, client)
        primary.fault(Fault.slow(0.2))
        by: list[str | None] = []

        async def ask() -> None:
            by.append(outcome(await chat(client)).answered_by)

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(ask)
            await anyio.sleep(0.1)
            time.sleep(STANDSTILL)  # the program's own mistake
            for _ in range(10):
                group.start_soon(ask)
        assert by == ["primary"] * 20
        assert backup.count() == 0
        await close(client)
        await close(bare)

    mode.run(script)
