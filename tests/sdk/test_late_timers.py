"""An event loop that the program held up is no silent provider: what has come meanwhile is looked at first."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from resilient_ai import Deadline, Pipeline, wrap
from resilient_ai.testing import Fault

from .modes import MODES, Mode, chat, close, everything

LIMIT, HELD_UP = 1.0, 1.6


@pytest.mark.parametrize("mode", MODES[1:], ids=lambda mode: mode.name)
@pytest.mark.parametrize("when", ["connecting", "between two bytes"])
def test_a_late_timer_is_no_silence(mode: Mode, primary: Any, when: str) -> None:
    primary.fault(Fault.paced(0.05))

    async def hold_up() -> None:
        await anyio.sleep(0.0 if when == "connecting" else 0.3)
        time.sleep(HELD_UP)  # this is the mistake

    async def script() -> None:
        timeout = LIMIT if when == "connecting" else 30.0
        client = wrap(mode.openai(primary, timeout=timeout), Pipeline(Deadline(idle=LIMIT)))

        async def read() -> None:
            assert len(await everything(await chat(client, stream=True))) > 3

        async with anyio.create_task_group() as group:
            group.start_soon(hold_up)
            group.start_soon(read)
        await close(client)

    mode.run(script)
    assert primary.count() == 1
