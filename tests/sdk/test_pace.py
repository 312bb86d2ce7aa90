"""A stream that is slower than the program wants is ended; one that pauses is not."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from resilient_ai import Deadline, Fallback, Pipeline, wrap
from resilient_ai._state import pace
from resilient_ai.errors import ConfigurationError
from resilient_ai.testing import Fault

from .modes import Mode, chat, close, everything, failing, modes


@modes
@pytest.mark.parametrize("least", [300.0, 100_000.0])
def test_a_stream_below_its_pace(mode: Mode, primary: Any, monkeypatch: pytest.MonkeyPatch, least: float) -> None:
    """Some 200 bytes each 50 ms are enough for 300 bytes a second and not for 100,000: then it is the SDK's own
    time-out, within a window. (Promise 25.)"""
    monkeypatch.setattr(pace, "WINDOW", 0.5)

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Deadline(pace=least), Fallback(rescue=("error",))))
        primary.fault(Fault.paced(0.05))
        stream = await chat(client, stream=True, max_tokens=30)
        if least < 10_000:
            assert len(await everything(stream)) > 10
        else:
            assert type(await failing(everything(stream))) is openai.APITimeoutError
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@pytest.mark.parametrize("wrong", [0, -1, True, "fast", float("nan"), float("inf")])
def test_a_wrong_pace_is_told_at_once(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Deadline\(pace=…\) is a number of bytes a second above 0"):
        Deadline(pace=wrong)
