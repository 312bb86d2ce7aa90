"""Streams of OpenAI's Responses, written by hand after the API reference, and what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai.failures import FailureKind
from resilient_ai.providers.canonical import (
    Alive,
    Closed,
    Failed,
    Finished,
    Opened,
    PartClosed,
    PartDelta,
    PartOpened,
    Text,
    ToolCall,
    Used,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable
from resilient_ai.providers.codecs.responses import CODEC
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.responses.test_responses_answers import ANSWER, CALL, MESSAGE, SPENT, THOUGHT, WORDS

Json = dict[str, Any]


def event(kind: str, **fields: Any) -> Json:
    return {"type": f"response.{kind}", **fields}


BEGUN: Json = {**ANSWER, "status": "in_progress", "output": [], "usage": None}
BEGINNING = [event("created", response=BEGUN), event("in_progress", response=BEGUN)]
OPENED = Opened("resp_1", "gpt-5.6-2026-03-05", 1741476777)
INSIDE: Json = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
TELLING = [
    event("output_item.added", output_index=0, item={**MESSAGE, "status": "in_progress", "content": []}),
    event("content_part.added", **INSIDE, part={**WORDS, "text": ""}),
    event("output_text.delta", **INSIDE, delta="It is ", logprobs=[]),
    event("output_text.delta", **INSIDE, delta="", logprobs=[]),
    event("output_text.delta", **INSIDE, delta="sunny.", logprobs=[]),
    event("output_text.done", **INSIDE, text="It is sunny.", logprobs=[]),
    event("content_part.done", **INSIDE, part=WORDS),
    event("output_item.done", output_index=0, item=MESSAGE),
]
TOLD: list[Any] = [PartOpened(0, "text"), PartDelta(0, "It is "), PartDelta(0, "sunny."), PartClosed(0)]
DONE = event("completed", response={**ANSWER, "output": [MESSAGE]})
END: list[Any] = [Finished("stop"), Used(SPENT), Closed()]


def deltas_of(events: list[Json], *, alive: bool = False) -> list[Any]:
    reader = CODEC.reader()
    found = [delta for one in events for delta in reader.read(b"message", one)]
    return [delta for delta in found if alive or not isinstance(delta, Alive)]


def test_a_text_is_read() -> None:
    assert deltas_of([*BEGINNING, *TELLING, DONE]) == [OPENED, *TOLD, *END]
    named = [
        (one["type"].encode(), {name: one[name] for name in one if name != "type"})
        for one in [*BEGINNING, *TELLING, DONE]
    ]
    reader = CODEC.reader()
    assert [delta for name, one in named for delta in reader.read(name, one)] == [OPENED, *TOLD, *END]


def test_what_comes_behind_the_end_is_nothing() -> None:
    reader = CODEC.reader()
    assert reader.read(b"", BEGINNING[0]) == [OPENED]
    assert reader.done() == []
    assert reader.read(b"", DONE)[-1] == Closed()
    assert reader.read(b"", TELLING[2]) == []
    assert reader.done() == []


def test_a_stream_that_breaks_off_has_no_end() -> None:
    for length in range(len(TELLING)):
        assert Closed() not in deltas_of([*BEGINNING, *TELLING[:length]])


def test_thoughts_are_signs_of_life() -> None:
    place: Json = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    thinking = [
        event("output_item.added", output_index=0, item={**THOUGHT, "summary": []}),
        event("reasoning_summary_part.added", **place, part={"type": "summary_text", "text": ""}),
        event("reasoning_summary_text.delta", **place, delta="hm"),
        event("reasoning_summary_text.done", **place, text="hm"),
        event("reasoning_summary_part.done", **place, part=THOUGHT["summary"][0]),
        event("reasoning_text.delta", item_id="rs_1", output_index=0, content_index=0, delta="hm"),
        event(
            "content_part.done",
            item_id="rs_1",
            output_index=0,
            content_index=0,
            part={"type": "reasoning_text", "text": "hm"},
        ),
        event("output_item.done", output_index=0, item=THOUGHT),
        {"type": "keepalive", "sequence_number": 9},
    ]
    assert deltas_of([*BEGINNING, *thinking], alive=True) == [OPENED] + [Alive()] * len(thinking)
    moved = [{**one, "output_index": 1} if "output_index" in one else one for one in TELLING]
    assert deltas_of([*BEGINNING, *thinking, *moved, DONE]) == [OPENED, *TOLD, *END]


def calling(out: int, call: str, name: str, pieces: list[str]) -> list[Json]:
    item = {**CALL, "id": f"fc_{out}", "call_id": call, "name": name, "arguments": "".join(pieces)}
    place: Json = {"item_id": item["id"], "output_index": out}
    return [
        event("output_item.added", output_index=out, item={**item, "status": "in_progress", "arguments": ""}),
        *(event("function_call_arguments.delta", **place, delta=piece) for piece in pieces),
        event("function_call_arguments.done", **place, name=name, arguments=item["arguments"]),
        event("output_item.done", output_index=out, item=item),
    ]


def called(part: int, call: str, name: str, pieces: list[str]) -> list[Any]:
    return [PartOpened(part, "tool", call, name), *(PartDelta(part, piece) for piece in pieces), PartClosed(part)]


def test_calls_are_read() -> None:
    events = [
        *BEGINNING,
        *TELLING,
        *calling(1, "call_1", "look", ['{"a"', ":1}"]),
        *calling(2, "call_2", "now", []),
        DONE,
    ]
    assert deltas_of(events) == [
        OPENED,
        *TOLD,
        *called(1, "call_1", "look", ['{"a"', ":1}"]),
        *called(2, "call_2", "now", []),
        Finished("tool_calls"),
        *END[1:],
    ]


def test_items_that_come_side_by_side_are_told_one_after_the_other() -> None:
    one, other = calling(1, "call_1", "look", ["{", "}"]), calling(2, "call_2", "now", ["[", "]"])
    mixed = [event for pair in zip(other, one, strict=True) for event in pair]
    found = deltas_of([*BEGINNING, *TELLING[:3], *mixed, *TELLING[3:], DONE])
    answer = made.whole(found)
    assert answer.parts == [Text("It is sunny."), ToolCall("call_2", "now", "[]"), ToolCall("call_1", "look", "{}")]
    assert PartDelta(0, "It is ") in found[:4]


def test_a_refusal_is_read() -> None:
    said = {"type": "refusal", "refusal": "I cannot."}
    events = [
        TELLING[0],
        event("content_part.added", **INSIDE, part={**said, "refusal": ""}),
        event("refusal.delta", **INSIDE, delta="I cannot."),
        event("refusal.done", **INSIDE, refusal="I cannot."),
        event("content_part.done", **INSIDE, part=said),
    ]
    refused = [PartOpened(0, "refusal"), PartDelta(0, "I cannot."), PartClosed(0)]
    assert deltas_of([*BEGINNING, *events, DONE]) == [OPENED, *refused, *END]


LESS: dict[str, list[Json]] = {
    "no parts": [TELLING[0], *TELLING[2:6], TELLING[7]],
    "no items": TELLING[1:7],
    "nothing is closed": TELLING[:5],
    "only deltas": TELLING[2:5],
}


@pytest.mark.parametrize("events", LESS.values(), ids=LESS)
def test_servers_that_tell_less(events: list[Json]) -> None:
    assert deltas_of([BEGINNING[0], *events, DONE]) == [OPENED, *TOLD, *END]


AT_ONCE: dict[str, list[Json]] = {
    "only the item": TELLING[7:],
    "only its part": TELLING[6:7],
    "only the beginning and the end of it": [*TELLING[:2], *TELLING[5:]],
    "only the end of all": [],
}


@pytest.mark.parametrize("events", AT_ONCE.values(), ids=AT_ONCE)
def test_servers_that_tell_a_text_at_once(events: list[Json]) -> None:
    once = [PartOpened(0, "text"), PartDelta(0, "It is sunny."), PartClosed(0)]
    assert deltas_of([BEGINNING[0], *events, DONE]) == [OPENED, *once, *END]


def test_a_text_without_words_is_none() -> None:
    assert deltas_of([*BEGINNING, TELLING[0], TELLING[1], TELLING[3], DONE]) == [OPENED, *END]


@pytest.mark.parametrize(("reason", "stop"), [("max_output_tokens", "length"), ("content_filter", "content_filter")])
def test_a_stream_that_is_cut_short(reason: str, stop: Any) -> None:
    cut = {**ANSWER, "status": "incomplete", "incomplete_details": {"reason": reason}, "usage": None}
    found = deltas_of([*BEGINNING, *TELLING[:5], event("incomplete", response=cut)])
    assert found == [OPENED, *TOLD, Finished(stop), Closed()]


@pytest.mark.parametrize(
    "told",
    [
        event(
            "failed", response={**BEGUN, "status": "failed", "error": {"code": "server_error", "message": "too much"}}
        ),
        {"type": "error", "code": "server_error", "message": "too much", "param": None, "sequence_number": 4},
        {"type": "error", "error": {"type": "server_error", "message": "too much"}, "sequence_number": 4},
    ],
)
def test_an_error_is_told(told: Json) -> None:
    assert deltas_of([*BEGINNING, *TELLING[:3], told, DONE]) == [OPENED, *TOLD[:2], Failed(told)]
    assert CODEC.read_error(told) == "too much"


def test_an_error_without_a_name_is_one() -> None:
    reader = CODEC.reader()
    told = {"error": {"message": "too much"}}
    assert reader.read(b"", told) == [Failed(told)]


def test_words_of_errors() -> None:
    assert CODEC.read_error({"error": {"message": "no", "code": "x"}}) == "no"
    nothings: list[Any] = [None, [], "", {"error": {"code": "x"}}, {"response": []}, {"output": []}]
    for nothing in nothings:
        assert CODEC.read_error(nothing) is None
    assert CODEC.write_error(500, FailureKind.BROKEN, "oh")["error"]["message"] == "oh"


FOREIGN: list[Json] = [
    event("output_item.added", output_index=0, item={"type": "web_search_call", "id": "ws_1", "status": "in_progress"}),
    event("output_item.done", output_index=0, item={"type": "mcp_call", "id": "mcp_1"}),
    event("content_part.added", **INSIDE, part={"type": "output_audio"}),
    event("audio.delta", delta="AA=="),
]


@pytest.mark.parametrize("told", FOREIGN, ids=lambda told: told["type"])
def test_what_cannot_be_told_is_refused(told: Json) -> None:
    with pytest.raises(Untranslatable):
        deltas_of([*BEGINNING, told])


def test_what_has_not_begun_says_nothing() -> None:
    for told in TELLING[2], calling(0, "c", "f", ["{"])[0]:
        with pytest.raises(ValueError, match="not begun"):
            deltas_of([told])
    with pytest.raises(ValueError, match="not named"):
        deltas_of([*BEGINNING, *calling(0, "c", "f", ["{"])[1:2]])


def test_an_end_without_a_reason_is_none() -> None:
    """No reason is made up; whoever reads the stream finds that it is cut."""
    writer = CODEC.writer(Asked({"model": "m", "input": "hi"}, "m", stream=True))
    for delta in (OPENED, *TOLD):
        writer.write(delta)
    assert writer.write(Closed()) == b""


def test_the_events_of_a_stream() -> None:
    writer = CODEC.writer(Asked({"model": "m", "input": "hi"}, "m", stream=True))
    deltas = [
        OPENED,
        *TOLD,
        *called(1, "call_1", "look", ["{}"]),
        PartOpened(2, "refusal"),
        PartDelta(2, "é\ud83d"),
        PartClosed(2),
        *END,
    ]
    stream = b"".join(map(writer.write, deltas))
    lines = stream.split(b"\n\n")
    assert lines.pop() == b""
    events = [json.loads(line.partition(b"\ndata: ")[2]) for line in lines]
    assert [line.partition(b"\n")[0].decode() for line in lines] == [f"event: {one['type']}" for one in events]
    assert [one["type"].removeprefix("response.") for one in events] == [
        *("created", "in_progress"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"),
        *("output_item.added", "content_part.added", "refusal.delta"),
        *("refusal.done", "content_part.done", "output_item.done"),
        "completed",
    ]
    places = [(one.get("output_index"), one.get("content_index")) for one in events]
    assert [place for place in places if place[0] is not None] == [
        *((0, None), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, None)),
        *((1, None), (1, None), (1, None), (1, None)),
        *((2, None), (2, 0), (2, 0), (2, 0), (2, 0), (2, None)),
    ]
    texts = {one["item_id"] for one in events if "item_id" in one}
    assert [item["id"] for item in events[-1]["response"]["output"]] == [
        one["item"]["id"] for one in events if one["type"] == "response.output_item.added"
    ]
    assert texts == {item["id"] for item in events[-1]["response"]["output"]}
