"""Writes tools: which there are, and which of them may or must be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import ToolCall
from ..base import NO_SUCH_TOOL, NO_TOOLS, Untranslatable
from .ids import proper_name
from .request import NO_PARAMETERS
from .schemas import TOO_MUCH, kept_schema

if TYPE_CHECKING:
    from ...canonical import Choice, Message, Request, Tool
    from ..base import Lost
    from .models import Model
    from .schemas import Strictness

__all__ = ["write_tools"]


def write_tools(request: Request, model: Model, strictness: Strictness, body: dict[str, Any], lost: Lost) -> None:
    """Say in ``body`` which tools there are, and which of them may or must be called.

    Raises:
        Untranslatable: one has a name that Anthropic does not take, or the one to be called is none of them.
    """
    choice = request.choice
    forced = choice is not None and choice.kind in ("any", "named")
    if not request.tools:
        if forced:
            lost(request.path("choice"), NO_TOOLS)
        if called := _called(request.messages):
            # Anthropic wants tools defined that were called, even where none may be called any more.
            body["tools"] = [{"name": name, "input_schema": NO_PARAMETERS} for name in called]
            body["tool_choice"] = {"type": "none"}
        return
    body["tools"] = [_tool(tool, model, strictness, lost) for tool in request.tools]
    if choice is not None and choice.kind == "named" and all(tool.name != choice.name for tool in request.tools):
        raise Untranslatable(request.path("choice"), NO_SUCH_TOOL)
    if forced and not model.forced:
        lost(request.path("choice"), "the model cannot be made to call a tool")
        choice = None
    single = request.parallel is False
    if choice is not None or single:
        body["tool_choice"] = _choice(choice, single=single)


def _called(messages: list[Message]) -> dict[str, None]:
    """The names of the tools that were called, each once."""
    turns = (message.parts for message in messages if message.role == "assistant")
    return dict.fromkeys(part.name for parts in turns for part in parts if isinstance(part, ToolCall))


def _choice(choice: Choice | None, *, single: bool) -> dict[str, Any]:
    if choice is None:
        return {"type": "auto", "disable_parallel_tool_use": True}
    if choice.kind == "none":
        return {"type": "none"}
    said: dict[str, Any] = {"type": choice.kind}
    if choice.kind == "named":
        said = {"type": "tool", "name": choice.name}
    if single:
        said["disable_parallel_tool_use"] = True
    return said


def _tool(tool: Tool, model: Model, strictness: Strictness, lost: Lost) -> dict[str, Any]:
    if not proper_name(tool.name):
        raise Untranslatable(
            tool.at or "tools", "Anthropic takes names of tools with up to 128 letters, digits, _ and - only"
        )
    said: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        said["description"] = tool.description
    schema = tool.parameters or NO_PARAMETERS
    if "type" not in schema:
        schema = {"type": "object", **schema}
    at = tool.at or "tools"
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            lost(at, f"Anthropic takes no {name} at the top of a tool's parameters")
            schema = {key: value for key, value in schema.items() if key != name}
    if tool.strict and not model.schemas:
        lost(at, "the model is not strict with arguments")
    elif tool.strict:
        kept = kept_schema(schema, lambda why: lost(at, why))
        if strictness.takes(kept, tool=True):
            schema, said["strict"] = kept, True
        else:
            lost(at, TOO_MUCH)
    said["input_schema"] = schema
    return said
