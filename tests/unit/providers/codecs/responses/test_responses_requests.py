"""Requests of OpenAI's Responses, written by hand after the API reference, and what each of their fields becomes."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from resilient_ai.providers.canonical import (
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
from resilient_ai.providers.codecs.base import Asked, Written, refusing
from resilient_ai.providers.codecs.responses import CODEC
from resilient_ai.testing._server.items import check_responses
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.responses.test_responses_round_trips import CAN

Json = dict[str, Any]

WEATHER: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ASKING: Json = {
    "model": "gpt-5.6",
    "instructions": "Be brief.",
    "input": [
        {"role": "developer", "content": "Speak Portuguese."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
                {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "high", "file_id": None},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
                {"type": "input_file", "filename": "notes.txt", "file_data": "aGVsbG8="},
                {"type": "input_file", "file_url": "https://example.org/a.pdf", "detail": "auto"},
            ],
        },
        {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAA"},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "I look it up.", "annotations": [], "logprobs": []}],
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{ "city": "São Paulo" }',
        },
        {
            "type": "function_call",
            "call_id": "call_2",
            "name": "look",
            "arguments": "",
            "caller": {"type": "direct"},
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "Tool error: no such city"},
        {
            "type": "function_call_output",
            "call_id": "call_2",
            "output": [
                {"type": "input_text", "text": "sun"},
                {"type": "input_image", "image_url": "data:image/jpeg;base64,AA=="},
            ],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I will not say."}]},
        {"role": "user", "content": "Why?"},
        {"role": "user", "content": "Please."},
    ],
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 500,
    "max_tool_calls": 3,
    "metadata": {"a": "b"},
    "parallel_tool_calls": False,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
    "previous_response_id": None,
    "reasoning": {"effort": "high", "summary": "auto", "context": "current_turn"},
    "safety_identifier": "s",
    "service_tier": "flex",
    "store": False,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "temperature": 0.2,
    "text": {
        "format": {"type": "json_schema", "name": "weather", "schema": WEATHER, "strict": True, "description": "d"},
        "verbosity": "low",
    },
    "tool_choice": {"type": "function", "name": "look"},
    "tools": [
        {"type": "function", "name": "look", "description": "Looks.", "parameters": WEATHER, "strict": True},
        {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}},
    ],
    "top_logprobs": 0,
    "top_p": 0.9,
    "truncation": "disabled",
    "user": "u",
}
"""All that can be carried over, and all that says nothing."""


def read(body: Json, lost: Any = refusing) -> Request:
    return CODEC.read_request(Asked(body, body["model"], bool(body.get("stream"))), lost)


def write(request: Request, lost: Any = refusing) -> Json:
    written: Written = CODEC.write_request(request, lost, None)
    assert (written.path, written.query, written.headers) == ("responses", (), ())
    return written.body


def test_a_request_is_read() -> None:
    request = read(ASKING)
    assert request == Request(
        model="gpt-5.6",
        messages=[
            Message("system", [Text("Be brief.")]),
            Message("system", [Text("Speak Portuguese.")]),
            Message(
                "user",
                [
                    Text("What is this?"),
                    Image("AA==", "image/png"),
                    Image(url="https://example.org/a.png", detail="high"),
                    Document("AA==", "application/pdf", name="a.pdf"),
                    Document("aGVsbG8=", "text/plain", name="notes.txt"),
                    Document(url="https://example.org/a.pdf"),
                ],
            ),
            Message(
                "assistant",
                [
                    Text("I look it up."),
                    ToolCall("call_1", "look", '{"city":"São Paulo"}'),
                    ToolCall("call_2", "look", "{}"),
                ],
            ),
            Message(
                "tool",
                [
                    ToolResult("call_1", "look", [Text("no such city")], failed=True),
                    ToolResult("call_2", "look", [Text("sun"), Image("AA==", "image/jpeg")]),
                ],
            ),
            Message("assistant", [Refusal("I will not say.")]),
            Message("user", [Text("Why?"), Text("Please.")]),
        ],
        tools=[Tool("look", "Looks.", WEATHER, strict=True), Tool("now")],
        choice=Choice("named", "look"),
        parallel=False,
        max_tokens=500,
        temperature=0.2,
        top_p=0.9,
        effort="high",
        verbosity="low",
        schema=Schema(WEATHER, "weather", "d", strict=True),
        stream=True,
    )
    assert request.path("max_tokens") == "max_output_tokens"
    assert request.path("temperature") == "temperature"
    pictured = request.messages[2].parts[2]
    assert isinstance(pictured, Image)
    assert pictured.at == "input[1].content[2]"


def test_a_request_is_written() -> None:
    body = write(read(ASKING))
    check_responses(body)
    assert body == {
        "model": "gpt-5.6",
        "store": False,
        "instructions": "Be brief.",
        "input": [
            {"role": "system", "content": "Speak Portuguese."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "auto"},
                    {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "high"},
                    {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"},
                    {"type": "input_file", "file_data": "data:text/plain;base64,aGVsbG8=", "filename": "notes.txt"},
                    {"type": "input_file", "file_url": "https://example.org/a.pdf"},
                ],
            },
            {"role": "assistant", "content": "I look it up."},
            {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"city":"São Paulo"}'},
            {"type": "function_call", "call_id": "call_2", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "Tool error: no such city"},
            {
                "type": "function_call_output",
                "call_id": "call_2",
                "output": [
                    {"type": "input_text", "text": "sun"},
                    {"type": "input_image", "image_url": "data:image/jpeg;base64,AA==", "detail": "auto"},
                ],
            },
            {
                "type": "message",
                "id": body["input"][7]["id"],
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "refusal", "refusal": "I will not say."}],
            },
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "Why?"}, {"type": "input_text", "text": "Please."}],
            },
        ],
        "max_output_tokens": 500,
        "temperature": 0.2,
        "top_p": 0.9,
        "reasoning": {"effort": "high"},
        "text": {
            "format": {"type": "json_schema", "name": "weather", "schema": WEATHER, "strict": True, "description": "d"},
            "verbosity": "low",
        },
        "tools": [
            {"type": "function", "name": "look", "parameters": WEATHER, "strict": True, "description": "Looks."},
            {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": False},
        ],
        "tool_choice": {"type": "function", "name": "look"},
        "parallel_tool_calls": False,
        "stream": True,
    }


def test_a_text_alone_is_the_users() -> None:
    request = read({"model": "m", "input": "hello", "tool_choice": "auto", "parallel_tool_calls": True})
    assert request == Request("m", [Message("user", [Text("hello")])])
    assert write(request) == {"model": "m", "store": False, "input": [{"role": "user", "content": "hello"}]}


def test_instructions_alone_are_an_item() -> None:
    """OpenAI refuses a request without input."""
    assert write(Request("m", [Message("system", [Text("hi")])]))["input"] == [{"role": "system", "content": "hi"}]


@settings(max_examples=60, deadline=None)
@given(made.requests(CAN))
def test_the_vendor_takes_it(request: Request) -> None:
    check_responses(write(request))
