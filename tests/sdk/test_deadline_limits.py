"""`first_byte` and `idle`: what each of them waits for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import openai
import pytest
from openai import OpenAI

import resilient_ai
from resilient_ai import Deadline, Pipeline, Retry
from resilient_ai.testing import Fault

if TYPE_CHECKING:
    from resilient_ai.testing import Simulator


def wrapped(simulator: Simulator, deadline: Deadline) -> OpenAI:
    primary = simulator["primary"]
    pipeline = Pipeline.default(deadline, Retry(attempts=1), isolated=True)
    return resilient_ai.wrap(OpenAI(base_url=primary.base_url, api_key=primary.key), pipeline)


def ask(client: OpenAI) -> None:
    client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], max_completion_tokens=1
    )


def test_an_answer_that_has_begun_is_no_longer_waited_for_as_for_its_first_byte(simulator: Simulator) -> None:
    simulator["primary"].fault(Fault.drip_body(0.001))
    ask(wrapped(simulator, Deadline(first_byte=0.3)))


def test_a_head_that_does_not_come_ends_the_attempt(simulator: Simulator) -> None:
    simulator["primary"].fault(Fault.slow(2))
    began = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        ask(wrapped(simulator, Deadline(first_byte=0.2)))
    assert time.monotonic() - began < 1


def test_a_pause_in_a_json_body_ends_the_attempt(simulator: Simulator) -> None:
    simulator["primary"].fault(Fault.drip_body(2))
    began = time.monotonic()
    with pytest.raises(openai.APITimeoutError) as caught:
        ask(wrapped(simulator, Deadline(idle=0.2)))
    assert time.monotonic() - began < 1
    assert "silent" in "".join(caught.value.__notes__)
