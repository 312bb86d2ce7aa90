"""A Chat request, to and from the canonical form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Choice, Request, Schema, Tool
from ..base import NO_SUCH_TOOL, NO_TOOLS, Untranslatable, Written
from ..openai_rules import (
    NAME_WANTED,
    ROOT_WANTED,
    STRICT_WANTED,
    WORD_WANTED,
    conversation,
    is_name,
    is_strict,
    proper_name,
    says_json,
)
from .conversation import MARKS, read_messages, unknown
from .written import write_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..base import Asked, Lost

__all__ = ["CARRIED", "HARMLESS", "LOST", "read_request", "write_request"]

Json = dict[str, Any]

# Reading. -------------------------------------------------------------------------------------------------------------

_SAME = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "reasoning_effort": "effort",
    "verbosity": "verbosity",
    "parallel_tool_calls": "parallel",
}
"""Fields whose values are the canonical form's. (``top_k`` is what vLLM, OpenRouter and others take in addition.)"""

_AT = {
    "max_tokens": "max_completion_tokens",
    "effort": "reasoning_effort",
    "parallel": "parallel_tool_calls",
    "choice": "tool_choice",
    "schema": "response_format",
}
_AT_OLD = {**_AT, "max_tokens": "max_tokens"}

HARMLESS = frozenset(
    {
        "metadata",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "stream_options",
        "user",
    }
)
"""They say nothing of the answer, but how it is to be told, counted or paid; left out."""

_SOUND = "other dialects do not answer in sound"
_FUNCTIONS = "functions are retired: use tools"
_TOKENS = "tokens are their vendor's own"
LOST: dict[str, tuple[tuple[Any, ...], str]] = {
    "audio": ((), _SOUND),
    "function_call": ((), _FUNCTIONS),
    "functions": (([],), _FUNCTIONS),
    "logit_bias": (({},), _TOKENS),
    "logprobs": ((False,), "other dialects tell none, or in another shape"),
    "modalities": ((["text"], []), _SOUND),
    "moderation": ((), "other vendors have no such moderation"),
    "n": ((1,), "other dialects give one answer"),
    "store": ((False,), "other vendors keep no answers"),
    "top_logprobs": ((0,), "other dialects tell none, or in another shape"),
    "web_search_options": ((), "each vendor's web search is its own"),
}
"""What cannot be carried over: the values with which it says nothing after all, and why."""


def read_request(asked: Asked, lost: Lost) -> Request:
    """The request, in the canonical form."""
    body = asked.body
    request = Request(asked.model, read_messages(body["messages"], lost), stream=asked.stream, at=_AT)
    for name, value in body.items():
        if value is None:
            continue
        if name in _SAME:
            setattr(request, _SAME[name], value)
        elif name in _READ:
            _READ[name](request, value, lost)
        elif name not in HARMLESS:
            nothing, why = LOST.get(name, ((), "no other dialect has it"))
            if value not in nothing:
                lost(name, why)
    return request


def _elsewhere(_request: Request, _value: Any, _lost: Lost) -> None:
    """It is read already."""


def _limit(request: Request, value: Any, _lost: Lost) -> None:
    request.max_tokens = value
    request.at = _AT


def _old_limit(request: Request, value: Any, _lost: Lost) -> None:
    if request.max_tokens is None:
        request.max_tokens = value
        request.at = _AT_OLD


def _stop(request: Request, value: Any, _lost: Lost) -> None:
    request.stop = [value] if isinstance(value, str) else list(value)


def _tools(request: Request, value: Any, lost: Lost) -> None:
    for index, tool in enumerate(value):
        at = f"tools[{index}]"
        if tool.get("type", "function") != "function":
            lost(at, "each vendor's own tools are its own, and no other dialect has custom ones")
            continue
        function = tool["function"]
        unknown(tool, _TOOL, at, lost)
        unknown(function, _FUNCTION, f"{at}.function", lost)
        described = function.get("description")
        request.tools.append(Tool(function["name"], described, function.get("parameters"), function.get("strict"), at))


_TOOL = frozenset({"type", "function"}) | MARKS
_FUNCTION = frozenset({"name", "description", "parameters", "strict"}) | MARKS
_FORMATS = frozenset({"text", "json_object", "json_schema"})
_FORMAT = frozenset({"type", "json_schema"})
_SCHEMA = frozenset({"name", "description", "schema", "strict"})


def _choice(request: Request, value: Any, lost: Lost) -> None:
    if isinstance(value, str):
        request.choice = Choice(_CHOICES[value])
    elif value["type"] == "function":
        request.choice = Choice("named", value["function"]["name"])
    else:
        lost("tool_choice", "other dialects name one tool, or none")


_CHOICES: dict[str, Any] = {"auto": "auto", "none": "none", "required": "any", "any": "any"}
"""(Mistral says "any".)"""


def _format(request: Request, value: Any, lost: Lost) -> None:
    sort = value["type"]
    if sort in _FORMATS:
        unknown(value, _FORMAT, "response_format", lost)
    if sort == "json_schema":
        given = value["json_schema"]
        unknown(given, _SCHEMA, "response_format.json_schema", lost)
        request.schema = Schema(given.get("schema"), given.get("name"), given.get("description"), given.get("strict"))
    elif sort == "json_object":
        request.schema = Schema(None)
    elif sort != "text":
        lost("response_format", "not a format that other dialects have")


_READ: dict[str, Callable[[Request, Any, Lost], None]] = {
    "messages": _elsewhere,
    "model": _elsewhere,
    "stream": _elsewhere,
    "max_completion_tokens": _limit,
    "max_tokens": _old_limit,
    "stop": _stop,
    "tools": _tools,
    "tool_choice": _choice,
    "response_format": _format,
}

CARRIED = frozenset({*_SAME, *_READ})
"""Fields that the canonical form has."""

# Writing. -------------------------------------------------------------------------------------------------------------

_CHOSEN: dict[str, str] = {"auto": "auto", "none": "none", "any": "required"}
_NAMED = "answer"
"""A schema's name is required."""
_MOST_STOPS = 4


def write_request(request: Request, lost: Lost, most: int | None) -> Written:
    """The request, as Chat has it.

    The limit of the answer's length is ``max_completion_tokens``, which OpenAI's models that think insist on; hosts
    that know only the older ``max_tokens`` are named in the registry of hosts.
    """
    messages = write_messages(conversation(request, lost), lost)
    if not messages:
        raise Untranslatable("messages", "nothing of them is left")
    body: Json = {"model": request.model, "messages": messages}
    _write_settings(request, body, most)
    if request.tools:
        _write_tools(request, body, lost)
    elif request.choice is not None and request.choice.kind not in ("auto", "none"):
        lost(request.path("choice"), NO_TOOLS)
    if request.stop:
        if len(request.stop) > _MOST_STOPS:
            lost(request.path("stop"), f"Chat stops at {_MOST_STOPS} sequences at most")
        body["stop"] = request.stop[:_MOST_STOPS]
    if request.schema is not None:
        _write_schema(request, request.schema, body, lost)
    if request.top_k is not None:
        lost(request.path("top_k"), "Chat has no such field")
    if request.budget:
        lost(request.path("budget"), "Chat has levels of effort, and no count of the tokens to think for")
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return Written("chat/completions", body)


def _write_settings(request: Request, body: Json, most: int | None) -> None:
    if request.max_tokens is not None:
        body["max_completion_tokens"] = request.max_tokens if most is None else min(request.max_tokens, most)
    for name, value in (
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("seed", request.seed),
        ("presence_penalty", request.presence_penalty),
        ("frequency_penalty", request.frequency_penalty),
        ("reasoning_effort", "none" if request.effort is None and request.budget == 0 else request.effort),
        ("verbosity", request.verbosity),
    ):
        if value is not None:
            body[name] = value


def _write_tools(request: Request, body: Json, lost: Lost) -> None:
    tools = [written for tool in request.tools if (written := _write_tool(tool, lost)) is not None]
    if not tools:
        return
    body["tools"] = tools
    if request.parallel is not None:
        body["parallel_tool_calls"] = request.parallel
    if request.choice is not None:
        body["tool_choice"] = _write_choice(request, request.choice, tools)


def _write_tool(tool: Tool, lost: Lost) -> Json | None:
    if not is_name(tool.name):
        lost(tool.at, NAME_WANTED)
        return None
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    parameters, strict = tool.parameters, tool.strict
    if parameters is not None:
        if parameters and "type" not in parameters:
            parameters = {"type": "object", **parameters}
        if parameters and parameters["type"] != "object":
            lost(tool.at, ROOT_WANTED)
            return None
        if strict and not is_strict(parameters):
            lost(tool.at, STRICT_WANTED)
            strict = False
        function["parameters"] = parameters
    if strict is not None:
        function["strict"] = strict
    return {"type": "function", "function": function}


def _write_choice(request: Request, choice: Choice, tools: list[Json]) -> str | Json:
    if choice.kind != "named":
        return _CHOSEN[choice.kind]
    if all(tool["function"]["name"] != choice.name for tool in tools):
        raise Untranslatable(request.path("choice"), NO_SUCH_TOOL)
    return {"type": "function", "function": {"name": choice.name}}


def _write_schema(request: Request, schema: Schema, body: Json, lost: Lost) -> None:
    at = request.path("schema")
    if schema.schema is None:
        if says_json(request.messages):
            body["response_format"] = {"type": "json_object"}
        else:
            lost(at, WORD_WANTED)
        return
    if schema.schema.get("type") != "object":
        lost(at, ROOT_WANTED)
        return
    given: Json = {"name": proper_name(schema.name or _NAMED), "schema": schema.schema}
    if schema.description is not None:
        given["description"] = schema.description
    if schema.strict is not None:
        given["strict"] = schema.strict
        if schema.strict and not is_strict(schema.schema):
            lost(at, STRICT_WANTED)
            given["strict"] = False
    body["response_format"] = {"type": "json_schema", "json_schema": given}
