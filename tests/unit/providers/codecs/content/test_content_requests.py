"""Requests as Google's reference and guides have them (autumn 2026), read; and those that are written for Gemini."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai.providers import gemini
from resilient_ai.providers.canonical import (
    Audio,
    Choice,
    Document,
    Image,
    Message,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.content import CODEC

Json = dict[str, Any]
SIGNATURE = "skip_thought_signature_validator"
WEATHER: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def read(body: Json, model: str = "gemini-3-pro", *, stream: bool = False) -> Request:
    return CODEC.read_request(Asked(body, model, stream), refusing)


def write(request: Request, most: int | None = None) -> Json:
    return CODEC.write_request(request, refusing, most).body


def ask(*messages: Message, model: str = "gemini-3-pro", **more: Any) -> Request:
    return Request(model, list(messages) or [Message("user", [Text("Hi")])], **more)


# Requests, read. ------------------------------------------------------------------------------------------------------


def test_a_request_in_the_names_of_the_guides() -> None:
    body = {
        "system_instruction": {"parts": [{"text": "You are a cat."}]},
        "contents": [{"parts": [{"text": "Hello"}, {"inline_data": {"mime_type": "image/jpeg", "data": "aGk="}}]}],
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}, "stopSequences": ["Title"], "topK": 10.0},
    }
    request = read(body, stream=True)
    assert (request.model, request.stream, request.effort) == ("gemini-3-pro", True, "low")
    assert (request.stop, request.top_k) == (["Title"], 10)
    assert request.messages == [
        Message("system", [Text("You are a cat.")]),
        Message("user", [Text("Hello"), Image("aGk=", "image/jpeg")]),
    ]
    assert [message.at for message in request.messages] == ["systemInstruction.parts[0]", "contents[0]"]
    assert request.messages[1].parts[1].at == "contents[0].parts[1]"  # type: ignore[union-attr]  # the part is known
    assert request.path("top_k") == "generationConfig.topK"


def test_a_tool_loop_with_ids_and_without() -> None:
    def contents(*ids: Json) -> list[Json]:
        calls: list[Json] = [
            {"functionCall": {"name": "weather", "args": {"city": city}, **one}}
            for city, one in zip("ab", ids, strict=True)
        ]
        answers = [
            {"functionResponse": {"name": "weather", "response": {"output": city}, **one}}
            for city, one in zip("ab", ids, strict=True)
        ]
        if ids[0]:
            answers.reverse()
        calls[0]["thoughtSignature"] = "c2ln"
        return [
            {"role": "user", "parts": [{"text": "Both?"}]},
            {"role": "model", "parts": [{"text": "Hm", "thought": True}, *calls]},
            {"role": "user", "parts": answers},
        ]

    request = read({"contents": contents({"id": "x"}, {"id": "y"})})
    assert request.messages[1:] == [
        Message("assistant", [ToolCall("x", "weather", '{"city":"a"}'), ToolCall("y", "weather", '{"city":"b"}')]),
        Message("tool", [ToolResult("y", "weather", [Text("b")]), ToolResult("x", "weather", [Text("a")])]),
    ]
    request = read({"contents": contents({}, {})})
    turn, results = request.messages[1:]
    calls = [part.id for part in turn.parts if isinstance(part, ToolCall)]
    assert [part.call for part in results.parts if isinstance(part, ToolResult)] == calls
    assert len(set(calls)) == 2
    assert read({"contents": contents({}, {})}) == request


@pytest.mark.parametrize(
    ("response", "text", "failed"),
    [
        ({"output": "sun"}, "sun", False),
        ({"output": {"sun": True}}, '{"sun":true}', False),
        ({"result": "sun"}, '{"result":"sun"}', False),
        ({"error": "no"}, "no", True),
        ({"error": "no", "code": 7}, '{"error":"no","code":7}', True),
        ({"output": "sun", "error": None}, '{"output":"sun","error":null}', False),
    ],
)
def test_results(response: Json, text: str, failed: bool) -> None:
    contents = [
        {"parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "look"}}]},
        {
            "role": "function",
            "parts": [{"text": "There."}, {"functionResponse": {"name": "look", "response": response}}],
        },
    ]
    _, turn, results, said = read({"contents": contents}).messages
    (call,) = turn.parts
    assert isinstance(call, ToolCall)
    assert call.arguments == "{}"
    assert results == Message("tool", [ToolResult(call.id, "look", [Text(text)], failed)])
    assert said == Message("user", [Text("There.")])


def test_a_call_without_a_result_takes_none_of_the_next_turns() -> None:
    call: Json = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
    result = {"parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}}}]}
    told = read({"contents": [call, {"parts": [{"text": "Again"}]}, call, result]}).messages
    calls = [part for message in told for part in message.parts if isinstance(part, ToolCall)]
    answers = [part for message in told for part in message.parts if isinstance(part, ToolResult)]
    assert [one.call for one in answers] == [calls[1].id] != [calls[0].id]


def test_a_number_of_tokens_is_whole() -> None:
    with pytest.raises(ValueError, match="no whole number"):
        read({"contents": [], "generationConfig": {"topK": 1.5}})


def test_tools_and_their_choice() -> None:
    openapi = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
    tools = [{"functionDeclarations": [{"name": "a", "description": "A.", "parameters": openapi}, {"name": "b"}]}]
    calling: Json = {"mode": "AUTO"}
    request = read({"contents": [], "tools": tools, "toolConfig": {"functionCallingConfig": calling}})
    assert request.tools == [Tool("a", "A.", WEATHER), Tool("b")]
    assert [tool.at for tool in request.tools] == [
        "tools[0].functionDeclarations[0]",
        "tools[0].functionDeclarations[1]",
    ]
    for mode, names, choice in [
        ("AUTO", [], Choice("auto")),
        ("NONE", [], Choice("none")),
        ("ANY", [], Choice("any")),
        ("ANY", ["a"], Choice("named", "a")),
        ("ANY", ["a", "b"], Choice("any")),
        ("VALIDATED", [], Choice("auto")),
    ]:
        calling.update(mode=mode, allowedFunctionNames=names)
        request = read({"contents": [], "tools": tools, "tool_config": {"function_calling_config": calling}})
        assert request.choice == choice
        assert {tool.strict for tool in request.tools} == {True if mode == "VALIDATED" else None}


def test_thinking_and_schemas() -> None:
    def config(**fields: Any) -> Request:
        return read({"contents": [], "generationConfig": fields})

    assert config(thinkingConfig={"thinkingBudget": 0}).effort == "none"
    assert config(thinkingConfig={"thinkingBudget": -1, "includeThoughts": True}).budget is None
    assert config(thinkingConfig={"thinking_budget": 500}).budget == 500
    assert config(responseMimeType="application/json").schema == Schema(None)
    assert config(responseMimeType="application/json", responseJsonSchema=WEATHER).schema == Schema(WEATHER)
    assert config(responseMimeType="text/plain").schema is None
    with pytest.raises(Untranslatable, match=r"^generationConfig\.responseMimeType: "):
        config(responseMimeType="text/x.enum")
    with pytest.raises(Untranslatable, match=r"^generationConfig\.candidateCount: "):
        config(candidateCount=2)


# Requests, written. ---------------------------------------------------------------------------------------------------

LOOP = (
    Message("user", [Text("Before?")]),
    Message("assistant", [ToolCall("toolu/0", "weather", '{"city":"c"}')]),
    Message("tool", [ToolResult("toolu/0", "weather", [Text("rain")])]),
    Message("assistant", [Text("Rain.")]),
    Message("user", [Text("Both?")]),
    Message("assistant", [ToolCall("é", "weather", '{"city":"a"}'), ToolCall("toolu|2", "weather", '{"city":"b"}')]),
    Message(
        "tool", [ToolResult("toolu|2", "weather", [Text("b")], failed=True), ToolResult("é", "weather", [Text("a")])]
    ),
)


def test_another_vendors_tool_loop() -> None:
    """No ids, results in the order of the calls, and the placeholder in the present turn only."""

    def call(city: str, **more: str) -> Json:
        return {"functionCall": {"name": "weather", "args": {"city": city}}, **more}

    contents = write(ask(*LOOP))["contents"]
    assert contents == [
        {"role": "user", "parts": [{"text": "Before?"}]},
        {"role": "model", "parts": [call("c")]},
        {"role": "user", "parts": [{"functionResponse": {"name": "weather", "response": {"output": "rain"}}}]},
        {"role": "model", "parts": [{"text": "Rain."}]},
        {"role": "user", "parts": [{"text": "Both?"}]},
        {"role": "model", "parts": [call("a", thoughtSignature=SIGNATURE), call("b")]},
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "weather", "response": {"output": "a"}}},
                {"functionResponse": {"name": "weather", "response": {"error": "b"}}},
            ],
        },
    ]
    assert SIGNATURE not in json.dumps(write(ask(*LOOP, model="models/gemini-2.5-flash")))


@pytest.mark.parametrize("arguments", ['{"city":', "[1]", "7"])
def test_arguments_that_are_no_object(arguments: str) -> None:
    call = ToolCall("1", "weather", arguments, at="messages[1].tool_calls[0]")
    with pytest.raises(Untranslatable, match=r"^messages\[1\]\.tool_calls\[0\]: "):
        write(ask(Message("user", [Text("?")]), Message("assistant", [call])))


@pytest.mark.parametrize(("stream", "path", "query"), [
    (False, "v1beta/models/gemini-3-pro:generateContent", ()),
    (True, "v1beta/models/gemini-3-pro:streamGenerateContent", (("alt", "sse"),)),
])  # fmt: skip
def test_where_it_goes(stream: bool, path: str, query: tuple[Any, ...]) -> None:
    for model in ("gemini-3-pro", "models/gemini-3-pro"):
        written = CODEC.write_request(ask(model=model, stream=stream), refusing, None)
        assert (written.path, written.query, written.headers) == (path, query, ())
        endpoint = gemini.endpoint("POST", f"/{written.path}")
        assert (endpoint.family, endpoint.model, endpoint.version) == ("generate_content", "gemini-3-pro", "v1beta")


def test_settings() -> None:
    body = write(
        ask(
            max_tokens=200_000,
            temperature=1.5,
            top_p=0.5,
            top_k=3,
            stop=["a", "b"],
            seed=7,
            presence_penalty=1.0,
            frequency_penalty=0.0,
            effort="medium",
            verbosity="medium",
            schema=Schema(WEATHER, "city", "A city.", strict=True),
        ),
        65_536,
    )
    assert body["generationConfig"] == {
        "maxOutputTokens": 65_536,
        "temperature": 1.5,
        "topP": 0.5,
        "topK": 3,
        "stopSequences": ["a", "b"],
        "seed": 7,
        "presencePenalty": 1.0,
        "frequencyPenalty": 0.0,
        "thinkingConfig": {"thinkingLevel": "MEDIUM"},
        "responseMimeType": "application/json",
        "responseJsonSchema": {**WEATHER, "description": "A city."},
    }
    assert "description" not in WEATHER
    assert "generationConfig" not in write(ask())


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-3-pro", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", "xhigh", {"thinkingLevel": "HIGH"}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024}),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24576}),
        ("gemini-2.0-flash", "none", None),
    ],
)
def test_effort(model: str, effort: str, thinking: Json | None) -> None:
    body = write(ask(model=model, effort=effort))
    assert body.get("generationConfig", {}).get("thinkingConfig") == thinking


def test_a_model_that_always_thinks_is_told_the_least_it_takes() -> None:
    config = CODEC.write_request(ask(model="gemini-2.5-pro", effort="none"), dropping(), None).body["generationConfig"]
    assert config == {"thinkingConfig": {"thinkingBudget": 128}}


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        (None, {}),
        ({"mode": "AUTO"}, {"choice": Choice("auto")}),
        ({"mode": "NONE"}, {"choice": Choice("none")}),
        ({"mode": "ANY"}, {"choice": Choice("any")}),
        ({"mode": "ANY", "allowedFunctionNames": ["weather"]}, {"choice": Choice("named", "weather")}),
        ({"mode": "VALIDATED"}, {"strict": True}),
        ({"mode": "VALIDATED"}, {"strict": True, "choice": Choice("auto")}),
        ({"mode": "NONE"}, {"strict": True, "choice": Choice("none")}),
    ],
)
def test_tools(mode: Json | None, more: Json) -> None:
    tool = Tool("weather", "It tells.", WEATHER, more.pop("strict", None))
    body = write(ask(tools=[tool, Tool("look")], **more))
    declared = [{"name": "weather", "description": "It tells.", "parametersJsonSchema": WEATHER}, {"name": "look"}]
    assert body["tools"] == [{"functionDeclarations": declared}]
    assert body.get("toolConfig") == (None if mode is None else {"functionCallingConfig": mode})


def user(*parts: Any) -> Message:
    return Message("user", list(parts))


PICTURE = Image("AA==", "image/png", at="messages[0].content[0]")
RESULT = Message("tool", [ToolResult("1", "look", [Text("a"), PICTURE], at="messages[2]")])
CALLED = (user(Text("?")), Message("assistant", [ToolCall("1", "look", "{}")]))


def test_pictures_files_and_sounds() -> None:
    parts = (PICTURE, Document("AA==", "application/pdf", name="a.pdf"), Audio("AA==", "audio/wav"))
    sorts = ("image/png", "application/pdf", "audio/wav")
    assert write(ask(user(*parts)))["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": sort, "data": "AA=="}} for sort in sorts
    ]
    low = Image("AA==", "image/png", detail="low")
    assert write(ask(user(low, low)))["generationConfig"] == {"mediaResolution": "MEDIA_RESOLUTION_LOW"}
    result = write(ask(*CALLED, RESULT))["contents"][-1]["parts"][0]["functionResponse"]
    assert result == {
        "name": "look",
        "response": {"output": "a"},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
    }


AT = {
    name: f"their.{name}"
    for name in ("stop", "seed", "verbosity", "parallel", "effort", "budget", "schema", "messages")
}


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("messages[0].content[0]", ask(user(Text("?"), Image(url="https://a.org", at="messages[0].content[0]")))),
        ("messages[0].content[0]", ask(user(Text("?"), Image("AA==", "image/gif", at="messages[0].content[0]")))),
        ("messages[0].content[0]", ask(user(Text("?"), Document(url="https://a.org", at="messages[0].content[0]")))),
        (
            "messages[0].content[0]",
            ask(user(Text("?"), Document("AA==", "video/mp4", at="messages[0].content[0]"))),
        ),
        (
            "messages[0].content[1]",
            ask(user(PICTURE, Image("AA==", "image/png", detail="high", at="messages[0].content[1]"))),
        ),
        ("messages[2]", ask(*CALLED, RESULT, model="gemini-2.5-flash")),
        ("messages[1]", ask(user(Text("a")), Message("system", [Text("b")], "messages[1]"))),
        ("tools[0]", ask(tools=[Tool("1st", at="tools[0]")])),
        ("tools[0]", ask(tools=[Tool("a" * 65, at="tools[0]")])),
        (
            "messages[1]",
            ask(user(Text("?")), Message("assistant", [Text("It")], "messages[1]"), model="gemini-3.6-flash"),
        ),
        ("their.parallel", ask(tools=[Tool("a")], parallel=False, at=AT)),
        ("their.stop", ask(stop=list("abcdef"), at=AT)),
        ("their.seed", ask(seed=2**31, at=AT)),
        ("their.verbosity", ask(verbosity="low", at=AT)),
        ("their.effort", ask(effort="none", at=AT)),
        ("their.effort", ask(effort="low", at=AT, model="gemini-2.0-flash")),
        ("their.effort", ask(effort="none", at=AT, model="gemini-2.5-pro")),
        ("their.effort", ask(effort="low", budget=5, at=AT)),
        ("their.effort", ask(effort="extreme", at=AT)),
        ("their.budget", ask(budget=30_000, at=AT, model="gemini-2.5-flash")),
        ("their.schema", ask(schema=Schema(None), tools=[Tool("a")], at=AT, model="gemini-2.5-flash")),
    ],
)
def test_what_cannot_be_said_is_named(path: str, request_: Request) -> None:
    with pytest.raises(Untranslatable) as caught:
        write(request_)
    assert caught.value.path == path
    noted = dropping()
    CODEC.write_request(request_, noted, None)
    assert noted.noted == [path]


def test_words_to_go_on_with() -> None:
    request = ask(user(Text("?")), Message("assistant", [Text("It")]))
    request.goes_on = True
    assert write(request)["contents"][-1] == {"role": "model", "parts": [{"text": "It"}]}
    request.model = "gemini-3.6-flash"
    (content,) = CODEC.write_request(request, dropping(), None).body["contents"]
    assert content["role"] == "user"


def test_instructions_alone_make_no_sense() -> None:
    with pytest.raises(Untranslatable, match=r"^messages: "):
        CODEC.write_request(ask(Message("system", [Text("Be.")])), dropping(), None)
