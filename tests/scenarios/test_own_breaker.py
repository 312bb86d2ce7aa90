"""A program's own pybreaker breaker, with its listeners and its storage."""

from __future__ import annotations

from typing import Any

import pybreaker
import pytest

from resilient_ai import CircuitBreaker, Fallback, Pipeline
from resilient_ai.errors import CircuitOpen, ConfigurationError
from resilient_ai.failures import FailureKind as K

from .harness import Mode, World, fails, ok, target


class Heard(pybreaker.CircuitBreakerListener):
    def __init__(self) -> None:
        self.states: list[str] = []

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self.states.append(new_state.name)


def test_it_decides_for_the_primary_and_its_listeners_hear(mode: Mode) -> None:
    """DESIGN §6: a user's own breaker is accepted; one source of truth."""
    world = World()
    world.primary.answers(*[fails(K.TRANSIENT)] * 3, ok())
    heard = Heard()
    own = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=20, listeners=[heard])
    pipeline = Pipeline(CircuitBreaker(breaker=own), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 3)
        assert own.current_state == "open"
        assert isinstance((await world.call(pipeline)).told, CircuitOpen)
        await world.runtime.sleep(20)
        assert (await world.call(pipeline)).failure is None
        assert own.current_state == "closed"
        own.open()  # by the program's own hand
        assert isinstance((await world.call(pipeline)).told, CircuitOpen)
        assert isinstance((await world.call(pipeline, model="another")).told, CircuitOpen)  # one for all of its calls

    world.run(mode, script)
    assert heard.states == ["open", "half-open", "closed", "open"]


def test_a_fallback_is_not_under_the_primarys_breaker(mode: Mode) -> None:
    world = World()
    world.primary.answers(fails(K.TRANSIENT))
    own = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=600)
    pipeline = Pipeline(Fallback([target()]), CircuitBreaker(breaker=own), isolated=True)

    async def script() -> None:
        got = await world.calls(pipeline, 5)
        assert all(one.text == "hello from backup:*" for one in got)
        assert world.primary.count == 1

    world.run(mode, script)


def test_one_made_for_each_scope(mode: Mode) -> None:
    """A function from (host, family, model) to a breaker, or to None for ours."""
    world = World()
    world.primary.answers(fails(K.TRANSIENT))
    made: dict[Any, pybreaker.CircuitBreaker] = {}

    def make(scope: tuple[str, str, str | None]) -> pybreaker.CircuitBreaker | None:
        if scope[1] == "embeddings":
            return None
        return made.setdefault(scope, pybreaker.CircuitBreaker(fail_max=2, reset_timeout=60))

    pipeline = Pipeline(CircuitBreaker(breaker=make), isolated=True)

    async def script() -> None:
        await world.calls(pipeline, 10, model="a")
        await world.calls(pipeline, 10, model="b")
        assert world.primary.count == 4
        await world.calls(pipeline, 10, family="embeddings")
        assert world.primary.count == 4 + 7
        assert sorted(scope[2] for scope in made) == ["a", "b"]

    world.run(mode, script)


def test_what_makes_none_is_told(mode: Mode) -> None:
    world = World()
    pipeline = Pipeline(CircuitBreaker(breaker=lambda _scope: "none"), isolated=True)

    async def script() -> None:
        with pytest.raises(ConfigurationError, match="made str"):
            await world.call(pipeline)

    world.run(mode, script)
