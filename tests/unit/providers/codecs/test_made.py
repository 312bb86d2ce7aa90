"""What the codecs' tests are made of is in the normal form, and says itself."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Answer, Request, ToolCall, ToolResult, arguments_of, object_of
from tests.unit.providers.codecs import made


@given(made.requests(made.ANYTHING))
def test_requests_are_in_the_normal_form(request: Request) -> None:
    roles = [message.role for message in request.messages]
    assert all(one != other or one == "system" for one, other in itertools.pairwise(roles))
    names = {tool.name for tool in request.tools}
    open_ = list[str]()
    for message in request.messages:
        assert len(message.parts) >= 1 if message.role != "system" else len(message.parts) == 1
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        assert len(results) == (len(message.parts) if message.role == "tool" else 0)
        assert [result.call for result in results] == open_, "each call has its result, at once"
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        assert all(arguments_of(object_of(call.arguments)) == call.arguments for call in calls)
        assert {call.name for call in calls} <= names
        open_ = [call.id for call in calls]


@given(st.data(), made.answers(many=True, mixed=True, refusals=True, stop_sequences=True))
def test_a_stream_tells_its_answer(data: st.DataObject, answer: Answer) -> None:
    assert made.whole(data.draw(made.told(answer))) == answer
