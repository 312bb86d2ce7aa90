"""Cohere's and Ollama's own dialects: what a path, an error and an answer say."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai._call import Operation
from resilient_ai.failures import FailureKind
from resilient_ai.providers import cohere, ollama
from resilient_ai.providers.registry import dialect_of

MAKING, ASKING, READING = Operation.CREATING, Operation.STATELESS, Operation.IDEMPOTENT


@pytest.mark.parametrize(
    ("method", "path", "dialect", "family", "operation", "below"),
    [
        ("POST", "/v2/chat", "cohere", "chat", ASKING, "v2/chat"),
        ("POST", "/proxy/v1/embed", "cohere", "embeddings", ASKING, "v1/embed"),
        ("POST", "/v2/rerank", "cohere", "rerank", ASKING, "v2/rerank"),
        ("POST", "/api/chat", "ollama", "chat", ASKING, "api/chat"),
        ("POST", "/api/generate", "ollama", "completions", ASKING, "api/generate"),
        ("POST", "/api/show", "ollama", "models", READING, "api/show"),
        ("GET", "/api/tags", "ollama", "models", READING, "api/tags"),
        ("POST", "/v1/chat/completions", "openai", "chat", ASKING, "chat/completions"),
        ("POST", "/api/v1/chat/completions", "openai", "chat", ASKING, "chat/completions"),
        ("POST", "/api/pull", "openai", "other", MAKING, None),
    ],
)
def test_paths(method: str, path: str, dialect: str, family: str, operation: Operation, below: str | None) -> None:
    found = dialect_of(method, path, {})
    assert found.name == dialect
    endpoint = found.endpoint(method, path)
    assert (endpoint.family, endpoint.operation, endpoint.path) == (family, operation, below)


@pytest.mark.parametrize("dialect", [cohere, ollama])
def test_what_is_not_of_the_dialect_may_make_something(dialect: Any) -> None:
    assert dialect.endpoint("POST", "/v1/connectors").operation is MAKING
    assert dialect.endpoint("GET", "/v1/connectors").operation is READING
    assert dialect.endpoint("POST", "/v1/connectors").path is None


TRIAL = "You are using a Trial key, which is limited to 1000 API calls / month."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"message": "invalid request: messages must not be empty"}, FailureKind.CALLER),
        (400, {"message": "too many tokens: size limit exceeded by 17 tokens"}, FailureKind.TOO_LONG),
        (401, {"message": "invalid api token"}, FailureKind.AUTH),
        (404, {"message": "model 'comand-r' not found, make sure the correct model ID was used"}, FailureKind.GONE),
        (404, None, FailureKind.TRANSIENT),
        (429, {"message": TRIAL}, FailureKind.QUOTA),
        (429, {"message": "You have exceeded 40 API calls / minute"}, FailureKind.RATE_LIMITED),
        (498, {"message": "blocked input"}, FailureKind.REFUSED),
        (500, {"message": "internal server error"}, FailureKind.TRANSIENT),
        (503, {"message": "service unavailable"}, FailureKind.OVERLOADED),
    ],
)
def test_cohere_s_errors(status: int, body: Any, kind: FailureKind) -> None:
    assert cohere.classify(status, body) is kind


@pytest.mark.parametrize(
    ("dialect", "family", "body", "kind"),
    [
        (cohere, "chat", {"message": {}, "finish_reason": "COMPLETE"}, None),
        (cohere, "chat", {"text": "hello"}, None),
        (cohere, "chat", {"message": {}, "finish_reason": "ERROR"}, FailureKind.TRANSIENT),
        (cohere, "chat", {"choices": []}, FailureKind.BROKEN),
        (cohere, "chat", [], FailureKind.BROKEN),
        (cohere, "embeddings", {"embeddings": []}, None),
        (cohere, "other", {}, None),
        (ollama, "chat", {"message": {}, "done": True}, None),
        (ollama, "chat", {"error": "out of memory"}, FailureKind.TRANSIENT),
        (ollama, "chat", {}, FailureKind.BROKEN),
        (ollama, "chat", None, FailureKind.BROKEN),
        (ollama, "completions", {"response": "hello", "done": True}, None),
        (ollama, "models", {}, None),
    ],
)
def test_failures_inside_200(dialect: Any, family: str, body: Any, kind: FailureKind | None) -> None:
    assert dialect.inside_success(family, body, True) is kind
    assert dialect.inside_success(family, body, False) is None


def test_ollama_s_model_that_is_not_there() -> None:
    assert ollama.DIALECT.classify(404, {"error": "model 'llama9' not found"}) is FailureKind.GONE
