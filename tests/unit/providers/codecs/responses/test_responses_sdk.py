"""The SDK's own types and helpers take what is written; and every parameter it has is of one class."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast, get_args, get_type_hints

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilient_ai.failures import FailureKind
from resilient_ai.providers.canonical import Answer, Failed, Request, Text, ToolCall
from resilient_ai.providers.codecs.base import Asked, refusing
from resilient_ai.providers.codecs.responses import CODEC
from resilient_ai.providers.codecs.responses import request as fields
from resilient_ai.providers.openai import DIALECT
from resilient_ai.providers.sse import EventDecoder
from resilient_ai.providers.streams.reading import Reading
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.responses.test_responses_round_trips import ASKED, CAN, answers

openai = pytest.importorskip("openai")
pydantic: Any = pytest.importorskip("pydantic")
types: Any = pytest.importorskip("openai.types.responses")
params: Any = pytest.importorskip("openai.types.responses.response_create_params")

FOLLOWING: Any = pydantic.TypeAdapter(params.ResponseCreateParamsStreaming)
AT_ONCE: Any = pydantic.TypeAdapter(params.ResponseCreateParamsNonStreaming)
EVENT: Any = pydantic.TypeAdapter(types.ResponseStreamEvent)


def exhausted(value: Any) -> Any:
    """Pydantic looks at what is in an iterable only when it is read."""
    if isinstance(value, dict):
        return {name: exhausted(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [exhausted(one) for one in cast("Iterable[Any]", value)]
    return value


def test_every_parameter_is_of_one_class() -> None:
    """A new one shows up here."""
    classes = [set(fields.CARRIED), set(fields.HARMLESS), set(fields.STATE), set(fields.LOST)]
    for one, other in [(one, other) for one in classes for other in classes if one is not other]:
        assert not one & other
    assert set(get_type_hints(params.ResponseCreateParamsStreaming)) <= {name for one in classes for name in one}


def test_every_item_is_of_one_class() -> None:
    """Those that are neither carried nor state are tools' and features' that no other vendor has."""
    from resilient_ai.providers.codecs.responses.items import ITEMS, KEPT

    kinds = {
        name
        for item in get_args(types.ResponseInputItemParam)
        for name in _literals(get_type_hints(item, include_extras=False)["type"])
    }
    assert kinds >= {*ITEMS, *KEPT}
    assert {"function_call", "function_call_output", "message", "reasoning"} == set(ITEMS)


def _literals(hint: Any) -> set[str]:
    found = get_args(hint)
    return {one for one in found if isinstance(one, str)} | {name for one in found for name in _literals(one)}


@settings(max_examples=60, deadline=None)
@given(made.requests(CAN))
def test_a_request_is_the_sdks(request: Request) -> None:
    body = CODEC.write_request(request, refusing, None).body
    exhausted((FOLLOWING if request.stream else AT_ONCE).validate_python(body))


BODIES: list[dict[str, Any]] = [
    {"model": "gpt-5.6", "input": "hello"},
    {
        "model": "gpt-5.6",
        "input": [{"role": "user", "content": "hello"}],
        "instructions": "be kind",
        "max_output_tokens": 100,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "reasoning": {"effort": "high", "summary": "auto"},
        "safety_identifier": "somebody",
        "store": False,
        "temperature": 0.5,
        "text": {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "f"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "top_p": 0.5,
        "truncation": "disabled",
        "user": "somebody",
    },
]
bodies = st.sampled_from(BODIES).map(lambda body: Asked(body, "gpt-5.6", stream=True))


@settings(max_examples=60, deadline=None)
@given(answers, bodies)
def test_an_answer_is_the_sdks(answer: Answer, asked: Asked) -> None:
    found = types.Response.model_validate(CODEC.write_answer(answer, asked))
    assert found.output_text == "".join(part.text for part in answer.parts if isinstance(part, Text))
    assert found.instructions == asked.body.get("instructions")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_events_are_the_sdks(data: st.DataObject) -> None:
    """They are numbered, and the last one has the plain answer. What our own reading of streams says of them is what it
    says of the vendor's."""
    answer, asked = data.draw(answers), data.draw(bodies)
    stream = made.written(CODEC, asked, data.draw(made.told(answer)))
    events = [json.loads(event.data) for event in EventDecoder().feed(stream)]
    for number, event in enumerate(events):
        EVENT.validate_python(event)
        assert event["sequence_number"] == number
    assert events[-1]["response"] == CODEC.write_answer(answer, asked)
    reading = Reading(DIALECT.streams["responses"])
    assert reading.feed(stream) + reading.end() == stream
    assert (reading.fault, reading.error, reading.seen) == (None, None, True)
    assert reading.begun is bool(answer.parts)
    assert DIALECT.made_by_stream("responses", stream) == (answer.id,)


class Weather(pydantic.BaseModel):
    city: str


TOOL = {
    "type": "function",
    "name": "look",
    "description": None,
    "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    "strict": True,
}


def client_of(content: bytes, kind: str, status: int = 200) -> Any:
    answer = httpx.Response(status, content=content, headers={"content-type": kind})
    mocked = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    return openai.OpenAI(api_key="k", base_url="http://127.0.0.1/v1", http_client=mocked, max_retries=0)


SAID = Answer(
    "resp_1",
    "claude-sonnet-5",
    [Text('{"city": "Porto"}'), ToolCall("toolu_1", "look", '{"x":1}'), ToolCall("toolu_2", "look", '{"x": 2}')],
    "tool_calls",
    created=1_700_000_000,
)


def test_the_sdks_helpers_parse_an_answer() -> None:
    client = client_of(json.dumps(CODEC.write_answer(SAID, ASKED)).encode(), "application/json")
    found = client.responses.parse(model="gpt-5.6", input="hello", text_format=Weather, tools=[TOOL])
    assert found.output_parsed == Weather(city="Porto")
    assert [(one.call_id, one.parsed_arguments) for one in found.output[1:]] == [
        ("toolu_1", {"x": 1}),
        ("toolu_2", {"x": 2}),
    ]


@pytest.mark.parametrize("stop", ["tool_calls", "length"])
def test_the_sdks_helpers_follow_a_stream(stop: Any) -> None:
    parts: list[Any] = list(SAID.parts) if stop == "tool_calls" else [Text('{"city": "Po')]
    answer = Answer("resp_1", "claude-sonnet-5", parts, stop)
    writer = CODEC.writer(ASKED)
    deltas: list[Any] = [made.Opened("resp_1", "claude-sonnet-5")]
    for number, part in enumerate(parts):
        sort: Any = "tool" if isinstance(part, ToolCall) else "text"
        deltas.append(made.PartOpened(number, sort, getattr(part, "id", ""), getattr(part, "name", "")))
        deltas += [made.PartDelta(number, one) for one in (part.arguments if isinstance(part, ToolCall) else part.text)]
        deltas.append(made.PartClosed(number))
    deltas += [made.Finished(answer.stop), made.Closed()]
    stream = b"".join(map(writer.write, deltas))
    form: Any = {"text_format": Weather} if stop == "tool_calls" else {}
    with client_of(stream, "text/event-stream").responses.stream(
        model="m", input="hello", tools=[TOOL], **form
    ) as told:
        events = list(told)
        if stop == "length":
            assert events[-1].type == "response.incomplete"
            assert events[-1].response.incomplete_details.reason == "max_output_tokens"
            assert events[-1].response.output[0].status == "incomplete"
            return
        found = told.get_final_response()
    assert found.output_parsed == Weather(city="Porto")
    assert [one.parsed_arguments for one in found.output[1:]] == [{"x": 1}, {"x": 2}]
    assert found.model == "claude-sonnet-5"


KINDS: list[tuple[FailureKind, int, str]] = [
    (FailureKind.RATE_LIMITED, 429, "RateLimitError"),
    (FailureKind.QUOTA, 429, "RateLimitError"),
    (FailureKind.AUTH, 401, "AuthenticationError"),
    (FailureKind.CALLER, 400, "BadRequestError"),
    (FailureKind.TOO_LONG, 400, "BadRequestError"),
    (FailureKind.REFUSED, 400, "BadRequestError"),
    (FailureKind.GONE, 404, "NotFoundError"),
    (FailureKind.OVERLOADED, 503, "InternalServerError"),
    (FailureKind.TRANSIENT, 500, "InternalServerError"),
]


@pytest.mark.parametrize(("kind", "status", "name"), KINDS)
def test_an_error_is_the_sdks_and_ours(kind: FailureKind, status: int, name: str) -> None:
    """The SDK raises its class with the words; whoever judges it once more finds the same kind."""
    body = CODEC.write_error(status, kind, "no, since")
    with pytest.raises(getattr(openai, name), match="no, since"):
        client_of(json.dumps(body).encode(), "application/json", status).responses.create(model="m", input="hello")
    assert DIALECT.classify(status, body) is kind
    assert CODEC.read_error(body) == "no, since"
    assert DIALECT.told_in_stream(json.dumps(body).encode()) is kind


def test_an_error_told_in_a_stream_is_raised() -> None:
    writer = CODEC.writer(ASKED)
    begun = writer.write(made.Opened("resp_1", "m"))
    told = writer.write(Failed({"type": "error", "error": {"type": "overloaded_error", "message": "too much"}}))
    with (
        pytest.raises(openai.APIError, match="too much"),
        client_of(begun + told, "text/event-stream").responses.create(model="m", input="hello", stream=True) as stream,
    ):
        list(stream)
    reading = Reading(DIALECT.streams["responses"])
    assert reading.feed(begun + told) == begun
    assert reading.error == told
