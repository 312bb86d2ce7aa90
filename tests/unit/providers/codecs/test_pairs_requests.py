"""From each dialect into each other: a request is carried over, all of it, or refused by a path that stands in it.

A program's request is what its dialect's codec writes. What one dialect has one way to say where the canonical form has
more, and what it need not be told, is in `seen`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Document, Image, Message, Refusal, Request, Text, ToolCall, ToolResult
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC as CHAT
from resilient_ai.providers.codecs.content import CODEC as CONTENT
from resilient_ai.providers.codecs.messages import CODEC as MESSAGES
from resilient_ai.providers.codecs.responses import CODEC as RESPONSES
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.chat.test_chat_round_trips import CAN as OF_CHAT
from tests.unit.providers.codecs.chat.test_chat_round_trips import words_first
from tests.unit.providers.codecs.content.test_content_round import CAN as OF_CONTENT
from tests.unit.providers.codecs.content.test_content_round import as_told as of_content
from tests.unit.providers.codecs.messages.test_round_trips import CAN as OF_MESSAGES
from tests.unit.providers.codecs.messages.test_round_trips import plain as of_messages
from tests.unit.providers.codecs.responses.test_responses_round_trips import CAN as OF_RESPONSES
from tests.unit.providers.codecs.responses.test_responses_round_trips import plain as of_responses
from tests.unit.providers.codecs.test_pairs_loops import taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.providers.codecs.base import Codec, Written

Json = dict[str, Any]


class Side(NamedTuple):
    """A dialect: a model of each generation that takes something else, and how a program of its SDK asks."""

    codec: Codec
    models: tuple[str, ...]


SIDES = {
    "chat": Side(CHAT, ("gpt-5.6",)),
    "responses": Side(RESPONSES, ("gpt-5.6",)),
    "messages": Side(MESSAGES, ("claude-haiku-4-5", "claude-opus-4-8")),
    "content": Side(CONTENT, ("gemini-2.5-flash", "gemini-3-pro")),
}
PAIRS = [(ours, theirs) for ours in SIDES for theirs in SIDES if ours != theirs]
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[f"{ours}-{theirs}" for ours, theirs in PAIRS])
unhurried = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def asked_of(written: Written, model: str) -> Asked:
    """What a transport takes in."""
    stream = bool(written.body.get("stream")) or "stream" in written.path
    return Asked(json.loads(json.dumps(written.body)), model, stream)


def called(side: Side, request: Request) -> Asked | None:
    """A program's call; None if its dialect cannot say this."""
    model = side.models[-1]
    try:
        return asked_of(side.codec.write_request(replace(request, model=model), refusing, None), model)
    except Untranslatable:
        return None


SAYS: dict[str, st.SearchStrategy[Request]] = {
    "chat": made.requests(OF_CHAT),
    "responses": made.requests(OF_RESPONSES),
    "messages": st.sampled_from(list(OF_MESSAGES.values())).flatmap(made.requests),
    "content": made.requests(OF_CONTENT),
}
"""What each dialect can say."""


def seen(theirs: str, request: Request) -> Request:
    """The request, less what the other dialect says in one way only, or does not need to be told."""
    told = SEEN[theirs](request)
    messages = [replace(message, parts=[_seen(part) for part in message.parts]) for message in told.messages]
    ids: dict[str, str] = {}
    for part in (part for message in messages for part in message.parts):
        if isinstance(part, ToolCall):
            part.id = ids.setdefault(part.id, str(len(ids)))
        elif isinstance(part, ToolResult):
            part.call = ids[part.call]
    if theirs in ("messages", "content"):  # how much it is to think is told in each generation's own terms
        verbosity = None if told.verbosity == "medium" else told.verbosity  # it is so without being told
        told = replace(told, effort=None, budget=None, verbosity=verbosity)
        undetailed = (replace(message, parts=[_undetailed(part) for part in message.parts]) for message in messages)
        messages = _trimmed(list(undetailed))
    tools = [replace(tool, parameters=_parameters(tool.parameters)) for tool in told.tools]
    schema = told.schema
    if schema is not None:
        schema = replace(schema, name=schema.name or "answer")  # the name that is made up where one is needed
    return replace(told, messages=messages, tools=tools, schema=schema, max_tokens=told.max_tokens or 0)


def _parameters(schema: Json | None) -> Json | None:
    """A function that takes none is told to take an object of none."""
    return schema if schema is not None and schema.get("properties") else None


def _described(request: Request) -> Request:
    """What a schema is for stands in the schema, where there is no other place for it."""
    schema = request.schema
    if schema is None or schema.schema is None or schema.description is None:
        return request
    return replace(request, schema=replace(schema, schema={"description": schema.description} | schema.schema))


SEEN: dict[str, Callable[[Request], Request]] = {
    "chat": words_first,
    "responses": of_responses,
    "messages": lambda request: of_messages(_described(request)),
    "content": of_content,
}


def _seen(part: Any) -> Any:
    """A copy; of a file at an address, that says of itself what it is; whose name, if it has one, nobody calls."""
    if isinstance(part, ToolResult):
        return replace(part, parts=[_seen(one) for one in part.parts])
    if isinstance(part, Document):
        return replace(part, media_type=None if part.url else part.media_type, name=None)
    return replace(part)


def _undetailed(part: Any) -> Any:
    """All pictures are looked at alike, and a refusal is what it says."""
    if isinstance(part, ToolResult):
        return replace(part, parts=[_undetailed(one) for one in part.parts])
    if isinstance(part, Refusal):
        return Text(part.text)
    return replace(part, detail=None) if isinstance(part, Image) else part


def _trimmed(messages: list[Message]) -> list[Message]:
    """What the assistant is to go on with does not end in space."""
    last = messages[-1].parts[-1]
    if messages[-1].role == "assistant" and isinstance(last, Text):
        messages[-1].parts[-1] = Text(last.text.rstrip())
    return messages


@pairs
@unhurried
@given(data=st.data())
def test_a_request_is_carried_over_or_refused_by_its_path(ours: str, theirs: str, data: st.DataObject) -> None:
    source, target = SIDES[ours], SIDES[theirs]
    asked = called(source, data.draw(SAYS[ours]))
    if asked is None:
        return
    request = source.codec.read_request(asked, refusing)
    request.model = data.draw(st.sampled_from(target.models))
    before = copy.deepcopy(request)
    try:
        written = target.codec.write_request(request, refusing, None)
    except Untranslatable as refused:
        assert stands(asked.body, refused.path), refused
        with contextlib.suppress(Untranslatable):
            rest = target.codec.write_request(before, noted := dropping(), None)
            assert noted.noted[0] == refused.path
            assert all(stands(asked.body, path) for path in noted.noted), noted.noted
            taken(theirs, rest.body, request.model, dict(rest.headers).get("anthropic-version", ""))
        return
    taken(theirs, written.body, request.model, dict(written.headers).get("anthropic-version", ""))
    again = target.codec.read_request(asked_of(written, request.model), refusing)
    assert made.differing(seen(theirs, again), seen(theirs, before)) == {}


def stands(body: Json, path: str) -> bool:
    """Whether something stands at the path in the caller's request."""
    found: Any = body
    for name, number in re.findall(r"([A-Za-z_]\w*)|\[(\d+)\]", path):
        try:
            found = found[name] if name else found[int(number)]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _step(name: str) -> list[Message]:
    call, result = ToolCall(name, "f", "{}"), ToolResult(name, "f", [Text("1")])
    return [Message("assistant", [call], "turn"), Message("tool", [result], "results")]


def test_calls_behind_words_that_are_lost_are_of_the_present_turn() -> None:
    lost = Message("user", [Image(url="https://a", at="picture")])
    request = Request("gemini-3-pro", [Message("user", [Text("a")]), *_step("one"), lost, *_step("two")])
    body = CONTENT.write_request(request, noted := dropping(), None).body
    taken("content", body, request.model)
    assert noted.noted == ["picture"]


def test_results_of_a_turn_that_is_lost_are_lost_with_it() -> None:
    request = Request("claude-opus-4-8", [*_step("one"), Message("user", [Text("a")]), *_step("two")])
    written = MESSAGES.write_request(request, noted := dropping(), None)
    taken("messages", written.body, request.model, dict(written.headers)["anthropic-version"])
    assert noted.noted == ["turn"]
    assert written.body["messages"][0] == {"role": "user", "content": [{"type": "text", "text": "a"}]}
