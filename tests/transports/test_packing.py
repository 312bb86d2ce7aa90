"""An answer as bytes for a store, and back."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from resilient_ai._call import Reply, Verdict
from resilient_ai._context import NO_OPTIONS
from resilient_ai._journal import Journal
from resilient_ai._runtime.sync import drive
from resilient_ai.transports._answer import mark
from resilient_ai.transports._flavour import fields, flavour_named
from resilient_ai.transports._form import form_of
from resilient_ai.transports._packing import packed, unpacked
from resilient_ai.transports._place import place_of
from resilient_ai.transports._request import Prepared, prepare

if TYPE_CHECKING:
    from resilient_ai._packed import Packed

WIRE: Any = SimpleNamespace(giver=None)
HTTPX = flavour_named("httpx")
CHAT = "/v1/chat/completions"
GEMINI = "/v1beta/models/gemini-2.5-flash"


def asked(path: str = CHAT, **body: Any) -> Prepared:
    request = httpx.Request("POST", f"https://api.example.com{path}", json=body)
    headers = fields(request.headers)
    return drive(prepare(request, headers, place_of(request, headers), WIRE, NO_OPTIONS))


def pack(answer: Any, request: Prepared | None = None) -> Packed | None:
    return packed(Reply(answer), request or asked())


def unpack(data: bytes, request: Prepared | None = None) -> Any:
    return unpacked(data, request or asked(), HTTPX)


def response(body: bytes, headers: list[tuple[str, str]] | None = None) -> Any:
    return httpx.Response(200, headers=headers, content=body)


def test_the_answer_comes_back_without_what_was_that_one_s() -> None:
    kept = [("Content-Type", "application/json"), ("x-two", "a:b"), ("x-two", "c")]
    own = [("set-cookie", "a=b"), ("X-Request-Id", "req_1"), ("Transfer-Encoding", "chunked")]
    answer = response(b'{"a":\n\n"b"}\n', kept + own)
    facts: Any = None
    journal = Journal(facts, lambda: 0.0, "", None, 0.0)
    journal.answered("primary", "stale", None, 3.0)
    mark(answer, journal, None)
    told = pack(answer)
    assert told is not None
    again = unpack(told.data)
    assert again.content == answer.content
    assert again.status_code == 200
    assert [(name, value) for name, value in again.headers.multi_items() if name != "content-length"] == [
        (name.lower(), value) for name, value in kept
    ]


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        (b'{"content":"the function is a tool"}', False),
        (b'{"tool_calls":null,"function_call" : null}', False),
        (b'{"tool_calls": [ ]}', False),
        (b'{"tool_calls":[{"id":"1"}]}', True),
        (b'{"function_call":{}}', True),
        (b'{"type":"tool_use"}', True),
        (b'{"functionCall":{}}', True),
        (b'{"type":"function_call"}', True),
    ],
)
def test_answers_with_tool_calls_grow_stale(body: bytes, calls: bool) -> None:
    told = pack(response(body))
    assert told is not None
    assert told.stale_ok is not calls


@pytest.mark.parametrize(
    ("request_", "form"),
    [
        (asked(), "plain"),
        (asked(stream=False), "plain"),
        (asked(stream=True), "events"),
        (asked(stream=True, stream_options=None), "events"),
        (asked(stream=True, stream_options={"include_usage": False, "include_obfuscation": True}), "events"),
        (asked(stream=True, stream_options={"include_usage": True}), "events, usage"),
        (asked(stream=True, stream_options={"b": 1, "a": 2}), 'events, {"a": 2, "b": 1}'),
        (asked(stream=True, stream_options=[]), "events"),
        (asked(stream_options={"include_usage": True}), "plain"),
        (asked(f"{GEMINI}:generateContent"), "plain"),
        (asked(f"{GEMINI}:streamGenerateContent"), "plain"),
        (asked(f"{GEMINI}:streamGenerateContent?alt=sse"), "events"),
        (asked(f"{GEMINI}:streamGenerateContent?key=x&alt=sse"), "events"),
        (asked(f"{GEMINI}:streamGenerateContent?alt=sse2"), "plain"),
    ],
)
def test_the_form_is_the_request_s(request_: Prepared, form: str) -> None:
    assert form_of(request_) == form


EVENTS = b'data: {"id":"a","choices":[]}\n\ndata: [DONE]\n\n'
STREAM = [("content-type", "text/event-stream"), ("x-one", "1")]


class Ended:
    """A stream that has passed."""

    def __init__(self, kept: bytes | None) -> None:
        self.noted: dict[str, Any] = {}
        self._kept = kept

    def take(self) -> bytes | None:
        return self._kept


def stream(kept: bytes | None, verdict: Verdict = Verdict.SUCCESS) -> Reply:
    reply = Reply(httpx.Response(200, headers=STREAM, stream=httpx.ByteStream(b"")), verdict=verdict)
    reply.kept = Ended(kept)
    return reply


def test_a_stream_comes_back_as_it_came() -> None:
    request = asked(stream=True)
    told = packed(stream(EVENTS), request)
    assert told is not None
    again = unpack(told.data, request)
    assert again.headers["content-type"] == "text/event-stream"
    assert again.headers["x-one"] == "1"
    assert list(again.iter_bytes()) == [EVENTS]


def test_one_that_was_not_kept_is_not_packed() -> None:
    assert packed(stream(None), asked(stream=True)) is None


@pytest.mark.parametrize(
    "data", [b"", b"200", b"200 \n\n", b"abc plain\n\n{}", b"20 plain\n\n{}", b"\xff\xff\n\n", b"{}"]
)
def test_what_is_no_packing_is_a_miss(data: bytes) -> None:
    assert unpack(data) is None


def test_in_another_form_it_is_turned_over_or_a_miss() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    body = {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": {"t": 1}}
    told = pack(response(json.dumps(body).encode(), [("content-type", "application/json"), ("x-one", "1")]))
    assert told is not None
    streamed = unpack(told.data, asked(stream=True))
    assert streamed.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert streamed.headers["x-one"] == "1"
    assert streamed.content.endswith(b"data: [DONE]\n\n")
    assert unpack(told.data, asked(stream=True, stream_options={"continuous_usage_stats": True})) is None
    assert unpack(told.data.replace(b'"hi"', b"[7]"), asked(stream=True)) is None
