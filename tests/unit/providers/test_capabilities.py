"""What models can do, and what requests need: by names as hosts write them, and by bytes as SDKs write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai import Target
from resilient_ai.errors import ConfigurationError
from resilient_ai.models import MODELS, Capabilities, add, capabilities_of
from resilient_ai.providers import capabilities
from resilient_ai.providers.capabilities import lacking

NOTHING = Capabilities(tools=False, images=False, audio=False, schema=False)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("gpt-4o-mini", "gpt-4o"),
        ("openai/gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4", "gpt-4"),
        ("gpt-4.1-nano", "gpt-4.1"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4"),
        ("claude-opus-4-6@20260101", "claude-opus-4-6"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3.3"),
        ("llama-3.3:70b", "llama-3.3"),
        ("gpt-45", None),
        ("claude", None),
        ("", None),
    ],
)
def test_a_model_is_known_however_a_host_writes_it(model: str, known: str | None) -> None:
    assert capabilities_of(model) == (None if known is None else MODELS[known])


NEEDS: list[tuple[str, Any]] = [
    ("tools", {"tools": [{"type": "function"}]}),
    ("pictures", {"content": [{"type": "image_url", "image_url": {"url": "data:"}}]}),
    ("pictures", {"content": [{"type": "input_image", "image_url": "data:"}]}),
    ("pictures", {"content": [{"type": "image", "source": {}}]}),
    ("pictures", {"parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}),
    ("sounds", {"content": [{"type": "input_audio", "input_audio": {}}]}),
    ("sounds", {"parts": [{"inline_data": {"mime_type": "audio/wav"}}]}),
    ("schema", {"response_format": {"type": "json_schema"}}),
    ("schema", {"text": {"format": {"type": "json_schema"}}}),
    ("schema", {"generationConfig": {"responseJsonSchema": {}}}),
    ("schema", {"generationConfig": {"responseSchema": {}}}),
]


@pytest.mark.parametrize(("need", "request_"), NEEDS)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_what_a_request_needs_is_seen(need: str, request_: dict[str, Any], separators: tuple[str, str]) -> None:
    body = json.dumps(request_, separators=separators).encode()
    why = lacking(NOTHING, body, 10)
    assert why is not None
    assert need in why
    assert lacking(Capabilities(), body, 10) is None
    # The same words in a prompt are no need.
    told = json.dumps({"content": body.decode()}, separators=separators).encode()
    assert lacking(NOTHING, told, 10) is None


def test_no_tools_and_a_plain_format_are_none() -> None:
    assert lacking(NOTHING, b'{"tools":[],"response_format":{"type":"text"}}', 10) is None


def test_what_is_far_too_long_is_seen() -> None:
    small = Capabilities(context=1000)
    assert lacking(small, b"{}", 2000) is None  # it is an estimate: the vendor knows better
    assert lacking(small, b"{}", 2001) == "its model takes 1000 tokens, and the request seems to have 2001"


def test_a_program_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_known", dict(MODELS))
    capabilities_of.cache_clear()
    assert capabilities_of("mine-large") is None
    add("Mine", Capabilities(tools=False))
    try:
        assert capabilities_of("mine-large") == Capabilities(tools=False)
    finally:
        capabilities_of.cache_clear()
    own = Capabilities(context=5).over(Capabilities(tools=True, context=9))
    assert own == Capabilities(tools=True, context=5)
    assert Target("a:b", capabilities=own).identity != Target("a:b").identity


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Capabilities(tools="yes"), r"Capabilities\(tools=…\) is True or False, got 'yes'"),  # type: ignore[arg-type]
        (lambda: Capabilities(tools=1), r"Capabilities\(tools=…\) is True or False, got 1"),  # type: ignore[arg-type]
        (lambda: Capabilities(context=0), r"Capabilities\(context=…\) is a number of tokens above 0, got 0"),
        (lambda: Capabilities(output=True), "a number of tokens above 0, got True"),
        (lambda: add("", Capabilities()), "takes the beginning of a model's name"),
        (lambda: add("x", {"tools": True}), r"takes Capabilities\(…\), got dict"),  # type: ignore[arg-type]
        (lambda: Target("a:b", capabilities="all"), r"a:b: capabilities are Capabilities\(…\), got str"),  # type: ignore[arg-type]
    ],
)
def test_what_is_none_of_it(make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make()
