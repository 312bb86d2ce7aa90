"""A target's callable key, where a call comes to it."""

from __future__ import annotations

import itertools

import pytest

from resilient_ai import Target
from resilient_ai._target import keyed
from resilient_ai.errors import Failure
from resilient_ai.failures import FailureKind


def test_what_a_callable_raises_becomes_the_failure_of_its_target() -> None:
    """Its words, which may hold a secret, stay in the cause."""
    error = RuntimeError("sekret")

    def key() -> str:
        raise error

    with pytest.raises(Failure, match="gave no key") as caught:
        keyed(Target("a:b", api_key=key))
    assert (caught.value.kind, caught.value.target, caught.value.__cause__) == (FailureKind.AUTH, "a:b", error)
    assert "sekret" not in str(caught.value)


def test_a_soft_time_limit_passes() -> None:
    """It comes from a signal, wherever the task stands, and speaks of the task, not of the key."""
    limit = pytest.importorskip("billiard.exceptions").SoftTimeLimitExceeded

    def key() -> str:
        raise limit

    with pytest.raises(limit):
        keyed(Target("a:b", api_key=key))


def test_a_built_in_s_method_gives_keys_too() -> None:
    """It has no module (or None), and is named all the same: keys in turn are ``itertools.cycle(keys).__next__``."""
    turn = Target("a:b", api_key=itertools.cycle(["k1", "k2"]).__next__)
    assert [turn.key(), turn.key()] == ["k1", "k2"]
    assert turn.credential == "callable itertools.cycle.__next__"
    assert Target("a:b", api_key=["k1"].pop).credential == "callable builtins.list.pop"
    assert Target("a:b", api_key=lambda: "k").credential.startswith(f"callable {__name__}.test_a_built_in")
