"""What has another schema is refused, and raises nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Answer, Request
from resilient_ai.providers.codecs.base import Asked, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC
from resilient_ai.providers.streams.base import OTHER_SCHEMA
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.chat.test_chat_answers import CALL, GOLDEN
from tests.unit.providers.codecs.chat.test_chat_requests import AGENT, PICTURES
from tests.unit.providers.codecs.chat.test_chat_streams import USAGE, call, chunk

Json = dict[str, Any]
MESSAGE: Json = {"content": "a", "refusal": "b", "tool_calls": [CALL]}
ANSWERED: Json = {**GOLDEN, "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}
TOLD: list[Json] = [
    json.loads(event.removeprefix(b"data: "))
    for event in (
        chunk({"role": "assistant", "content": "a", "refusal": "b"}),
        chunk({"tool_calls": [call(0, "{", id="c", name="f"), call(1, "{}", id="d", name="g")]}),
        chunk({"tool_calls": [call(0, "}")]}),
        chunk({}, "tool_calls", usage=USAGE),
        chunk(choices=[], usage=USAGE),
    )
]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_request(data: st.DataObject) -> None:
    body = made.spoilt(data, {**AGENT, "messages": AGENT["messages"] + PICTURES["messages"]})
    for lost in (refusing, dropping()):
        try:
            request = CODEC.read_request(Asked(body, "m", stream=False), lost)
        except OTHER_SCHEMA:
            continue
        assert isinstance(request, Request)


@pytest.mark.parametrize("content", [{"type": "text", "text": "hello"}, 1, True])
def test_a_content_is_words_or_a_list(content: Any) -> None:
    """Regression: of one part that is in no list, the names of its fields were taken for what is said."""
    body = {"messages": [{"role": "user", "content": content}]}
    with pytest.raises(TypeError):
        CODEC.read_request(Asked(body, "m", stream=False), dropping())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_an_answer(data: st.DataObject) -> None:
    with contextlib.suppress(*OTHER_SCHEMA):
        assert isinstance(CODEC.read_answer(made.spoilt(data, ANSWERED)), Answer)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_stream(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TOLD) - 1))
    event = made.spoilt(data, TOLD[at])
    events: list[Json] = [*TOLD[:at], event if isinstance(event, dict) else {}, *TOLD[at + 1 :]]
    reader = CODEC.reader()
    with contextlib.suppress(*OTHER_SCHEMA):
        for fields in events:
            reader.read(b"", fields)
        reader.done()


@given(made.junk)
def test_whatever_a_program_asks_its_answer_is_written(options: Any) -> None:
    asked = Asked({"stream_options": options}, "m", stream=True)
    assert made.written(CODEC, asked, made.read(CODEC, [chunk({"content": "a"}, "stop")]))
