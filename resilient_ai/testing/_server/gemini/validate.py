"""Gemini's checks of a request, with its words. Pure.

JSON is read as Google's servers read it: a field may be written in camel case or with underscores (google-genai 3.4
mixes both).
"""

from __future__ import annotations

import re
from typing import Any, Final

from ..fields import Spec, spec
from ..replies import Json, Refusal, as_list, as_object
from ..validate import is_type

_CONTENT = "systemInstruction:obj tools:arr toolConfig:obj safetySettings:arr generationConfig:obj cachedContent:str"
GENERATE: Final = spec("json", f"contents:arr! {_CONTENT} model:str labels:obj store:bool serviceTier:str")
COUNT: Final = spec("json", "contents:arr generateContentRequest:obj model:str")
EMBED: Final = spec(
    "json", "content:obj! model:str taskType:str title:str outputDimensionality:int embedContentConfig:obj"
)
BATCH_EMBED: Final = spec("json", "requests:arr!")

_GENERATION: Final = spec(
    "json",
    "temperature:num topP:num topK:num candidateCount:int maxOutputTokens:int stopSequences:arr seed:int"
    " presencePenalty:num frequencyPenalty:num responseLogprobs:bool logprobs:int responseMimeType:str"
    " responseSchema:obj responseJsonSchema:any responseModalities:arr thinkingConfig:obj speechConfig:obj"
    " mediaResolution:str enableEnhancedCivicAnswers:bool audioTimestamp:bool imageConfig:obj routingConfig:obj"
    " modelSelectionConfig:obj",
).fields
_RANGES: Final = {
    "temperature": ("temperature", 0.0, 2.0),
    "topP": ("top_p", 0.0, 1.0),
    "candidateCount": ("candidate_count", 1, 8),
    "maxOutputTokens": ("max_output_tokens", 1, 10**7),
    "presencePenalty": ("presence_penalty", -2.0, 2.0),
    "frequencyPenalty": ("frequency_penalty", -2.0, 2.0),
}
_DATA: Final = (
    *("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"),
    *("toolCall", "toolResponse"),
)
"""A part has one of these."""
_BESIDE: Final = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})
_INSIDE: Final = {
    "inlineData": frozenset({"mimeType", "data", "displayName"}),
    "fileData": frozenset({"mimeType", "fileUri", "displayName"}),
    "functionCall": frozenset({"id", "name", "args", "partialArgs", "willContinue"}),
    "functionResponse": frozenset({"id", "name", "response", "parts", "scheduling", "willContinue"}),
}
_FUNCTION: Final = frozenset(
    {"name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"}
)
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_OPAQUE: Final = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
"""Fields whose inside is the user's own."""


def camel(value: Any) -> Any:
    """The same with every field name in camel case."""
    if isinstance(value, list):
        return [camel(item) for item in as_list(value)]  # pyright: ignore[reportUnknownArgumentType]
    if not isinstance(value, dict):
        return value
    found: Json = {}
    for given, inner in as_object(value).items():  # pyright: ignore[reportUnknownArgumentType]
        first, *rest = given.split("_")
        name = first + "".join(word[:1].upper() + word[1:] for word in rest)
        found[name] = inner if name in _OPAQUE else camel(inner)
    return found


def check(wanted: Spec, request: Json, model: str = "") -> None:
    """Fields there, known, of their type and in their range; contents in order; else Refusal."""
    _check_fields(request, wanted, "")
    if "generateContentRequest" in request:
        return check(GENERATE, as_object(request["generateContentRequest"]))
    if "requests" in wanted.fields:
        return _check_requests(request)
    if "content" in wanted.fields:
        return _check_embedding(request, "EmbedContentRequest")
    if not request.get("contents"):
        raise _invalid("GenerateContentRequest.contents", "contents is not specified")
    for index, item in enumerate(request["contents"]):
        _check_content(item, f"GenerateContentRequest.contents[{index}]")
    if "systemInstruction" in request:
        _check_content(request["systemInstruction"], "GenerateContentRequest.system_instruction", roles=False)
    _check_calls(request["contents"], model)
    _check_generation(as_object(request.get("generationConfig")))
    return _check_tools(request)


def _check_fields(given: Json, wanted: Spec, where: str) -> None:
    for name, value in given.items():
        field = wanted.fields.get(name)
        if field is None:
            raise _unknown(name, where)
        if value is not None and not any(is_type(value, kind) for kind in field.types):
            message = f"Invalid value at '{where + '.' if where else ''}{name}'"
            raise Refusal(400, message, param=name)
    for name, field in wanted.fields.items():
        if field.required and name not in given:
            raise _invalid(f"Request.{name}", f"{name} is not specified")


def _unknown(name: str, where: str = "") -> Refusal:
    at = f" at '{where}'" if where else ""
    message = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
    return Refusal(400, message, param=where or name)


def _invalid(where: str, what: str) -> Refusal:
    return Refusal(400, f"* {where}: {what}\n")


def _check_requests(request: Json) -> None:
    if not request["requests"]:
        raise _invalid("BatchEmbedContentsRequest.requests", "requests is not specified")
    for index, item in enumerate(request["requests"]):
        one = as_object(item)
        _check_fields(one, EMBED, f"requests[{index}]")
        if not isinstance(one.get("model"), str):
            raise _invalid(f"BatchEmbedContentsRequest.requests[{index}].model", "model is not specified")
        _check_embedding(one, f"BatchEmbedContentsRequest.requests[{index}]")


def _check_embedding(request: Json, where: str) -> None:
    size = request.get("outputDimensionality")
    if size is not None and not 1 <= size <= 3072:
        raise _invalid(f"{where}.output_dimensionality", "output_dimensionality must be in the range [1, 3072].")
    _check_content(request["content"], f"{where}.content")


def _check_content(given: Any, where: str, *, roles: bool = True) -> None:
    content = as_object(given)
    for name in content:
        if name not in {"role", "parts"}:
            raise _unknown(name, where)
    if roles and content.get("role") not in (None, "user", "model", "function"):
        raise Refusal(400, "Please use a valid role: user, model.")
    parts = as_list(content.get("parts"))
    if not parts:
        raise _invalid(f"{where}.parts", "contents.parts must not be empty.")
    for index, item in enumerate(parts):
        _check_part(as_object(item), f"{where}.parts[{index}]")


def _check_part(part: Json, where: str) -> None:
    for name in part:
        if name not in _DATA and name not in _BESIDE:
            raise _unknown(name, where)
    given = [name for name in _DATA if part.get(name) is not None]
    if len(given) != 1:
        raise _invalid(f"{where}.data", "required oneof field 'data' must have one initialized field")
    if given == ["text"] and not isinstance(part["text"], str):
        raise Refusal(400, f"Invalid value at '{where}.text' (TYPE_STRING)")
    (kind,) = given
    inner = as_object(part[kind])
    for name in inner:
        if kind in _INSIDE and name not in _INSIDE[kind]:
            raise _unknown(name, f"{where}.{kind}")
    if kind in ("functionCall", "functionResponse"):
        _check_function(kind, inner, where)
    if kind == "inlineData" and not (inner.get("mimeType") and inner.get("data")):
        raise _invalid(f"{where}.inline_data", "mime_type and data must not be empty.")
    if kind == "fileData" and not str(inner.get("fileUri", "")).startswith(("https://", "gs://", "http://")):
        raise Refusal(400, "Invalid or unsupported file uri.")


def _check_function(kind: str, inner: Json, where: str) -> None:
    if not inner.get("name"):
        raise _invalid(f"{where}.{kind}.name", "Name cannot be empty.")
    field = "args" if kind == "functionCall" else "response"
    value = inner.get(field)
    if not isinstance(value, dict) and (value is not None or kind == "functionResponse"):
        raise Refusal(400, f"Invalid value at '{where}.{kind}.{field}' (type.googleapis.com/google.protobuf.Struct)")


def _check_calls(contents: list[Any], model: str) -> None:
    """As many answers of functions as there were calls in the turn before, by the same names; signed where the model
    wants the calls of the current turn to be."""
    turns = turns_of(contents)
    called: list[str] = []
    for _, parts in turns:
        answered = [
            str(as_object(part["functionResponse"]).get("name")) for part in parts if "functionResponse" in part
        ]
        if len(answered) != len(called) and (answered or called):
            raise Refusal(
                400,
                "Please ensure that the number of function response parts is equal to the number of function call"
                " parts of the function call turn.",
            )
        if sorted(answered) != sorted(called):
            raise Refusal(
                400, "Please ensure that function responses have the names of the functions that were called."
            )
        called = _names(parts, "functionCall")
    if called:
        raise Refusal(400, "Please ensure that function call turn comes immediately before a function response turn.")
    if model.startswith("gemini-3"):
        _check_signatures(turns)


def turns_of(contents: list[Any]) -> list[tuple[Any, list[Json]]]:
    """Contents of the model's that follow each other are one turn: google-genai makes one of each event of a stream."""
    turns: list[tuple[Any, list[Json]]] = []
    for item in contents:
        role = as_object(item).get("role")
        if turns and role == "model" == turns[-1][0]:
            turns[-1][1].extend(_parts(item))
        else:
            turns.append((role, _parts(item)))
    return turns


def _names(parts: list[Json], kind: str) -> list[str]:
    return [str(as_object(part[kind]).get("name")) for part in parts if kind in part]


def _parts(item: Any) -> list[Json]:
    return [as_object(part) for part in as_list(as_object(item).get("parts"))]


def _check_signatures(turns: list[tuple[Any, list[Json]]]) -> None:
    """The first call of each step since the user last spoke has a signature."""
    spoke = [index for index, (role, parts) in enumerate(turns) if role == "user" and _speaks(parts)]
    for index, (_, parts) in enumerate(turns[spoke[-1] :] if spoke else turns):
        first = next((part for part in parts if "functionCall" in part), None)
        if first is not None and not first.get("thoughtSignature"):
            raise Refusal(
                400,
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work"
                f" correctly. Additional data, position {index}.",
            )


def _speaks(parts: list[Json]) -> bool:
    return any("functionResponse" not in part for part in parts)


def _check_generation(config: Json) -> None:
    _check_fields(config, Spec("json", _GENERATION), "generation_config")
    for name, (shown, low, high) in _RANGES.items():
        value = config.get(name)
        if value is not None and not low <= value <= high:
            where = f"GenerateContentRequest.generation_config.{shown}"
            raise _invalid(where, f"{shown} must be in the range [{low}, {high}].")
    if len(as_list(config.get("stopSequences"))) > 5:
        raise _invalid("GenerateContentRequest.generation_config.stop_sequences", "at most 5 are allowed")


def _check_schemas(declared: Json) -> None:
    """Its parameters are of one form; those of the OpenAPI form know nothing of what is JSON Schema's alone."""
    if "parameters" in declared and "parametersJsonSchema" in declared:
        raise Refusal(400, "parameters and parameters_json_schema are mutually exclusive.")
    for name in ("additionalProperties", "$schema", "$ref", "$defs"):
        if name in as_object(declared.get("parameters")):
            raise _unknown(name, "parameters")


def _check_tools(request: Json) -> None:
    names: set[str] = set()
    for index, item in enumerate(as_list(request.get("tools"))):
        for place, given in enumerate(as_list(as_object(item).get("functionDeclarations"))):
            name: Any = as_object(given).get("name")
            where = f"GenerateContentRequest.tools[{index}].function_declarations[{place}].name"
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise _invalid(where, "[FIELD_INVALID]: Invalid function name.")
            for field in as_object(given):
                if field not in _FUNCTION:
                    raise _unknown(field)
            _check_schemas(as_object(given))
            if name in names:
                raise Refusal(400, f"Duplicate function declaration found: {name}")
            names.add(name)
    calling = as_object(as_object(request.get("toolConfig")).get("functionCallingConfig"))
    if calling.get("mode") not in (None, "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"):
        raise Refusal(400, "Invalid value at 'tool_config.function_calling_config.mode'")
    if calling.get("mode") == "ANY" and not names:
        raise Refusal(400, "Function calling config is set without function_declarations.")
