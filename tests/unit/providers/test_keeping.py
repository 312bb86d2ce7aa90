"""What a cache may keep: requests that leave no state behind, answers that are whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai.providers.keeping import State, state_of
from resilient_ai.providers.registry import DIALECTS
from resilient_ai.providers.streams.gist import GISTS
from resilient_ai.providers.whole import calls_tools, is_whole

NONE, KEPT, ACTS = State.NONE, State.KEPT, State.ACTS
PATHS = {
    "chat": ("openai", "/v1/chat/completions"),
    "responses": ("openai", "/v1/responses"),
    "embeddings": ("openai", "/v1/embeddings"),
    "images": ("openai", "/v1/images/generations"),
    "videos": ("openai", "/v1/videos"),
    "batches": ("openai", "/v1/batches"),
    "messages": ("anthropic", "/v1/messages"),
    "generate": ("gemini", "/v1beta/models/gemini-pro:generateContent"),
    "interactions": ("gemini", "/v1beta/interactions"),
    "cohere": ("cohere", "/v2/chat"),
    "ollama": ("ollama", "/api/chat"),
}
FUNCTION: Any = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"file_idea": {}}}}}


REQUESTS: list[tuple[str, Any, State]] = [
    ("chat", {}, NONE),
    ("chat", {"store": False, "metadata": {"a": "b"}}, NONE),
    ("chat", {"store": True}, KEPT),
    ("chat", {"tools": [FUNCTION, {"type": "custom"}]}, NONE),
    ("chat", {"tools": [{"type": "browser_search"}]}, KEPT),
    ("chat", {"web_search_options": {"user_location": None}}, KEPT),
    ("chat", {"search_parameters": {"mode": "on"}}, KEPT),
    ("chat", {"messages": [{"content": [{"type": "file", "file": {"file_id": "file_1"}}]}]}, KEPT),
    ("responses", {}, KEPT),
    ("responses", {"store": True}, KEPT),
    ("responses", {"store": None}, KEPT),
    ("responses", {"store": False}, NONE),
    ("responses", {"store": False, "tools": [{"type": "function", "name": "f"}]}, NONE),
    ("responses", {"store": False, "tools": [{"type": "web_search"}]}, KEPT),
    ("responses", {"store": False, "tools": [{"type": "file_search"}]}, KEPT),
    ("responses", {"store": False, "tools": [{"type": "mcp"}]}, ACTS),
    ("responses", {"store": False, "tools": [{"type": "code_interpreter"}, {"type": "web_search"}]}, ACTS),
    ("responses", {"store": False, "previous_response_id": "resp_1"}, KEPT),
    ("responses", {"store": False, "conversation": "conv_1"}, KEPT),
    ("responses", {"store": False, "prompt": {"id": "pmpt_1"}}, KEPT),
    ("responses", {"background": True}, ACTS),
    ("embeddings", {"input": "store"}, NONE),
    ("images", {"prompt": "a"}, NONE),
    ("videos", {}, ACTS),
    ("batches", {}, ACTS),
    ("messages", {"tools": [{"name": "f", "input_schema": {}}]}, NONE),
    ("messages", {"tools": [{"type": "computer_20260101", "name": "computer"}]}, NONE),
    ("messages", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, KEPT),
    ("messages", {"tools": [{"type": "code_execution_20250825", "name": "c"}]}, ACTS),
    ("messages", {"container": "c_1"}, ACTS),
    ("messages", {"mcp_servers": [{"url": "https://a"}]}, ACTS),
    ("messages", {"messages": [{"content": [{"source": {"type": "file", "file_id": "f"}}]}]}, KEPT),
    ("generate", {"tools": [{"functionDeclarations": []}]}, NONE),
    ("generate", {"tools": [{"googleSearch": {}}]}, KEPT),
    ("generate", {"tools": [{"codeExecution": {}}]}, ACTS),
    ("generate", {"cachedContent": "cachedContents/1"}, KEPT),
    ("generate", {"contents": [{"parts": [{"fileData": {"fileUri": "files/1"}}]}]}, KEPT),
    ("interactions", {}, KEPT),
    ("interactions", {"store": False}, NONE),
    ("interactions", {"store": False, "background": True}, ACTS),
    ("interactions", {"store": False, "tools": [{"type": "google_search"}]}, KEPT),
    ("cohere", {}, NONE),
    ("cohere", {"conversation_id": "a"}, KEPT),
    ("cohere", {"connectors": [{"id": "web-search"}]}, KEPT),
    ("ollama", {"tools": [FUNCTION]}, NONE),
]


@pytest.mark.parametrize(("api", "body", "state"), REQUESTS)
def test_what_a_request_leaves_behind(api: str, body: dict[str, Any], state: State) -> None:
    dialect, path = PATHS[api]
    endpoint = DIALECTS[dialect].endpoint("POST", path)
    for separators in ((",", ":"), (", ", ": ")):
        said = json.dumps(body, separators=separators).encode()
        assert state_of(dialect, endpoint, said) is state


@pytest.mark.parametrize("body", [b"", b"[]", b'"tools"', b"null", b'{"tools": 5}', b'{"tools": [5, null]}'])
@pytest.mark.parametrize("api", list(PATHS))
def test_strange_bodies(api: str, body: bytes) -> None:
    dialect, path = PATHS[api]
    endpoint = DIALECTS[dialect].endpoint("POST", path)
    assert state_of(dialect, endpoint, body) in State


def chat(ends: Any, **message: Any) -> Any:
    return {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": ends}]}


def ended(**said: Any) -> Any:
    """A choice that says ``stop``, and more."""
    (choice,) = chat("stop", content="hello")["choices"]
    return {"choices": [choice | said]}


AZURE = {"hate": {"filtered": False, "severity": "safe"}, "protected_material_code": {"filtered": False}}


def response(status: str, *parts: Any) -> Any:
    return {"status": status, "output": [{"type": "message", "content": list(parts)}]}


def gemini(*ends: Any, **said: Any) -> Any:
    return {"candidates": [{"finishReason": end} for end in ends], **said}


@pytest.mark.parametrize(
    ("family", "answer", "whole"),
    [
        ("openai chat", chat("stop", content="hello"), True),
        ("openai chat", chat("tool_calls", tool_calls=[{}]), True),
        ("openai chat", chat("length", content="hel"), False),
        ("openai chat", chat("content_filter", content=""), False),
        ("openai chat", chat("stop", refusal="no"), False),
        ("openai chat", chat("stop", refusal=None), True),
        ("openai chat", chat("stop", audio={"id": "audio_1", "expires_at": 1}), False),
        ("openai chat", chat("stop", content=[{"type": "refusal", "refusal": "no"}]), False),
        ("openai chat", chat("stop", content=[{"type": "text", "text": "a"}]), True),
        ("openai chat", ended(content_filter_results=AZURE), True),
        ("openai chat", ended(content_filter_results=AZURE | {"hate": {"filtered": True}}), False),
        ("openai chat", ended(content_filter_result={"hate": {"filtered": True}}), False),
        ("openai chat", ended(content_filter_results={"error": {"code": "content_filter_error"}}), True),
        ("openai chat", ended(content_filter_results=5), True),
        ("openai chat", ended(native_finish_reason="SAFETY"), False),
        ("openai chat", ended(native_finish_reason="refusal"), False),
        ("openai chat", ended(native_finish_reason="STOP"), True),
        ("openai chat", ended(native_finish_reason="end_turn"), True),
        ("openai chat", chat(None), False),
        ("openai chat", {"choices": [*chat("stop")["choices"], *chat("length")["choices"]]}, False),
        ("openai chat", {"choices": []}, False),
        ("openai chat", {**chat("stop", content="hel"), "error": {"code": 502}}, False),
        ("openai chat", {**chat("stop", content="hello"), "error": None}, True),
        ("openai chat", {"choices": [{"finish_reason": "stop", "error": {"code": 502}}]}, False),
        ("openai chat", [], False),
        ("openai completions", {"choices": [{"text": "a", "finish_reason": "stop"}]}, True),
        ("openai responses", response("completed", {"type": "output_text", "text": "a"}), True),
        ("openai responses", response("completed", {"type": "refusal", "refusal": "no"}), False),
        ("openai responses", response("incomplete"), False),
        ("openai responses", response("in_progress"), False),
        ("openai responses", response("queued"), False),
        ("openai embeddings", {"data": [{"embedding": [1.0]}]}, True),
        ("openai embeddings", {"data": []}, False),  # openai raises for it
        ("openai embeddings", {}, False),
        ("openai images", {"data": [{"b64_json": "a"}]}, True),
        ("openai images", {"data": [{"url": "https://a"}]}, False),
        ("anthropic messages", {"stop_reason": "end_turn"}, True),
        ("anthropic messages", {"stop_reason": "tool_use"}, True),
        ("anthropic messages", {"stop_reason": "refusal"}, False),
        ("anthropic messages", {"stop_reason": "max_tokens"}, False),
        ("anthropic messages", {"stop_reason": "pause_turn"}, False),
        ("gemini generate_content", gemini("STOP"), True),
        ("gemini generate_content", gemini("STOP", "MAX_TOKENS"), False),
        ("gemini generate_content", gemini("SAFETY"), False),
        ("gemini generate_content", gemini(promptFeedback={"blockReason": "SAFETY"}), False),
        ("gemini generate_content", gemini(), False),
        ("gemini interactions", {"status": "completed"}, True),
        ("gemini interactions", {"status": "in_progress"}, False),
        ("cohere chat", {"finish_reason": "COMPLETE"}, True),
        ("cohere chat", {"finish_reason": "MAX_TOKENS"}, False),
        ("ollama chat", {"done": True, "done_reason": "stop"}, True),
        ("ollama chat", {"done": True, "done_reason": "length"}, False),
        ("ollama chat", {"done": False}, False),
    ],
)
def test_whether_an_answer_is_whole(family: str, answer: Any, whole: bool) -> None:
    """Promise 28."""
    dialect, name = family.split()
    assert is_whole(dialect, name, answer) is whole


@pytest.mark.parametrize(
    ("more", "whole"),
    [
        ({}, True),
        ({"content_filter_results": AZURE}, True),
        ({"content_filter_results": {"hate": {"filtered": True}}}, False),
        ({"native_finish_reason": "SAFETY"}, False),
        ({"delta": {"content": [{"type": "refusal", "refusal": "no"}]}}, False),
    ],
)
def test_what_a_stream_tells_of_its_end(more: dict[str, Any], whole: bool) -> None:
    noted: dict[str, Any] = {}
    choices: list[dict[str, Any]] = [{"delta": {"content": "hel"}} | more, {"delta": {}, "finish_reason": "stop"}]
    for choice in choices:
        GISTS["openai", "chat"](noted, {"choices": [choice]})
    assert is_whole("openai", "chat", noted) is whole


VECTOR = {"embedding": [1.0]}


@pytest.mark.parametrize(
    ("dialect", "request_", "answer", "whole"),
    [
        ("openai", {"input": "a"}, {"data": [VECTOR]}, True),
        ("openai", {"input": ["a", "b"]}, {"data": [VECTOR] * 2}, True),
        ("openai", {"input": ["a", "b"]}, {"data": [VECTOR]}, False),
        ("openai", {"input": [1, 2, 3]}, {"data": [VECTOR]}, True),  # the tokens of one
        ("openai", {"input": [[1, 2], [3]]}, {"data": [VECTOR]}, False),
        ("openai", {"input": []}, {"data": []}, False),
        ("openai", 5, {"data": [VECTOR]}, True),
        ("cohere", {"texts": ["a", "b"]}, {"embeddings": {"float": [[1.0]]}}, False),
        ("cohere", {"texts": ["a", "b"]}, {"embeddings": {"float": [[1.0], [2.0]]}}, True),
        ("cohere", {"texts": ["a", "b"]}, {"embeddings": [[1.0], [2.0]]}, True),
        ("ollama", {"input": ["a", "b"]}, {"embeddings": [[1.0]]}, False),
        ("ollama", {"prompt": "a"}, {"embedding": [1.0]}, True),
        ("gemini", {"content": {"parts": []}}, {"embedding": {"values": [1.0]}}, True),
        ("gemini", {"requests": [{}, {}]}, {"embeddings": [{"values": [1.0]}]}, False),
        ("gemini", {"requests": [{}, {}]}, {"embeddings": [{"values": [1.0]}] * 2}, True),
    ],
)
def test_a_vector_for_each_text(dialect: str, request_: Any, answer: Any, whole: bool) -> None:
    assert is_whole(dialect, "embeddings", answer, json.dumps(request_).encode()) is whole


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        (b'{"tool_calls":[{"id":"1"}]}', True),
        (b'{"tool_calls": null, "function_call" : null}', False),
        (b'{"type":"custom_tool_call"}', True),
        (b'{"type":"web_search_call"}', True),
        (b'{"type":"server_tool_use"}', True),
        (b'{"usage":{"server_tool_use":null}}', False),
        (b'{"type":"mcp_call"}', True),
        (b'{"tool_choice":"auto","tools":[{"type":"function"}],"max_tool_calls":null}', False),
        (b'{"content":"say \\"tool_calls\\" and functionCall"}', False),
    ],
)
def test_tool_calls(answer: bytes, calls: bool) -> None:
    assert calls_tools(answer) is calls
