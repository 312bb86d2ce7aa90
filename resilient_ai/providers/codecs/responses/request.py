"""Reads requests of OpenAI's Responses, but for their items and tools.

Every parameter is of one of the classes here; what none of them knows is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Message, Request, Text
from ...streams.base import items, members
from ..base import Untranslatable
from .items import read_items
from .tools import allowed, read_choice, read_schema, read_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..base import Asked, Lost

__all__ = ["CARRIED", "HARMLESS", "LOST", "STATE", "read_request"]

_NAMES = {
    "max_tokens": "max_output_tokens",
    "effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "schema": "text.format",
    "choice": "tool_choice",
    "parallel": "parallel_tool_calls",
}
"""What this dialect calls the fields of the canonical form, where it has another name."""


def read_request(asked: Asked, lost: Lost) -> Request:
    """The caller's request."""
    body = asked.body
    for name, why in STATE.items():
        if body.get(name):
            raise Untranslatable(name, why)
    request = Request(model=asked.model, messages=[], stream=asked.stream, at=_NAMES)
    for name, value in body.items():
        if value is None:
            continue
        if name in _SAME:
            setattr(request, _SAME[name], value)
        elif name in _READ:
            _READ[name](request, value, lost)
        elif name not in _ELSEWHERE and value and value != _DEFAULTS.get(name):
            _other(name, value, lost)
    if body.get("instructions"):
        request.messages.append(Message("system", [Text(body["instructions"])], "instructions"))
    if body.get("parallel_tool_calls") is False:
        request.parallel = False
    request.messages += read_items(body["input"], lost)
    among = allowed(body.get("tool_choice"))
    if among is not None:
        request.tools = [tool for tool in request.tools if tool.name in among]
    if request.choice is not None and not request.tools and request.choice.kind in _SAY_NOTHING:
        request.choice = None
    return request


_SAY_NOTHING = ("auto", "none")
"""Choices among no tools at all."""


def _reasoning(request: Request, value: dict[str, Any], lost: Lost) -> None:
    """Thoughts are not told, so that how they are summed up, or rendered in later turns, says nothing."""
    request.effort = value.get("effort")
    if value.get("mode") not in (None, "standard"):
        lost("reasoning.mode", "no other vendor has it")
    _unknown(value, _REASONING, "reasoning", lost)


def _text(request: Request, value: dict[str, Any], lost: Lost) -> None:
    request.verbosity = value.get("verbosity")
    request.schema = read_schema(members(value.get("format")), lost)
    _unknown(value, _TEXT, "text", lost)


def _unknown(value: dict[str, Any], known: frozenset[str], at: str, lost: Lost) -> None:
    for name in sorted(value.keys() - known):
        if value[name] is not None:
            lost(f"{at}.{name}", _UNKNOWN)


def _tools(request: Request, value: Any, lost: Lost) -> None:
    request.tools = read_tools(items(value), lost)


def _choice(request: Request, value: Any, lost: Lost) -> None:
    request.choice = read_choice(value, lost)


_REASONING = frozenset({"effort", "summary", "generate_summary", "context", "mode"})
_TEXT = frozenset({"format", "verbosity"})
_UNKNOWN = "it is not known what it means"

_SAME = {"max_output_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p"}
"""What is told as it is, and the name of the field."""

_READ: dict[str, Callable[[Request, Any, Lost], None]] = {
    "reasoning": _reasoning,
    "text": _text,
    "tool_choice": _choice,
    "tools": _tools,
}

CARRIED = frozenset({"input", "instructions", "model", "parallel_tool_calls", "stream", *_SAME, *_READ})
"""Fields that the canonical form has."""

HARMLESS = frozenset(
    {
        "background_options",  # of a call in the background, which is refused
        "max_tool_calls",  # of the vendor's own tools, which are not carried over
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "stream_options",  # whether a stream's pieces are padded
        "user",
    }
)
"""Fields that say nothing of the answer."""

_ELSEWHERE = CARRIED | HARMLESS

STATE = {
    "background": "a call in the background can be asked for only where it was begun",
    "conversation": "the conversation is kept by the vendor",
    "previous_response_id": "the answer before is kept by the vendor",
    "prompt": "the prompt is kept by the vendor",
}
"""Fields that stand for what is not here."""

LOST = {
    "access_programs": "no other vendor has it",
    "context_management": "no other vendor shortens a conversation by itself",
    "image": "no other vendor has it",
    "include": "what is asked for cannot be told",
    "moderation": "no other vendor judges what is said beside saying it",
    "prompt_cache_options": "no other vendor prepares its cache without an answer",
    "store": "nothing is stored elsewhere",
    "top_logprobs": "likelihoods cannot be told",
    "truncation": "no other vendor shortens a conversation by itself",
}
"""Fields that are lost, and why; those that are left out, false or empty say nothing."""

_DEFAULTS: dict[str, Any] = {"truncation": "disabled", "image": {"context_compression": "auto"}}


def _other(name: str, value: Any, lost: Lost) -> None:
    if name == "include" and "message.output_text.logprobs" not in value:
        return  # sealed thoughts, and more of the answers of the vendor's own tools
    if name == "prompt_cache_options" and not value.get("prewarm"):
        return
    lost(name, LOST.get(name, _UNKNOWN))
