"""Whatever a client sends, Anthropic's and Gemini's side answers as the vendor: never a broken connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resilient_ai.testing import Provider, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVES = st.none() | st.booleans() | st.integers(-3, 3000) | st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.sampled_from(
    [
        *("user", "assistant", "model", "system", "text", "tool_use", "tool_result", "image", "thinking", "enabled"),
        *("any", "tool", "ANY", "json_schema", "application/json", "x", ""),
    ]
)
NAMES = st.sampled_from(
    [
        *("role", "content", "type", "text", "id", "input", "name", "tool_use_id", "input_schema", "source", "format"),
        *("budget_tokens", "parts", "functionCall", "functionResponse", "functionDeclarations", "temperature", "mode"),
        *("functionCallingConfig", "responseSchema", "responseMimeType", "maxOutputTokens", "stopSequences", "schema"),
        *("thinkingConfig", "includeThoughts", "candidateCount", "parameters", "properties", "model", "contents"),
        *("custom_id", "params", "allowedFunctionNames", "allowed_function_names", "x"),
    ]
)
JSON = st.recursive(
    LEAVES | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
CLAUDE = st.sampled_from(
    [
        *("messages", "system", "tools", "tool_choice", "thinking", "output_config", "stop_sequences", "stream"),
        *("max_tokens", "metadata", "temperature", "requests"),
    ]
)
GOOGLE = st.sampled_from(
    [
        *("contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "generation_config", "content"),
        *("generateContentRequest", "requests", "outputDimensionality", "safetySettings"),
    ]
)
HELLO = [{"role": "user", "content": "hello"}]
MESSAGES = {
    "/v1/messages": {"model": "claude-opus-5-5", "max_tokens": 9, "messages": HELLO},
    "/v1/messages/count_tokens": {"model": "claude-opus-5-5", "messages": HELLO},
    "/v1/messages/batches": {"requests": [{"custom_id": "a", "params": {}}]},
}
PART = {"parts": [{"text": "hello"}]}
CONTENTS = {
    "gemini-2.5-pro:generateContent": {"contents": [PART]},
    "gemini-2.5-pro:streamGenerateContent?alt=sse": {"contents": [PART]},
    "gemini-2.5-pro:countTokens": {"contents": [PART]},
    "gemini-embedding-001:embedContent": {"content": PART},
    "gemini-embedding-001:batchEmbedContents": {"requests": [{"model": "models/x", "content": PART}]},
}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(Provider("claude", dialect="anthropic"), Provider("google", dialect="gemini")) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with httpx.Client(verify=False, timeout=10) as opened:
        yield opened


ODD = {"a": 1}


@settings(max_examples=100, deadline=None)
@example(path="/v1/messages", more={"thinking": {"type": ODD}})
@example(path="/v1/messages", more={"tools": [{"type": ODD, "name": ODD}], "tool_choice": {"type": ODD, "name": ODD}})
@example(
    path="/v1/messages",
    more={"tools": [{"name": "x", "input_schema": {}}], "tool_choice": {"type": "tool", "name": ODD}},
)
@example(path="/v1/messages", more={"messages": [{"role": "user", "content": [{"type": "text", "text": ODD}]}]})
@example(
    path="/v1/messages", more={"service_tier": "x", "output_config": {"format": {"type": "json_schema", "schema": 7}}}
)
@given(path=st.sampled_from(sorted(MESSAGES)), more=st.dictionaries(CLAUDE, JSON, max_size=3))
def test_anthropic(sim: Simulator, web: httpx.Client, path: str, more: dict[str, object]) -> None:
    headers = {"x-api-key": sim["claude"].key, "anthropic-version": "2023-06-01"}
    answer = web.post(sim["claude"].origin + path, headers=headers, json={**MESSAGES[path], **more})
    assert answer.status_code in {200, 400, 404}, answer.text


@settings(max_examples=100, deadline=None)
@example(path="gemini-2.5-pro:generateContent", more={"contents": [{"role": ODD, **PART}]})
@example(path="gemini-2.5-pro:generateContent", more={"toolConfig": {"functionCallingConfig": {"mode": ODD}}})
@example(
    path="gemini-2.5-pro:generateContent", more={"tools": [{"functionDeclarations": [{"name": "x", "parameters": 7}]}]}
)
@example(path="gemini-embedding-001:embedContent", more={"outputDimensionality": -3})
@example(path="gemini-embedding-001:embedContent", more={"outputDimensionality": 10**9})
@given(path=st.sampled_from(sorted(CONTENTS)), more=st.dictionaries(GOOGLE, JSON, max_size=3))
def test_gemini(sim: Simulator, web: httpx.Client, path: str, more: dict[str, object]) -> None:
    headers = {"x-goog-api-key": sim["google"].key}
    answer = web.post(f"{sim['google'].origin}/v1/models/{path}", headers=headers, json={**CONTENTS[path], **more})
    assert answer.status_code in {200, 400, 404}, answer.text


def test_an_odd_batch_is_worked_through(sim: Simulator, web: httpx.Client) -> None:
    """A batch is checked only when it is run: what is wrong in it is an errored result, not an error."""
    claude = sim["claude"]
    headers = {"x-api-key": claude.key, "anthropic-version": "2023-06-01"}
    odd = [{}, {"messages": 7}, {"model": ["x"], "max_tokens": 1, "messages": HELLO}, {"max_tokens": None}]
    tasks = [{"custom_id": str(number), "params": params} for number, params in enumerate(odd)]
    made = web.post(f"{claude.origin}/v1/messages/batches", headers=headers, json={"requests": tasks}).json()
    for _ in range(2):
        batch = web.get(f"{claude.origin}/v1/messages/batches/{made['id']}", headers=headers).json()
    results = web.get(batch["results_url"], headers=headers).text.splitlines()
    assert len(results) == len(odd)
    assert all('"type":"errored"' in line for line in results)
