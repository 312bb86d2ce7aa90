"""What models can do, and what requests need: by names as hosts write them, and by bytes as SDKs write them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from resilient_ai import Target
from resilient_ai.errors import ConfigurationError
from resilient_ai.models import MODELS, Capabilities, add, capabilities_of
from resilient_ai.providers import capabilities
from resilient_ai.providers.capabilities import lacking
from resilient_ai.providers.codecs.messages.models import MODELS as CLAUDE
from resilient_ai.providers.model_table import TABLE

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
        ("anthropic/claude-opus-4.6", "claude-opus-4-6"),
        ("us-gov.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-3"),
        ("claude-opus-4-1-20250805", "claude-opus-4"),
        ("claude-opus-4-8", "claude-opus-4-8"),
        ("claude-opus-5-5", "claude-opus-5"),
        ("claude-fable-5-2", "claude-fable-5"),
        ("openai.gpt-5.6-sol", "gpt-5.6"),
        ("google.gemini-2.5-flash-lite", "gemini-2.5-flash"),
        ("gpt-4o-mini-audio-preview-2024-12-17", "gpt-4o-mini-audio"),
        ("gpt-5.1-chat-latest", "gpt-5.1-chat"),
        ("gpt-5.2-2025-12-11", "gpt-5.2"),
        ("o1-preview-2024-09-12", "o1-preview"),
        ("deepseek-chat", None),  # nobody serves it any more
        ("gpt-6.1", None),
        ("gpt-45", None),
        ("claude", None),
        ("", None),
    ],
)
def test_a_model_is_known_however_a_host_writes_it(model: str, known: str | None) -> None:
    assert capabilities_of(model) == (None if known is None else MODELS[known])


def test_every_row_says_whence_and_when() -> None:
    for rows in TABLE:
        assert rows.models
        assert rows.sources
        assert all(re.search(r"https://[\w.-]+/|\b\d+\.\d+\.\d+\b", source) for source in rows.sources)
        assert date.fromisoformat(rows.read) >= date(2026, 11, 23)
    named = [name for rows in TABLE for name in rows.models]
    assert len(named) == len(set(named)) == len(MODELS)


@pytest.mark.parametrize(("name", "known"), sorted(MODELS.items()))
def test_a_row_is_sane(name: str, known: Capabilities) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9.-]*[a-z0-9]", name)
    assert capabilities_of(name) is known
    assert known.context is not None
    assert 8_192 <= known.context <= 2**21
    assert known.output is None or 4_096 <= known.output <= known.context
    # None that another one says already.
    shorter = [other for other in MODELS if name.startswith(f"{other}-")]
    assert all(known != MODELS[other] for other in shorter)


def test_what_hears_is_told_from_what_does_not() -> None:
    hearing = {name for name, known in MODELS.items() if known.audio}
    assert {name for name in hearing if not name.startswith("gemini-")} == {
        "gpt-4o-audio",
        "gpt-4o-mini-audio",
        "gpt-audio",
    }


def test_the_codec_knows_the_same_models_of_anthropic() -> None:
    for name, model in CLAUDE.items():
        if name in ("claude-2", "claude-4", "claude-instant"):
            continue  # gone, or Databricks' name for several
        known = capabilities_of(name)
        assert known is not None, name
        assert known.context == (1_000_000 if model.most == 128_000 else 200_000), name


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
    one = {"tools": "tools", "pictures": "images", "sounds": "audio", "schema": "schema"}[need]
    assert lacking(replace(NOTHING, **{one: None}), body, 10) is None
    assert lacking(replace(Capabilities(), **{one: False}), body, 10) == why
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


def test_a_model_is_made_known_while_another_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Known(str):
        """Another thread's turn comes while this name is compared."""

        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            add("another", Capabilities())
            return str.__eq__(self, other)

    monkeypatch.setattr(capabilities, "_known", {Known("mine"): Capabilities(context=1), "x": Capabilities()})
    capabilities_of.cache_clear()
    try:
        assert capabilities_of("mine") == Capabilities(context=1)
    finally:
        capabilities_of.cache_clear()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Capabilities(tools="yes"), r"Capabilities\(tools=…\) is True or False, got 'yes'"),  # type: ignore[arg-type]  # what is tested
        (lambda: Capabilities(tools=1), r"Capabilities\(tools=…\) is True or False, got 1"),  # type: ignore[arg-type]  # what is tested
        (lambda: Capabilities(context=0), r"Capabilities\(context=…\) is a number of tokens above 0, got 0"),
        (lambda: Capabilities(output=True), "a number of tokens above 0, got True"),
        (lambda: add("", Capabilities()), "takes the beginning of a model's name"),
        (lambda: add("x", {"tools": True}), r"takes Capabilities\(…\), got dict"),  # type: ignore[arg-type]  # what is tested
        (lambda: Target("a:b", capabilities="all"), r"a:b: capabilities are Capabilities\(…\), got str"),  # type: ignore[arg-type]  # what is tested
    ],
)
def test_what_is_none_of_it(make: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        make()
