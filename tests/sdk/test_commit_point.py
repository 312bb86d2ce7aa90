"""What is held back of a stream, and how much of it at most: nothing is handed over before its first content, unless it
takes too long."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest

from resilient_ai import Deadline, Fallback, Pipeline, Target, outcome, record, wrap
from resilient_ai.testing import Fault
from resilient_ai.transports import _opening

from .modes import MODEL, MODES, Mode, chat, close, everything, failing, modes


def _to(backup: Any) -> Any:
    return [Target(f"backup:{MODEL}", base_url=backup.base_url, api_key=backup.key)]


@modes
@pytest.mark.parametrize("how", ["an error", "a cut", "a malformed event", "silence"])
def test_what_breaks_behind_the_opening_is_nobody_s_matter(mode: Mode, primary: Any, backup: Any, how: str) -> None:
    """Promise 21, DESIGN's commit point: a role has been told, and nothing that anybody could use."""
    faults = {
        "an error": Fault.error_in_stream(after_tokens=0),
        "a cut": Fault.truncated(after_tokens=0),
        "a malformed event": Fault.malformed_json(after_tokens=0),
        "silence": Fault.stalled(after_tokens=0),
    }
    primary.fault(faults[how], family="chat")

    async def script() -> None:
        pipeline = Pipeline.default(Deadline(total=10, idle=0.4))
        given = mode.openai(primary)
        client = wrap(given, pipeline, fallback=_to(backup))
        with record() as calls:
            chunks = await everything(await chat(client, stream=True))
        assert chunks[0].choices[0].delta.role == "assistant"
        assert len([chunk for chunk in chunks if chunk.choices[0].delta.role]) == 1
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert [call.answered_by for call in calls] == [f"backup:{MODEL}"]
        await close(client, given)

    mode.run(script)
    assert backup.count() == 1


@pytest.mark.parametrize(
    ("mode", "bound"),
    [*((mode, "HELD_SECONDS") for mode in MODES), (MODES[0], "HELD_EVENTS"), (MODES[0], "HELD_BYTES")],
    ids=str,
)
def test_what_only_lives_is_handed_over_in_time(
    mode: Mode, primary: Any, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """A model that sends nothing but signs of life: the stream is the program's once one of the bounds is reached, long
    before its first content, and it is whole."""
    monkeypatch.setattr(_opening, bound, {"HELD_EVENTS": 3, "HELD_BYTES": 250, "HELD_SECONDS": 0.2}[bound])
    primary.fault(Fault.thinking(1.5, every=0.05, how="pings"))

    async def script() -> None:
        client = wrap(mode.openai(primary))
        began = time.monotonic()
        stream = await chat(client, stream=True)
        assert time.monotonic() - began < 1.2
        chunks = await everything(stream)
        assert time.monotonic() - began >= 1.5
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@modes
def test_one_that_gives_no_content_in_its_time_moves_on(mode: Mode, primary: Any, backup: Any) -> None:
    """Headers and a role at once, and then nothing: the primary's share of the deadline ends it, while it is still
    unseen. (Before, the SDK's own time-out did, and there was no answer.)"""
    primary.fault(Fault.slow_first_token(30.0), family="chat")

    async def script() -> None:
        given = mode.openai(primary)
        client = wrap(given, Pipeline.default(Deadline(total=2), Fallback(_to(backup))))
        stream = await chat(client, stream=True)
        assert outcome(stream).answered_by == f"backup:{MODEL}"
        assert len(await everything(stream)) > 3
        await close(client, given)

    mode.run(script)


@modes
def test_an_error_nobody_can_mend_is_the_sdk_s_own(mode: Mode, primary: Any) -> None:
    """Told behind the opening by every attempt: the program reads the provider's words."""
    primary.fault(Fault.error_in_stream(after_tokens=0))

    async def script() -> None:
        client = wrap(mode.openai(primary))
        error = await failing(_read(client))
        assert type(error) is openai.APIError
        assert error.body
        await close(client)

    async def _read(client: Any) -> None:
        await everything(await chat(client, stream=True))

    mode.run(script)
    assert primary.count() > 1
