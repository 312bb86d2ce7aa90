"""An answer as bytes for a store, and back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from resilient_ai._journal import Journal
from resilient_ai.transports._answer import mark
from resilient_ai.transports._flavour import flavour_named
from resilient_ai.transports._packing import packed, unpacked


def response(body: bytes, headers: list[tuple[str, str]] | None = None) -> Any:
    return httpx.Response(200, headers=headers, content=body)


def test_the_answer_comes_back_without_what_was_that_one_s() -> None:
    kept = [("Content-Type", "application/json"), ("x-two", "a:b"), ("x-two", "c")]
    own = [("set-cookie", "a=b"), ("X-Request-Id", "req_1"), ("content-length", "12")]
    answer = response(b'{"a":\n\n"b"}\n', kept + own)
    facts: Any = None
    journal = Journal(facts, lambda: 0.0, "", None, 0.0, ())
    journal.answered("primary", "stale", None, 3.0)
    mark(answer, journal, None)
    told = packed(answer)
    assert told is not None
    again = unpacked(told.data, flavour_named("httpx"))
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
    told = packed(response(body))
    assert told is not None
    assert told.stale_ok is not calls
