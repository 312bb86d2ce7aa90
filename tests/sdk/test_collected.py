"""A stream that is let go of unread: the collector runs no program's code, and the call is told all the same."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from openai import OpenAI

import resilient_ai
from resilient_ai import Pipeline
from resilient_ai.events import CallFinished

if TYPE_CHECKING:
    from resilient_ai.testing import Simulator

MESSAGES: Any = [{"role": "user", "content": "hi"}]


def test_listeners_hear_of_it_at_the_next_call_and_the_right_recorder_has_it(simulator: Simulator) -> None:
    primary = simulator["primary"]
    heard: list[Any] = []
    pipeline = Pipeline.default(listeners=[heard.append], isolated=True)
    client = resilient_ai.wrap(OpenAI(base_url=primary.base_url, api_key=primary.key), pipeline)
    with resilient_ai.record() as calls, resilient_ai.options(tag="dropped"):
        stream = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
    del stream
    gc.collect()
    assert not [event for event in heard if isinstance(event, CallFinished)]
    with resilient_ai.record() as later_calls:
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert [call.tag for call in calls] == ["dropped"]
    assert [call.tag for call in later_calls] == [None]
    assert [event.outcome.tag for event in heard if isinstance(event, CallFinished)] == ["dropped", None]
