"""A request of Gemini's, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ...canonical import Choice, Message, Request, Schema, Text, Tool
from ..base import Untranslatable
from .conversation import Conversation
from .fields import DEFAULTS, HARMLESS, LOST, SETTINGS, Json, at, named, whole
from .schemas import json_schema

if TYPE_CHECKING:
    from ...canonical import Image
    from ..base import Asked, Lost

__all__ = ["read_request"]

_AT = {
    **at(tuple(SETTINGS)),
    "messages": "contents",
    "effort": "generationConfig.thinkingConfig.thinkingLevel",
    "budget": "generationConfig.thinkingConfig.thinkingBudget",
    "schema": "generationConfig.responseJsonSchema",
    "choice": "toolConfig.functionCallingConfig",
}
_UNFILTERED = frozenset({None, "HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_NONE", "OFF"})
_PLAIN = frozenset({None, "", "text/plain"})
_WHOLE = frozenset({"topK", "maxOutputTokens", "seed"})
"""Settings that are whole numbers, and may be written as others."""
_DETAILS = {"MEDIA_RESOLUTION_LOW": "low", "MEDIA_RESOLUTION_HIGH": "high"}
_CHOICES: dict[str, Any] = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "any", "NONE": "none"}
_UNKNOWN = "it is not known"


def read_request(asked: Asked, lost: Lost) -> Request:
    """What a request asks for.

    Raises:
        Untranslatable: it goes on with something that only Google has; or ``lost`` does.
        AttributeError, KeyError, TypeError, ValueError: it is none that Gemini would take.
    """
    body = named(asked.body)
    request = Request(asked.model, [], stream=asked.stream, goes_on=True, at=_AT)
    for name in ("cachedContent", "continuationToken"):
        if body.get(name):
            raise Untranslatable(name, "what it stands for is kept at Google")
    talk = Conversation(lost)
    _system(request, body.get("systemInstruction"), lost)
    talk.read(body["contents"])
    request.messages += talk.messages
    _tools(request, body, lost)
    _config(request, named(body.get("generationConfig") or {}), talk.images, lost)
    for name, value in body.items():
        if name not in _READ and value is not None and name not in HARMLESS:
            _lost("", name, value, lost)
    return request


_READ = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
    | {"cachedContent", "continuationToken"}
)


def _lost(where: str, name: str, value: Any, lost: Lost) -> None:
    """A field that is carried over only if it says what would happen without it."""
    if name == "safetySettings":
        if all(named(one).get("threshold") in _UNFILTERED for one in value):
            return
        lost(name, "only Google filters so")
    elif value not in DEFAULTS.get(name, ()):
        lost(where + name, LOST.get(name, _UNKNOWN if name not in DEFAULTS else "no other dialect has it"))


def _system(request: Request, given: Any, lost: Lost) -> None:
    if not given:
        return
    for number, one in enumerate(named(given)["parts"]):
        text, where = named(one).get("text"), f"systemInstruction.parts[{number}]"
        if text:
            request.messages.append(Message("system", [Text(text)], where))
        elif text is None:
            lost(where, "instructions are words")


# Tools. ---------------------------------------------------------------------------------------------------------------


def _tools(request: Request, body: Json, lost: Lost) -> None:
    for number, one in enumerate(body.get("tools") or ()):
        for name, value in named(one).items():
            where = f"tools[{number}].{name}"
            if name == "functionDeclarations":
                request.tools += [_tool(given, f"{where}[{place}]", lost) for place, given in enumerate(value or ())]
            elif value is not None:
                lost(where, "only Google has this tool")
    given = body.get("toolConfig")
    for name, value in named(given).items() if given else ():
        if name == "functionCallingConfig" and value:
            _choice(request, named(value), lost)
        elif value:
            lost(f"toolConfig.{name}", "only Google's own tools take it")


_RETURNED = frozenset({"response", "responseJsonSchema"})
"""What a function returns, which google-genai says of every one that it calls by itself: the model sees it anyway."""


def _tool(given: Json, where: str, lost: Lost) -> Tool:
    tool = Tool("", at=where)
    for name, value in named(given).items():
        if value is None or name in _RETURNED:
            continue
        if name == "name":
            tool.name = value
        elif name == "description":
            tool.description = value
        elif name == "parametersJsonSchema":
            tool.parameters = value
        elif name == "parameters":
            tool.parameters = json_schema(value)
        elif name != "behavior" or value not in ("BLOCKING", "UNSPECIFIED"):
            lost(f"{where}.{name}", "no other dialect has it")
    return tool


def _choice(request: Request, given: Json, lost: Lost) -> None:
    mode: str = given.get("mode") or "MODE_UNSPECIFIED"
    allowed: list[str] = given.get("allowedFunctionNames") or []
    if given.get("streamFunctionCallArguments"):
        lost("toolConfig.functionCallingConfig.streamFunctionCallArguments", "only Google has it")
    if mode == "VALIDATED":
        for tool in request.tools:
            tool.strict = True
    kind = None if mode == "MODE_UNSPECIFIED" else _CHOICES[mode]
    if allowed and {tool.name for tool in request.tools} != set(allowed):
        if kind == "any" and len(allowed) == 1:
            request.choice = Choice("named", allowed[0])
            return
        lost("toolConfig.functionCallingConfig.allowedFunctionNames", "either one function is named or none")
    if kind is not None:
        request.choice = Choice("named", allowed[0]) if kind == "any" and len(allowed) == 1 else Choice(kind)


# Settings. ------------------------------------------------------------------------------------------------------------


def _config(request: Request, config: Json, images: list[Image], lost: Lost) -> None:
    mime = config.get("responseMimeType")
    for name, value in config.items():
        if value is None:
            continue
        if name in SETTINGS:
            setattr(request, SETTINGS[name], whole(value) if name in _WHOLE else value)
        elif name == "thinkingConfig":
            _thinking(request, named(value), lost)
        elif name == "mediaResolution":
            _resolution(value, images, lost)
        elif name in ("responseJsonSchema", "responseSchema"):
            if mime == "application/json":
                found = value if name == "responseJsonSchema" else json_schema(value)
                request.schema = Schema(cast("Json", found))
        elif name != "responseMimeType":
            _lost("generationConfig.", name, value, lost)
    if mime == "application/json":
        request.schema = request.schema or Schema(None)
    elif mime not in _PLAIN:
        lost("generationConfig.responseMimeType", "answers are words or JSON")


def _thinking(request: Request, thinking: Json, lost: Lost) -> None:
    """How much to think. Whether the thoughts are shown is not carried over: at Gemini, too, there may be none."""
    for name, value in thinking.items():
        if value is None or name == "includeThoughts":
            continue
        if name == "thinkingLevel":
            if value != "THINKING_LEVEL_UNSPECIFIED":
                request.effort = value.lower()
        elif name == "thinkingBudget":
            if value == 0:
                request.effort = "none"
            elif value > 0:
                request.budget = value
        else:
            lost(f"generationConfig.thinkingConfig.{name}", _UNKNOWN)


def _resolution(value: str, images: list[Image], lost: Lost) -> None:
    """How closely all pictures are looked at."""
    detail = _DETAILS.get(value)
    if detail is None and value != "MEDIA_RESOLUTION_UNSPECIFIED":
        lost("generationConfig.mediaResolution", "pictures are looked at closely or not")
    for image in images:
        image.detail = image.detail or detail
