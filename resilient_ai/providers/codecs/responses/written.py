"""Writes requests of OpenAI's Responses, but for their items and tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Text
from ..base import NO_TOOLS, Untranslatable, Written
from ..openai_rules import conversation
from .conversation import write_items
from .tools import write_choice, write_schema, write_tools

if TYPE_CHECKING:
    from ...canonical import Message, Request
    from ..base import Lost

__all__ = ["write_request"]

_LEAST_TOKENS = 16
"""The fewest that ``max_output_tokens`` may be: OpenAI answers a smaller number with 400."""
_UNSAID: dict[str, tuple[Any, ...]] = {
    "top_k": (None,),
    "stop": ([],),
    "seed": (None,),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
}
"""Fields that there are not here, and the values at which nothing is lost."""


def write_request(request: Request, lost: Lost, most: int | None) -> Written:
    """The request as this dialect has it. Nothing of it is to be stored: this vendor does unless it is told not to.

    Raises:
        Untranslatable: nothing is asked, or a tool is to be called that is none.
    """
    body: dict[str, Any] = {"model": request.model, "store": False}
    messages = conversation(request, lost)
    if len(messages) > 1 and (words := _instructions(messages[0])):  # a request of nothing else is refused
        body["instructions"] = words
        messages = messages[1:]
    body["input"] = write_items(messages, lost)
    if not body["input"]:
        raise Untranslatable("messages", "nothing of them is left")
    for name, nothing in _UNSAID.items():
        if getattr(request, name) not in nothing:
            lost(request.path(name), "OpenAI's Responses have no such field")
    if request.max_tokens is not None:
        body["max_output_tokens"] = _tokens(request, request.max_tokens, most, lost)
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    _thinking(body, request, lost)
    _form(body, request, lost)
    if request.tools:
        _tools(body, request, lost)
    elif request.choice is not None and request.choice.kind not in ("auto", "none"):
        lost(request.path("choice"), NO_TOOLS)
    if request.stream:
        body["stream"] = True
    return Written("responses", body)


def _instructions(message: Message) -> str | None:
    if message.role != "system" or len(message.parts) != 1:
        return None
    part = message.parts[0]
    return part.text if isinstance(part, Text) else None


def _tokens(request: Request, given: int, most: int | None, lost: Lost) -> int:
    """The caller's limit; more than the model can say is refused, and would never be said."""
    if most is not None:
        given = min(given, most)
    if given < _LEAST_TOKENS:
        lost(request.path("max_tokens"), f"OpenAI's Responses take no limit below {_LEAST_TOKENS}")
    return max(given, _LEAST_TOKENS)


def _thinking(body: dict[str, Any], request: Request, lost: Lost) -> None:
    effort = request.effort
    if request.budget is not None:
        if effort is None and not request.budget:
            effort = "none"
        elif request.budget:
            lost(request.path("budget"), "OpenAI does not count the tokens of a thought")
    if effort is not None:
        body["reasoning"] = {"effort": effort}


def _form(body: dict[str, Any], request: Request, lost: Lost) -> None:
    text: dict[str, Any] = {}
    if request.schema is not None:
        form = write_schema(request, request.schema, lost)
        if form is not None:
            text["format"] = form
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _tools(body: dict[str, Any], request: Request, lost: Lost) -> None:
    tools = write_tools(request.tools, lost)
    if not tools:
        return
    body["tools"] = tools
    if request.choice is not None:
        body["tool_choice"] = write_choice(request, request.choice, tools)
    if request.parallel is False:
        body["parallel_tool_calls"] = False
