"""The order is checked when a pipeline is built."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from resilient_ai import Cache, CircuitBreaker, Deadline, Fallback, Hedge, Pipeline, RateLimiter, Retry, SingleFlight
from resilient_ai.errors import ConfigurationError
from resilient_ai.pipeline import ORDER

ALL: tuple[Any, ...] = (
    Deadline(),
    Cache(),
    SingleFlight(),
    Fallback(),
    Retry(),
    Hedge(),
    RateLimiter(concurrency=1),
    CircuitBreaker(),
)


class Own:
    """A strategy of the user's."""

    async def execute(self, next: Any, call: Any) -> Any:
        return await next(call)


@pytest.mark.parametrize("chosen", [c for n in range(9) for c in itertools.combinations(ALL, n)])
def test_every_choice_in_its_order_is_taken(chosen: tuple[Any, ...]) -> None:
    assert Pipeline(*chosen).strategies == chosen
    with_own = [Own(), *itertools.chain.from_iterable((strategy, Own()) for strategy in chosen)]
    assert len(Pipeline(*with_own).strategies) == 2 * len(chosen) + 1


def test_a_strategy_that_is_replaced_stays_where_it_was_among_the_user_s_own() -> None:
    outer, inner, fallback = Own(), Own(), Fallback(["openai:gpt-4o"])
    assert Pipeline(outer, Fallback(), inner).replaced(fallback).strategies == (outer, fallback, inner)


@pytest.mark.parametrize("pair", list(itertools.combinations(ALL, 2)))
def test_a_wrong_order_is_told_with_the_right_one(pair: tuple[Any, Any]) -> None:
    outer, inner = pair
    with pytest.raises(ConfigurationError) as caught:
        Pipeline(inner, Own(), outer)
    assert f"{type(outer).__name__} stands inside {type(inner).__name__}" in str(caught.value)
    assert " → ".join(kind.__name__ for kind in ORDER) in str(caught.value)


@pytest.mark.parametrize("strategy", ALL)
def test_a_kind_given_twice_is_told(strategy: Any) -> None:
    for build in (Pipeline, Pipeline.default):
        with pytest.raises(ConfigurationError, match=f"{type(strategy).__name__} is given twice"):
            build(strategy, strategy)


def test_what_is_no_strategy_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"write Retry\(\)"):
        Pipeline(Retry)  # type: ignore[arg-type]  # wrong on purpose
    for thing in (None, 5, "retry", object(), ALL):
        with pytest.raises(ConfigurationError, match="is no strategy"):
            Pipeline(thing)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(ConfigurationError, match=r"Own has no place .* use Pipeline"):
        Pipeline.default(Own())


def test_the_default_and_what_replaces_it() -> None:
    kinds = [type(strategy) for strategy in Pipeline.default().strategies]
    assert kinds == [Deadline, Fallback, Retry, CircuitBreaker]
    mine = Pipeline.default(RateLimiter(concurrency=1), Hedge(after=1), Retry(attempts=5), Cache(ttl=1), SingleFlight())
    assert [type(strategy) for strategy in mine.strategies] == list(ORDER)
    assert mine.find(Retry) == Retry(attempts=5)
    assert Pipeline().find(Retry) is None


@pytest.mark.parametrize("strategy", [Deadline(total=1), Cache(ttl=1), Fallback(["a:b"]), Retry(attempts=9)])
def test_replaced_keeps_the_rest(strategy: Any) -> None:
    heard: list[object] = []
    for before in (Pipeline(), Pipeline(*ALL), Pipeline(Deadline(), CircuitBreaker()), Pipeline(Own(), Retry(), Own())):
        after = before.replaced(strategy)
        assert after.find(type(strategy)) == strategy
        assert [s for s in after.strategies if s is not strategy] == [
            s for s in before.strategies if type(s) is not type(strategy)
        ]
    assert Pipeline(listeners=[heard.append]).replaced(strategy).emit is not None


def test_short_and_readable() -> None:
    assert repr(Pipeline(Retry())) == f"<Pipeline {Pipeline(Retry()).fingerprint}: Retry>"
    assert "empty" in repr(Pipeline())
    assert repr(Cache(ttl=5)).startswith("Cache(ttl=5, stale_if_error=None, ")


def test_no_namespace_is_shown() -> None:
    """It may be a customer's name."""
    cache = Cache(ttl=60, namespace="tenant-7")
    for text in (repr(cache), str(Pipeline(cache)), repr(Pipeline(cache)), f"{Pipeline(cache).strategies}"):
        assert "tenant-7" not in text
    assert "namespace=<named>" in repr(cache)
    assert "namespace=<named>" in str(Pipeline(cache))
    assert "namespace=None" in repr(Cache())
