"""What is made in the canonical form, written as Chat and read again, is the same, or refused by its path."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.providers.canonical import Answer, Document, Message, Request, Text, ToolCall
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC
from resilient_ai.testing._server.fields import CHAT
from resilient_ai.testing._server.validate import check
from resilient_ai.testing._server.world import Ask
from tests.unit.providers.codecs import made

SETTINGS = {name: how for name, how in made.SETTINGS.items() if name not in ("top_k", "budget")}
CAN = made.Can(
    settings=SETTINGS,
    parts=(made.texts, made.images, made.image_urls, made.detailed_images, made.documents, made.audio),
    ids=made.any_ids,
    middle=True,
    refusals=True,
    prefill=True,
    first=("user", "assistant"),
)


def sent(request: Request) -> Request:
    """The request, over the wire and back."""
    body = json.loads(json.dumps(CODEC.write_request(request, refusing, None).body))
    return CODEC.read_request(Asked(body, body["model"], bool(body.get("stream"))), refusing)


@given(made.requests(CAN))
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    assert made.differing(sent(copy.deepcopy(request)), request) == {}


def words_first(request: Request) -> Request:
    """As Chat has it: what is said before what is called, and documents of text as their text."""
    messages = list[Message]()
    for message in request.messages:
        parts = sorted(message.parts, key=lambda part: isinstance(part, ToolCall))
        for at, part in enumerate(parts):
            if isinstance(part, Document) and part.media_type == "text/plain":
                parts[at] = Text("hello") if part.data == "aGVsbG8=" else Text("\0")
        messages.append(replace(message, parts=parts))
    return replace(request, messages=messages)


@given(made.requests(made.ANYTHING))
def test_any_request_comes_back_or_is_refused(request: Request) -> None:
    try:
        found = sent(request)
    except Untranslatable as refused:
        assert refused.path
    else:
        assert made.differing(found, words_first(request)) == {}


@given(made.requests(made.ANYTHING))
def test_what_is_lost_is_noted_and_no_more_is_and_the_vendor_takes_the_rest(request: Request) -> None:
    noted = dropping()
    try:
        body = CODEC.write_request(request, noted, None).body
    except Untranslatable:
        return
    check(CHAT, Ask(method="POST", path="/chat/completions", query={}, json=body))
    found = CODEC.read_request(Asked(body, body["model"], bool(body.get("stream"))), refusing)
    differ = made.differing(found, words_first(request))
    assert (differ == {}) == (noted.noted == [])
    for name in differ.keys() - {"messages"}:
        assert name in noted.noted


@given(made.answers(refusals=True))
def test_an_answer_comes_back_as_it_was(answer: Answer) -> None:
    written = json.loads(json.dumps(CODEC.write_answer(answer, Asked({}, "", False))))
    assert CODEC.read_answer(written) == answer


@given(st.data(), made.answers(refusals=True), made.chunks)
def test_a_stream_comes_back_as_it_was(data: st.DataObject, answer: Answer, sizes: list[int]) -> None:
    asked = Asked({"stream_options": {"include_usage": True}}, "", True)
    stream = made.written(CODEC, asked, data.draw(made.told(answer)))
    assert made.whole(made.read(CODEC, made.chunked(stream, sizes))) == answer


@given(st.data(), made.answers(refusals=True, mixed=True))
def test_usage_is_told_where_it_is_asked_for(data: st.DataObject, answer: Answer) -> None:
    stream = made.written(CODEC, Asked({}, "", True), data.draw(made.told(answer)))
    assert b"usage" not in stream
    assert made.whole(made.read(CODEC, [stream])).usage is None


def test_nothing_left_of_a_conversation_is_refused() -> None:
    with pytest.raises(Untranslatable):
        CODEC.write_request(Request("m", [Message("user", [])]), dropping(), None)
