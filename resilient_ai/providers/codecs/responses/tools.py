"""Tools, how they are chosen, and the form of an answer's text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from ...canonical import Choice, Schema, Text, Tool
from ...streams.base import items, members
from ..base import Untranslatable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...canonical import Request
    from ..base import Lost

__all__ = [
    "allowed",
    "proper_name",
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
_FORMS = {"text": None, "json_object": Schema(None)}
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
        if parameters is not None and (not parameters or parameters == _NO_PARAMETERS):
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
            lost(f"text.format.{name}", "it is not known what it means")
        return Schema(members(given["schema"]), given["name"], given.get("description"), given.get("strict"))
    if kind not in _FORMS:
        lost("text.format", "no other vendor has it")
    return Schema(None) if kind == "json_object" else None


# Written

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]")
_NAME_WANTED = "OpenAI's names are up to 64 letters, digits, _ and -"
_STRICT_WANTED = "OpenAI's strict schemas require every property, allow no others, and have only anyOf to choose"
_ROOT_WANTED = "OpenAI wants an object at the root of a schema"
_WORD_WANTED = "OpenAI answers in JSON without a schema only where the request says JSON"


def write_tools(given: Iterable[Tool], lost: Lost) -> list[_JSON]:
    """The functions; not strict unless that is asked for, which would be the default here alone."""
    return [tool for one in given if (tool := _tool(one, lost)) is not None]


def _tool(tool: Tool, lost: Lost) -> _JSON | None:
    parameters = tool.parameters or None
    if not _NAME.fullmatch(tool.name):
        lost(f"{tool.at}.name", _NAME_WANTED)
        return None
    if parameters is not None and "type" not in parameters:
        parameters = {"type": "object", **parameters}
    if parameters is not None and parameters["type"] != "object":
        lost(tool.at, _ROOT_WANTED)
        return None
    strict = bool(tool.strict)
    if strict and parameters is not None and not _is_strict(parameters):
        lost(tool.at, _STRICT_WANTED)
        strict = False
    if parameters is None:
        parameters = {**_NO_PARAMETERS, "additionalProperties": False} if strict else _NO_PARAMETERS
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
            raise Untranslatable(request.path("choice"), "the tool to be called is not among the tools")
        return {"type": "function", "name": choice.name}
    return "required" if choice.kind == "any" else choice.kind


def write_schema(request: Request, schema: Schema, lost: Lost) -> _JSON | None:
    """The form of the text."""
    at = request.path("schema")
    if schema.schema is None:
        if not _says_json(request):
            lost(at, _WORD_WANTED)
            return None
        return {"type": "json_object"}
    if schema.schema.get("type") != "object":
        lost(at, _ROOT_WANTED)
        return None
    name, strict = proper_name(schema.name or "answer"), schema.strict
    if strict and not _is_strict(schema.schema):
        lost(at, _STRICT_WANTED)
        strict = False
    written: _JSON = {"type": "json_schema", "name": name, "schema": schema.schema}
    if strict is not None:
        written["strict"] = strict
    if schema.description is not None:
        written["description"] = schema.description
    return written


def proper_name(name: str) -> str:
    """A name that nobody will call, as OpenAI takes it: of a schema, or of a tool that was there earlier."""
    return name if _NAME.fullmatch(name) else _OTHERS.sub("_", name)[:64] or "_"


def _says_json(request: Request) -> bool:
    return any(
        isinstance(part, Text) and "json" in part.text.lower() for message in request.messages for part in message.parts
    )


_DEEPEST = 20
"""Schemas within schemas that are looked at; strict mode takes ten."""


def _is_strict(schema: Any, depth: int = 0) -> bool:
    """Whether all objects of a schema are as strict mode wants them."""
    if not isinstance(schema, dict):
        return True
    if depth > _DEEPEST:
        return False
    node: _JSON = schema  # pyright: ignore[reportUnknownVariableType]
    if node.keys().isdisjoint(_LOOKED_AT) and node.get("type") != "object":
        return True
    if not node.keys().isdisjoint(_LOOSE):
        return False
    properties = members(node.get("properties"))
    if node.get("type") == "object" or properties:
        required = items(node.get("required"))
        if node.get("additionalProperties") is not False or any(name not in required for name in properties):
            return False
    inner = [*properties.values(), node.get("items"), *items(node.get("anyOf"))]
    inner += [*members(node.get("$defs")).values(), *members(node.get("definitions")).values()]
    return all(_is_strict(one, depth + 1) for one in inner)


_LOOSE = frozenset(
    {
        "allOf",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "oneOf",
        "patternProperties",
        "then",
    }
)
"""Keywords that strict mode does not take."""
_LOOKED_AT = _LOOSE | {"properties", "items", "anyOf", "$defs", "definitions"}
