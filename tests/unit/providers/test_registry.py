"""Vendors, keys, and what is told when one is missing."""

from __future__ import annotations

import pytest

from resilient_ai import Target
from resilient_ai.errors import ConfigurationError
from resilient_ai.providers.hosts import HOSTS
from resilient_ai.providers.registry import resolved


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor in HOSTS.values():
        for name in vendor.variables:
            monkeypatch.delenv(name, raising=False)


def test_a_known_vendor_fills_in_all_that_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or")
    (target,) = resolved([Target("openrouter:meta/llama:free")])
    assert (target.base_url, target.key(), target.dialect) == ("https://openrouter.ai/api/v1", "sk-or", "openai")
    assert target.name == "openrouter:meta/llama:free"


def test_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "theirs")
    (target,) = resolved([Target("groq:x", base_url="https://proxy/v1/", api_key="mine")])
    assert (target.base_url, target.key()) == ("https://proxy/v1", "mine")


def test_one_without_its_key_is_skipped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    left = resolved([Target("groq:x"), Target("ollama:llama3")])
    assert [target.name for target in left] == ["ollama:llama3"]
    assert "groq:x is skipped: no key: set GROQ_API_KEY" in caplog.text


def test_none_left_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"no fallback is left.*GROQ_API_KEY"):
        resolved([Target("groq:x")])
    assert resolved([]) == ()


def test_an_unknown_vendor_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown vendor 'opnai'.*openai"):
        resolved([Target("opnai:gpt", api_key="k")])
    (target,) = resolved([Target("mine:gpt", base_url="http://localhost:8000/v1")])
    assert target.dialect == "openai"


def test_one_that_needs_its_own_url_says_so() -> None:
    with pytest.raises(ConfigurationError, match="azure:gpt: give base_url"):
        resolved([Target("azure:gpt", api_key="k")])


def test_a_dialect_into_which_nothing_is_translated_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cohere:command speaks the cohere dialect and this client openai"):
        resolved([Target("cohere:command", api_key="k")])
    with pytest.raises(ConfigurationError, match="unknown dialect 'klingon'; known are anthropic, cohere, gemini"):
        resolved([Target("x:y", api_key="k", base_url="https://x", dialect="klingon")])
    (target,) = resolved([Target("cohere:command", api_key="k", base_url="https://x/openai", dialect="openai")])
    assert target.dialect == "openai"


def test_every_vendor_is_whole() -> None:
    for name, vendor in HOSTS.items():
        assert name == name.lower()
        assert ":" not in name
        assert vendor.base_url is None or not vendor.base_url.endswith("/")
