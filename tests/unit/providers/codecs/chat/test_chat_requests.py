"""Requests as OpenAI's documentation has them, and what they are in the canonical form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from openai.types.chat import completion_create_params as params

from resilient_ai.providers.canonical import (
    Audio,
    Choice,
    Document,
    Image,
    Message,
    Refusal,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC
from resilient_ai.testing._server.fields import CHAT
from resilient_ai.testing._server.validate import check
from resilient_ai.testing._server.world import Ask
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.chat.test_chat_round_trips import CAN
from tests.unit.providers.codecs.sdk_types import as_sent

Json = dict[str, Any]
WEATHER = {
    "type": "object",
    "properties": {"location": {"type": "string"}},
    "required": ["location"],
    "additionalProperties": False,
}
AGENT: Json = {
    "model": "gpt-5.6",
    "messages": [
        {"role": "developer", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the weather like in Boston and Paris?"},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{\n"location": "Boston, MA"\n}'},
                },
                {
                    "id": "call_b",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"location":"Paris"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_a", "content": "14 °C"},
        {"role": "tool", "tool_call_id": "call_b", "content": [{"type": "text", "text": "Tool error: no such place"}]},
        {"role": "assistant", "content": "In Boston"},
        {"role": "assistant", "content": [{"type": "text", "text": "it is cool."}]},
        {"role": "user", "content": ""},
        {"role": "user", "content": "Thanks."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Get the current weather.",
                "parameters": WEATHER,
                "strict": True,
            },
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "parallel_tool_calls": True,
    "max_completion_tokens": 300,
    "reasoning_effort": "low",
    "temperature": 1,
    "stop": "END",
    "user": "u-1",
    "stream": True,
    "stream_options": {"include_usage": True},
}


def read(body: Json) -> Request:
    return CODEC.read_request(Asked(body, body["model"], bool(body.get("stream"))), refusing)


def test_an_agent_s_request() -> None:
    assert read(AGENT) == Request(
        model="gpt-5.6",
        messages=[
            Message("system", [Text("You are a helpful assistant.")]),
            Message("user", [Text("What is the weather like in Boston and Paris?")]),
            Message(
                "assistant",
                [
                    ToolCall("call_a", "get_weather", '{"location":"Boston, MA"}'),
                    ToolCall("call_b", "get_weather", '{"location":"Paris"}'),
                ],
            ),
            Message(
                "tool",
                [
                    ToolResult("call_a", "get_weather", [Text("14 °C")]),
                    ToolResult("call_b", "get_weather", [Text("no such place")], failed=True),
                ],
            ),
            Message("assistant", [Text("In Boston"), Text("it is cool.")]),
            Message("user", [Text("Thanks.")]),
        ],
        tools=[Tool("get_weather", "Get the current weather.", WEATHER, strict=True)],
        choice=Choice("named", "get_weather"),
        parallel=True,
        max_tokens=300,
        temperature=1,
        stop=["END"],
        effort="low",
        stream=True,
    )


def test_it_says_where_things_stand() -> None:
    request = read(AGENT)
    assert request.path("max_tokens") == "max_completion_tokens"
    assert request.path("effort") == "reasoning_effort"
    assert request.path("temperature") == "temperature"
    assert [message.at for message in request.messages] == [f"messages[{index}]" for index in (0, 1, 2, 3, 5, 8)]
    assert [part.at for part in request.messages[2].parts if isinstance(part, ToolCall)] == [
        "messages[2].tool_calls[0]",
        "messages[2].tool_calls[1]",
    ]
    assert read({**AGENT, "max_completion_tokens": None, "max_tokens": 5}).path("max_tokens") == "max_tokens"


def test_it_is_written_again() -> None:
    written = CODEC.write_request(read(AGENT), refusing, None)
    assert (written.path, written.query, written.headers) == ("chat/completions", (), ())
    body = dict(AGENT)
    body["messages"] = json.loads(json.dumps(AGENT["messages"]))
    body["messages"][0]["role"] = "system"
    for name in ("refusal", "annotations", "audio", "function_call"):
        del body["messages"][2][name]
    body["messages"][2]["tool_calls"][0]["function"]["arguments"] = '{"location":"Boston, MA"}'
    body["messages"][4]["content"] = "Tool error: no such place"
    body["messages"][5:9] = [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "In Boston"}, {"type": "text", "text": "it is cool."}],
        },
        {"role": "user", "content": "Thanks."},
    ]
    body["stop"] = ["END"]
    del body["user"]
    assert written.body == body


PICTURES: Json = {
    "model": "gpt-5.6",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/4AA="}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            ],
        },
        {"role": "assistant", "content": None, "refusal": "I can't help with that."},
    ],
}


def test_pictures_files_and_sounds() -> None:
    assert read(PICTURES).messages == [
        Message(
            "user",
            [
                Text("What is this?"),
                Image(url="https://example.org/a.png", detail="low"),
                Image("/9j/4AA=", "image/jpeg"),
                Document("JVBERi0=", "application/pdf", name="a.pdf"),
                Audio("UklGRg==", "audio/wav"),
            ],
        ),
        Message("assistant", [Refusal("I can't help with that.")]),
    ]
    places = [part.at for part in read(PICTURES).messages[0].parts if not isinstance(part, Text | Refusal)]
    assert places == [f"messages[0].content[{index}]" for index in (1, 2, 3, 4)]


def content(*parts: Json) -> Json:
    return {"model": "m", "messages": [{"role": "user", "content": "Hi"}, {"role": "user", "content": list(parts)}]}


def turn(**fields: Any) -> Json:
    return {"model": "m", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", **fields}]}


REFUSED: dict[str, Json] = {
    "messages[1].content[0].file.file_id": content({"type": "file", "file": {"file_id": "file-1"}}),
    "messages[1].content[1]": content({"type": "text", "text": "a"}, {"type": "video_url", "video_url": {"url": "b"}}),
    "messages[1].content[0]": content({"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%3E"}}),
    "messages[1].content[0].image_url.fps": content({"type": "image_url", "image_url": {"url": "data:", "fps": 2}}),
    "messages[1].content[0].mood": content({"type": "text", "text": "a", "mood": "glad"}),
    "messages[1].audio": turn(content="a", audio={"id": "audio_1"}),
    "messages[1].name": turn(content="a", name="Bob"),
    "messages[1].prefix": turn(content="a", prefix=True),
    "messages[1].function_call": turn(content=None, function_call={"name": "f", "arguments": "{}"}),
    "messages[1].tool_calls[0]": turn(
        content=None, tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]
    ),
    "messages[0].role": {"model": "m", "messages": [{"role": "function", "name": "f", "content": "x"}]},
    "tools[1]": {
        **turn(content="a"),
        "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}],
    },
    "tools[0].function.examples": {
        **turn(content="a"),
        "tools": [{"type": "function", "function": {"name": "f", "examples": []}}],
    },
    "tool_choice": {
        **turn(content="a"),
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
    },
    "response_format": {**turn(content="a"), "response_format": {"type": "grammar", "grammar": "x"}},
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_cannot_be_carried_over_is_named(path: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        read(REFUSED[path])
    assert refused.value.path == path


def test_what_the_vendor_keeps_is_never_dropped() -> None:
    for path in ("messages[1].content[0].file.file_id", "messages[1].audio", "messages[0].role"):
        with pytest.raises(Untranslatable):
            CODEC.read_request(Asked(REFUSED[path], "m", False), dropping())


def test_what_is_dropped_leaves_the_rest() -> None:
    noted = dropping()
    body = content({"type": "text", "text": "a"}, {"type": "video_url", "video_url": {"url": "b"}})
    request = CODEC.read_request(Asked(body, "m", False), noted)
    assert request.messages == [Message("user", [Text("Hi"), Text("a")])]
    assert noted.noted == ["messages[1].content[1]"]


def test_what_a_host_told_beside_its_answer_is_no_part_of_it() -> None:
    body = turn(
        content="a",
        reasoning_content="hm",
        reasoning="hm",
        reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}],
        annotations=[{"type": "url_citation", "url_citation": {"url": "b"}}],
        tool_calls=[
            {
                "index": 0,
                "id": "c",
                "type": "function",
                "function": {"name": "f", "arguments": ""},
                "extra_content": {"google": {"thought_signature": "x"}},
            }
        ],
    )
    assert read(body).messages[1].parts == [Text("a"), ToolCall("c", "f", "{}")]


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, Schema(None)),
        (
            {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER, "strict": True}},
            Schema(WEATHER, "w", strict=True),
        ),
    ],
)
def test_formats(given: Json, form: Schema | None) -> None:
    assert read({**turn(content="a"), "response_format": given}).schema == form


def asking(*parts: Any, **fields: Any) -> Request:
    return Request("m", [Message("user", list(parts) or [Text("a")])], **fields)


OPEN: Json = {"type": "object", "properties": {"a": {"type": "string"}}}
LIST: list[tuple[Request, str]] = [
    (asking(Image("aGk=", "image/heic", at="here")), "here"),
    (asking(Image(url="gs://b/a.png", at="here")), "here"),
    (asking(tools=[Tool("a.b", at="tools[0]")]), "tools[0]"),
    (asking(tools=[Tool("f", parameters={"type": "array"}, at="tools[0]")]), "tools[0]"),
    (asking(tools=[Tool("f", parameters=OPEN, strict=True, at="tools[0]")]), "tools[0]"),
    (asking(tools=[Tool("f")], choice=Choice("named", "g"), at={"choice": "toolConfig"}), "toolConfig"),
    (asking(choice=Choice("any")), "choice"),
    (asking(schema=Schema(None)), "schema"),
    (asking(schema=Schema({"type": "array"})), "schema"),
    (asking(schema=Schema(OPEN, strict=True), at={"schema": "output_config.format"}), "output_config.format"),
    (Request("m", [Message("user", [Document(url="https://a", at="here")])]), "here"),
    (Request("m", [Message("user", [Document("aGk=", "application/msword", at="here")])]), "here"),
    (Request("m", [Message("user", [Document("gA==", "text/plain", at="here")])]), "here"),
    (Request("m", [Message("user", [Audio("aGk=", "audio/ogg", at="here")])]), "here"),
    (Request("m", [Message("tool", [ToolResult("c", "f", [Image(url="https://a", at="here")])])]), "here"),
    (Request("m", [Message("tool", [ToolResult("c", "f", [Image(url="https://a")], at="here")])]), "here"),
    (Request("m", [Message("user", [Text("a")])], top_k=5, at={"top_k": "topK"}), "topK"),
    (Request("m", [Message("user", [Text("a")])], budget=5, at={"budget": "thinking"}), "thinking"),
    (Request("m", [Message("user", [Text("a")])], stop=list("abcde")), "stop"),
]


@pytest.mark.parametrize(("request_", "path"), LIST, ids=range(len(LIST)))
def test_what_chat_cannot_say_is_named(request_: Request, path: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        CODEC.write_request(request_, refusing, None)
    assert refused.value.path == path


def test_what_is_not_strict_is_so_if_losses_are_allowed() -> None:
    request = asking(tools=[Tool("f", parameters=OPEN, strict=True, at="tools[0]")], schema=Schema(OPEN, strict=True))
    body = CODEC.write_request(request, noted := dropping(), None).body
    assert body["tools"][0]["function"]["strict"] is body["response_format"]["json_schema"]["strict"] is False
    assert noted.noted == ["tools[0]", "schema"]


def test_json_is_asked_for_where_it_is_spoken_of() -> None:
    request = asking(Text("Say it in JSON."), schema=Schema(None))
    assert CODEC.write_request(request, refusing, None).body["response_format"] == {"type": "json_object"}


def test_ids_and_names_of_other_vendors() -> None:
    call, result = ToolCall("x" * 64, "a.b:c", "{}"), ToolResult("x" * 64, "a.b:c", [])
    request = Request("m", [Message("user", [Text("a")]), Message("assistant", [call]), Message("tool", [result])])
    _, one, other = CODEC.write_request(request, refusing, None).body["messages"]
    assert len(one["tool_calls"][0]["id"]) <= 40
    assert one["tool_calls"][0]["id"] == other["tool_call_id"]
    assert one["tool_calls"][0]["function"]["name"] == "a_b_c"


def test_no_thoughts_are_no_thoughts() -> None:
    assert CODEC.write_request(asking(budget=0), refusing, None).body["reasoning_effort"] == "none"


def test_a_document_of_text_is_sent_as_its_text() -> None:
    request = Request("m", [Message("user", [Text("a"), Document("aGk=", "text/plain", name="b.txt")])])
    assert CODEC.write_request(request, refusing, None).body["messages"][0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "hi"},
    ]


def test_a_file_has_a_name() -> None:
    request = Request("m", [Message("user", [Document("aGk=", "application/pdf")])])
    file = CODEC.write_request(request, refusing, None).body["messages"][0]["content"][0]["file"]
    assert file == {"filename": "document.pdf", "file_data": "data:application/pdf;base64,aGk="}


def test_no_more_is_asked_for_than_the_model_can_answer_with() -> None:
    request = Request("m", [Message("user", [Text("a")])], max_tokens=64_000)
    assert CODEC.write_request(request, refusing, 32_000).body["max_completion_tokens"] == 32_000
    assert CODEC.write_request(request, refusing, 128_000).body["max_completion_tokens"] == 64_000


def test_what_a_speaker_is_not_taken_to_have_said_is_lost() -> None:
    """Regression: the request was said to have another schema, and could not be sent even where losses are allowed."""
    picture = Image("aGk=", "image/png", at="input[1].content[0]")
    request = Request(
        "m",
        [
            Message("user", [Text("a"), Refusal("I will not")], "input[0]"),
            Message("assistant", [picture], "input[1]"),
            Message("user", [Text("b")], "input[2]"),
        ],
    )
    body = CODEC.write_request(request, noted := dropping(), None).body
    assert body["messages"] == [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    assert noted.noted == ["input[0]", "input[1].content[0]"]


@given(made.requests(CAN))
def test_the_sdk_s_types_and_the_vendor_take_every_request(request: Request) -> None:
    kind = params.CompletionCreateParamsStreaming if request.stream else params.CompletionCreateParamsNonStreaming
    body = CODEC.write_request(request, refusing, None).body
    assert as_sent(kind, body) == body
    check(CHAT, Ask(method="POST", path="/chat/completions", query={}, json=body))
