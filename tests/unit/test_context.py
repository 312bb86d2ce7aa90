"""Options and the switch."""

from __future__ import annotations

import math
from typing import Any

import pytest

from resilient_ai import control, options
from resilient_ai._context import NO_OPTIONS, Options, current, said, switch
from resilient_ai.errors import ConfigurationError


@pytest.mark.parametrize(
    "wrong",
    [
        {"deadline": 0},
        {"deadline": -1},
        {"deadline": math.nan},
        {"deadline": math.inf},
        {"deadline": "5"},
        {"deadline": True},
        {"cache": "never"},
        {"fallback": "off"},
        {"fallback": 1},
    ],
)
def test_a_wrong_option_is_told_and_changes_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError), options(**wrong):
        raise AssertionError
    assert current.get() is NO_OPTIONS


def test_an_option_ends_with_its_block_even_by_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), options(tag="x"):
        raise ZeroDivisionError
    assert current.get() is NO_OPTIONS


def test_the_inner_word_wins_for_what_it_says() -> None:
    outer = Options(deadline=5, fallback=False, cache="refresh", tag="outer")
    assert said(outer, tag="inner") == Options(deadline=5, fallback=False, cache="refresh", tag="inner")
    assert said(outer, fallback=True, cache="default").fallback is True
    assert said(outer) == outer


@pytest.mark.parametrize(
    ("word", "mode"),
    [("on", "on"), ("off", "off"), (" OFF ", "off"), ("", "on"), (None, "on"), ("On", "on"), ("observe", "observe")],
)
def test_the_switch_reads_the_environment(monkeypatch: pytest.MonkeyPatch, word: str | None, mode: str) -> None:
    if word is None:
        monkeypatch.delenv("RESILIENT_AI", raising=False)
    else:
        monkeypatch.setenv("RESILIENT_AI", word)
    control.reset()
    assert switch.mode() == mode
    control.disable()
    assert switch.mode() == "off"
    control.observe()
    assert switch.mode() == "observe"
    control.enable()
    assert switch.mode() == "on"
    control.reset()
    assert switch.mode() == mode


def test_an_unknown_word_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESILIENT_AI", "maybe")
    with pytest.raises(ConfigurationError, match="'on', 'observe' or 'off'"):
        switch.mode()
