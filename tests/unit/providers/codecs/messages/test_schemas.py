"""Schemas that a model is held to."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.providers.codecs.messages.schemas import Strictness, kept_schema

Json = dict[str, Any]


def kept(schema: Json) -> tuple[Json, list[str]]:
    why: list[str] = []
    return kept_schema(schema, why.append), why


def test_objects_are_closed_at_every_depth() -> None:
    inner = {"type": "object", "properties": {"n": {"type": "integer"}}}
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": inner, "minItems": 1},
            "b": {"anyOf": [inner, {"type": "null"}]},
        },
        "required": ["a"],
        "$defs": {"c": inner},
        "additionalProperties": True,
    }
    closed = {**inner, "additionalProperties": False}
    found, why = kept(schema)
    assert why == []
    assert found == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": closed, "minItems": 1},
            "b": {"anyOf": [closed, {"type": "null"}]},
        },
        "required": ["a"],
        "$defs": {"c": closed},
        "additionalProperties": False,
    }
    assert "additionalProperties" not in inner, "the caller's own is left as it is"


def test_variants_that_exclude_each_other_are_variants() -> None:
    assert kept({"oneOf": [{"type": "string"}]}) == ({"anyOf": [{"type": "string"}]}, [])


@pytest.mark.parametrize(
    ("schema", "left", "word"),
    [
        ({"type": "integer", "minimum": 1}, {"type": "integer"}, "minimum"),
        ({"type": "string", "maxLength": 3}, {"type": "string"}, "maxLength"),
        ({"type": "array", "minItems": 2}, {"type": "array"}, "minItems"),
        ({"type": "string", "format": "regex"}, {"type": "string"}, "format"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"type": "object"}, "additionalProperties"),
        ({"type": ["object", "null"]}, {"type": ["object", "null"]}, "any members"),
        ({"not": {}}, {}, "not"),
    ],
)
def test_what_nobody_is_held_to_is_lost(schema: Json, left: Json, word: str) -> None:
    found, why = kept(schema)
    assert found == left
    assert word in " ".join(why)


def test_names_and_values_are_no_keywords() -> None:
    schema = {
        "type": "object",
        "properties": {
            "minimum": {"type": "string", "enum": ["not"], "default": {"maxLength": 1}},
            "$ref": {"const": 1},
        },
        "additionalProperties": False,
    }
    assert kept(schema) == (schema, [])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False},
        {
            "$ref": "#/$defs/a",
            "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"items": {"$ref": "#/$defs/a"}}},
        },
    ],
)
def test_one_that_contains_itself_is_lost(schema: Json) -> None:
    assert kept(schema)[1] == ["Anthropic's schemas cannot contain themselves"]


def test_one_that_is_used_twice_does_not_contain_itself() -> None:
    two = {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {}}}
    assert kept(two)[1] == []


def test_one_without_an_end_is_none() -> None:
    schema: Json = {}
    schema["items"] = schema
    with pytest.raises(ValueError, match="100 levels"):
        kept(schema)


def members(count: int, *, wanted: bool = True, **schema: Any) -> Json:
    named = {f"m{number}": schema or {"type": "string"} for number in range(count)}
    return {"type": "object", "properties": named, "required": list(named) if wanted else []}


def test_only_so_many_tools_are_strict() -> None:
    strictness = Strictness()
    assert all(strictness.takes(members(2), tool=True) for _ in range(20))
    assert not strictness.takes(members(2), tool=True)
    assert strictness.takes(members(2)), "the answer's is no tool's"


def test_only_so_much_is_strict_in_all_schemas_together() -> None:
    strictness = Strictness()
    assert strictness.takes(members(20, wanted=False), tool=True)
    assert not strictness.takes(members(5, wanted=False), tool=True), "what does not fit is not counted"
    assert strictness.takes({"type": "array", "items": members(4, wanted=False)})
    assert not strictness.takes(members(1, wanted=False))
    assert strictness.takes(members(16, type=["string", "null"]))
    assert not strictness.takes({"anyOf": [members(1, anyOf=[{"type": "string"}, {"type": "null"}])]})
    assert strictness.takes({"$ref": "#/$defs/a", "$defs": {"a": members(99, wanted=False)}})
