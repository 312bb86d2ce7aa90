"""How it is said what becomes of a stream that breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from resilient_ai import Fallback, Pipeline, Target, options
from resilient_ai._context import current
from resilient_ai.errors import ConfigurationError

WRONG: list[Any] = ["replay", ("again",), ("replay", "replay"), ("error", "replay"), None, 3, (1,)]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_no_way_is_told(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="rescue"):
        Fallback(rescue=wrong)
    if wrong is not None:
        with pytest.raises(ConfigurationError, match="rescue"), options(rescue=wrong):
            pass


def test_whether_other_models_may_is_yes_or_no() -> None:
    unsure: Any = "yes"
    with pytest.raises(ConfigurationError, match="across_models"):
        Fallback(across_models=unsure)


def test_an_error_ends_every_list() -> None:
    given: Any = ["continue", "replay"]
    assert Fallback(rescue=given).rescue == ("continue", "replay", "error")
    assert Fallback(rescue=()).rescue == ("error",)
    assert Fallback(rescue=("replay",)) == Fallback()


def test_a_pipeline_says_it() -> None:
    default, other = Pipeline.default(), Pipeline.default(Fallback(rescue=("error",), across_models=True))
    assert "a broken stream: replay, error;" in str(default)
    assert "a broken stream: error, across models;" in str(other)
    assert default.fingerprint == Pipeline.default(Fallback(rescue=("replay", "error"))).fingerprint
    assert default.fingerprint != other.fingerprint


def test_targets_that_are_filled_in_leave_it_as_it_is() -> None:
    given = Fallback([Target("groq:*", api_key="k")], rescue=("error",), across_models=True)
    assert replace(given, targets=given.routes) == given


def test_the_inner_word_wins() -> None:
    with options(rescue=("continue",)):
        assert current.get().rescue == ("continue", "error")
        with options(rescue=("error",)):
            assert current.get().rescue == ("error",)
        with options(tag="x"):
            assert current.get().rescue == ("continue", "error")
    assert current.get().rescue is None
