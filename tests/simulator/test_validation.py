"""What the vendor would refuse is refused, in the vendor's words, and entered in the log."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resilient_ai.testing import SimulatedProvider, Simulator

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


WEB = httpx.Client(verify=False, timeout=10)


@pytest.fixture(scope="module", autouse=True)
def _close() -> Iterator[None]:
    with WEB:
        yield


def post(provider: SimulatedProvider, path: str = "/chat/completions", **request: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {provider.key}", **request.pop("headers", {})}
    return WEB.post(f"{provider.base_url}{path}", headers=headers, **request)


USER = {"role": "user", "content": "hello"}
CALLS = {
    "role": "assistant",
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
BLANK = {"type": "function", "function": {"name": "a b"}}
FORM = {"type": "json_schema", "json_schema": {"name": "x"}}
TEXT = {"type": "text", "text": "x"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "fine"}
CALL_ITEM = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
RESULT_ITEM = {"type": "function_call_output", "call_id": "call_1", "output": "fine"}


def said(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


# Path, body, status, param, code.
CHATS = "/chat/completions"
REFUSED = [
    (CHATS, {**CHAT, "model": "none"}, 404, None, "model_not_found"),
    ("/chat/completions", {"model": "gpt-4o"}, 400, "messages", "missing_required_parameter"),
    (CHATS, {**CHAT, "messages": None}, 400, "messages", "missing_required_parameter"),
    (CHATS, {**CHAT, "mesages": []}, 400, "mesages", "unknown_parameter"),
    (CHATS, {**CHAT, "messages": "hello"}, 400, "messages", "invalid_type"),
    (CHATS, {**CHAT, "messages": []}, 400, "messages", "empty_array"),
    (CHATS, {**CHAT, "messages": ["x"]}, 400, "messages[0]", "invalid_type"),
    (CHATS, {**CHAT, "messages": [{"content": "x"}]}, 400, "messages[0].role", None),
    (CHATS, {**CHAT, "messages": [{"role": "me", "content": "x"}]}, 400, "messages[0].role", None),
    (CHATS, {**CHAT, "messages": [{"role": ["user"], "content": "x"}]}, 400, "messages[0].role", None),
    (CHATS, {**CHAT, "messages": [{"role": "user"}]}, 400, "messages[0].content", None),
    (CHATS, {**CHAT, "temperature": 3}, 400, "temperature", "integer_above_maximum_value"),
    (CHATS, {**CHAT, "temperature": "hot"}, 400, "temperature", "invalid_type"),
    (CHATS, {**CHAT, "n": True}, 400, "n", "invalid_type"),
    (CHATS, {**CHAT, "messages": [{**USER, "mood": "bad"}]}, 400, "messages[0].mood", None),
    (
        "/chat/completions",
        {**CHAT, "messages": [said([{"type": "image_url"}])]},
        400,
        "messages[0].content[0].image_url",
        None,
    ),
    (CHATS, {**CHAT, "messages": [said([{"type": "tool_use"}])]}, 400, "messages[0].content[0]", None),
    (CHATS, {**CHAT, "messages": [USER, {"role": "assistant"}]}, 400, "messages[1].content", None),
    (CHATS, {**CHAT, "messages": [USER, CALLS]}, 400, "messages.[2].role", None),
    (CHATS, {**CHAT, "messages": [USER, RESULT]}, 400, "messages.[1].role", None),
    (CHATS, {**CHAT, "messages": [USER, CALLS, USER, RESULT]}, 400, "messages.[2].role", None),
    (
        "/chat/completions",
        {**CHAT, "tools": [BLANK]},
        400,
        "tools[0].function.name",
        None,
    ),
    (CHATS, {**CHAT, "tool_choice": "required"}, 400, "tool_choice", None),
    (
        "/chat/completions",
        {**CHAT, "response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        400,
        "response_format.json_schema.schema",
        None,
    ),
    (CHATS, {**CHAT, "stop": list("abcde")}, 400, "stop", None),
    (CHATS, {**CHAT, "stream_options": {"include_usage": True}}, 400, "stream_options", None),
    ("/responses", {"model": "gpt-4o", "input": [{**USER, "mood": "bad"}]}, 400, "input[0].mood", None),
    (
        "/responses",
        {"model": "gpt-4o", "input": [said([TEXT])]},
        400,
        "input[0].content[0].type",
        None,
    ),
    ("/responses", {"model": "gpt-4o", "input": [CALL_ITEM]}, 400, "input", None),
    ("/responses", {"model": "gpt-4o", "input": [RESULT_ITEM]}, 400, "input", None),
    (
        "/responses",
        {"model": "gpt-4o", "input": [{**CALL_ITEM, "id": "call_1"}, RESULT_ITEM]},
        400,
        "input[0].id",
        None,
    ),
    (
        "/responses",
        {"model": "gpt-4o", "input": "x", "tools": [BLANK]},
        400,
        "tools[0].function",
        None,
    ),
    ("/responses", {"model": "gpt-4o", "input": 7}, 400, "input", "invalid_type"),
    ("/responses", {"model": "gpt-4o", "input": "x", "n": 2}, 400, "n", "unknown_parameter"),
    ("/responses", {"model": "gpt-4o", "previous_response_id": "r"}, 400, "previous_response_id", None),
    ("/embeddings", {"model": "text-embedding-3-small"}, 400, "input", "missing_required_parameter"),
    ("/images/generations", {"model": "gpt-image-1"}, 400, "prompt", "missing_required_parameter"),
    ("/audio/speech", {"model": "tts-1", "input": "x"}, 400, "voice", "missing_required_parameter"),
    ("/videos", {"prompt": "x", "seconds": "5"}, 400, None, "invalid_value"),
    ("/files", {"purpose": "batch"}, 400, None, None),
    ("/nowhere", {}, 404, None, "unknown_url"),
]


@pytest.mark.parametrize(("path", "body", "status", "param", "code"), REFUSED)
def test_refusals(
    primary: SimulatedProvider, path: str, body: object, status: int, param: str | None, code: str | None
) -> None:
    answer = post(primary, path, json=body)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert param in {None, error["param"]}
    assert code in {None, error["code"]}
    assert primary.requests()[-1].complaint == error["message"]


def test_a_key_is_wanted(primary: SimulatedProvider) -> None:
    for headers in ({"authorization": ""}, {"authorization": "Bearer sk-other"}, {"authorization": "Basic x"}):
        answer = post(primary, json=CHAT, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    assert post(primary, json=CHAT, headers={"authorization": "Bearer sk-second"}).status_code == 200
    assert [request.key for request in primary.requests()] == ["none", "foreign", "none", "primary:1"]


def test_bodies_that_are_none(primary: SimulatedProvider) -> None:
    json_type = {"content-type": "application/json"}
    for content in (b"{", b"", b"[]", b'{"a":' * 100_000, b"\xff", b'{"n": 1%s}' % (b"0" * 5000)):
        answer = post(primary, content=content, headers=json_type)
        assert (answer.status_code, "parse the JSON" in answer.text) == (400, True)
    assert post(primary, content=json.dumps(CHAT), headers={"content-type": "text/plain"}).status_code == 400
    broken = {"content-type": "multipart/form-data; boundary=x"}
    for content in (b"", b"--y\r\n\r\n--y--", b"--x\r\nno name\r\n\r\n1\r\n--x--", b"--x\r\n"):
        assert post(primary, "/files", content=content, headers=broken).status_code == 400


def test_unknown_ids(primary: SimulatedProvider) -> None:
    headers = {"authorization": f"Bearer {primary.key}"}
    for thing in ("models", "responses", "files", "videos", "batches"):
        answer = WEB.get(f"{primary.base_url}/{thing}/nothing", headers=headers)
        assert answer.status_code == 404, thing
        assert primary.requests()[-1].complaint
    assert WEB.get(f"{primary.base_url}/chat/completions", headers=headers).status_code == 405


def test_too_large(primary: SimulatedProvider) -> None:
    """Over 25 MiB: heard out, not kept, refused."""
    answer = post(primary, content=b"x" * (25 * 1024 * 1024 + 1), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert post(primary, json=CHAT).status_code == 200


def test_an_idempotency_key_is_seen_and_not_honoured(primary: SimulatedProvider) -> None:
    """As at the vendors: what is sent twice is made twice."""
    for _ in range(2):
        post(primary, "/videos", json={"prompt": "x"}, headers={"idempotency-key": "one"})
    assert len(primary.created("videos")) == 2
    assert {request.headers["idempotency-key"] for request in primary.requests()} == {"one"}


def test_a_refused_request_makes_nothing(primary: SimulatedProvider) -> None:
    assert post(primary, "/videos", json={"prompt": 7}).status_code == 400
    assert primary.created("videos") == []


def test_a_quota(sim: Simulator) -> None:
    small = sim["small"]
    body = {**CHAT, "model": "tiny"}
    answers = [post(small, json=body) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert answers[0].json()["system_fingerprint"] == "fp_tiny-host"
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert answers[2].json()["error"]["code"] == "rate_limit_exceeded"
    assert answers[2].headers["retry-after"] == "1"
    wait = int(answers[2].headers["retry-after-ms"])
    assert 0 < wait <= 300
    time.sleep(wait / 1000)
    assert post(small, json=body).status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *("tools", "tool_choice", "response_format", "stream_options", "n", "stop", "metadata", "text", "input"),
        *("messages", "stream", "max_tokens"),
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/chat/completions", "/responses", "/embeddings"]), more=st.dictionaries(NAMES, JSON))
def test_no_body_is_too_strange(process: Simulator, path: str, more: dict[str, object]) -> None:
    """Whatever comes, the vendor answers: 200 or a refusal, and never a broken connection."""
    body = {**(CHAT if path.startswith("/chat") else {"model": "gpt-4o", "input": "x"}), **more}
    assert post(process["primary"], path, json=body).status_code in {200, 400}


def test_odd_characters_and_depth(primary: SimulatedProvider) -> None:
    """A lone surrogate comes back as what UTF-8 can say; what is nested too deeply is refused."""
    asked = '{"model": "gpt-4o", "input": "x", "metadata": {"a": %s}}'
    json_type = {"content-type": "application/json"}
    assert post(primary, "/responses", content=asked % '"\\ud800"', headers=json_type).status_code == 200
    deep = asked % ("[" * 980 + "]" * 980)
    assert post(primary, "/responses", content=deep, headers=json_type).status_code in {200, 400}


def test_framing(primary: SimulatedProvider, raw: Callable[[bytes], bytes]) -> None:
    """What could smuggle a request, or is cut, is refused and told in the log."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
    refused = [
        b"GET\r\n\r\n",
        b"GET /v1/models HTTP/2\r\n\r\n",
        head + b"content-length: 1\r\ncontent-length: 2\r\n\r\n12",
        head + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        head + b"content-length: -1\r\n\r\n",
        head + b"no colon\r\n\r\n",
        head + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
    ]
    for data in refused:
        assert raw(data).startswith(b"HTTP/1.1 400 "), data
    assert raw(head + b"x: " + b"y" * 70_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")
    assert raw(head + b"content-length: 10\r\nconnection: close\r\n\r\n12") == b""
    assert primary.requests()[-1].complaint == "the connection ended before the body did"
