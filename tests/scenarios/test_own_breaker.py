"""A program's own pybreaker breaker, with its listeners and its storage."""

from __future__ import annotations

from typing import Any

import pybreaker
import pytest

from resilient_ai import CircuitBreaker, Fallback, Pipeline
from resilient_ai.errors import CircuitOpen, ConfigurationError, Failure
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


class Shelf(pybreaker.CircuitMemoryStorage):
    """A storage elsewhere, that may be gone."""

    gone = False

    def _there(self) -> None:
        if self.gone:
            raise ConnectionError("the storage is gone")

    @property
    def state(self) -> str:
        self._there()
        return super().state

    @state.setter
    def state(self, state: str) -> None:
        self._there()
        pybreaker.CircuitMemoryStorage.state.fset(self, state)  # type: ignore[attr-defined]  # a property of its class has a setter

    def increment_counter(self) -> None:
        self._there()
        super().increment_counter()

    def reset_counter(self) -> None:
        self._there()
        super().reset_counter()


def test_a_storage_that_is_gone_breaks_no_call(mode: Mode, caplog: pytest.LogCaptureFixture) -> None:
    """Regression: its ConnectionError came out of a healthy call, and out of CircuitBreaker(breaker=…)."""
    world = World()
    shelf = Shelf("closed")
    own = pybreaker.CircuitBreaker(fail_max=2, reset_timeout=20, state_storage=shelf)
    shelf.gone = True
    pipeline = Pipeline(CircuitBreaker(breaker=own), isolated=True)

    async def script() -> None:
        assert (await world.call(pipeline)).failure is None
        world.primary.answers(fails(K.TRANSIENT))
        assert all(isinstance(one.told, Failure) for one in await world.calls(pipeline, 3))  # not ConnectionError
        shelf.gone = False
        await world.calls(pipeline, 3)
        assert own.current_state == "open"
        shelf.gone = True
        assert isinstance((await world.call(pipeline)).told, CircuitOpen)  # the state that was read last

    world.run(mode, script)
    told = [record for record in caplog.records if "storage of the circuit breaker" in record.getMessage()]
    assert len(told) == 1
