"""Whom a stream that broke is asked of again, and by when."""

from __future__ import annotations

import dataclasses
from typing import Any

from resilient_ai._call import Call, Facts, Operation
from resilient_ai._context import NO_OPTIONS
from resilient_ai._journal import Journal
from resilient_ai._rescue import Resume
from resilient_ai._target import Target
from resilient_ai.errors import Failure
from resilient_ai.failures import FailureKind
from resilient_ai.strategies._rescue import anew, once_more

HERE = Target("west:*", base_url="http://west", api_key=["k1", "k2"])
KEYS = HERE.each()
SAME = Target("east:*", base_url="http://east", api_key="k")
NAMED = Target("north:gpt-4o", base_url="http://north", api_key="k")
OTHER = Target("south:gpt-4o-mini", base_url="http://south", api_key="k")
EVERYONE: list[Target | None] = [None, *KEYS, SAME, NAMED, OTHER]


class Clock:
    """A runtime that only knows the time."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


def _call(target: Target | None = None, *, now: float = 100.0) -> Call:
    facts = Facts(family="chat", operation=Operation.STATELESS, model="gpt-4o", host="h")
    journal = Journal(facts, lambda: now, "", None, 40.0)
    nothing: Any = None
    runtime: Any = Clock(now)
    call = Call(port=nothing, runtime=runtime, facts=facts, options=NO_OPTIONS, journal=journal, states=nothing)
    call.target = target
    return call


RESUME = Resume("replay", "", lambda _target: True, last=True)


def _order(
    call: Call,
    kind: FailureKind = FailureKind.TRANSIENT,
    *,
    across: bool = False,
    last: bool = True,
    everyone: list[Target | None] = EVERYONE,
) -> list[Target | None]:
    resume = dataclasses.replace(RESUME, last=last)
    return once_more(call, Failure("broke", kind=kind), resume, everyone, across_models=across)


def test_first_whoever_broke_off() -> None:
    assert _order(_call()) == [None, *KEYS, SAME, NAMED]
    assert _order(_call(SAME)) == [SAME, None, *KEYS, NAMED]


def test_the_key_that_was_used_before_the_others_of_its_place() -> None:
    assert _order(_call(KEYS[1])) == [KEYS[1], KEYS[0], None, SAME, NAMED]


def test_last_whoever_fell_silent() -> None:
    assert _order(_call(SAME), FailureKind.SILENT) == [None, *KEYS, NAMED, SAME]


def test_not_before_the_others_were_asked_in_every_way() -> None:
    assert _order(_call(SAME), FailureKind.SILENT, last=False) == [None, *KEYS, NAMED]
    assert _order(_call(SAME), FailureKind.SILENT, last=False, everyone=[SAME]) == [SAME]


def test_last_whoever_broke_off_twice() -> None:
    call = _call()
    for _ in range(2):
        call.journal.begin("primary").over = True
    assert _order(call) == [*KEYS, SAME, NAMED, None]


def test_other_models_only_if_asked_for() -> None:
    assert _order(_call(OTHER)) == [OTHER]
    assert _order(_call(), across=True) == [None, *KEYS, SAME, NAMED, OTHER]


def test_a_limit_of_the_whole_is_not_begun_anew() -> None:
    call = _call(SAME)
    call.deadline = call.stream_limit = 130.0
    call.limit = 110.0
    again = anew(call, RESUME)
    assert (again.deadline, again.limit, again.stream_limit) == (130.0, 130.0, 130.0)
    assert (again.target, again.resume) == (None, RESUME)


def test_a_limit_of_the_first_byte_is() -> None:
    call = _call(SAME)
    call.deadline = call.limit = 50.0  # ten seconds from the start
    again = anew(call, RESUME)
    assert (again.deadline, again.limit) == (110.0, 110.0)
    assert anew(_call(), RESUME).deadline is None


def test_what_was_said_is_not_shown() -> None:
    assert "secret" not in repr(Resume("continue", "secret words", lambda _target: True, last=True))
