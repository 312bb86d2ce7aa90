"""The dialect's tables: endpoints, operations, kinds of failure."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai._call import Operation
from resilient_ai.failures import FailureKind as K
from resilient_ai.providers import openai
from resilient_ai.providers.kinds import classify

S, ID, C = Operation.STATELESS, Operation.IDEMPOTENT, Operation.CREATING

ENDPOINTS: list[tuple[str, str, str, Operation, str | None, tuple[str, ...]]] = [
    ("POST", "/v1/chat/completions", "chat", S, "chat/completions", ()),
    ("POST", "/openai/deployments/gpt/chat/completions", "chat", S, "chat/completions", ()),
    ("POST", "/openai/v1/responses", "responses", S, "responses", ()),
    ("GET", "/v1/chat/completions/chatcmpl_1", "chat", ID, "chat/completions/chatcmpl_1", ("chatcmpl_1",)),
    ("POST", "/v1/completions", "completions", S, "completions", ()),
    ("POST", "/v1/embeddings", "embeddings", S, "embeddings", ()),
    ("POST", "/v1/moderations", "moderations", S, "moderations", ()),
    ("POST", "/v1/images/generations", "images", S, "images/generations", ()),
    ("POST", "/v1/images/edits", "images", S, "images/edits", ()),
    ("POST", "/v1/audio/speech", "audio", S, "audio/speech", ()),
    ("POST", "/v1/audio/transcriptions", "audio", S, "audio/transcriptions", ()),
    ("POST", "/v1/videos", "videos", C, "videos", ()),
    ("GET", "/v1/videos/video_1", "videos", ID, "videos/video_1", ("video_1",)),
    ("GET", "/v1/videos/video_1/content", "videos", ID, "videos/video_1/content", ("video_1",)),
    ("POST", "/v1/videos/video_1/remix", "videos", C, "videos/video_1/remix", ("video_1",)),
    ("DELETE", "/v1/videos/video_1", "videos", ID, "videos/video_1", ("video_1",)),
    ("POST", "/v1/files", "files", C, "files", ()),
    ("GET", "/v1/files", "files", ID, "files", ()),
    ("GET", "/v1/files/file-1/content", "files", ID, "files/file-1/content", ("file-1",)),
    ("POST", "/v1/batches", "batches", C, "batches", ()),
    ("POST", "/v1/batches/batch_1/cancel", "batches", ID, "batches/batch_1/cancel", ("batch_1",)),
    ("GET", "/v1/responses/resp_1", "responses", ID, "responses/resp_1", ("resp_1",)),
    ("POST", "/v1/responses/resp_1/cancel", "responses", ID, "responses/resp_1/cancel", ("resp_1",)),
    ("GET", "/v1/models", "models", ID, "models", ()),
    ("GET", "/v1/models/gpt-4o", "models", ID, "models/gpt-4o", ()),
    ("POST", "/v1/threads", "other", C, None, ()),
    ("GET", "/v1/threads/t_1", "other", ID, None, ()),
    ("PUT", "/anything", "other", C, None, ()),
    ("GET", "/", "other", ID, None, ()),
]


@pytest.mark.parametrize(("method", "path", "family", "operation", "below", "ids"), ENDPOINTS)
def test_endpoints(
    method: str, path: str, family: str, operation: Operation, below: str | None, ids: tuple[str, ...]
) -> None:
    said = openai.endpoint(method, path)
    assert (said.family, said.operation, said.path, said.ids) == (family, operation, below, ids)


def error(**said: Any) -> dict[str, Any]:
    return {"error": {"message": "no", **said}}


KINDS: list[tuple[int, Any, K]] = [
    (400, error(), K.CALLER),
    (400, error(code="context_length_exceeded"), K.TOO_LONG),
    (400, error(code="content_filter"), K.REFUSED),
    (400, error(code="content_policy_violation"), K.REFUSED),
    (400, None, K.CALLER),
    (401, error(code="invalid_api_key"), K.AUTH),
    (401, None, K.AUTH),
    (402, error(), K.QUOTA),
    (403, error(), K.AUTH),
    (403, None, K.TRANSIENT),  # a CDN's page
    (404, error(code="model_not_found"), K.GONE),
    (404, error(), K.CALLER),
    (404, None, K.TRANSIENT),
    (408, None, K.TRANSIENT),
    (409, error(), K.TRANSIENT),
    (410, error(), K.GONE),
    (413, None, K.CALLER),
    (422, error(), K.CALLER),
    (429, error(code="rate_limit_exceeded"), K.RATE_LIMITED),
    (429, error(), K.RATE_LIMITED),
    (429, None, K.RATE_LIMITED),
    (429, error(code="insufficient_quota"), K.QUOTA),
    (429, error(type="insufficient_quota"), K.QUOTA),
    (500, error(code="server_error"), K.TRANSIENT),
    (500, None, K.TRANSIENT),
    (502, None, K.TRANSIENT),
    (503, error(), K.OVERLOADED),
    (503, None, K.OVERLOADED),
    (504, None, K.TRANSIENT),
    (520, None, K.TRANSIENT),
    (529, None, K.OVERLOADED),
    (530, None, K.TRANSIENT),
    (599, None, K.TRANSIENT),
    (418, error(), K.CALLER),
    (500, [], K.TRANSIENT),
    (500, {"error": "no"}, K.TRANSIENT),
    (500, {"error": {"code": 7, "type": []}}, K.TRANSIENT),
    (403, {"detail": "no"}, K.AUTH),
    (400, error(code="server_error"), K.CALLER),
]


@pytest.mark.parametrize(("status", "body", "kind"), KINDS)
def test_kinds(status: int, body: Any, kind: K) -> None:
    assert classify(status, body) is kind


@pytest.mark.parametrize(
    ("family", "body", "asked", "kind"),
    [
        ("chat", {"choices": []}, True, K.BROKEN),
        ("completions", {"choices": [], "usage": None}, True, K.BROKEN),
        ("chat", {"choices": [], "usage": {"total_tokens": 9}}, True, None),
        ("chat", {"choices": [], "prompt_filter_results": []}, True, None),
        ("chat", {"choices": []}, False, None),
        ("chat", {"error": {"message": "no"}}, True, K.BROKEN),
        ("chat", {"error": {"code": "server_error"}}, True, K.TRANSIENT),
        ("chat", {"error": {"code": "insufficient_quota"}}, True, K.QUOTA),
        ("chat", {"hello": 1}, True, K.BROKEN),
        ("chat", [], True, K.BROKEN),
        ("chat", {"hello": 1}, False, None),
        ("responses", {"status": "failed", "error": {"code": "server_error"}}, True, K.TRANSIENT),
        ("responses", {"status": "failed", "error": {"code": "rate_limit_exceeded"}}, True, K.RATE_LIMITED),
        ("responses", {"status": "failed", "error": None}, True, K.TRANSIENT),
        ("responses", {"status": "completed", "error": None, "output": []}, True, None),
        ("embeddings", {"data": []}, True, None),
        ("images", {"data": []}, True, None),
        ("videos", {"id": "video_1"}, True, None),
        ("models", {}, True, None),
        ("other", 5, True, None),
    ],
)
def test_failures_inside_a_success(family: str, body: Any, asked: bool, kind: K | None) -> None:
    """Promise 22, as far as the dialect goes."""
    assert openai.inside_success(family, body, asked) is kind


@pytest.mark.parametrize(
    ("family", "body", "makes"),
    [
        ("chat", b'{"store": true}', True),
        ("chat", b'{"store":false}', False),
        ("chat", b'{"messages":[]}', False),
        ("responses", b'{"background":true}', True),
        ("responses", b'{"conversation":"conv_1"}', True),
        ("responses", b'{"tools":[{"type":"mcp"}]}', True),
        ("responses", b'{"tools":[{"type": "code_interpreter"}]}', True),
        ("responses", b'{"tools":[{"type":"function"}]}', False),
        ("responses", b'{"input":"hi"}', False),
        ("embeddings", b'{"store":true}', False),
        ("responses", b'{"input":"hi","metadata":{"conversation":"42","background":"true"}}', False),
        ("responses", b'{"input":[{"type":"mcp"}]}', False),
        ("chat", b'{"messages":[{"content":"\\"store\\": true","x":{"store":true}}]}', False),
        ("chat", b'{"store": tru', False),
    ],
)
def test_what_leaves_something_behind(family: str, body: bytes, makes: bool) -> None:
    """Promise 45: hosted tools that act, stored items, background jobs."""
    assert openai.effects(family, body)[0] is makes


@pytest.mark.parametrize(
    ("family", "body", "ids"),
    [
        ("responses", b'{"previous_response_id":"resp_1"}', ("resp_1",)),
        ("responses", b'{"conversation":{"id":"conv_1"}}', ("conv_1",)),
        ("responses", b'{"input":[{"content":[{"type":"input_file","file_id":"file_1"}]}]}', ("file_1",)),
        (
            "chat",
            b'{"messages":[{"content":[{"file":{"file_id":"file_2"}}]}],"metadata":{"file_id":"mine"}}',
            ("file_2",),
        ),
        ("responses", b'{"metadata":{"conversation":"42","file_id":"43"}}', ()),
        ("batches", b'{"input_file_id":"file_3"}', ("file_3",)),
        ("batches", b'["input_file_id"]', ()),
        ("responses", b'{"tools": 5, "input": "mcp", "x": "file_id"}', ()),
        ("responses", b'{"tools": ["mcp", null, {"type": {}}], "file_id": null}', ()),
        ("chat", b'{"file_id": 5}', ()),
        ("chat", b'{"tools":[{"function":{"parameters":{"examples":[{"file_id":"mine"}]}}}]}', ()),
        ("chat", b'{"response_format":{"json_schema":{"schema":{"default":{"file_id":"mine"}}}}}', ()),
        ("responses", b'{"text":{"format":{"schema":{"default":{"file_id":"mine"}}}}}', ()),
        ("responses", b'{"input":[{"output":[{"type":"input_file","file_id":"file_4"}]}]}', ("file_4",)),
        ("responses", b'{"prompt":{"id":"p","variables":{"file_id":"mine"}}}', ()),
        ("responses", b'{"prompt":{"id":"p","variables":{"a":{"type":"input_file","file_id":"f_5"}}}}', ("f_5",)),
        ("responses", b'{"prompt":{"variables":["file_id"]}}', ()),
    ],
)
def test_the_ids_a_request_speaks_of(family: str, body: bytes, ids: tuple[str, ...]) -> None:
    """A request goes where what it speaks of was made; the program's own data says nothing of that."""
    assert openai.effects(family, body)[1] == ids


@pytest.mark.parametrize("family", ["chat", "responses", "images"])
@pytest.mark.parametrize("name", [b"", b"error"])
def test_an_error_without_a_type_is_told_in_any_stream(family: str, name: bytes) -> None:
    """A gateway's; the SDK raises it whatever the event is called."""
    assert openai.DIALECT.streams[family].read(name, error()).fails
