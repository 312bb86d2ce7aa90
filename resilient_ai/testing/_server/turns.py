"""The vendor's checks of what stands inside a chat: messages, tools, the form of the answer. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from .replies import Json, Refusal, as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NAME", "check_chat", "check_form", "check_name", "check_tools", "missing", "unknown", "wrong"]

NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What a function or a schema may be called."""

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset(
        {"role", "content", "name", "refusal", "audio", "function_call", "tool_calls", "annotations"}
    ),
    "tool": frozenset({"role", "content", "tool_call_id"}),
    "function": frozenset({"role", "content", "name"}),
}
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "system": frozenset({"text"}),
    "developer": frozenset({"text"}),
    "user": frozenset({"text", "image_url", "input_audio", "file"}),
    "assistant": frozenset({"text", "refusal"}),
    "tool": frozenset({"text"}),
    "function": frozenset(),
}
_WANTED: Final[Mapping[str, tuple[str, type]]] = {
    "text": ("text", str),
    "refusal": ("refusal", str),
    "image_url": ("image_url", dict),
    "input_audio": ("input_audio", dict),
    "file": ("file", dict),
}
"""What a part has under its own name."""


def missing(where: str) -> Refusal:
    """Something is not there."""
    return Refusal(400, f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")


def unknown(where: str) -> Refusal:
    """Something is there that has no place there."""
    return Refusal(400, f"Unknown parameter: '{where}'.", param=where, code="unknown_parameter")


def wrong(where: str, what: str = "", code: str = "invalid_value") -> Refusal:
    """Something has a value that it cannot have."""
    return Refusal(400, f"Invalid '{where}'{': ' + what if what else '.'}", param=where, code=code)


def check_name(where: str, name: str) -> None:
    """What a function or a schema is called."""
    if not NAME.fullmatch(name):
        raise wrong(where, "string does not match pattern '^[a-zA-Z0-9_-]+$'.")


def check_chat(request: Json) -> None:
    """What stands inside the fields of a chat completion; that they are of their types is known. Else Refusal."""
    for index, item in enumerate(as_list(request.get("messages"))):
        _check_message(f"messages[{index}]", as_object(item))
    _check_calls([as_object(item) for item in as_list(request.get("messages"))])
    tools = [as_object(tool) for tool in as_list(request.get("tools"))]
    functions = [as_object(tool.get("function")) for tool in tools if tool.get("type") == "function"]
    check_tools(request, functions, lambda index: f"tools[{index}].function")
    form = as_object(request.get("response_format"))
    if form.get("type") == "json_schema":
        check_form(as_object(form.get("json_schema")), "response_format.json_schema")
    elif form and form.get("type") not in ("text", "json_object"):
        raise wrong("response_format.type", "Supported values are: 'json_object', 'json_schema', and 'text'.")
    if len(as_list(request.get("stop"))) > 4:
        raise wrong("stop", "array too long. Expected an array with maximum length 4.", "array_above_max_length")
    if request.get("max_tokens") is not None and request.get("max_completion_tokens") is not None:
        raise wrong("max_tokens", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if request.get("stream_options") is not None and not request.get("stream"):
        raise wrong("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")


def _check_message(where: str, message: Json) -> None:
    role = str(message.get("role"))
    for name in message:
        if name not in _FIELDS.get(role, ()):
            raise unknown(f"{where}.{name}")
    content = message.get("content")
    if isinstance(content, list):
        for place, part in enumerate(as_list(content)):  # pyright: ignore[reportUnknownArgumentType]
            _check_part(f"{where}.content[{place}]", as_object(part), role)
    elif content is not None and not isinstance(content, str):
        raise wrong(f"{where}.content", "expected one of a string or array of objects.", "invalid_type")
    if role == "assistant" and content is None and not (message.keys() & {"tool_calls", "function_call", "refusal"}):
        raise missing(f"{where}.content")
    if role == "tool":
        for name in ("tool_call_id", "content"):
            if not isinstance(message.get(name), str | list):
                raise missing(f"{where}.{name}")


def _check_part(where: str, part: Json, role: str) -> None:
    kind = str(part.get("type"))
    if kind not in _PARTS.get(role, ()):
        raise wrong(where, f"Content blocks of a {role} are not of the type {kind!r}.")
    name, sort = _WANTED[kind]
    if not isinstance(part.get(name), sort):
        raise missing(f"{where}.{name}")
    if kind == "image_url":
        url = str(as_object(part["image_url"]).get("url"))
        if not url.startswith(("http://", "https://", "data:image/")):
            raise wrong(f"{where}.image_url.url", "Expected a valid URL, but got a value with an invalid format.")
    if kind == "input_audio" and as_object(part["input_audio"]).get("format") not in ("wav", "mp3"):
        raise wrong(f"{where}.input_audio.format", "Supported values are: 'wav' and 'mp3'.")
    if kind == "file":
        given = as_object(part["file"])
        if not (given.get("file_id") or (given.get("file_data") and given.get("filename"))):
            raise missing(f"{where}.file.file_id")


def _check_calls(messages: list[Json]) -> None:
    """Each call has its result right behind it, and each result its call before it."""
    asked: list[str] = []
    for index, message in enumerate(messages):
        if message.get("role") == "tool":
            made = str(message.get("tool_call_id"))
            if made not in asked:
                where = f"messages.[{index}].role"
                raise Refusal(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=where,
                )
            asked.remove(made)
            continue
        _answered(asked, index)
        asked = [_check_call(f"messages[{index}].tool_calls[{n}]", as_object(one)) for n, one in _calls(message)]
    _answered(asked, len(messages))


def _calls(message: Json) -> list[tuple[int, Any]]:
    return list(enumerate(as_list(message.get("tool_calls"))))


def _answered(asked: list[str], index: int) -> None:
    if asked:
        raise Refusal(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(asked)}",
            param=f"messages.[{index}].role",
        )


def _check_call(where: str, call: Json) -> str:
    """The id of a call."""
    for name in ("id", "type"):
        if not isinstance(call.get(name), str):
            raise missing(f"{where}.{name}")
    if call["type"] == "function":
        function = as_object(call.get("function"))
        for name in ("name", "arguments"):
            if not isinstance(function.get(name), str):
                raise missing(f"{where}.function.{name}")
        check_name(f"{where}.function.name", function["name"])
    return str(call["id"])


def check_tools(request: Json, functions: list[Json], where: Callable[[int], str]) -> None:
    """The functions that may be called, and which must be; ``where`` names the place of one by its number."""
    tools = as_list(request.get("tools"))
    for index, function in enumerate(functions):
        if not isinstance(function.get("name"), str):
            raise missing(f"{where(index)}.name")
        check_name(f"{where(index)}.name", function["name"])
        parameters = function.get("parameters")
        if parameters is not None and as_object(parameters).get("type", "object") != "object":
            raise wrong(f"{where(index)}.parameters", 'schema must be of type "object".', "invalid_function_parameters")
        if function.get("strict") and (fault := _loose(parameters)):
            raise wrong(f"{where(index)}.parameters", f"In context={fault}", "invalid_function_parameters")
    choice: Any = request.get("tool_choice")
    if not tools:
        for name in ("tool_choice", "parallel_tool_calls"):
            if request.get(name) not in (None, "none", "auto") and not request.get("functions"):
                raise wrong(name, f"'{name}' is only allowed when 'tools' are specified.")
        return
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise wrong("tool_choice", "Supported values are: 'none', 'auto', and 'required'.")
    elif as_object(choice).get("type") == "function":
        named = as_object(as_object(choice).get("function", choice)).get("name")
        if named not in [function["name"] for function in functions]:
            raise wrong("tool_choice", "the function named is not in 'tools'.")


def check_form(form: Json, where: str) -> None:
    """A schema for the answer."""
    if not isinstance(form.get("name"), str):
        raise missing(f"{where}.name")
    check_name(f"{where}.name", form["name"])
    if not isinstance(form.get("schema"), dict):
        raise missing(f"{where}.schema")
    if form.get("strict") and (fault := _loose(form["schema"])):
        raise wrong(where, f"Invalid schema for response_format '{form['name']}': In context={fault}")


def _loose(schema: Any, where: str = "()") -> str | None:
    """Where a schema is none that can be kept strictly: each object closed, each of its properties required."""
    given = as_object(schema)
    if given.get("type") == "object" or "properties" in given:
        names = as_object(given.get("properties"))
        if given.get("additionalProperties") is not False:
            return f"{where}, 'additionalProperties' is required to be supplied and to be false."
        required = as_list(given.get("required"))
        if len(required) != len(names) or any(name not in required for name in names):
            return (
                f"{where}, 'required' is required to be supplied and to be an array including every key in properties."
            )
        found = [_loose(inner, f"('properties', '{name}')") for name, inner in names.items()]
    else:
        found = [_loose(given["items"], "('items')")] if "items" in given else []
    found += [_loose(inner, "('anyOf')") for inner in as_list(given.get("anyOf"))]
    found += [_loose(inner, "('$defs')") for inner in as_object(given.get("$defs")).values()]
    return next((fault for fault in found if fault), None)
