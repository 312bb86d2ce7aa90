"""google-genai as the program: what it sends is read, and it reads what is written, sync and async."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.failures import FailureKind
from resilient_ai.providers import gemini
from resilient_ai.providers.canonical import (
    Answer,
    Closed,
    Finished,
    Image,
    Message,
    Opened,
    PartClosed,
    PartDelta,
    PartOpened,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    Used,
)
from resilient_ai.providers.codecs.base import Asked, refusing
from resilient_ai.providers.codecs.content import CODEC
from resilient_ai.testing._server.gemini.validate import GENERATE, camel, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

genai: Any = pytest.importorskip("google.genai", minversion="3")
httpx2: Any = pytest.importorskip("httpx2")
types: Any = genai.types
errors: Any = pytest.importorskip("google.genai.errors")

MODEL = "gemini-3-pro"
PICTURE = b"\xfb\xff\xfe"  # in base64 of addresses: -__-


def deltas_of(answer: Answer) -> Iterator[Any]:
    """The stream of an answer, each part in two pieces."""
    yield Opened(answer.id, answer.model, answer.created)
    for number, part in enumerate(answer.parts):
        call = isinstance(part, ToolCall)
        yield PartOpened(number, "tool", part.id, part.name) if call else PartOpened(number, "text")
        text = part.arguments if isinstance(part, ToolCall) else part.text
        yield PartDelta(number, text[:3])
        yield PartDelta(number, text[3:])
        yield PartClosed(number)
    yield Finished(answer.stop)
    if answer.usage is not None:
        yield Used(answer.usage)
    yield Closed()


@dataclass
class Google:
    """Answers as another vendor does, through the codec."""

    answers: list[Answer | dict[str, Any]]
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requests: list[Request] = field(default_factory=list[Request])

    def __call__(self, request: Any) -> Any:
        endpoint = gemini.DIALECT.endpoint(request.method, request.url.path)
        stream = str(endpoint.path).endswith(":streamGenerateContent")
        asked = Asked(json.loads(request.content), str(endpoint.model), stream)
        check(GENERATE, camel(asked.body), asked.model)
        self.bodies.append(asked.body)
        self.requests.append(CODEC.read_request(asked, refusing))
        answer = self.answers.pop(0)
        if isinstance(answer, dict):
            return httpx2.Response(answer["error"]["code"], json=answer)
        if not stream:
            return httpx2.Response(200, json=CODEC.write_answer(answer, asked))
        writer = CODEC.writer(asked)
        content = b"".join(writer.write(delta) for delta in deltas_of(answer))
        return httpx2.Response(200, content=content, headers={"content-type": "text/event-stream"})


def client_of(google: Google) -> Any:
    transport = httpx2.MockTransport(google)
    options = types.HttpOptions(
        httpx_client=httpx2.Client(transport=transport),
        httpx_async_client=httpx2.AsyncClient(transport=transport),
    )
    return genai.Client(api_key="k", http_options=options)


def said(*parts: Any, stop: Any = "stop", usage: Usage | None = None) -> Answer:
    return Answer("resp_1", "claude-sonnet-5", list(parts), stop, usage=usage)


# What it reads. -------------------------------------------------------------------------------------------------------


def asked_plain(google: Google, **more: Any) -> Any:
    client = client_of(google)
    return client.models.generate_content(model=MODEL, contents="Hello", **more)


def asked_async(google: Google, **more: Any) -> Any:
    async def ask() -> Any:
        client = client_of(google)
        return await client.aio.models.generate_content(model=MODEL, contents="Hello", **more)

    return asyncio.run(ask())


WAYS = pytest.mark.parametrize("ask", [asked_plain, asked_async])


@WAYS
def test_an_answer(ask: Callable[..., Any]) -> None:
    usage = Usage(input=10, output=7, cached=4, written=1, reasoning=2)
    response = ask(Google([said(Text("Hello "), Text("you."), usage=usage)]))
    assert response.text == "Hello you."
    assert response.model_version == "claude-sonnet-5"
    assert response.response_id == "resp_1"
    assert response.candidates[0].finish_reason is types.FinishReason.STOP
    told = response.usage_metadata
    assert (told.prompt_token_count, told.cached_content_token_count) == (10, 4)
    assert (told.candidates_token_count, told.thoughts_token_count, told.total_token_count) == (5, 2, 17)


@WAYS
@pytest.mark.parametrize(
    ("stop", "reason"), [("length", "MAX_TOKENS"), ("content_filter", "SAFETY"), ("tool_calls", "STOP")]
)
def test_why_it_ended(ask: Callable[..., Any], stop: Any, reason: str) -> None:
    parts = [ToolCall("toolu_1", "look", "{}")] if stop == "tool_calls" else [Text("Yes")]
    response = ask(Google([said(*parts, stop=stop)]), config={"automatic_function_calling": {"disable": True}})
    assert response.candidates[0].finish_reason.value == reason


@WAYS
def test_an_empty_answer_and_a_refusal(ask: Callable[..., Any]) -> None:
    assert not ask(Google([said(stop="length")])).text
    assert ask(Google([said(Refusal("I will not."))])).text == "I will not."


@WAYS
def test_json(ask: Callable[..., Any]) -> None:
    from pydantic import BaseModel

    class City(BaseModel):
        name: str
        people: int | None = None

    google = Google([said(Text('{"name": "Oslo", "people": 7}'))])
    config = {"response_mime_type": "application/json", "response_schema": City}
    assert ask(google, config=config).parsed == City(name="Oslo", people=7)
    schema = google.requests[0].schema
    assert schema is not None
    assert schema.schema is not None
    assert schema.schema["properties"]["name"]["type"] == "string"
    assert schema.schema["properties"]["people"]["type"] == ["integer", "null"]


def weather(city: str, days: int = 1) -> str:
    """The weather in a city."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"{city}: sun for {days}"


CALLS = said(
    Text("I look."),
    ToolCall("toolu_1", "weather", '{"city":"Oslo"}'),
    ToolCall("toolu_2", "weather", '{"city":"Atlantis","days":3}'),
    stop="tool_calls",
)


def held(google: Google) -> None:
    """The history that came back is the one that a tool loop has, with ids that fit each other."""
    _, request = google.requests
    question, turn, results = request.messages
    first, second = turn.parts[1:]
    assert question.parts == [Text("Hello")]
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert (first.arguments, second.arguments) == ('{"city":"Oslo"}', '{"city":"Atlantis","days":3}')
    assert results.role == "tool"
    sun, error = results.parts
    assert sun == ToolResult(first.id, "weather", [Text('{"result":"Oslo: sun for 1"}')])
    assert isinstance(error, ToolResult)
    assert (error.call, error.failed) == (second.id, True)
    assert isinstance(error.parts[0], Text)
    assert error.parts[0].text.endswith("no such city")
    (tool,) = request.tools
    assert tool.name == "weather"
    assert tool.description == "The weather in a city."
    assert tool.parameters is not None
    assert tool.parameters["properties"]["city"] == {"type": "string"}
    assert tool.parameters["required"] == ["city"]
    parts = [part for content in google.bodies[1]["contents"] for part in content["parts"]]
    signatures = [part.get("thoughtSignature") for part in parts if "functionCall" in part]
    assert signatures == ["skip_thought_signature_validator", None]


@WAYS
def test_functions_are_called_automatically(ask: Callable[..., Any]) -> None:
    google = Google([CALLS, said(Text("Sun."))])
    response = ask(google, config={"tools": [weather]})
    assert response.text == "Sun."
    held(google)


def streamed(google: Google, **more: Any) -> list[Any]:
    client = client_of(google)
    return list(client.models.generate_content_stream(model=MODEL, contents="Hello", **more))


def streamed_async(google: Google, **more: Any) -> list[Any]:
    async def ask() -> list[Any]:
        client = client_of(google)
        stream = await client.aio.models.generate_content_stream(model=MODEL, contents="Hello", **more)
        return [chunk async for chunk in stream]

    return asyncio.run(ask())


STREAMED = pytest.mark.parametrize("ask", [streamed, streamed_async])


@STREAMED
def test_a_stream(ask: Callable[..., Any]) -> None:
    chunks = ask(Google([said(Text("Hello you."), usage=Usage(3, 4))]))
    assert [chunk.text for chunk in chunks] == ["Hel", "lo you.", ""]
    assert {(chunk.response_id, chunk.model_version) for chunk in chunks} == {("resp_1", "claude-sonnet-5")}
    assert [chunk.candidates[0].finish_reason for chunk in chunks] == [None, None, types.FinishReason.STOP]
    assert chunks[-1].usage_metadata.total_token_count == 7


@STREAMED
def test_functions_are_called_automatically_in_a_stream(ask: Callable[..., Any]) -> None:
    google = Google([CALLS, said(Text("Sun."))])
    chunks = ask(google, config={"tools": [weather]})
    assert "".join(chunk.text or "" for chunk in chunks) == "I look.Sun."
    assert [request.stream for request in google.requests] == [True, True]
    held(google)


def test_a_chat_goes_on() -> None:
    google = Google([said(Text("One.")), said(Text("Two.")), said(Text("Three."))])
    client = client_of(google)
    chat = client.chats.create(model=MODEL)
    assert chat.send_message("1").text == "One."
    assert "".join(chunk.text for chunk in chat.send_message_stream("2")) == "Two."
    assert chat.send_message("3").text == "Three."
    told = [(message.role, [part.text for part in message.parts if isinstance(part, Text)]) for message in
            google.requests[-1].messages]  # fmt: skip
    assert told == [
        ("user", ["1"]),
        ("assistant", ["One."]),
        ("user", ["2"]),
        ("assistant", ["Two."]),
        ("user", ["3"]),
    ]


@WAYS
@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 529])
def test_an_error(ask: Callable[..., Any], status: int) -> None:
    with pytest.raises(errors.APIError) as caught:
        ask(Google([CODEC.write_error(status, FailureKind.TRANSIENT, "It is so.")]))
    assert isinstance(caught.value, errors.ClientError if status < 500 else errors.ServerError)
    assert (caught.value.code, caught.value.message) == (status, "It is so.")


# What it sends. -------------------------------------------------------------------------------------------------------


def test_all_that_is_carried_over() -> None:
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        temperature=0.2,
        top_p=0.9,
        top_k=40,
        candidate_count=1,
        max_output_tokens=100,
        stop_sequences=["END"],
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        seed=7,
        response_modalities=["TEXT"],
        safety_settings=[types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="OFF")],
        thinking_config=types.ThinkingConfig(thinking_level="low", include_thoughts=True),
        media_resolution="MEDIA_RESOLUTION_LOW",
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode="ANY", allowed_function_names=["weather"])
        ),
        tools=[weather],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    google = Google([CALLS])
    client_of(google).models.generate_content(
        model=MODEL,
        contents=["What is it?", types.Part.from_bytes(data=PICTURE, mime_type="image/png")],
        config=config,
    )
    (request,) = google.requests
    picture = Image("+//+", "image/png", detail="low")
    assert request.messages == [
        Message("system", [Text("Be brief.")]),
        Message("user", [Text("What is it?"), picture]),
    ]
    assert (request.temperature, request.top_p, request.top_k, request.seed) == (0.2, 0.9, 40, 7)
    assert (request.max_tokens, request.stop, request.effort) == (100, ["END"], "low")
    assert (request.presence_penalty, request.frequency_penalty) == (0.5, -0.5)
    assert request.choice is not None
    assert (request.choice.kind, request.choice.name) == ("named", "weather")
