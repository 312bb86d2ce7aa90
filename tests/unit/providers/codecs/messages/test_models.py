"""Which rules a model goes by."""

from __future__ import annotations

import typing

import pytest
from anthropic.types import ModelParam

from resilient_ai.providers.codecs.messages.models import MODELS, NEWEST, OTHERS, VERSIONS, model_of


def test_every_model_that_the_sdk_names_has_its_rules() -> None:
    names = [name for part in typing.get_args(ModelParam) for name in typing.get_args(part)]
    assert len(names) > 20
    for name in names:
        assert any(name == prefix or name.startswith(f"{prefix}-") for prefix in MODELS), name


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4-0", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("claude-3-5-sonnet-20241022", "claude-3-5"),
        ("claude-3-opus-20240229", "claude-3"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("anthropic.claude-opus-4-6-v1:0", "claude-opus-4-6"),
        ("anthropic/claude-opus-4.8", "claude-opus-4-8"),
        ("claude-opus-5", "claude-opus-5"),
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-20260724", "claude-opus-5"),
        ("Claude-Sonnet-5-5", "claude-sonnet-5-5"),
    ],
)
def test_a_model_goes_by_the_longest_name_that_fits(name: str, entry: str) -> None:
    assert model_of(name) is MODELS[entry]


def test_what_is_not_in_the_table() -> None:
    assert model_of("claude-opus-9") is NEWEST
    assert model_of("kimi-k3") is OTHERS
    assert model_of("") is OTHERS


def test_the_rules_fit_together() -> None:
    for name, model in {**MODELS, "": OTHERS}.items():
        assert model.most or model.usual, name
        assert not model.sampling or model.off is not None, name
        assert model.adaptive or not model.forced or model.budget or not model.efforts, name
        assert not (model.prefill and model.adaptive), name
        assert not (model.systems and model.sampling), f"{name}: {VERSIONS[0]} need not take them"
