"""The drilled program notes every call, however it goes."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai.cli.plan import Job
from resilient_ai.cli.program import Program, trace_id

if TYPE_CHECKING:
    from collections.abc import Callable

JOB = Job(0.0, "chat", 6)


def program(create: Callable[..., Any]) -> Program:
    client: Any = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    return Program(client, clock=lambda: 1.0, kept_file="file-0")


def test_a_call_carries_its_number() -> None:
    """Each request at the simulator can be told to a call, a fallback's too: W3C trace ids are passed on to it."""
    sent: list[dict[str, str]] = []
    drilled = program(lambda **asked: sent.append(asked["extra_headers"]))
    drilled.run(JOB)
    (done,) = drilled.ended()
    assert sent[0]["traceparent"].split("-")[1] == trace_id(done.number)
    assert (done.source, done.error) == ("fresh", None)


def test_the_sdks_error_is_a_failed_call() -> None:
    def fail(**_: Any) -> None:
        raise openai.OpenAIError("no")

    drilled = program(fail)
    drilled.run(JOB)
    (done,) = drilled.ended()
    assert (done.source, done.error, done.sdk_error, done.refused) == (None, "OpenAIError", True, False)


def test_any_other_error_is_seen_and_counted() -> None:
    """Promise 25: what is raised under an SDK is the SDK's own; anything else is no answer, and is not hidden."""

    def fail(**_: Any) -> None:
        raise TypeError("a bug")

    drilled = program(fail)
    with pytest.raises(TypeError, match="a bug"):
        drilled.run(JOB)
    (done,) = drilled.ended()
    assert (done.source, done.sdk_error) == (None, False)
    assert done.error is not None


def test_a_call_that_never_ends_is_no_answer() -> None:
    begun, end = threading.Event(), threading.Event()

    def hang(**_: Any) -> None:
        begun.set()
        end.wait(5)

    drilled = program(hang)
    caller = threading.Thread(target=drilled.run, args=(JOB,))
    caller.start()
    assert begun.wait(5)
    (done,) = drilled.all_begun()
    assert drilled.ended() == []
    assert done.source is None
    assert done.error is not None
    end.set()
    caller.join()
    assert len(drilled.all_begun()) == len(drilled.ended()) == 1
