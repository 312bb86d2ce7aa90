"""The vendor's checks of what stands inside a Responses request: items, tools, the form of the answer. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .replies import Json, Refusal, as_list, as_object
from .turns import check_form, check_name, check_tools, missing, unknown, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_responses"]

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "message": frozenset({"type", "role", "content", "id", "status", "phase"}),
    "function_call": frozenset({"type", "call_id", "name", "arguments", "id", "status", "namespace"}),
    "function_call_output": frozenset({"type", "call_id", "output", "id", "status"}),
    "reasoning": frozenset({"type", "id", "summary", "content", "encrypted_content", "status"}),
    "item_reference": frozenset({"type", "id"}),
}
"""Of the items that are looked into; the other sorts are let through."""

_OTHERS: Final = (
    *("file_search_call", "computer_call", "computer_call_output", "web_search_call", "image_generation_call"),
    *("code_interpreter_call", "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output"),
    *("apply_patch_call", "apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "compaction"),
    *("mcp_approval_response", "mcp_call", "custom_tool_call", "custom_tool_call_output"),
)
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "user": frozenset({"input_text", "input_image", "input_file", "input_audio"}),
    "system": frozenset({"input_text", "input_image", "input_file"}),
    "developer": frozenset({"input_text", "input_image", "input_file"}),
    "assistant": frozenset({"output_text", "refusal"}),
}
_PREFIXES: Final[Mapping[str, str]] = {"function_call": "fc", "message": "msg", "reasoning": "rs"}


def check_responses(request: Json) -> None:
    """What stands inside the fields of a Responses request; that they are of their types is known. Else Refusal."""
    items = [as_object(item) for item in as_list(request.get("input"))]
    for index, item in enumerate(items):
        _check_item(f"input[{index}]", item)
    if request.get("previous_response_id") is None and request.get("conversation") is None:
        _check_calls(items)
    tools = [as_object(tool) for tool in as_list(request.get("tools"))]
    for index, tool in enumerate(tools):
        if not isinstance(tool.get("type"), str):
            raise missing(f"tools[{index}].type")
        if tool["type"] == "function" and "function" in tool:
            raise unknown(f"tools[{index}].function")
    functions = [tool for tool in tools if tool.get("type") == "function"]
    check_tools(request, functions, lambda index: f"tools[{index}]")
    form = as_object(as_object(request.get("text")).get("format"))
    if form.get("type") == "json_schema":
        check_form(form, "text.format")
    elif form and form.get("type") not in ("text", "json_object"):
        raise wrong("text.format.type", "Supported values are: 'json_object', 'json_schema', and 'text'.")
    if request.get("stream_options") is not None and not request.get("stream"):
        raise wrong("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")


def _check_item(where: str, item: Json) -> None:
    kind = str(item.get("type", "message"))
    if kind in _OTHERS:
        return
    if kind not in _FIELDS:
        raise wrong(f"{where}.type", f"Invalid value: {kind!r}.")
    for name in item:
        if name not in _FIELDS[kind]:
            raise unknown(f"{where}.{name}")
    given = item.get("id")
    if given is not None and kind in _PREFIXES and not str(given).startswith(_PREFIXES[kind]):
        raise wrong(f"{where}.id", f"Expected an ID that begins with '{_PREFIXES[kind]}'.")
    if kind == "message":
        _check_message(where, item)
    elif kind == "function_call":
        _check_call(where, item)
    elif kind == "function_call_output":
        _check_output(where, item)


def _check_call(where: str, item: Json) -> None:
    for name in ("call_id", "name", "arguments"):
        if not isinstance(item.get(name), str):
            raise missing(f"{where}.{name}")
    check_name(f"{where}.name", item["name"])


def _check_output(where: str, item: Json) -> None:
    if not isinstance(item.get("call_id"), str):
        raise missing(f"{where}.call_id")
    output: Any = item.get("output")
    if not isinstance(output, str | list):
        raise missing(f"{where}.output")
    for place, part in enumerate(as_list(output)):  # pyright: ignore[reportUnknownArgumentType]
        _check_part(f"{where}.output[{place}]", as_object(part), "user")


def _check_message(where: str, item: Json) -> None:
    role = str(item.get("role"))
    if role not in _PARTS:
        raise wrong(f"{where}.role", "Supported values are: 'assistant', 'system', 'developer', and 'user'.")
    content: Any = item.get("content")
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise missing(f"{where}.content")
    for place, part in enumerate(as_list(content)):  # pyright: ignore[reportUnknownArgumentType]
        _check_part(f"{where}.content[{place}]", as_object(part), role)


def _check_part(where: str, part: Json, role: str) -> None:
    kind = str(part.get("type"))
    if kind not in _PARTS[role]:
        supported = " and ".join(repr(name) for name in sorted(_PARTS[role]))
        raise wrong(f"{where}.type", f"Invalid value: {kind!r}. Supported values are: {supported}.")
    if kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
        raise missing(f"{where}.text")
    if kind == "refusal" and not isinstance(part.get("refusal"), str):
        raise missing(f"{where}.refusal")
    if kind == "input_image":
        url = part.get("image_url")
        if url is None and part.get("file_id") is None:
            raise missing(f"{where}.image_url")
        if url is not None and not str(url).startswith(("http://", "https://", "data:image/")):
            raise wrong(f"{where}.image_url", "Expected a valid URL, but got a value with an invalid format.")
    if kind == "input_file" and not (part.keys() & {"file_id", "file_url", "file_data"}):
        raise missing(f"{where}.file_id")


def _check_calls(items: list[Json]) -> None:
    """Each call has its result somewhere behind it, and each result its call before it."""
    asked: list[str] = []
    for item in items:
        made = str(item.get("call_id"))
        if item.get("type") == "function_call":
            asked.append(made)
        elif item.get("type") == "function_call_output":
            if made not in asked:
                raise Refusal(400, f"No tool call found for function call output with call_id {made}.", param="input")
            asked.remove(made)
    if asked:
        raise Refusal(400, f"No tool output found for function call {asked[0]}.", param="input")
