"""Reads a request: which of its fields are carried, which say nothing of the answer, and which would be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Choice, Message, Request, Schema, Tool
from ..base import Untranslatable
from .blocks import read_messages, read_system

if TYPE_CHECKING:
    from ..base import Asked, Lost

__all__ = ["CARRIED", "HARMLESS", "LOST", "REFUSED", "TOOL_CARRIED", "TOOL_HARMLESS", "TOOL_LOST", "read_request"]

CARRIED = frozenset(
    {
        "max_tokens",
        "messages",
        "model",
        "output_config",
        "output_format",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
"""What the canonical form can say. ``output_format`` is the name that a beta had for ``output_config.format``."""
HARMLESS = frozenset(
    {"cache_control", "diagnostics", "metadata", "service_tier", "speed", "user_profile_id", "workspace_id"}
)
"""What says nothing of the answer: marks for the prompt cache, who asks, how fast and for whose money."""
LOST: dict[str, tuple[str, tuple[Any, ...]]] = {
    "context_management": ("only Anthropic shortens a conversation so", ({},)),
    "inference_geo": ("where it is computed is another matter at another vendor", ("global", "not_available")),
    "mcp_servers": ("only Anthropic calls these servers", ([],)),
}
"""What another vendor has not: why, and the values at which nothing is lost."""
REFUSED = frozenset({"container"})
"""What stands for something that is at Anthropic: no call makes sense without it."""

_TOP = CARRIED | HARMLESS
_OFF = frozenset({"disabled", "between_tools"})
_AT = {
    "budget": "thinking.budget_tokens",
    "choice": "tool_choice",
    "effort": "output_config.effort",
    "parallel": "tool_choice.disable_parallel_tool_use",
    "schema": "output_config.format",
    "stop": "stop_sequences",
}
"""What the caller calls the fields that have another name here."""
_AT_OFF = {**_AT, "effort": "thinking"}
_AT_BETA = {**_AT, "schema": "output_format"}


def read_request(asked: Asked, lost: Lost) -> Request:
    """A request in the canonical form."""
    body = asked.body
    messages: list[Message] = []
    if given := body.get("system"):
        read_system(given, messages, lost)
    read_messages(body["messages"], messages, lost)
    request = Request(asked.model, messages, stream=asked.stream, goes_on=True, at=_AT)
    for name, value in body.items():
        if value is None:
            continue
        if name in _PLAIN:
            setattr(request, _PLAIN[name], value)
        elif name not in _TOP:
            _other(name, value, lost)
    if request.max_tokens == 0:
        raise Untranslatable("max_tokens", "none are asked for: it only fills Anthropic's prompt cache")
    if (tools := body.get("tools")) is not None:
        request.tools = _tools(tools, lost)
    if (choice := body.get("tool_choice")) is not None:
        _choice(choice, request, lost)
    _output(body, request, lost)
    if (thinking := body.get("thinking")) is not None:
        _thinking(thinking, request, lost)
    return request


_PLAIN = {
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
}


def _other(name: str, value: Any, lost: Lost) -> None:
    if name in REFUSED:
        raise Untranslatable(name, "it stands for something that only Anthropic has")
    why, nothing = LOST.get(name, ("nobody knows what it says", ()))
    if value not in nothing:
        lost(name, why)


TOOL_CARRIED = frozenset({"type", "name", "description", "input_schema", "strict"})
TOOL_HARMLESS = frozenset({"cache_control", "eager_input_streaming"})
TOOL_LOST: dict[str, tuple[Any, ...]] = {
    "allowed_callers": (["direct"],),
    "defer_loading": (False,),
    "input_examples": ([],),
}
"""With the values at which nothing is lost."""
_TOOL = TOOL_CARRIED | TOOL_HARMLESS
NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
"""The schema of a function that takes none."""
_NONE = (NO_PARAMETERS, {**NO_PARAMETERS, "additionalProperties": False})


def _tools(given: list[Any], lost: Lost) -> list[Tool]:
    tools: list[Tool] = []
    for index, tool in enumerate(given):
        at = f"tools[{index}]"
        if tool.get("type") not in (None, "custom"):
            lost(at, "only Anthropic knows this tool")
            continue
        for name, value in tool.items():
            if name not in _TOOL and value is not None and value not in TOOL_LOST.get(name, ()):
                lost(f"{at}.{name}", "only Anthropic has it" if name in TOOL_LOST else "nobody knows what it says")
        schema = tool["input_schema"]
        parameters = None if schema in _NONE else schema
        tools.append(Tool(tool["name"], tool.get("description"), parameters, tool.get("strict"), at))
    return tools


def _choice(given: dict[str, Any], request: Request, lost: Lost) -> None:
    kind = given["type"]
    if kind == "tool":
        request.choice = Choice("named", given["name"])
    elif kind in ("auto", "any", "none"):
        request.choice = Choice(kind)
    else:
        lost("tool_choice.type", "nobody knows what it says")
    if given.get("disable_parallel_tool_use"):
        request.parallel = False
    for name, value in given.items():
        if name not in ("type", "name", "disable_parallel_tool_use") and value is not None:
            lost(f"tool_choice.{name}", "nobody knows what it says")


def _output(body: dict[str, Any], request: Request, lost: Lost) -> None:
    form = body.get("output_format")
    if form is not None:
        request.at = _AT_BETA
    config = body.get("output_config")
    if config is not None:
        request.effort = config.get("effort")
        form = form if config.get("format") is None else config["format"]
        for name, value in config.items():
            if name not in ("effort", "format") and value is not None:
                lost(f"output_config.{name}", "only Anthropic has it")
    if form is None:
        return
    if form["type"] == "json_schema":
        request.schema = Schema(form["schema"], strict=True)
    else:
        lost(f"{request.path('schema')}.type", "nobody knows what it says")


def _thinking(given: dict[str, Any], request: Request, lost: Lost) -> None:
    kind = given["type"]
    if kind in _OFF:
        request.effort, request.at = "none", _AT_OFF
    elif kind == "enabled":
        request.budget = given["budget_tokens"]
    elif kind != "adaptive":
        lost("thinking.type", "nobody knows what it says")
    for name in sorted(given.keys() - _THINKING):
        if given[name] is not None:
            lost(f"thinking.{name}", "nobody knows what it says")


_THINKING = frozenset({"type", "budget_tokens", "display"})
"""(How thoughts are displayed says nothing of the answer.)"""
