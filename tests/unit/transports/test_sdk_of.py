"""Which SDK a request comes from, by its user agent."""

from __future__ import annotations

import sys
from types import ModuleType

import httpx
import pytest

from resilient_ai.transports import _sdk


@pytest.fixture(autouse=True)
def _imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for sdk in (_sdk.OPENAI, _sdk.ANTHROPIC, _sdk.GROQ, _sdk.MISTRAL, _sdk.COHERE, _sdk.OLLAMA):
        monkeypatch.setitem(sys.modules, sdk.module, ModuleType(sdk.module))
    monkeypatch.setattr(_sdk, "_names", {})


def sdk_of(agent: str) -> _sdk.Sdk | None:
    return _sdk.sdk_of(httpx.Request("POST", "http://a", headers={"user-agent": agent}))


@pytest.mark.parametrize(
    ("agent", "sdk"),
    [
        ("OpenAI/Python 3.54.0", _sdk.OPENAI),
        ("AsyncAzureOpenAI/Python 2.54.0", _sdk.OPENAI),
        ("AsyncAnthropic/Python 2.12.0", _sdk.ANTHROPIC),
        ("AnthropicBedrock/Python 2.12.0", _sdk.ANTHROPIC),
        ("AsyncGroq/Python 1.7.0", _sdk.GROQ),
        ("mistral-client-python/3.7.0", _sdk.MISTRAL),
        ("cohere/7.3.1", _sdk.COHERE),
        ("ollama-python/0.6.3 (x86_64 linux) Python/3.11.7", _sdk.OLLAMA),
        ("Ours/Python 3.54.0", None),
        ("python-httpx/0.28.1", None),
        ("google-genai-sdk/3.4.0 gl-python/3.11.7", None),
        ("", None),
    ],
)
def test_user_agents(agent: str, sdk: _sdk.Sdk | None) -> None:
    assert sdk_of(agent) is sdk


def test_one_that_is_not_imported_is_not_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends such a header without the SDK gets httpx's exceptions."""
    monkeypatch.delitem(sys.modules, "groq")
    assert sdk_of("Groq/Python 1.7.0") is None


def test_subclasses_are_known_by_their_names() -> None:
    """Two SDKs' subclasses of one name cannot be told apart: neither is guessed."""
    _sdk.known_as("Ours", _sdk.GROQ)
    _sdk.known_as("Ours", _sdk.GROQ)
    assert sdk_of("Ours/Python 1.7.0") is _sdk.GROQ
    _sdk.known_as("Ours", _sdk.OPENAI)
    assert sdk_of("Ours/Python 1.7.0") is None
    _sdk.known_as("Ours", _sdk.GROQ)
    assert sdk_of("Ours/Python 1.7.0") is None
