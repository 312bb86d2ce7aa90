"""Writes schemas that a model is held to: of an answer, and of a strict tool's arguments.

Source: Anthropic's page on structured outputs, and what anthropic-python 2.12 leaves out of a schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ...streams.base import items, members

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TOO_MUCH", "Strictness", "kept_schema"]

_BOUNDS = frozenset(
    {
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "if",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "not",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
        "uniqueItems",
    }
)
"""Keywords that Anthropic holds nobody to, and answers with a 400."""
_FORMATS = frozenset({"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"})
_NESTED = frozenset({"items", "additionalItems"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"$defs", "definitions", "properties"})

_DEEPEST = 100
"""Schemas within schemas that are looked at."""


def kept_schema(schema: dict[str, Any], lost: Callable[[str], None]) -> dict[str, Any]:
    """A schema as Anthropic takes it: its objects have no members but those it names, which any schema allows.

    Args:
        schema: JSON schema.
        lost: told (why) of each keyword that cannot be kept.
    """
    if _recursive(schema):
        lost("Anthropic's schemas cannot contain themselves")
    return _kept(schema, lost)


def _kept(schema: dict[str, Any], lost: Callable[[str], None]) -> dict[str, Any]:
    """The same, of a schema that is not too deep: `_recursive` went through all of it."""
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _BOUNDS or not _holds(name, value):
            lost(
                f"Anthropic's schemas have no {name}" if name in _BOUNDS else f"Anthropic's schemas have no such {name}"
            )
        elif name in _LISTS:
            kept["anyOf" if name == "oneOf" else name] = [_one(variant, lost) for variant in items(value)]
        elif name in _NAMED and isinstance(value, dict):
            kept[name] = {member: _one(inner, lost) for member, inner in members(value).items()}
        else:
            kept[name] = _one(value, lost) if name in _NESTED else value
    if "properties" in kept:
        kept["additionalProperties"] = False
    elif (
        kept.get("type") in ("object", ["object"], ["object", "null"])
        and schema.get("additionalProperties") is not False
    ):
        lost("Anthropic's schemas have no objects of any members")
    return kept


def _one(value: Any, lost: Callable[[str], None]) -> Any:
    return _kept(cast("dict[str, Any]", value), lost) if isinstance(value, dict) else value


def _holds(name: str, value: Any) -> bool:
    if name == "additionalProperties":
        return isinstance(value, bool)  # what a schema leaves open, an answer may leave out
    if name == "minItems":
        return value in (0, 1)
    return name != "format" or value in _FORMATS


TOO_MUCH = "Anthropic is not strict with as much in one request"

_MOST_TOOLS, _MOST_OPTIONAL, _MOST_UNIONS = 20, 24, 16


class Strictness:
    """What a request has in schemas that are kept. Anthropic takes 20 such tools, and in all such schemas together 24
    members that may be left out and 16 of several types; what a ``$ref`` leads to is not counted, as pydantic-ai 2.68
    found."""

    __slots__ = ("_optional", "_tools", "_unions")

    def __init__(self) -> None:
        self._tools: int = 0
        self._optional: int = 0
        self._unions: int = 0

    def takes(self, schema: dict[str, Any], *, tool: bool = False) -> bool:
        """Whether there is room for one more, a tool's or the answer's; if so it is taken."""
        optional, unions = _counted(schema)
        sums = self._tools + tool, self._optional + optional, self._unions + unions
        if sums[0] > _MOST_TOOLS or sums[1] > _MOST_OPTIONAL or sums[2] > _MOST_UNIONS:
            return False
        self._tools, self._optional, self._unions = sums
        return True


def _counted(schema: Any) -> tuple[int, int]:
    """The members that may be left out, and those of several types."""
    if not isinstance(schema, dict):
        return 0, 0
    node = cast("dict[str, Any]", schema)
    named, wanted = members(node.get("properties")), items(node.get("required"))
    optional = sum(name not in wanted for name in named)
    unions = sum(_united(one) for one in named.values())
    for inner in (*named.values(), node.get("items"), *(one for group in _LISTS for one in items(node.get(group)))):
        more = _counted(inner)
        optional, unions = optional + more[0], unions + more[1]
    return optional, unions


def _united(schema: Any) -> bool:
    """Whether a member is of several types."""
    if not isinstance(schema, dict):
        return False
    node = cast("dict[str, Any]", schema)
    return "anyOf" in node or isinstance(node.get("type"), list)


def _recursive(schema: dict[str, Any]) -> bool:
    """Whether a definition refers to itself."""
    named: dict[str, Any] = {
        "#": {name: value for name, value in schema.items() if name not in ("$defs", "definitions")}
    }
    for group in ("$defs", "definitions"):
        for name, definition in members(schema.get(group)).items():
            named[f"#/{group}/{name}"] = definition
    edges = {name: _references(definition, 0) & named.keys() for name, definition in named.items()}
    while edges:
        leaves = {name for name, targets in edges.items() if not targets & edges.keys()}
        if not leaves:
            return True
        edges = {name: targets for name, targets in edges.items() if name not in leaves}
    return False


def _references(node: Any, depth: int) -> set[str]:
    if depth > _DEEPEST:
        raise ValueError("a schema has more than 100 levels")
    found: set[str] = set()
    if isinstance(node, dict):
        for name, value in cast("dict[str, Any]", node).items():
            if name == "$ref" and isinstance(value, str):
                found.add(value)
            else:
                found |= _references(value, depth + 1)
    elif isinstance(node, list):
        for value in items(node):
            found |= _references(value, depth + 1)
    return found
