"""Tools, how they are chosen, and the form of an answer's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ...canonical import Choice, Schema, Tool
from ...streams.base import items, members
from ..base import NO_SUCH_TOOL, Untranslatable
from ..openai_rules import (
    NAME_WANTED,
    ROOT_WANTED,
    STRICT_WANTED,
    WORD_WANTED,
    is_name,
    is_strict,
    proper_name,
    says_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...canonical import Request
    from ..base import Lost

__all__ = [
    "allowed",
    "read_choice",
    "read_schema",
    "read_tools",
    "write_choice",
    "write_schema",
    "write_tools",
]

_JSON = dict[str, Any]

# Read

_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict", "defer_loading"})
"""What is known of a function. Whether it is loaded only when it is looked for does not say what it can be asked."""
_NO_PARAMETERS: _JSON = {"type": "object", "properties": {}}
_NONE = (_NO_PARAMETERS, {**_NO_PARAMETERS, "additionalProperties": False})
"""Schemas of a function that takes none."""
_SCHEMA = frozenset({"type", "name", "description", "schema", "strict"})
_KINDS: dict[str, Literal["auto", "none", "any"]] = {"auto": "auto", "none": "none", "required": "any"}


def read_tools(given: list[Any], lost: Lost) -> list[Tool]:
    """The functions among the caller's tools. ``strict`` left out is not the same as false: OpenAI then makes the
    schema strict if it can; no other vendor does, and it is left to them."""
    found: list[Tool] = []
    for number, tool in enumerate(given):
        at = f"tools[{number}]"
        if tool["type"] != "function":
            lost(at, "a tool that no other vendor has")
            continue
        if not tool.keys() <= _FUNCTION:
            _others(tool, at, lost)
        parameters = tool.get("parameters")
        if not parameters or parameters in _NONE:
            parameters = None
        found.append(Tool(tool["name"], tool.get("description"), parameters, tool.get("strict"), at))
    return found


_DIRECT: dict[str, Any] = {"allowed_callers": ["direct"], "async": False}
"""Fields of a function that say nothing at these values."""


def _others(tool: _JSON, at: str, lost: Lost) -> None:
    for name in sorted(tool.keys() - _FUNCTION):
        if tool[name] and tool[name] != _DIRECT.get(name):
            lost(f"{at}.{name}", "no other vendor has it")


def read_choice(given: Any, lost: Lost) -> Choice | None:
    """Which tools may or must be called. Where only some of the tools are allowed, they are the only ones there are
    (:func:`allowed`)."""
    if isinstance(given, str):
        return Choice(_KINDS[given])
    kind = given["type"]
    if kind == "function":
        return Choice("named", given["name"])
    if kind == "allowed_tools":
        return Choice(_KINDS[given["mode"]])
    lost("tool_choice", "a tool that no other vendor has")
    return None


def allowed(given: Any) -> frozenset[str] | None:
    """The names of the functions that are allowed; None if all of them are."""
    if not isinstance(given, dict):
        return None
    choice: _JSON = given  # pyright: ignore[reportUnknownVariableType]
    if choice.get("type") != "allowed_tools":
        return None
    return frozenset(tool["name"] for tool in items(choice["tools"]) if tool["type"] == "function")


def read_schema(given: _JSON, lost: Lost) -> Schema | None:
    """The form of the text."""
    kind = given.get("type", "text")
    if kind == "json_schema":
        for name in sorted(given.keys() - _SCHEMA):
            if given[name] is not None:
                lost(f"text.format.{name}", "it is not known what it means")
        return Schema(members(given["schema"]), given["name"], given.get("description"), given.get("strict"))
    if kind not in ("json_object", "text"):
        lost("text.format", "no other vendor has it")
        return None
    for name in sorted(given.keys() - {"type"}):
        if given[name] is not None:
            lost(f"text.format.{name}", "it is not known what it means")
    return Schema(None) if kind == "json_object" else None


# Written


def write_tools(given: Iterable[Tool], lost: Lost) -> list[_JSON]:
    """The functions; not strict unless that is asked for, which would be the default here alone."""
    return [tool for one in given if (tool := _tool(one, lost)) is not None]


def _tool(tool: Tool, lost: Lost) -> _JSON | None:
    parameters, at = tool.parameters or None, tool.at or "tools"
    if not is_name(tool.name):
        lost(f"{at}.name", NAME_WANTED)
        return None
    if parameters is not None and "type" not in parameters:
        parameters = {"type": "object", **parameters}
    if parameters is not None and parameters["type"] != "object":
        lost(at, ROOT_WANTED)
        return None
    strict = bool(tool.strict)
    if strict and parameters is not None and not is_strict(parameters):
        lost(at, STRICT_WANTED)
        strict = False
    if parameters is None:
        parameters = _NONE[strict]
    written: _JSON = {"type": "function", "name": tool.name, "parameters": parameters, "strict": strict}
    if tool.description is not None:
        written["description"] = tool.description
    return written


def write_choice(request: Request, choice: Choice, tools: list[_JSON]) -> str | _JSON:
    """How one of the tools is chosen.

    Raises:
        Untranslatable: the one that is to be called is none of them.
    """
    if choice.kind == "named":
        if all(tool["name"] != choice.name for tool in tools):
            raise Untranslatable(request.path("choice"), NO_SUCH_TOOL)
        return {"type": "function", "name": choice.name}
    return "required" if choice.kind == "any" else choice.kind


def write_schema(request: Request, schema: Schema, lost: Lost) -> _JSON | None:
    """The form of the text."""
    at = request.path("schema")
    if schema.schema is None:
        if not says_json(request.messages):
            lost(at, WORD_WANTED)
            return None
        return {"type": "json_object"}
    if schema.schema.get("type") != "object":
        lost(at, ROOT_WANTED)
        return None
    name, strict = proper_name(schema.name or "answer"), schema.strict
    if strict and not is_strict(schema.schema):
        lost(at, STRICT_WANTED)
        strict = False
    written: _JSON = {"type": "json_schema", "name": name, "schema": schema.schema}
    if strict is not None:
        written["strict"] = strict
    if schema.description is not None:
        written["description"] = schema.description
    return written
