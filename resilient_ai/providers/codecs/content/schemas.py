"""Gemini's own schemas, a subset of OpenAPI's, as the JSON schemas that everybody else reads.

Source: `Schema` of google-genai 3.4 and the published API reference. What Gemini is sent needs none of this: it takes a
JSON schema, in fields of their own.
"""

from __future__ import annotations

from typing import Any

from .fields import Json, named, whole

__all__ = ["json_schema"]

_COUNTS = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
"""64-bit numbers, which Google's JSON may have as strings."""

_MAPS = {"properties": "properties", "defs": "$defs"}


def json_schema(schema: Json) -> Json:
    """A schema with types in small letters, ``null`` as a type, and the order of its properties as it was told."""
    given = named(schema)
    found: Json = {}
    for name, value in given.items():
        if value is not None:
            _add(found, name, value)
    if given.get("nullable"):
        _nullable(found)
    order = given.get("propertyOrdering")
    if order and "properties" in found:
        properties: Json = found["properties"]
        found["properties"] = {name: properties[name] for name in [*order, *properties] if name in properties}
    return found


def _add(found: Json, name: str, value: Any) -> None:
    if name == "type":
        if value != "TYPE_UNSPECIFIED":
            found[name] = value.lower()
    elif name in _COUNTS:
        found[name] = whole(value)
    elif name in _MAPS:
        found[_MAPS[name]] = {key: json_schema(inner) for key, inner in value.items()}
    elif name == "items" or (name == "additionalProperties" and _says(value)):
        found[name] = json_schema(value)
    elif name == "anyOf":
        found[name] = [json_schema(inner) for inner in value]
    elif name == "ref":
        found["$ref"] = value.replace("#/defs/", "#/$defs/")
    elif name == "example":
        found["examples"] = [value]
    elif name not in ("nullable", "propertyOrdering") and (name, value) != ("format", "enum"):
        found[name] = value


def _says(schema: Any) -> bool:
    return not isinstance(schema, bool)


def _nullable(found: Json) -> None:
    if "type" in found:
        found["type"] = [found["type"], "null"]
    if "anyOf" in found:
        found["anyOf"] = [*found["anyOf"], {"type": "null"}]
    if "enum" in found:
        found["enum"] = [*found["enum"], None]
