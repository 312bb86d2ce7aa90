"""Wrong settings are told at once, and say what to write instead."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
import tenacity

from resilient_ai import Cache, CircuitBreaker, Deadline, Fallback, Retry, Target
from resilient_ai.errors import ConfigurationError, ResilienceError
from tests.ids import named

WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (Deadline, {"total": 0}, "total"),
    (Deadline, {"total": -1}, "total"),
    (Deadline, {"total": math.inf}, "total"),
    (Deadline, {"total": math.nan}, "total"),
    (Deadline, {"per_attempt": 0}, "per_attempt"),
    (Deadline, {"first_byte": -1}, "first_byte"),
    (Deadline, {"idle": 0}, "idle"),
    (Deadline, {"total": "5"}, "total"),
    (Deadline, {"total": True}, "total"),
    (Cache, {"ttl": 0}, "ttl"),
    (Cache, {"ttl": math.inf}, "ttl"),
    (Cache, {"stale_if_error": -1}, "stale_if_error"),
    (Cache, {"ttl": "1h"}, "ttl"),
    (Retry, {"attempts": 0}, "attempts"),
    (Retry, {"attempts": 1.5}, "attempts"),
    (Retry, {"attempts": True}, "attempts"),
    (Retry, {"budget": 50}, "0.5"),
    (Retry, {"budget": -0.1}, "budget"),
    (Retry, {"budget": math.nan}, "budget"),
    (Retry, {"budget": "0.1"}, "budget"),
    (Retry, {"wait": -1}, "wait"),
    (Retry, {"wait": math.inf}, "wait"),
    (Retry, {"wait": "2s"}, "wait"),
    (Retry, {"wait": True}, "wait"),
    (Retry, {"wait": 1e300}, "wait"),
    (Retry, {"wait": tenacity.wait_fixed}, "write wait_fixed"),
    (Retry, {"wait": asyncio.sleep}, "without being awaited"),
    (Retry, {"wait": lambda: 5}, "RetryCallState"),
    (Retry, {"wait": tenacity.stop_after_attempt(3)}, "got its stop"),
    (Retry, {"stop": tenacity.wait_fixed(3)}, "got its wait"),
    (Retry, {"retry": tenacity.stop_after_attempt(3)}, "got its stop"),
    (Retry, {"retry": tenacity.Retrying()}, "got its Retrying"),
    (Retry, {"stop": tenacity.Retrying()}, "got its Retrying"),
    (Retry, {"wait": tenacity.Retrying()}, "got its Retrying"),
    (Retry, {"retry": tenacity.retry}, "got its decorator"),
    (Retry, {"retry": lambda: True}, "RetryCallState"),
    (CircuitBreaker, {"failure_rate": 50}, "0.5"),
    (CircuitBreaker, {"failure_rate": -0.1}, "failure_rate"),
    (CircuitBreaker, {"window": 0}, "window"),
    (CircuitBreaker, {"slow_call": 1}, "slow_call"),
    (CircuitBreaker, {"slow_call": "5"}, "slow_call"),
    (CircuitBreaker, {"patience": 0}, "patience"),
    (CircuitBreaker, {"patience": math.inf}, "patience"),
    (CircuitBreaker, {"max_waiters": -1}, "max_waiters"),
    (CircuitBreaker, {"max_waiters": "9"}, "max_waiters"),
    (CircuitBreaker, {"breaker": "mine"}, "breaker"),
    (CircuitBreaker, {"minimum_calls": 0}, "minimum_calls"),
    (CircuitBreaker, {"consecutive": 0}, "consecutive"),
    (CircuitBreaker, {"open_for": (5, 1)}, "open_for"),
    (CircuitBreaker, {"open_for": (0, 1)}, "open_for"),
    (CircuitBreaker, {"open_for": 5}, "open_for"),
    (CircuitBreaker, {"probes": 0}, "probes"),
    (CircuitBreaker, {"ramp": -1}, "ramp"),
    (CircuitBreaker, {"window": "20"}, "window"),
    (Fallback, {"targets": "openrouter:gpt"}, "list"),
    (Fallback, {"targets": ["gpt"]}, "vendor:model"),
    (Fallback, {"targets": [5]}, "vendor:model"),
    (Fallback, {"targets": {"": ["a:b"]}}, "model"),
    (Fallback, {"targets": {5: ["a:b"]}}, "model"),
    (Fallback, {"targets": {"gpt": "a:b"}}, "list"),
    (Fallback, {"targets": 5}, "list"),
    (Target, {"name": "gpt"}, "vendor:model"),
    (Target, {"name": ":gpt"}, "vendor:model"),
    (Target, {"name": "openai:"}, "vendor:model"),
    (Target, {"name": 5}, "vendor:model"),
    (Target, {"name": "a:b", "base_url": "ftp://x"}, "base_url"),
    (Target, {"name": "a:b", "api_key": 5}, "api_key"),
]


@pytest.mark.parametrize(("kind", "said", "word"), WRONG, ids=lambda value: named(value)[:40])
def test_a_wrong_setting_is_told(kind: Any, said: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind(**said)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ResilienceError)
    assert word in str(caught.value)


def test_a_wrong_key_is_not_repeated_in_the_message() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Target("a:b", api_key=b"sk-canary")  # type: ignore[arg-type]  # wrong on purpose
    assert "canary" not in str(caught.value)


def test_a_model_may_hold_colons_and_slashes() -> None:
    target = Target("openrouter:meta/llama:free")
    assert (target.vendor, target.model) == ("openrouter", "meta/llama:free")
    assert Target("azure:*").model is None


def test_a_key_may_be_asked_for_each_time() -> None:
    keys = iter(["one", "two"])
    target = Target("a:b", api_key=lambda: next(keys))
    assert [target.key(), target.key()] == ["one", "two"]
    assert Target("a:b").key() is None


def test_identity_tells_targets_apart_and_holds_no_key() -> None:
    same = [Target("a:b", api_key="k"), Target("a:b", api_key="k")]
    assert same[0].identity == same[1].identity
    others = [
        Target("a:b"),
        Target("a:b", api_key="other"),
        Target("a:b", api_key="k", base_url="https://x"),
        Target("a:b", api_key="k", dialect="openai"),
        Target("a:c", api_key="k"),
        Target("a:b", api_key=lambda: "k"),
    ]
    assert len({target.identity for target in (*same, *others)}) == 7


def test_a_fallback_is_read_once_and_stays() -> None:
    given = ["a:b"]
    fallback = Fallback(given)
    given.append("c:d")
    assert fallback.routes == (("*", (Target("a:b"),)),)
    assert Fallback(fallback.targets) == fallback
    assert Fallback(()).routes == ()
    both = Fallback({"m": ["a:b", "c:d"], "*": ["a:b"]})
    assert both.every_target() == (Target("a:b"), Target("c:d"))
