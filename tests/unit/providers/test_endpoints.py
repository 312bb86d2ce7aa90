"""Every endpoint of the three big APIs: its dialect, its family, what a repeat costs, where another host has it."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai._call import Operation
from resilient_ai.providers.base import url_of
from resilient_ai.providers.registry import DIALECTS, dialect_of
from tests.wire.golden import HERE

A: dict[bytes, bytes] = {b"anthropic-version": b"2023-06-01", b"x-api-key": b"k"}
G: dict[bytes, bytes] = {b"x-goog-api-key": b"k"}
B: dict[bytes, bytes] = {b"authorization": b"Bearer k"}
VERTEX = "/v1/projects/p/locations/us-central1/publishers/google"

CLIENTS = {"openai": B, "anthropic": A, "gemini": G}
ROWS = [row.split() for row in (HERE / "endpoints.txt").read_text().splitlines() if row and not row.startswith("#")]


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_an_endpoint(row: list[str]) -> None:
    """Promise 45: what a repeat costs is known of every endpoint."""
    client, method, path, _, dialect, family, cost, elsewhere, *ids = row
    spoken = dialect_of(method, path, CLIENTS[client])
    said = spoken.endpoint(method, path)
    assert (spoken.name, said.family, said.operation, list(said.ids)) == (
        dialect,
        family,
        Operation(cost),
        [identifier for identifier in ids if identifier != "-"],
    )
    goes = said.path is not None and said.stays is None
    assert (url_of("https://x", said, "other") if goes else "https://x/-") == f"https://x/{elsewhere}"


@pytest.mark.parametrize(
    ("base_url", "below"),
    [
        ("https://generativelanguage.googleapis.com", "/v1beta/models/m:generateContent"),
        ("https://generativelanguage.googleapis.com/v1", "/models/m:generateContent"),
        (f"https://us-aiplatform.googleapis.com{VERTEX}", "/models/m:generateContent"),
    ],
)
def test_a_base_url_may_have_the_version_in_it(base_url: str, below: str) -> None:
    said = DIALECTS["gemini"].endpoint("POST", "/v1beta/models/g:generateContent")
    assert url_of(base_url, said, "m") == base_url + below


@pytest.mark.parametrize(
    ("dialect", "base_url", "headers", "sent"),
    [
        ("openai", "https://x/v1", B, ("authorization", "Bearer new")),
        ("anthropic", "https://x", A, ("x-api-key", "new")),
        ("anthropic", "https://x", B, ("authorization", "Bearer new")),
        ("gemini", "https://generativelanguage.googleapis.com", G, ("x-goog-api-key", "new")),
        ("gemini", f"https://us-aiplatform.googleapis.com{VERTEX}", G, ("authorization", "Bearer new")),
    ],
)
def test_where_the_key_goes(dialect: str, base_url: str, headers: dict[bytes, bytes], sent: tuple[str, str]) -> None:
    assert DIALECTS[dialect].key_header("new", base_url, headers) == sent


def test_vertex_takes_an_api_key_as_such() -> None:
    header = DIALECTS["gemini"].key_header("AIzaX", "https://aiplatform.googleapis.com/v1", {})
    assert header == ("x-goog-api-key", "AIzaX")


EFFECTS: list[tuple[str, str, bytes, bool, tuple[str, ...]]] = [
    ("openai", "responses", b'{"tools":[{"type":"mcp"}]}', True, ()),
    ("openai", "responses", b'{"tools":[{"type":"shell"}]}', True, ()),
    ("openai", "responses", b'{"tools":[{"type":"local_shell"}]}', True, ()),
    ("openai", "responses", b'{"tools":[{"type":"web_search"}]}', False, ()),
    ("anthropic", "messages", b'{"messages":[]}', False, ()),
    ("anthropic", "messages", b'{"tools":[{"type":"code_execution_20260521","name":"code_execution"}]}', True, ()),
    ("anthropic", "messages", b'{"tools":[{"type":"mcp_toolset","mcp_server_name":"x"}]}', True, ()),
    ("anthropic", "messages", b'{"mcp_servers":[{"type":"url","url":"https://x"}]}', True, ()),
    ("anthropic", "messages", b'{"mcp_servers":[]}', False, ()),
    ("anthropic", "messages", b'{"container":"c_1"}', True, ("c_1",)),
    ("anthropic", "messages", b'{"container":{"id":"c_1","skills":[]}}', True, ("c_1",)),
    ("anthropic", "messages", b'{"container":null}', False, ()),
    ("anthropic", "messages", b'{"tools":[{"type":"bash_20250124"},{"type":"web_search_20260318"}]}', False, ()),
    ("anthropic", "messages", b'{"messages":[{"content":[{"source":{"file_id":"f_1"}}]}]}', False, ("f_1",)),
    ("anthropic", "messages", b'{"messages":[{"content":[{"type":"tool_use","input":{"file_id":"x"}}]}]}', False, ()),
    ("anthropic", "messages", b'{"tools":[{"input_schema":{"examples":[{"file_id":"x"}]}}]}', False, ()),
    ("anthropic", "messages", b'{"metadata":{"file_id":"x"}}', False, ()),
    (
        "anthropic",
        "messages",
        b'{"messages":[{"content":[{"type":"tool_result","content":[{"source":{"type":"file","file_id":"f_1"}}]}]}]}',
        False,
        ("f_1",),
    ),
    ("anthropic", "messages", b'{"messages":"code_execution_1", "tools": 5}', False, ()),
    ("anthropic", "messages", b'{"tools":[{"type":"code_execution_', False, ()),
    ("anthropic", "count_tokens", b'{"container":"c_1"}', False, ()),
    ("gemini", "generate_content", b'{"contents":[]}', False, ()),
    ("gemini", "generate_content", b'{"tools":[{"codeExecution":{}}]}', True, ()),
    ("gemini", "generate_content", b'{"tools":[{"googleSearch":{}}]}', False, ()),
    ("gemini", "generate_content", b'{"contents":[{"parts":[{"text":"\\"codeExecution\\""}]}]}', False, ()),
    (
        "gemini",
        "generate_content",
        b'{"contents":[{"fileData":{"fileUri":"https://g/v1beta/files/f_1"}}]}',
        False,
        ("f_1",),
    ),
    ("gemini", "generate_content", b'{"contents":[{"parts":[{"fileData":{"fileUri":"gs://bucket/x"}}]}]}', False, ()),
    ("gemini", "generate_content", b'{"parts":[{"functionCall":{"args":{"fileUri":"files/x"}}}]}', False, ()),
    ("gemini", "generate_content", b'{"parts":[{"functionResponse":{"response":{"fileName":"files/x"}}}]}', False, ()),
    ("gemini", "generate_content", b'{"labels":{"fileName":"files/x"}}', False, ()),
    (
        "gemini",
        "generate_content",
        b'{"parts":[{"functionResponse":{"response":{},"parts":[{"fileData":{"fileUri":"g/files/f_1"}}]}}]}',
        False,
        ("f_1",),
    ),
    ("gemini", "interactions", b'{"store":false,"input":[{"arguments":{"fileUri":"files/x"}}]}', False, ()),
    ("gemini", "interactions", b'{"store":false,"input":[{"result":{"fileUri":"files/x"}}]}', False, ()),
    ("gemini", "generate_content", b'{"cachedContent":"cachedContents/c_1"}', False, ("c_1",)),
    ("gemini", "videos", b'{"operationName":"projects/p/operations/op_1"}', False, ("op_1",)),
    ("gemini", "interactions", b'{"input":"hi"}', True, ()),
    ("gemini", "interactions", b'{"input":"hi","store":false}', False, ()),
    ("gemini", "interactions", b'{"input":"hi","store":false,"background":true}', True, ()),
    ("gemini", "interactions", b'{"store":false,"tools":[{"type":"code_execution"}]}', True, ()),
    ("gemini", "interactions", b'{"store":false,"tools":[{"type":"mcp_server","url":"https://x"}]}', True, ()),
    ("gemini", "interactions", b'{"store":false,"previous_interaction_id":"i_1"}', False, ("i_1",)),
    ("gemini", "interactions", b"[]", False, ()),
]


@pytest.mark.parametrize(("dialect", "family", "body", "leaves", "ids"), EFFECTS)
def test_what_a_call_leaves_behind_and_speaks_of(
    dialect: str, family: str, body: bytes, leaves: bool, ids: tuple[str, ...]
) -> None:
    """Promise 45: server-side tools that act, stored conversations, background jobs; and ids that bind a call.

    What a tool was given and gave back is the program's own: a word of the API's in it would switch off the fallback.
    """
    assert DIALECTS[dialect].effects(family, body) == (leaves, ids)


MADE: list[tuple[str, str, Any, tuple[str, ...]]] = [
    ("anthropic", "batches", {"id": "msgbatch_1", "type": "message_batch"}, ("msgbatch_1",)),
    ("anthropic", "files", {"id": "file_1"}, ("file_1",)),
    ("anthropic", "messages", {"id": "msg_1", "container": {"id": "c_1"}}, ("c_1",)),
    ("anthropic", "messages", {"id": "msg_1"}, ()),
    ("gemini", "videos", {"name": "models/veo/operations/op_1"}, ("op_1",)),
    ("gemini", "files", {"file": {"name": "files/f_1", "uri": "https://g/v1beta/files/f_1"}}, ("f_1",)),
    ("gemini", "batches", {"name": "batches/b_1"}, ("b_1",)),
    ("gemini", "caches", {"name": "cachedContents/c_1"}, ("c_1",)),
    ("gemini", "interactions", {"id": "i_1", "status": "completed"}, ("i_1",)),
    ("gemini", "generate_content", {"responseId": "r"}, ()),
]


@pytest.mark.parametrize(("dialect", "family", "answer", "ids"), MADE)
def test_what_an_answer_says_was_made(dialect: str, family: str, answer: Any, ids: tuple[str, ...]) -> None:
    assert DIALECTS[dialect].made(family, answer) == ids


STREAMS: list[tuple[str, str, bytes, tuple[str, ...]]] = [
    ("anthropic", "messages", b'data: {"message":{"id":"m","container":{"id":"c_1"}}}', ("c_1",)),
    ("anthropic", "messages", b'data: {"type":"message_start","message":{"id":"m"}}', ()),
    ("gemini", "interactions", b'data: {"interaction":{"id":"i_1","status":"in_progress"}}', ("i_1",)),
]


@pytest.mark.parametrize(("dialect", "family", "beginning", "ids"), STREAMS)
def test_what_a_stream_says_was_made(dialect: str, family: str, beginning: bytes, ids: tuple[str, ...]) -> None:
    assert DIALECTS[dialect].made_by_stream(family, beginning) == ids
