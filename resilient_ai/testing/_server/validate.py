"""The vendor's checks of a request, with the vendor's words. Pure: nothing is made here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from .fields import CHAT, RESPONSES
from .http import BadRequestError, Part, parse_multipart
from .items import check_responses
from .replies import Json, Refusal
from .turns import check_chat
from .world import Ask, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .fields import Field, Spec

_NAMES: Final = {
    "str": "a string",
    "num": "a decimal",
    "int": "an integer",
    "bool": "a boolean",
    "arr": "an array",
    "obj": "an object",
    "file": "a file",
}

_RANGES: Final[dict[str, tuple[float, float]]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "n": (1, 128),
    "top_logprobs": (0, 20),
    "max_tokens": (1, 10**7),
    "max_completion_tokens": (1, 10**7),
    "max_output_tokens": (16, 10**7),
    "dimensions": (1, 3072),
    "speed": (0.25, 4),
    "partial_images": (0, 3),
}

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "encoding_format": ("float", "base64"),
    "completion_window": ("24h",),
    "seconds": ("4", "8", "12"),
    "purpose": ("assistants", "batch", "fine-tune", "vision", "user_data", "evals"),
    "truncation": ("auto", "disabled"),
}


def read_body(spec: Spec, content_type: str, body: bytes, ask: Ask) -> None:
    """Parse the body into `ask`. Raises Refusal for what is no such body."""
    kind = content_type.partition(";")[0].strip().lower()
    if spec.content == "none":
        return
    if kind == "application/json" and spec.content in {"json", "either"}:
        ask.json = parse_json(body)
    elif kind == "multipart/form-data" and spec.content in {"form", "either"}:
        _read_form(spec, content_type, body, ask)
    else:
        wanted = "multipart/form-data" if spec.content == "form" else "application/json"
        shown = kind or "none"
        raise Refusal(400, f"Unsupported content type: {shown!r}. This API method accepts {wanted!r} requests.")


def _read_form(spec: Spec, content_type: str, body: bytes, ask: Ask) -> None:
    try:
        parts = parse_multipart(content_type, body)
    except BadRequestError as problem:
        raise Refusal(400, f"Could not parse multipart form: {problem}") from problem
    for part in parts:
        name, _, inner = part.name.partition("[")
        if part.filename is not None:
            ask.files = {**ask.files, name: part}
        elif inner.startswith("]"):
            ask.json.setdefault(name, []).append(_typed(part))
        elif inner:
            ask.json.setdefault(name, {})[inner.rstrip("]")] = _typed(part)
        else:
            field = spec.fields.get(name)
            ask.json[name] = _converted(field, _typed(part)) if field else _typed(part)


def _typed(part: Part) -> str:
    return part.data.decode("utf-8", "replace")


def _converted(field: Field, text: str) -> Any:
    """A form knows only text: give a number or a truth value its type where the endpoint wants one."""
    if {"int", "num"} & set(field.types) and re.fullmatch(r"-?\d+(\.\d+)?", text):
        return float(text) if "." in text else int(text)
    if "bool" in field.types and text in {"true", "false"}:
        return text == "true"
    return text


def check(spec: Spec, ask: Ask) -> None:
    """Fields there, known, of their type and in their range; else Refusal."""
    if spec.content == "none":
        return
    for name, field in spec.fields.items():
        given = name in ask.files or ask.json.get(name) is not None or (name == "model" and ask.deployment)
        if field.required and not given:
            message = f"Missing required parameter: '{name}'."
            raise Refusal(400, message, param=name, code="missing_required_parameter")
    for name in (*ask.json, *ask.files):
        if name not in spec.fields:
            raise Refusal(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    for name, value in ask.json.items():
        if value is not None:
            _check_type(name, value, spec.fields[name])
            _check_value(name, value)
    _check_messages(ask.json)
    _check_inside(spec, ask.json)


def _check_inside(spec: Spec, request: Json) -> None:
    if spec is CHAT:
        check_chat(request)
    elif spec is RESPONSES:
        check_responses(request)


def check_model(models: tuple[str, ...], ask: Ask) -> None:
    """The model must be one that is served; where none is named, the vendor takes its own."""
    model: Any = ask.deployment or ask.json.get("model")
    if model is None or model in models:
        return
    if ask.deployment:
        raise Refusal(404, "The API deployment for this resource does not exist.", code="DeploymentNotFound")
    message = f"The model `{model}` does not exist or you do not have access to it."
    raise Refusal(404, message, code="model_not_found")


def is_type(value: Any, kind: str) -> bool:
    """Whether a JSON value is of this type, as `fields` names types."""
    match kind:
        case "str":
            return isinstance(value, str)
        case "num":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "bool":
            return isinstance(value, bool)
        case "arr":
            return isinstance(value, list)
        case "obj":
            return isinstance(value, dict)
        case _:
            return kind == "any"


def _check_type(name: str, value: Any, field: Field) -> None:
    if any(is_type(value, kind) for kind in field.types):
        return
    wanted = " or ".join(_NAMES[kind] for kind in field.types)
    got = next((text for kind, text in _NAMES.items() if is_type(value, kind)), "null")
    message = f"Invalid type for '{name}': expected {wanted}, but got {got} instead."
    raise Refusal(400, message, param=name, code="invalid_type")


def _check_value(name: str, value: Any) -> None:
    if name in _RANGES and isinstance(value, int | float):
        low, high = _RANGES[name]
        if not low <= value <= high:
            side, bound = ("above maximum", f"<= {high}") if value > high else ("below minimum", f">= {low}")
            kind = "decimal" if isinstance(value, float) else "integer"
            message = f"Invalid '{name}': {kind} {side} value. Expected a value {bound}, but got {value} instead."
            raise Refusal(400, message, param=name, code=f"{kind}_{side.replace(' ', '_')}_value")
    if name in _CHOICES and value not in _CHOICES[name]:
        choices = " and ".join(repr(choice) for choice in _CHOICES[name])
        message = f"Invalid value: {value!r}. Supported values are: {choices}."
        raise Refusal(400, message, param=name, code="invalid_value")


_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def _check_messages(request: Json) -> None:
    messages: Any = request.get("messages")
    if messages is None:
        return
    if not messages:
        message = (
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise Refusal(400, message, param="messages", code="empty_array")
    for index, item in enumerate(messages):
        if not isinstance(item, dict):
            message = f"Invalid type for 'messages[{index}]': expected an object."
            raise Refusal(400, message, param=f"messages[{index}]", code="invalid_type")
        _check_role(index, item)  # pyright: ignore[reportUnknownArgumentType]


def _check_role(index: int, item: Json) -> None:
    where = f"messages[{index}].role"
    if "role" not in item:
        raise Refusal(400, f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")
    if not isinstance(item["role"], str) or item["role"] not in _ROLES:
        raise Refusal(400, f"Invalid value: {item['role']!r}.", param=where, code="invalid_value")
    if item["role"] in {"system", "developer", "user"} and item.get("content") is None:
        where = f"messages[{index}].content"
        raise Refusal(400, f"Missing required parameter: '{where}'.", param=where, code="missing_required_parameter")


def check_key(headers: Mapping[str, str], keys: tuple[str, ...], *, azure: bool) -> None:
    """The credential must be one of the provider's; else 401."""
    given = credential(headers)
    if given in keys:
        return
    if azure:
        message = "Access denied due to invalid subscription key or wrong API endpoint."
        raise Refusal(401, message, code="401")
    shown = "You didn't provide an API key." if not given else "Incorrect API key provided."
    raise Refusal(401, f"{shown} You can find your API key at https://platform.openai.com.", code="invalid_api_key")


def credential(headers: Mapping[str, str]) -> str | None:
    """The key a request came with, by either header."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("api-key") or (token.strip() if scheme.lower() == "bearer" and token.strip() else None)
