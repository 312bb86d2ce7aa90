"""Streams: as OpenAI and the hosts tell them, and as the SDK puts them together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

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
from resilient_ai.providers.codecs.chat import CODEC
from resilient_ai.providers.sse import EventDecoder
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.sdk_types import unknown

Json = dict[str, Any]
FRAME: Json = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 17, "model": "m"}


def chunk(delta: Json | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return b"data: " + json.dumps({**FRAME, "choices": [choice], **fields}).encode() + b"\n\n"


def call(index: int | None, arguments: str | None = None, **fields: Any) -> Json:
    """A piece of a tool call: of its function the name, if it has one, and the arguments."""
    function = {name: fields.pop(name) for name in ("name",) if name in fields}
    if arguments is not None:
        function["arguments"] = arguments
    return {**({} if index is None else {"index": index}), **fields, **({"function": function} if function else {})}


DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def told(*events: bytes) -> list[Delta]:
    return made.read(CODEC, events)


def calls(*events: Json, finish: str = "tool_calls") -> list[Delta]:
    """What is told of pieces of tool calls."""
    return told(*(chunk({"tool_calls": [one]}) for one in events), chunk({}, finish), DONE)


GOLDEN = (
    b'data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-5.6",'
    b'"system_fingerprint":"fp_4","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},'
    b'"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"x1"}\n\n'
    b'data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-5.6",'
    b'"system_fingerprint":"fp_4","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,'
    b'"finish_reason":null}],"usage":null,"obfuscation":"x2"}\n\n'
    b'data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-5.6",'
    b'"system_fingerprint":"fp_4","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":null}\n\n'
    b'data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-5.6",'
    b'"system_fingerprint":"fp_4","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,'
    b'"prompt_tokens_details":{"cached_tokens":0}}}\n\n'
    b"data: [DONE]\n\n"
)


def test_a_stream_of_openai_s() -> None:
    assert told(GOLDEN) == [
        Opened("chatcmpl-123", "gpt-5.6", 1694268190),
        PartOpened(0, "text"),
        PartDelta(0, "Hello"),
        PartClosed(0),
        Finished("stop"),
        Used(Usage(9, 1, cached=0)),
        Closed(),
    ]


def test_it_is_written_as_the_vendor_has_it() -> None:
    asked = Asked({"stream_options": {"include_usage": True}}, "m", True)
    stream = made.written(CODEC, asked, told(GOLDEN))
    theirs, ours = ([event.data for event in EventDecoder().feed(one)] for one in (GOLDEN, stream))
    assert theirs.pop() == ours.pop() == b"[DONE]"
    expected = [
        {name: value for name, value in json.loads(one).items() if name not in ("obfuscation", "system_fingerprint")}
        for one in theirs
    ]
    assert [json.loads(one) for one in ours] == expected


def test_usage_is_left_out_where_it_was_not_asked_for() -> None:
    stream = made.written(CODEC, Asked({}, "m", True), told(GOLDEN))
    assert b"usage" not in stream
    assert stream.endswith(b"data: [DONE]\n\n")


def test_thoughts_are_signs_of_life() -> None:
    for name in ("reasoning_content", "reasoning"):
        found = told(chunk({"role": "assistant", "content": ""}), chunk({"content": None, name: "hm"}), chunk())
        assert found == [Opened("chatcmpl-1", "m", 17), Alive()]
    assert told(chunk({}), chunk({"content": [{"type": "thinking", "thinking": []}]}))[1:] == [Alive()]


def test_what_a_host_says_at_once() -> None:
    found = told(chunk({"role": "assistant", "content": "a"}, "stop", usage=USAGE), DONE)
    assert made.whole(found) == Answer("chatcmpl-1", "m", [Text("a")], "stop", created=17, usage=Usage(3, 2))


def test_usage_in_every_chunk_is_told_once() -> None:
    found = told(chunk({"content": "a"}, usage={**USAGE, "completion_tokens": 1}), chunk({}, "stop", usage=USAGE), DONE)
    assert [one for one in found if isinstance(one, Used)] == [Used(Usage(3, 2))]
    assert made.whole(found).usage == Usage(3, 2)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 3}])
def test_usage_that_says_nothing(usage: Json | None) -> None:
    assert made.whole(told(chunk({"content": "a"}, "stop", usage=usage), DONE)).usage is None


def test_azure_begins_with_what_it_filtered() -> None:
    first = b'data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[]}\n\n'
    late: Json = {"index": 0, "finish_reason": None, "content_filter_results": {}, "content_filter_offsets": {}}
    found = told(first, chunk({"content": "a"}), chunk({}, "stop"), chunk(choices=[late]), DONE)
    assert made.whole(found) == Answer("chatcmpl-1", "m", [Text("a")], "stop", created=17)


def test_a_host_that_leaves_things_out() -> None:
    def bare(choice: Json) -> bytes:
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    found = told(
        bare({"delta": {"content": "a"}}),
        bare({"delta": {"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}),
        bare({"delta": None, "finish_reason": ""}),
        bare({"finish_reason": "stop"}),
        DONE,
    )
    answer = made.whole(found)
    assert answer.id.startswith("chatcmpl-")
    assert (answer.model, answer.created, answer.stop) == ("", None, "tool_calls")
    one = answer.parts[1]
    assert isinstance(one, ToolCall)
    assert one.id.startswith("call_")
    assert (one.name, one.arguments) == ("f", "{}")


BOTH = [ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}')]


@pytest.mark.parametrize(
    "events",
    [
        # as OpenAI does: one after the other
        (call(0, "", id="a", type="function", name="f"), call(0, '{"x"'), call(0, ":1}"),
         call(1, "", id="b", type="function", name="g"), call(1, '{"y":2}')),
        # in turns
        (call(0, "", id="a", name="f"), call(1, "", id="b", name="g"),
         call(0, '{"x"'), call(1, '{"y"'), call(0, ":1}"), call(1, ":2}")),
        (call(1, '{"y"', id="b", name="g"), call(0, '{"x":1}', id="a", name="f"), call(1, ":2}")),
        # whole, and all under one number (Gemini), or none
        (call(0, '{"x":1}', id="a", name="f"), call(0, '{"y":2}', id="b", name="g")),
        (call(None, '{"x":1}', id="a", name="f"), call(None, '{"y":2}', id="b", name="g")),
        (call(None, '{"x"', id="a", name="f"), call(None, ":1}"), call(None, '{"y":2}', id="b", name="g")),
        # with the id in every piece, and an empty one
        (call(0, '{"x"', id="a", name="f"), call(0, ":1}", id="a", name="f"),
         call(1, '{"y"', id="b", name="g"), call(1, ":2}", id="", name=None)),
        # the name behind the id
        (call(0, id="a"), call(0, "", name="f"), call(0, '{"x":1}'), call(1, '{"y":2}', id="b", name="g")),
    ],
    ids=["in order", "in turns", "backwards", "one number", "no number", "no number, in pieces", "ids", "late name"],
)  # fmt: skip
def test_tool_calls_in_any_order(events: tuple[Json, ...]) -> None:
    parts = made.whole(calls(*events)).parts
    assert sorted(parts, key=str) == BOTH


def test_a_tool_call_is_handed_on_as_it_comes() -> None:
    first = CODEC.reader()

    def read(one: Json) -> list[Delta]:
        return made.read_event(first, b"", chunk({"tool_calls": [one]}).removeprefix(b"data: "))

    assert read(call(0, "", id="a", name="f"))[1:] == [PartOpened(0, "tool", "a", "f")]
    assert read(call(0, '{"x":')) == [PartDelta(0, '{"x":')]
    assert read(call(1, "", id="b", name="g")) == [], "the first one is not whole"
    assert read(call(1, '{"y":')) == []
    assert read(call(0, "1}")) == [
        PartDelta(0, "1}"),
        PartClosed(0),
        PartOpened(1, "tool", "b", "g"),
        PartDelta(1, '{"y":'),
    ]
    assert read(call(0, "\n")) == []
    with pytest.raises(ValueError):
        read(call(0, "1"))


def test_words_between_tool_calls() -> None:
    found = told(
        chunk({"content": "a"}),
        chunk({"tool_calls": [call(0, '{"x"', id="a", name="f")]}),
        chunk({"content": "b"}),
        chunk({"tool_calls": [call(0, ":1}")]}),
        chunk({"content": "c"}, "tool_calls"),
        DONE,
    )
    assert made.whole(found).parts == [Text("a"), ToolCall("a", "f", '{"x":1}'), Text("bc")]


def test_a_refusal() -> None:
    found = told(chunk({"role": "assistant", "content": None, "refusal": ""}), chunk({"refusal": "No."}, "stop"), DONE)
    assert made.whole(found).parts == [Refusal("No.")]


def test_a_stream_without_a_reason_is_not_whole() -> None:
    assert Closed() not in told(chunk({"content": "a"}), DONE)
    assert Closed() not in told(chunk({"content": "a"}, "stop"))


ERRORS: list[Json] = [
    {"error": {"message": "no", "code": "server_error"}},
    {**FRAME, "choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]},
    {**FRAME, "choices": [{"index": 0, "delta": {"content": "a"}}], "error": {"code": 502, "message": "no"}},
    {"object": "error", "message": "no", "code": 400},
]


@pytest.mark.parametrize("event", ERRORS, ids=range(len(ERRORS)))
def test_an_error_ends_it(event: Json) -> None:
    assert made.read_event(CODEC.reader(), b"", json.dumps(event).encode())[-1] == Failed(event)


@pytest.mark.parametrize(
    "event",
    [
        chunk({"audio": {"id": "a"}}),
        chunk({"images": [{"type": "image_url"}]}),
        chunk({"function_call": {"name": "f"}}),
        chunk({"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {}}]}),
        chunk({}, "insufficient_system_resource"),
        chunk(choices=[{"index": 1, "delta": {"content": "a"}}]),
    ],
)
def test_what_cannot_be_told_is_refused(event: bytes) -> None:
    with pytest.raises(Untranslatable):
        told(event)


@pytest.mark.parametrize(
    "events",
    [
        (chunk({"content": "a"}, "stop"), chunk({"content": "b"})),
        (chunk({"tool_calls": [call(0, "{}")]}), chunk({}, "stop")),
        (chunk({"tool_calls": [call(n, "", id=str(n), name="f") for n in range(2000)]}),),
        (chunk(choices=3),),
        (chunk(choices=["a"]),),
        (chunk({"tool_calls": [3]}),),
    ],
)
def test_another_schema_or_more_than_makes_sense_is_said_to_be_one(events: tuple[bytes, ...]) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        told(*events)


def put_together(stream: bytes) -> Any:
    """The answer that the SDK makes of a stream."""
    state = ChatCompletionStreamState()
    for event in EventDecoder().feed(stream):
        if event.data != b"[DONE]":
            found = ChatCompletionChunk.model_validate_json(event.data, strict=True)
            assert unknown(found) == []
            state.handle_chunk(found)
    return state.get_final_completion()


@given(st.data(), made.answers(refusals=True, mixed=True, many=True))
def test_the_sdk_puts_together_what_was_said(data: st.DataObject, answer: Answer) -> None:
    asked = Asked({"stream_options": {"include_usage": True}}, "m", True)
    if answer.stop in ("length", "content_filter"):  # the SDK raises of them
        answer.stop = "stop"
    found = put_together(made.written(CODEC, asked, data.draw(made.told(answer))))
    plain = CODEC.write_answer(answer, asked)
    message, expected = found.choices[0].message, plain["choices"][0]["message"]
    assert (message.content or "", message.refusal or None) == (expected["content"] or "", expected["refusal"])
    tools: list[Any] = message.tool_calls or []
    called = [(one.id, one.function.name, one.function.arguments) for one in tools]
    assert called == [
        (one["id"], one["function"]["name"], one["function"]["arguments"]) for one in expected.get("tool_calls", [])
    ]
    assert found.choices[0].finish_reason == answer.stop
    assert (found.id, found.model, found.created) == (answer.id, answer.model, answer.created)
    assert (found.usage.total_tokens if found.usage else None) == (
        plain["usage"]["total_tokens"] if "usage" in plain else None
    )


def test_a_call_without_arguments_can_be_parsed() -> None:
    deltas: list[Delta] = [Opened("a", "m"), PartOpened(0, "tool", "c", "f"), PartClosed(0), Finished("tool_calls")]
    found = put_together(made.written(CODEC, Asked({}, "m", True), [*deltas, Closed()]))
    assert found.choices[0].message.content is None
    assert found.choices[0].message.tool_calls[0].function.arguments == "{}"


def test_an_answer_without_words_begins_and_ends() -> None:
    deltas: list[Delta] = [Opened("a", "m"), Alive(), Finished("length"), Closed()]
    assert made.whole(told(made.written(CODEC, Asked({}, "m", True), deltas))) == Answer("a", "m", [], "length")


@given(st.data())
def test_pieces_in_any_turns(data: st.DataObject) -> None:
    """Words and the pieces of several calls, however they are mixed; a call's own are in their order."""
    called = data.draw(st.lists(st.tuples(made.names, made.arguments), max_size=4))
    queues: list[list[Json]] = []
    for index, (name, arguments) in enumerate(called):
        at = data.draw(st.integers(0, len(arguments)))
        opening = call(index, "", id=f"c{index}", name=name)
        queues.append(
            [{"tool_calls": [one]} for one in (opening, call(index, arguments[:at]), call(index, arguments[at:]))]
        )
    words = data.draw(st.lists(made.words, max_size=3))
    queues.append([{"content": one} for one in words])
    events: list[bytes] = []
    while any(queues):
        queue = data.draw(st.sampled_from([one for one in queues if one]))
        events.append(chunk(queue.pop(0)))
    reader = CODEC.reader()
    found = [
        delta
        for event in [*events, chunk({}, "stop"), DONE]
        for delta in made.read_event(reader, b"", event.removeprefix(b"data: ").strip())
    ]
    answer = made.whole(found)
    assert "".join(part.text for part in answer.parts if isinstance(part, Text)) == "".join(words)
    calls_ = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert sorted(calls_, key=lambda one: one.id) == [
        ToolCall(f"c{index}", name, arguments) for index, (name, arguments) in enumerate(called)
    ]
    assert answer.stop == ("tool_calls" if called else "stop")
