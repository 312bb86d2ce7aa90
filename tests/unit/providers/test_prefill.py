"""Which models take the beginning of their answer, how it is written, and whose answers are never made of two."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai.providers.streams.prefill import prefill_of, prefilled, wants_form

TAKES = [
    "claude-2.1",
    "claude-3-haiku-20240307",
    "claude-3-7-sonnet-latest",
    "claude-sonnet-4-20250514",
    "claude-opus-4-0",
    "claude-opus-4-1-20250805",
    "claude-haiku-4-5",
    "claude-sonnet-4-5-20250929",
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "claude-sonnet-4@20250514",
]
REFUSES = [
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-opus-4-7",
    "claude-sonnet-5",
    "claude-opus-4-10",
    "other",
    None,
]


@pytest.mark.parametrize("model", TAKES)
def test_who_takes_it(model: str) -> None:
    assert prefill_of("anthropic", "messages", "api.anthropic.com", model)


@pytest.mark.parametrize("model", REFUSES)
def test_who_is_not_known_to(model: str | None) -> None:
    assert prefill_of("anthropic", "messages", "api.anthropic.com", model) is None


def test_openai_s_dialect_is_mistral_s_only_there() -> None:
    assert prefill_of("openai", "chat", "api.mistral.ai", "mistral-small-latest")
    for host in ("api.openai.com", "api.mistral.ai.example.com", "localhost:8000"):
        assert prefill_of("openai", "chat", host, "mistral-small-latest") is None
    assert prefill_of("openai", "completions", "api.mistral.ai", "codestral") is None


def _written(request: dict[str, Any], text: str, host: str = "api.anthropic.com") -> Any:
    dialect, family = ("openai", "chat") if "mistral" in host else ("anthropic", "messages")
    prefill = prefill_of(dialect, family, host, "claude-3-haiku-20240307")
    assert prefill is not None
    body = prefilled(json.dumps(request).encode(), text, prefill)
    return None if body is None else json.loads(body)


def test_how_it_is_written() -> None:
    request: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    said = _written(request, "Once \n")
    assert said == {**request, "messages": [*request["messages"], {"role": "assistant", "content": "Once"}]}
    said = _written(request, "Once ", "api.mistral.ai")
    assert said["messages"][-1] == {"role": "assistant", "content": "Once ", "prefix": True}


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": []},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well"}]},
        {"messages": [{"role": "user", "content": "hi"}], "n": 2},
        {"messages": [{"role": "user", "content": "hi"}], "thinking": {"type": "enabled", "budget_tokens": 1024}},
        {"messages": "hi"},
        {},
    ],
)
def test_what_cannot_be_written(request_: dict[str, Any]) -> None:
    assert _written(request_, "Once") is None


def test_nothing_is_no_beginning() -> None:
    assert _written({"messages": [{"role": "user", "content": "hi"}]}, " \n") is None


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("chat", {"response_format": {"type": "json_schema", "json_schema": {}}}),
    ("chat", {"response_format": {"type": "json_object"}}),
    ("chat", {"guided_json": {"type": "object"}}),
    ("completions", {"guided_regex": "a+"}),
    ("responses", {"text": {"format": {"type": "json_schema"}}}),
    ("messages", {"output_config": {"format": {"type": "json_schema"}}}),
    ("messages", {"output_format": {"type": "json_schema"}}),
    ("generate_content", {"generationConfig": {"responseMimeType": "application/json"}}),
    ("generate_content", {"generationConfig": {"responseSchema": {"type": "OBJECT"}}}),
    ("embeddings", {}),
]
PLAIN: list[tuple[str, dict[str, Any]]] = [
    ("chat", {}),
    ("chat", {"response_format": {"type": "text"}}),
    ("chat", {"response_format": None}),
    ("completions", {}),
    ("responses", {"text": {"format": {"type": "text"}, "verbosity": "low"}}),
    ("responses", {"text": None}),
    ("messages", {"output_config": {"effort": "low"}}),
    ("generate_content", {}),
    ("generate_content", {"generationConfig": {"responseMimeType": "text/plain", "temperature": 0}}),
]


@pytest.mark.parametrize(("family", "request_"), FORMS)
def test_an_answer_of_a_form(family: str, request_: dict[str, Any]) -> None:
    assert wants_form(family, json.dumps(request_).encode())


@pytest.mark.parametrize(("family", "request_"), PLAIN)
def test_an_answer_of_any_words(family: str, request_: dict[str, Any]) -> None:
    assert not wants_form(family, json.dumps(request_).encode())


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"text": 3}', b"[" * 100_000])
def test_what_cannot_be_read_is_left_alone(body: bytes) -> None:
    assert wants_form("responses", body)
