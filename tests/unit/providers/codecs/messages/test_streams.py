"""Streams, by the vendor's documentation and as the SDK reads them."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from anthropic import Anthropic
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from resilient_ai.providers.canonical import (
    Alive,
    Answer,
    Closed,
    Delta,
    Failed,
    Finished,
    Opened,
    PartClosed,
    PartDelta,
    PartOpened,
    Refusal,
    Text,
    ToolCall,
    Usage,
    Used,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable
from resilient_ai.providers.codecs.messages import CODEC
from resilient_ai.providers.sse import EventDecoder
from tests.unit.providers.codecs import made

Json = dict[str, Any]
ASKED = Asked({}, "claude-opus-5", stream=True)
_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def start(**usage: int) -> Json:
    message: Json = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5", "content": []}
    return {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}


def block(index: int, **fields: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def delta(index: int, kind: str, **fields: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None, sequence: str | None = None, **usage: Any) -> Json:
    fields = {"stop_reason": reason, "stop_sequence": sequence}
    return {"type": "message_delta", "delta": fields, "usage": usage}


STOP: Json = {"type": "message_stop"}
PING: Json = {"type": "ping"}


def read(*events: Json) -> list[Delta]:
    reader = CODEC.reader()
    return [said for event in events for said in reader.read(event["type"].encode(), json.loads(json.dumps(event)))]


def told(stream: bytes) -> list[Json]:
    """The events; each has its name, and is one of the SDK's."""
    events = EventDecoder().feed(stream)
    found: list[Json] = [json.loads(event.data) for event in events]
    assert [event.name.decode() for event in events] == [one["type"] for one in found]
    for one in found:
        if one["type"] not in ("ping", "error"):
            _EVENT.validate_python(one)
    return found


# Read. ----------------------------------------------------------------------------------------------------------------


def test_a_whole_one() -> None:
    """Of the documentation's page on streams: text, thoughts, a tool's input."""
    found = read(
        start(input_tokens=25, output_tokens=1, cache_read_input_tokens=7),
        block(0, type="thinking", thinking="", signature=""),
        PING,
        delta(0, "thinking_delta", thinking="Let me think"),
        delta(0, "signature_delta", signature="EqQB"),
        stop(0),
        block(1, type="text", text=""),
        delta(1, "text_delta", text="Hello"),
        delta(1, "text_delta", text=""),
        delta(1, "text_delta", text="!"),
        stop(1),
        block(2, type="tool_use", id="toolu_1", name="weather", input={}),
        delta(2, "input_json_delta", partial_json=""),
        delta(2, "input_json_delta", partial_json='{"city": "S'),
        delta(2, "input_json_delta", partial_json='an"}'),
        stop(2),
        block(3, type="tool_use", id="toolu_2", name="now", input={}),
        delta(3, "input_json_delta", partial_json=""),
        stop(3),
        end("tool_use", output_tokens=15, output_tokens_details={"thinking_tokens": 4}),
        STOP,
    )
    assert found == [
        Opened("msg_1", "claude-opus-5"),
        Alive(),
        Alive(),
        Alive(),
        Alive(),
        PartOpened(0, "text"),
        PartDelta(0, "Hello"),
        PartDelta(0, "!"),
        PartClosed(0),
        PartOpened(1, "tool", "toolu_1", "weather"),
        PartDelta(1, '{"city": "S'),
        PartDelta(1, 'an"}'),
        PartClosed(1),
        PartOpened(2, "tool", "toolu_2", "now"),
        PartDelta(2, "{}"),
        PartClosed(2),
        Finished("tool_calls"),
        Used(Usage(32, 15, cached=7, reasoning=4)),
        Closed(),
    ]


def test_counts_are_of_the_whole_so_far() -> None:
    found = read(
        start(input_tokens=5, output_tokens=1),
        end(None, output_tokens=2),
        end("stop_sequence", "END", output_tokens=3, input_tokens=None),
        end("stop_sequence", "END", output_tokens=4, input_tokens=6),
        STOP,
    )
    assert found[1:] == [Finished("stop", "END"), Used(Usage(5, 3)), Used(Usage(6, 4)), Closed()]


def test_a_host_that_leaves_out_what_can_be_missed() -> None:
    found = read(
        {"type": "message_start", "message": {}},
        block(0, type="text", text="Hel"),
        delta(0, "text_delta", text="lo"),
        block(1, type="tool_use", id="t", name="n", input={"a": 1}),  # nobody closes a block, and it is there at once
        {"type": "novelty"},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        STOP,
    )
    assert isinstance(found[0], Opened)
    assert found[0].id.startswith("msg_")
    assert found[1:] == [
        PartOpened(0, "text"),
        PartDelta(0, "Hel"),
        PartDelta(0, "lo"),
        PartClosed(0),
        PartOpened(1, "tool", "t", "n"),
        PartDelta(1, '{"a":1}'),
        PartClosed(1),
        Finished("tool_calls"),
        Closed(),
    ]
    assert CODEC.reader().done() == []


def test_a_name_stands_for_a_type() -> None:
    assert CODEC.reader().read(b"ping", {}) == [Alive()]


def test_an_error() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert read(start(), error)[1:] == [Failed(error)]


@pytest.mark.parametrize(
    "events",
    [
        [block(0, type="server_tool_use", id="s", name="web_search", input={})],
        [block(0, type="web_search_tool_result", tool_use_id="s", content=[])],
        [block(0, type="text", text=""), delta(0, "novelty_delta", x=1)],
        [end("pause_turn", output_tokens=1)],
    ],
)
def test_what_no_other_dialect_says(events: list[Json]) -> None:
    with pytest.raises(Untranslatable):
        read(start(), *events)


@pytest.mark.parametrize(
    "events",
    [
        [delta(0, "text_delta", text="x")],
        [block(0, type="text", text=""), stop(0), delta(0, "text_delta", text="x")],
        [block(0, type="thinking", thinking=""), delta(0, "text_delta", text="x")],
        [block(0, type="text", text=""), delta(1, "text_delta", text="x")],
        [STOP],
        [{"type": "content_block_start"}],
        [{"type": "content_block_delta", "index": 0}],
        [{"type": "message_delta"}],
    ],
)
def test_another_schema(events: list[Json]) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        read(start(), *events)


# Written. -------------------------------------------------------------------------------------------------------------


def write(*deltas: Delta) -> list[Json]:
    return told(made.written(CODEC, ASKED, deltas))


def test_a_whole_one_is_written() -> None:
    found = write(
        Alive(),
        Opened("chatcmpl-1", "gpt-5.6", 1_700_000_000),
        PartOpened(0, "text"),
        PartClosed(0),
        PartOpened(1, "text"),
        PartDelta(1, ""),
        PartDelta(1, "Grüße"),
        Alive(),
        PartClosed(1),
        PartOpened(2, "tool", "fc:1", "weather"),
        PartDelta(2, '{"city":'),
        PartDelta(2, '"x"}'),
        PartClosed(2),
        Finished("stop"),
        Used(Usage(5, 1)),
        Used(Usage(30, 7, cached=10)),
        Closed(),
    )
    call = found[6]["content_block"]["id"]
    assert call.startswith("toolu_")
    nothing = {"input_tokens": 0, "output_tokens": 0}
    begun = {"stop_reason": None, "stop_sequence": None, "stop_details": None, "usage": nothing}
    message: Json = {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-5.6",
        "content": [],
        **begun,
    }
    assert found == [
        PING,
        {"type": "message_start", "message": message},
        block(0, type="text", text=""),
        delta(0, "text_delta", text="Grüße"),
        PING,
        stop(0),
        block(1, type="tool_use", id=call, name="weather", input={}),
        delta(1, "input_json_delta", partial_json='{"city":'),
        delta(1, "input_json_delta", partial_json='"x"}'),
        stop(1),
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None, "stop_details": None},
            "usage": {
                "input_tokens": 20,
                "cache_read_input_tokens": 10,
                "output_tokens": 7,
            },
        },
        STOP,
    ]


def test_nothing_ends_before_its_end() -> None:
    """What was cut has no reason to have ended, and no signal: the caller's SDK is told so."""
    found = write(Opened("i", "m"), PartOpened(0, "text"), PartDelta(0, "x"), PartClosed(0), Finished("stop"))
    assert [event["type"] for event in found][-1] == "content_block_stop"
    assert write(Opened("i", "m"), Closed())[1:] == [], "nobody said why"


@pytest.mark.parametrize(
    ("parts", "finished", "reason"),
    [
        ([PartOpened(0, "refusal"), PartDelta(0, "No."), PartClosed(0)], Finished("stop"), "refusal"),
        ([], Finished("content_filter"), "refusal"),
        ([], Finished("length"), "max_tokens"),
        ([], Finished("stop", "END"), "stop_sequence"),
        ([], Finished("stop"), "end_turn"),
    ],
)
def test_why_it_ended(parts: list[Delta], finished: Finished, reason: str) -> None:
    ending = write(Opened("i", "m"), *parts, finished, Closed())[-2]
    assert ending["delta"]["stop_reason"] == reason
    assert ending["delta"]["stop_sequence"] == ("END" if reason == "stop_sequence" else None)
    assert ending["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_an_error_is_written() -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "It broke."}, "request_id": None}
    assert write(Failed(error)) == [error]


# Through the SDK. -----------------------------------------------------------------------------------------------------


def client(stream: bytes) -> Anthropic:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    return Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=httpx2.MockTransport(answer)))


HELLO: Any = [{"role": "user", "content": "Hi"}]


@given(st.data(), made.answers(many=True, mixed=True, refusals=True, stop_sequences=True))
def test_the_sdk_s_accumulator_has_the_whole_answer(data: st.DataObject, answer: Answer) -> None:
    stream = made.written(CODEC, ASKED, data.draw(made.told(answer)))
    told(stream)
    with (
        client(stream) as sdk,
        sdk.messages.stream(model="claude-opus-5", max_tokens=9, messages=HELLO) as events,
    ):
        kinds = [event.type for event in events]
        final = events.get_final_message()
    plain = SdkMessage.model_validate(CODEC.write_answer(answer, ASKED))
    assert final.to_dict() == plain.to_dict()
    assert kinds[-1] == "message_stop"


class City(BaseModel):
    """What is asked for."""

    name: str


def test_what_is_asked_for_by_a_type_is_parsed() -> None:
    deltas: list[Delta] = [Opened("i", "m"), PartOpened(0, "text"), PartDelta(0, '{"name":'), PartDelta(0, '"Bern"}')]
    stream = made.written(CODEC, ASKED, [*deltas, PartClosed(0), Finished("stop"), Closed()])
    with (
        client(stream) as sdk,
        sdk.messages.stream(model="claude-opus-5", max_tokens=9, messages=HELLO, output_format=City) as events,
    ):
        assert events.get_final_message().parsed_output == City(name="Bern")


def test_raw_events_and_text_pass_through_the_sdk() -> None:
    answer = Answer("i", "m", [Text("Hello, you"), ToolCall("c", "n", '{"a":[1,2]}')], "tool_calls", usage=Usage(3, 4))
    deltas: list[Delta] = [
        Opened("i", "m"), PartOpened(0, "text"), PartDelta(0, "Hello"), Alive(), PartDelta(0, ", you"), PartClosed(0),
        PartOpened(1, "tool", "c", "n"), PartDelta(1, '{"a":[1'), PartDelta(1, ",2]}"), PartClosed(1),
        Finished("tool_calls"), Used(Usage(3, 4)), Closed(),
    ]  # fmt: skip
    assert made.whole(deltas) == answer
    stream = made.written(CODEC, ASKED, deltas)
    with client(stream) as sdk:
        raw = list(sdk.messages.create(model="claude-opus-5", max_tokens=9, messages=HELLO, stream=True))
        with sdk.messages.stream(model="claude-opus-5", max_tokens=9, messages=HELLO) as events:
            assert "".join(events.text_stream) == "Hello, you"
            call = events.get_final_message().content[1]
    assert [event.type for event in raw if event.type != "ping"][-1] == "message_stop"
    assert call.type == "tool_use"
    assert call.input == {"a": [1, 2]}


def test_a_refusal_is_words_that_were_refused() -> None:
    answer = Answer("i", "m", [Refusal("I cannot.")], "stop")
    deltas: list[Delta] = [Opened("i", "m"), PartOpened(0, "refusal"), PartDelta(0, "I cannot."), PartClosed(0)]
    deltas += [Finished("stop"), Closed()]
    assert made.whole(deltas) == answer
    with (
        client(made.written(CODEC, ASKED, deltas)) as sdk,
        sdk.messages.stream(model="claude-opus-5", max_tokens=9, messages=HELLO) as events,
    ):
        final = events.get_final_message()
    assert (final.stop_reason, final.stop_details is not None) == ("refusal", True)
    assert events.get_final_text() == "I cannot."
