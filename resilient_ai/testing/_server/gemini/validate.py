"""Gemini's checks of a request, with its words. Pure.

JSON is read as Google's servers read it: a field may be written in camel case or with underscores (google-genai 3.4
mixes both).
"""

from __future__ import annotations

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


def check(wanted: Spec, request: Json) -> None:
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
    _check_calls(request["contents"])
    _check_generation(as_object(request.get("generationConfig")))
    return _check_tools(request)


def _check_fields(given: Json, wanted: Spec, where: str) -> None:
    at = f" at '{where}'" if where else ""
    for name, value in given.items():
        field = wanted.fields.get(name)
        if field is None:
            message = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
            raise Refusal(400, message, param=where or name)
        if value is not None and not any(is_type(value, kind) for kind in field.types):
            message = f"Invalid value at '{where + '.' if where else ''}{name}'"
            raise Refusal(400, message, param=name)
    for name, field in wanted.fields.items():
        if field.required and name not in given:
            raise _invalid(f"Request.{name}", f"{name} is not specified")


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
            raise Refusal(
                400, f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
            )
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
            raise Refusal(
                400, f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
            )
    given = [name for name in _DATA if part.get(name) is not None]
    if len(given) != 1:
        raise _invalid(f"{where}.data", "required oneof field 'data' must have one initialized field")
    if given == ["text"] and not isinstance(part["text"], str):
        raise Refusal(400, f"Invalid value at '{where}.text' (TYPE_STRING)")
    for name in ("functionCall", "functionResponse"):
        if given == [name] and not as_object(part[name]).get("name"):
            raise _invalid(f"{where}.{name}.name", "Name cannot be empty.")


def _check_calls(contents: list[Any]) -> None:
    """As many answers of functions as there were calls in the turn before."""
    calls = 0
    for item in contents:
        parts = [as_object(part) for part in as_list(as_object(item).get("parts"))]
        answers = sum("functionResponse" in part for part in parts)
        if answers != calls and (answers or calls):
            raise Refusal(
                400,
                "Please ensure that the number of function response parts is equal to the number of function call"
                " parts of the function call turn.",
            )
        calls = sum("functionCall" in part for part in parts)


def _check_generation(config: Json) -> None:
    _check_fields(config, Spec("json", _GENERATION), "generation_config")
    for name, (shown, low, high) in _RANGES.items():
        value = config.get(name)
        if value is not None and not low <= value <= high:
            where = f"GenerateContentRequest.generation_config.{shown}"
            raise _invalid(where, f"{shown} must be in the range [{low}, {high}].")
    if len(as_list(config.get("stopSequences"))) > 5:
        raise _invalid("GenerateContentRequest.generation_config.stop_sequences", "at most 5 are allowed")


def _check_tools(request: Json) -> None:
    names: set[str] = set()
    for index, item in enumerate(as_list(request.get("tools"))):
        for place, given in enumerate(as_list(as_object(item).get("functionDeclarations"))):
            name: Any = as_object(given).get("name")
            where = f"GenerateContentRequest.tools[{index}].function_declarations[{place}].name"
            if not isinstance(name, str) or not name:
                raise _invalid(where, "[FIELD_INVALID]: Invalid function name.")
            if name in names:
                raise Refusal(400, f"Duplicate function declaration found: {name}")
            names.add(name)
    calling = as_object(as_object(request.get("toolConfig")).get("functionCallingConfig"))
    if calling.get("mode") not in (None, "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"):
        raise Refusal(400, "Invalid value at 'tool_config.function_calling_config.mode'")
    if calling.get("mode") == "ANY" and not names:
        raise Refusal(400, "Function calling config is set without function_declarations.")
