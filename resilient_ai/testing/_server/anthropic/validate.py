"""Anthropic's checks of a request, with its words. Pure.

The fields are those of anthropic 2.12 (its parameter classes), and what the older API version takes besides.
"""

from __future__ import annotations

from typing import Any, Final

from ..fields import Spec, spec
from ..replies import Json, Refusal, as_list, as_object
from ..turns import NAME
from ..validate import is_type
from .blocks import BLOCKS, check_block

_SHARED = (
    "messages:arr! model:str! cache_control:obj output_config:obj speed:str system:str|arr thinking:obj"
    " tool_choice:obj tools:arr user_profile_id:str workspace_id:str"
)
CREATE: Final = spec(
    "json",
    f"{_SHARED} max_tokens:int! container:str|obj diagnostics:obj inference_geo:str metadata:obj service_tier:str"
    " stop_sequences:arr stream:bool temperature:num top_p:num top_k:int mcp_servers:arr context_management:obj",
)
COUNT: Final = spec("json", f"{_SHARED} mcp_servers:arr context_management:obj")
CREATE_BATCH: Final = spec("json", "requests:arr!")

SAMPLING: Final = ("temperature", "top_p", "top_k")
"""What the API version 2026-10-21 refuses, even at its default."""

_NAMES: Final = {
    "str": "string",
    "num": "number",
    "int": "integer",
    "bool": "boolean",
    "arr": "list",
    "obj": "dictionary",
}
_CHOICES: Final = {
    "service_tier": ("auto", "standard_only"),
    "speed": ("standard", "fast"),
}
_TOOL: Final = frozenset(
    {
        *("type", "name", "description", "input_schema", "cache_control", "strict", "defer_loading"),
        *("eager_input_streaming", "input_examples", "allowed_callers"),
    }
)
"""The fields of a tool of the program's own (anthropic 2.12, ToolParam)."""


def check(wanted: Spec, request: Json, *, version: str) -> None:
    """Fields there, known, of their type and in their range; turns and tools in order; else Refusal."""
    for name, field in wanted.fields.items():
        if field.required and name not in request:
            raise Refusal(400, f"{name}: Field required")
    for name, value in request.items():
        if name not in wanted.fields:
            raise Refusal(400, f"{name}: Extra inputs are not permitted")
        if value is not None or wanted.fields[name].required:
            _check_type(name, value, wanted.fields[name].types)
    if "requests" in wanted.fields:
        return _check_batch(request)
    if version == "2026-10-21":
        for name in SAMPLING:
            if name in request:
                raise Refusal(400, f"{name}: not supported in API version {version}")
    _check_numbers(request)
    _check_tools(request)
    _check_form(request)
    return _check_messages(request["messages"], version)


def _check_type(name: str, value: Any, types: tuple[str, ...]) -> None:
    if not any(is_type(value, kind) for kind in types):
        raise Refusal(400, f"{name}: Input should be a valid {_NAMES[types[0]]}")
    if name in _CHOICES and value not in _CHOICES[name]:
        shown = " or ".join(f"'{choice}'" for choice in _CHOICES[name])
        raise Refusal(400, f"{name}: Input should be {shown}")


def _check_numbers(request: Json) -> None:
    if request.get("max_tokens", 1) < 0:
        raise Refusal(400, "max_tokens: Input should be greater than or equal to 0")
    for name, top in (("temperature", 1), ("top_p", 1), ("top_k", 10**9)):
        value = request.get(name)
        if value is not None and not 0 <= value <= top:
            raise Refusal(400, f"{name}: range: 0..{top}")
    thinking = as_object(request.get("thinking"))
    if thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens")
        if not is_type(budget, "int") or int(budget or 0) < 1024:
            raise Refusal(400, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if "max_tokens" in request and int(budget or 0) >= request["max_tokens"]:
            raise Refusal(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")
    elif thinking and thinking.get("type") not in ("adaptive", "disabled", "between_tools"):
        raise Refusal(400, f"thinking: Input tag {thinking.get('type')!r} found using 'type' does not match any tag")


def _check_tools(request: Json) -> None:
    names: list[str] = []
    for index, item in enumerate(as_list(request.get("tools"))):
        tool = as_object(item)
        if tool.get("type") in (None, "custom"):
            _check_tool(f"tools.{index}.custom", tool)
        if (name := str(tool.get("name"))) in names:
            raise Refusal(400, "tools: Tool names must be unique.")
        names.append(name)
    choice = as_object(request.get("tool_choice"))
    if choice and choice.get("type") not in ("auto", "any", "tool", "none"):
        raise Refusal(400, f"tool_choice: Input tag {choice.get('type')!r} found using 'type' does not match any tag")
    if choice.get("type") in ("any", "tool") and as_object(request.get("thinking")).get("type") == "enabled":
        raise Refusal(400, "Thinking may not be enabled when tool_choice forces tool use.")
    if choice.get("type") in ("any", "tool") and not names:
        raise Refusal(400, "tool_choice: may only be specified while providing tools")
    if choice.get("type") == "tool" and choice.get("name") not in names:
        raise Refusal(400, f"Tool '{choice.get('name')}' not found in provided tools")


def _check_tool(where: str, tool: Json) -> None:
    for name in tool:
        if name not in _TOOL:
            raise Refusal(400, f"{where}.{name}: Extra inputs are not permitted")
    if not isinstance(tool.get("name"), str):
        raise Refusal(400, f"{where}.name: Field required")
    if not NAME.fullmatch(tool["name"]):
        raise Refusal(400, f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    schema = tool.get("input_schema")
    if not isinstance(schema, dict):
        raise Refusal(400, f"{where}.input_schema: Field required")
    if as_object(schema).get("type") != "object":  # pyright: ignore[reportUnknownArgumentType]
        raise Refusal(400, f"{where}.input_schema.type: Input should be 'object'")


def _check_form(request: Json) -> None:
    """The form of the answer: a schema whose objects are closed."""
    config = as_object(request.get("output_config"))
    if config.get("effort") not in (None, "low", "medium", "high", "xhigh", "max"):
        raise Refusal(400, "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    form = config.get("format")
    if form is None:
        return
    if as_object(form).get("type") != "json_schema":
        raise Refusal(400, "output_config.format: Input tag found using 'type' does not match any of the expected tags")
    if not isinstance(as_object(form).get("schema"), dict):
        raise Refusal(400, "output_config.format.json_schema.schema: Field required")
    for name in as_object(form):
        if name not in {"type", "schema"}:
            raise Refusal(400, f"output_config.format.json_schema.{name}: Extra inputs are not permitted")
    if _is_open(form["schema"]):
        raise Refusal(
            400,
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        )


def _is_open(schema: Any) -> bool:
    """Whether an object in a schema may have more than it names."""
    given = as_object(schema)
    if given.get("type") == "object" and given.get("additionalProperties") is not False:
        return True
    inner = [*as_object(given.get("properties")).values(), *as_list(given.get("anyOf"))]
    inner += [*as_object(given.get("$defs")).values(), *([given["items"]] if "items" in given else [])]
    return any(map(_is_open, inner))


def _check_messages(messages: list[Any], version: str) -> None:
    if not messages:
        raise Refusal(400, "messages: at least one message is required")
    turns = [_turn(index, item, version) for index, item in enumerate(messages)]
    if next((role for role, _ in turns if role != "system"), "user") != "user":
        raise Refusal(400, 'messages: first message must use the "user" role')
    _check_pairs([turn for turn in turns if turn[0] != "system"])


def _turn(index: int, item: Any, version: str) -> tuple[str, list[Json]]:
    """The role of a message and its blocks."""
    where = f"messages.{index}"
    message = as_object(item)
    for name in ("role", "content"):
        if name not in message:
            raise Refusal(400, f"{where}.{name}: Field required")
    for name in message:
        if name not in {"role", "content"}:
            raise Refusal(400, f"{where}.{name}: Extra inputs are not permitted")
    role: Any = message["role"]
    if role == "system" and version != "2026-10-21":
        raise Refusal(
            400, 'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter.'
        )
    if not isinstance(role, str) or role not in BLOCKS:
        raise Refusal(400, f'messages: Unexpected role "{role}". Allowed roles are "user", "assistant" or "system".')
    content: Any = message["content"]
    if isinstance(content, str):
        if not content:
            raise Refusal(400, f"{where}: all messages must have non-empty content")
        return role, [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise Refusal(400, f"{where}.content: Input should be a valid list")
    blocks = as_list(content)  # pyright: ignore[reportUnknownArgumentType]
    return role, [check_block(f"{where}.content.{place}", block, role, version) for place, block in enumerate(blocks)]


def _check_pairs(turns: list[tuple[str, list[Json]]]) -> None:
    """Each tool_use has its tool_result in the next turn, and each tool_result its tool_use in the turn before."""
    asked: list[str] = []
    for index, (role, blocks) in enumerate(turns):
        given = [str(block["tool_use_id"]) for block in blocks if block["type"] == "tool_result"]
        kinds = [block["type"] == "tool_result" for block in blocks]
        if kinds != sorted(kinds, reverse=True):
            raise Refusal(400, f"messages.{index}: `tool_result` blocks must come first in the content of a message")
        if missing := [made for made in asked if made not in given]:
            raise Refusal(
                400,
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after:"
                f" {', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the"
                " next message.",
            )
        if strange := [made for made in given if made not in asked]:
            raise Refusal(
                400,
                f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {', '.join(strange)}."
                " Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
            )
        asked = [str(block.get("id")) for block in blocks if block["type"] == "tool_use"] if role == "assistant" else []
    if asked:
        raise Refusal(400, "messages: final assistant content cannot end with `tool_use` blocks without results")


def _check_batch(request: Json) -> None:
    seen: set[str] = set()
    if not request["requests"]:
        raise Refusal(400, "requests: List should have at least 1 item after validation, not 0")
    for index, item in enumerate(request["requests"]):
        task = as_object(item)
        custom: Any = task.get("custom_id")
        if not isinstance(custom, str) or not 1 <= len(custom) <= 64:
            raise Refusal(400, f"requests.{index}.custom_id: String should have 1 to 64 characters")
        if not isinstance(task.get("params"), dict):
            raise Refusal(400, f"requests.{index}.params: Field required")
        if custom in seen:
            raise Refusal(400, f"requests.{index}.custom_id: custom_id must be unique")
        seen.add(custom)
