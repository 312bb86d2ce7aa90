"""A loop of tool calls whose vendor changes all the time: each request of the program is one that its vendor takes."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.providers.canonical import Answer, Text, ToolCall, ToolResult, Usage
from resilient_ai.providers.codecs.base import Asked, refusing
from resilient_ai.providers.codecs.chat import CODEC as CHAT
from resilient_ai.providers.codecs.content import CODEC as CONTENT
from resilient_ai.providers.codecs.messages import CODEC as MESSAGES
from resilient_ai.providers.codecs.responses import CODEC as RESPONSES
from resilient_ai.testing._server import fields as openai
from resilient_ai.testing._server.anthropic import validate as anthropic
from resilient_ai.testing._server.gemini import validate as gemini
from resilient_ai.testing._server.validate import check
from resilient_ai.testing._server.world import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilient_ai.providers.codecs.base import Codec

Json = dict[str, Any]
PARAMETERS: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


@dataclass
class Program:
    """A program of one dialect's SDK: what it asks, and how it goes on with an answer."""

    body: Json
    goes_on: Callable[[Json, Json], list[str]]
    """(its request, the answer): what the tools said is added; the ids of the calls, if the dialect tells them."""
    model: str
    said: list[str] = field(default_factory=list[str])


def _chat(body: Json, answer: Json) -> list[str]:
    message: Json = answer["choices"][0]["message"]
    body["messages"].append(message)
    ids = [call["id"] for call in message.get("tool_calls", ())]
    body["messages"] += [{"role": "tool", "tool_call_id": one, "content": f"{n} °C"} for n, one in enumerate(ids)]
    return ids


def _responses(body: Json, answer: Json) -> list[str]:
    body["input"] += answer["output"]
    ids = [item["call_id"] for item in answer["output"] if item["type"] == "function_call"]
    body["input"] += [
        {"type": "function_call_output", "call_id": one, "output": f"{n} °C"} for n, one in enumerate(ids)
    ]
    return ids


def _messages(body: Json, answer: Json) -> list[str]:
    body["messages"].append({"role": "assistant", "content": answer["content"]})
    ids = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": one, "content": f"{n} °C"} for n, one in enumerate(ids)]
    body["messages"].append({"role": "user", "content": results})
    return ids


def _content(body: Json, answer: Json) -> list[str]:
    content: Json = answer["candidates"][0]["content"]
    body["contents"].append(content)
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    results = [
        {"functionResponse": {"name": call["name"], "response": {"output": f"{n} °C"}}} for n, call in enumerate(calls)
    ]
    body["contents"].append({"role": "user", "parts": results})
    return []


def program(name: str) -> Program:
    words, tool = "What is the weather like?", {"name": "get_weather", "description": "Of a city."}
    match name:
        case "chat":
            asks: Json = {"model": "gpt-5.6", "messages": [{"role": "user", "content": words}]}
            asks["tools"] = [{"type": "function", "function": {**tool, "parameters": PARAMETERS}}]
            return Program(asks, _chat, "gpt-5.6")
        case "responses":
            asks = {"model": "gpt-5.6", "input": [{"role": "user", "content": words}]}
            asks["tools"] = [{"type": "function", **tool, "parameters": PARAMETERS, "strict": True}]
            return Program(asks, _responses, "gpt-5.6")
        case "messages":
            asks = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": [{"role": "user", "content": words}]}
            asks["tools"] = [{**tool, "input_schema": PARAMETERS}]
            return Program(asks, _messages, "claude-haiku-4-5")
        case _:
            asks = {"contents": [{"role": "user", "parts": [{"text": words}]}]}
            asks["tools"] = [{"functionDeclarations": [{**tool, "parametersJsonSchema": PARAMETERS}]}]
            return Program(asks, _content, "gemini-3-pro")


CODECS: dict[str, Codec] = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES, "content": CONTENT}
MODELS = {
    "chat": "gpt-5.6",
    "responses": "gpt-5.6",
    "messages": "claude-haiku-4-5",
    "content": "gemini-3-pro",
}
IDS = {
    "chat": "call_{}",
    "responses": "call_{}" + "x" * 50,  # as long as OpenAI's may be there
    "messages": "toolu_01{}",
    "content": "{}",
}
"""Of the calls that a vendor's model makes."""


def taken(name: str, body: Json, model: str, version: str = "2023-06-01") -> None:
    """The vendor takes the request; else Refusal is raised."""
    body = json.loads(json.dumps(body))
    if name == "messages":
        anthropic.check(anthropic.CREATE, body, version=version)
    elif name == "content":
        gemini.check(gemini.GENERATE, gemini.camel(body), model)
    else:
        spec = openai.CHAT if name == "chat" else openai.RESPONSES
        check(spec, Ask(method="POST", path="", query={}, json=body))


def answered(name: str, turn: int, *, last: bool) -> Json:
    """What a vendor answers: two calls, in the end words."""
    parts: list[Any] = [Text(f"turn {turn}")]
    if not last:
        made = (IDS[name].format(f"{turn}{letter}") for letter in "ab")
        parts += [ToolCall(one, "get_weather", f'{{"city":"{one[-4:]}"}}') for one in made]
    answer = Answer(f"answer_{turn}", MODELS[name], parts, "stop" if last else "tool_calls", usage=Usage(9, 5))
    return CODECS[name].write_answer(answer, Asked({}, MODELS[name], stream=False))


ORDERS = list(itertools.permutations(CODECS))[::5]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
@pytest.mark.parametrize("ours", CODECS)
def test_a_loop_of_twenty_steps(ours: str, order: tuple[str, ...]) -> None:
    asking = program(ours)
    mine = CODECS[ours]
    seen: set[str] = set()
    came: Json = {}
    for turn, name in enumerate(itertools.islice(itertools.cycle(order), 20)):
        theirs = CODECS[name]
        taken(ours, asking.body, asking.model)  # its own vendor may be back at any time
        came = answered(name, turn, last=turn == 19)
        if theirs is not mine:
            asked = Asked(asking.body, asking.model, stream=False)
            request = mine.read_request(asked, refusing)
            request.model = MODELS[name]
            results = [part for one in request.messages for part in one.parts if isinstance(part, ToolResult)]
            assert len(results) == 2 * turn
            assert {result.name for result in results} <= {"get_weather"}
            written = theirs.write_request(request, refusing, None)
            taken(name, written.body, MODELS[name], dict(written.headers).get("anthropic-version", ""))
            came = mine.write_answer(theirs.read_answer(json.loads(json.dumps(came))), asked)
        ids = asking.goes_on(asking.body, json.loads(json.dumps(came)))
        assert not seen & set(ids), "calls of one conversation have ids of their own"
        seen |= set(ids)
    said = mine.read_answer(came)
    assert said.parts == [Text("turn 19")]
    assert said.model == MODELS[order[-1]]
