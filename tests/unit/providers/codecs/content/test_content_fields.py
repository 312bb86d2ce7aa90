"""Every field of Google's types is carried over, harmless, or refused: a new one shows up here."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.content import CODEC
from resilient_ai.providers.codecs.content.fields import DEFAULTS, HARMLESS, LOST, SETTINGS

types: Any = pytest.importorskip("google.genai", minversion="3").types

Json = dict[str, Any]

USER: Json = {"role": "user", "parts": [{"text": "Hi"}]}
CALL: Json = {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]}

CARRIED_CONFIG = {"mediaResolution", "responseJsonSchema", "responseMimeType", "responseSchema", "thinkingConfig"}
CARRIED = {"contents", "systemInstruction", "toolConfig", "tools"}
KEPT = {"cachedContent": "cachedContents/1", "continuationToken": "AA=="}
"""What stands for something at Google."""
CLIENT = {
    *("automaticContinuation", "automaticFunctionCalling", "httpOptions", "shouldReturnHttpResponse"),
    "generationOutputConfig",  # outputConfig on the wire
}
"""What google-genai keeps to itself, or calls something else on the wire."""


def names(kind: str) -> set[str]:
    """The fields of one of its types, as they are written."""
    return {info.alias for info in getattr(types, kind).model_fields.values()}


def lost(**fields: Any) -> list[str]:
    """What a request with these fields loses."""
    noted = dropping()
    CODEC.read_request(Asked({"contents": [USER], **fields}, "gemini-3-pro", stream=False), noted)
    return noted.noted


def lost_part(part: Json) -> list[str]:
    return lost(contents=[{"role": "user", "parts": [part]}])


def test_every_setting_is_in_one_class() -> None:
    classes: list[set[str]] = [
        *(set(SETTINGS), CARRIED_CONFIG, CARRIED, set(HARMLESS), set(DEFAULTS), set(LOST)),
        *({"safetySettings"}, set(KEPT), CLIENT),
    ]
    known = [name for one in classes for name in one]
    assert len(known) == len(set(known))
    assert names("GenerateContentConfig") | names("GenerationConfig") <= set(known)


@pytest.mark.parametrize("name", sorted(LOST))
def test_what_only_google_has_is_lost(name: str) -> None:
    assert lost(generationConfig={name: {"a": 1}}) == [f"generationConfig.{name}"]


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_a_default_is_no_loss(name: str) -> None:
    for value in DEFAULTS[name]:
        assert lost(generationConfig={name: value}) == []
    assert lost(generationConfig={name: "other"}) == [f"generationConfig.{name}"]


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_what_says_nothing_of_the_answer_is_no_loss(name: str) -> None:
    assert lost(**{name: "any"}) == []


@pytest.mark.parametrize(("name", "value"), KEPT.items())
def test_what_is_kept_at_google_is_never_dropped(name: str, value: str) -> None:
    with pytest.raises(Untranslatable, match=name):
        lost(**{name: value})


@pytest.mark.parametrize(
    "address", ["https://generativelanguage.googleapis.com/v1beta/files/abc", "gs://a/b.png", "files/abc"]
)
def test_a_file_at_google_is_never_dropped(address: str) -> None:
    with pytest.raises(Untranslatable) as caught:
        lost_part({"fileData": {"fileUri": address, "mimeType": "image/png"}})
    assert caught.value.path == "contents[0].parts[0].fileData.fileUri"


def test_an_unknown_field_is_lost() -> None:
    assert lost(newField=1) == ["newField"]
    assert lost(generationConfig={"newField": 1}) == ["generationConfig.newField"]
    assert lost(generationConfig={"new_field": 1, "top_p": 0.5}) == ["generationConfig.newField"]
    assert lost(generationConfig={"newField": None}) == []


def test_filters() -> None:
    off = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    some = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_LOW_AND_ABOVE"}]
    assert lost(safetySettings=off) == []
    assert lost(safetySettings=some) == ["safetySettings"]


PARTS: Json = {
    "text": "a",
    "inlineData": {"mimeType": "image/png", "data": "AA=="},
    "fileData": {"fileUri": "https://example.org/a.png", "mimeType": "image/png"},
    "functionCall": {"name": "look", "args": {}},
    "functionResponse": {"name": "look", "response": {"output": "a"}},
}
BESIDE: Json = {"thought": True, "thoughtSignature": "AA==", "partMetadata": {"a": 1}}


def test_every_part_is_in_one_class() -> None:
    rest = names("Part") - PARTS.keys() - BESIDE.keys() - {"mediaResolution"}
    assert {"executableCode", "codeExecutionResult", "toolCall", "toolResponse", "videoMetadata"} <= rest
    for name in rest:
        assert lost_part({"text": "a", name: {"a": 1}}) == [f"contents[0].parts[0].{name}"], name
        turn = {"role": "model", "parts": [{"text": "a", name: {"a": 1}}]}
        assert lost(contents=[USER, turn]) == [f"contents[1].parts[0].{name}"], name
    for name, value in PARTS.items():
        if name != "functionCall":
            assert lost_part({name: value}) == [], name
    for name, value in BESIDE.items():
        assert lost_part({"text": "a", name: value}) == [], name


def test_how_closely_pictures_are_looked_at() -> None:
    part = {"inlineData": PARTS["inlineData"], "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}
    request = CODEC.read_request(Asked({"contents": [{"parts": [part]}]}, "gemini-3-pro", stream=False), refusing)
    assert request.messages[0].parts[0].detail == "high"  # type: ignore[union-attr]  # the part is known
    part["mediaResolution"] = {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}
    assert lost_part(part) == ["contents[0].parts[0].mediaResolution"]
    assert lost(generationConfig={"mediaResolution": "MEDIA_RESOLUTION_MEDIUM"}) == ["generationConfig.mediaResolution"]
    assert lost(generationConfig={"mediaResolution": "MEDIA_RESOLUTION_UNSPECIFIED"}) == []


def test_every_tool_is_in_one_class() -> None:
    rest = names("Tool") - {"functionDeclarations"}
    assert {"googleSearch", "codeExecution", "mcpServers"} <= rest
    for name in rest:
        assert lost(tools=[{name: {}}]) == [f"tools[0].{name}"], name


def test_every_field_of_a_function_is_in_one_class() -> None:
    schema: Json = {"type": "OBJECT", "properties": {}}
    carried: Json = {
        "name": "look",
        "description": "It looks.",
        "behavior": "BLOCKING",
        "parameters": schema,
        "parametersJsonSchema": schema,
        "response": schema,
        "responseJsonSchema": schema,
    }
    assert names("FunctionDeclaration") == carried.keys()
    assert lost(tools=[{"functionDeclarations": [carried]}]) == []
    other = {"name": "look", "behavior": "NON_BLOCKING"}
    assert lost(tools=[{"functionDeclarations": [other]}]) == ["tools[0].functionDeclarations[0].behavior"]


def test_every_field_of_the_choice_is_in_one_class() -> None:
    assert names("ToolConfig") == {"functionCallingConfig", "includeServerSideToolInvocations", "retrievalConfig"}
    assert names("FunctionCallingConfig") == {"mode", "allowedFunctionNames", "streamFunctionCallArguments"}
    config = {"includeServerSideToolInvocations": True, "retrievalConfig": {"languageCode": "en"}}
    assert lost(toolConfig=config) == ["toolConfig.includeServerSideToolInvocations", "toolConfig.retrievalConfig"]
    calling = {"mode": "AUTO", "streamFunctionCallArguments": True}
    where = "toolConfig.functionCallingConfig"
    assert lost(toolConfig={"functionCallingConfig": calling}) == [f"{where}.streamFunctionCallArguments"]
    tools = [{"functionDeclarations": [{"name": name} for name in "abc"]}]
    calling = {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}
    assert lost(tools=tools, toolConfig={"functionCallingConfig": calling}) == [f"{where}.allowedFunctionNames"]
    calling["allowedFunctionNames"] = ["a", "b", "c"]
    assert lost(tools=tools, toolConfig={"functionCallingConfig": calling}) == []
    assert lost(toolConfig={"functionCallingConfig": {"mode": "MODE_UNSPECIFIED"}}) == []


def test_every_field_of_thinking_is_in_one_class() -> None:
    assert names("ThinkingConfig") == {"includeThoughts", "thinkingBudget", "thinkingLevel"}
    assert lost(generationConfig={"thinkingConfig": {"includeThoughts": True, "newField": 1}}) == [
        "generationConfig.thinkingConfig.newField"
    ]


def test_every_field_of_a_call_and_its_result_is_in_one_class() -> None:
    assert names("FunctionCall") == {"id", "name", "args", "partialArgs", "willContinue"}
    for name in ("partialArgs", "willContinue"):
        turn = {"role": "model", "parts": [{"functionCall": {"name": "look", name: True}}]}
        assert lost(contents=[USER, turn]) == ["contents[1].parts[0].functionCall"]
    assert names("FunctionResponse") == {"id", "name", "response", "parts", "willContinue", "scheduling"}
    for name in ("scheduling", "willContinue"):
        turn = {"role": "user", "parts": [{"functionResponse": {**PARTS["functionResponse"], name: "SILENT"}}]}
        assert lost(contents=[USER, CALL, turn]) == ["contents[2].parts[0].functionResponse"]
    assert names("Blob") == {"data", "displayName", "mimeType"}
    assert names("FileData") == {"displayName", "fileUri", "mimeType"}
    picture = {"inlineData": PARTS["inlineData"]}
    rest = names("FunctionResponsePart") - {"inlineData", "fileData", "mediaResolution"}
    for name in rest:
        result = {**PARTS["functionResponse"], "parts": [{**picture, name: {"a": 1}}]}
        turn = {"role": "user", "parts": [{"functionResponse": result}]}
        where = "contents[2].parts[0].functionResponse.parts[0]"
        assert lost(contents=[USER, CALL, turn]) == [f"{where}.{name}"]


def test_every_field_of_a_schema_is_in_one_class() -> None:
    inner = {"type": "STRING"}
    every: Json = {
        "type": "OBJECT",
        "title": "T",
        "description": "D",
        "format": "f",
        "default": 1,
        "example": 2,
        "enum": ["a"],
        "items": inner,
        "properties": {"b": inner, "a": inner},
        "propertyOrdering": ["a", "b"],
        "required": ["a"],
        "anyOf": [inner],
        "additionalProperties": inner,
        "defs": {"X": inner},
        "ref": "#/defs/X",
        "nullable": True,
        "minItems": "1",
        "maxItems": "2",
        "minLength": "3",
        "maxLength": "4",
        "minProperties": "5",
        "maxProperties": "6",
        "minimum": 0.5,
        "maximum": 1.5,
        "pattern": "a+",
    }
    assert names("Schema") == every.keys()
    body: Json = {"generationConfig": {"responseMimeType": "application/json", "responseSchema": every}}
    request = CODEC.read_request(Asked({"contents": [USER], **body}, "gemini-3-pro", stream=False), refusing)
    assert request.schema is not None
    assert request.schema.schema is not None
    small = {"type": "string"}
    assert request.schema.schema == {
        "type": ["object", "null"],
        "title": "T",
        "description": "D",
        "format": "f",
        "default": 1,
        "examples": [2],
        "enum": ["a", None],
        "items": small,
        "properties": {"a": small, "b": small},
        "required": ["a"],
        "anyOf": [small, {"type": "null"}],
        "additionalProperties": small,
        "$defs": {"X": small},
        "$ref": "#/$defs/X",
        "minItems": 1,
        "maxItems": 2,
        "minLength": 3,
        "maxLength": 4,
        "minProperties": 5,
        "maxProperties": 6,
        "minimum": 0.5,
        "maximum": 1.5,
        "pattern": "a+",
    }
    assert list(request.schema.schema["properties"]) == ["a", "b"]
