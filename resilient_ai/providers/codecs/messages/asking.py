"""Writes a request, as the model that is asked takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import ToolCall
from ..base import Untranslatable, Written
from .ids import proper_name
from .models import VERSIONS, model_of
from .request import NO_PARAMETERS
from .schemas import kept_schema
from .thinking import write_thinking
from .turns import write_turns

if TYPE_CHECKING:
    from ...canonical import Choice, Message, Request, Schema, Tool
    from ..base import Lost
    from .models import Model

__all__ = ["PATH", "write_request"]

PATH = "v1/messages"
_WITH_SAMPLING, _WITHOUT = ((("anthropic-version", version),) for version in VERSIONS)

_NOWHERE = {
    "seed": (None,),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "verbosity": (None, "medium"),
}
"""What Anthropic has not, and the values at which nothing is lost."""


def write_request(request: Request, lost: Lost, most: int | None = None) -> Written:
    """A request in this dialect. ``most``: the most tokens that the model answers with, if that is known."""
    model = model_of(request.model)
    turns = write_turns(request.messages, model, lost)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": _max_tokens(request.max_tokens, model, most),
        "messages": turns.messages,
    }
    system = turns.system
    if system:
        body["system"] = system[0]["text"] if len(system) == 1 else system
    if request.tools:
        _write_tools(request, model, body, lost)
    elif called := _called(request.messages):
        # Anthropic wants tools defined that were called, even where none may be called any more.
        body["tools"] = [{"name": name, "input_schema": NO_PARAMETERS} for name in called]
        body["tool_choice"] = {"type": "none"}
    if request.schema is not None:
        _write_schema(request.schema, request.path("schema"), model, body, lost)
    thinks = write_thinking(request, model, body, lost)
    _write_sampling(request, 0 if thinks else model.sampling, body, lost)
    if request.stop:
        _write_stop(request, body, lost)
    for name, nothing in _NOWHERE.items():
        if getattr(request, name) not in nothing:
            lost(request.path(name), "Anthropic has nothing like it")
    if request.stream:
        body["stream"] = True
    return Written(PATH, body, headers=_WITH_SAMPLING if model.sampling else _WITHOUT)


def _max_tokens(asked: int | None, model: Model, most: int | None) -> int:
    """The caller's, which can be no more than the model's; else the model's."""
    if asked is None:
        return most or model.usual or model.most
    limit = most or model.most
    return min(asked, limit) if limit else asked


def _write_tools(request: Request, model: Model, body: dict[str, Any], lost: Lost) -> None:
    body["tools"] = [_tool(tool, model, lost) for tool in request.tools]
    choice = request.choice
    if choice is not None and choice.kind in ("any", "named") and not model.forced:
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


def _tool(tool: Tool, model: Model, lost: Lost) -> dict[str, Any]:
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
    if tool.strict:
        if model.schemas:
            schema, said["strict"] = kept_schema(schema, lambda why: lost(at, why)), True
        else:
            lost(at, "the model is not strict with arguments")
    said["input_schema"] = schema
    return said


def _write_schema(schema: Schema, at: str, model: Model, body: dict[str, Any], lost: Lost) -> None:
    if schema.schema is None:
        lost(at, "Anthropic has no JSON without a schema")
    elif not model.schemas:
        lost(at, "the model does not keep to a schema")
    else:
        kept = kept_schema(schema.schema, lambda why: lost(at, why))
        if schema.description is not None:
            kept.setdefault("description", schema.description)
        body["output_config"] = {"format": {"type": "json_schema", "schema": kept}}


def _write_sampling(request: Request, takes: int, body: dict[str, Any], lost: Lost) -> None:
    """A model takes two, one or none of these numbers, and none while it thinks."""
    for name, usual in (("temperature", 1), ("top_p", 1), ("top_k", None)):
        value = getattr(request, name)
        if value is None or value == usual:
            continue
        if not takes:
            lost(request.path(name), "the model does not take it, or not while it thinks")
        elif name != "top_k" and not 0 <= value <= 1:
            lost(request.path(name), "Anthropic takes it from 0 to 1")
        elif name == "top_p" and takes == 1 and "temperature" in body:
            lost(request.path(name), "the model takes either this or temperature")
        else:
            body[name] = value


def _write_stop(request: Request, body: dict[str, Any], lost: Lost) -> None:
    stop = [sequence for sequence in request.stop if sequence.strip()]
    if len(stop) != len(request.stop):
        lost(request.path("stop"), "Anthropic takes no stop sequence of white space")
    if stop:
        body["stop_sequences"] = stop
