"""A request to Gemini, written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...canonical import Document, Image, Refusal, Text, ToolCall, ToolResult, object_of
from ..base import ANSWERS_BEHIND, NO_SUCH_TOOL, NO_TOOLS, Untranslatable, Written
from .fields import PLACEHOLDER, SETTINGS, Json, signed
from .thinking import thinking

if TYPE_CHECKING:
    from ...canonical import Audio, Message, Part, Request, Tool
    from ..base import Lost

__all__ = ["write_request"]

_IMAGES = frozenset({"image/heic", "image/heif", "image/jpeg", "image/png", "image/webp"})
"""Source: ai.google.dev, gemini-api/docs/image-understanding, autumn 2026."""
_FILES = ("application/pdf", "text/", "application/json")
_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
_MODES = {"auto": "AUTO", "any": "ANY", "none": "NONE", "named": "ANY"}
_NUMBERS = tuple((name, field) for name, field in SETTINGS.items() if field not in ("max_tokens", "stop", "seed"))
_MOST_STOPS = 5
_GOES_ON = ("gemini-1", "gemini-2", "gemini-3-", "gemini-3.1-", "gemini-pro", "gemma", "learnlm")
"""Models that take a conversation that ends with the model's own words. From 3.5 on it is refused, by some of them
("Requests ending with a model turn are not supported", summer 2026)."""
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
"""A function's. Source: `FunctionDeclaration` in the API reference, autumn 2026."""
_NEITHER = ("gemini-1", "gemini-2", "gemini-pro", "gemma", "learnlm")
"""Models that do not take functions and a schema together ("Function calling with a response mime type:
'application/json' is unsupported")."""


def write_request(request: Request, lost: Lost, most: int | None) -> Written:
    """The request as Gemini takes it.

    Raises:
        Untranslatable: nothing is said by anybody but the system; or ``lost`` raises it.
    """
    model = request.model.removeprefix("models/")
    body: Json = {}
    contents = _Contents(lost, model, body)
    for number, message in enumerate(request.messages):
        contents.add(message, number)
    goes_on = request.goes_on and model.startswith(_GOES_ON)
    if contents.found and contents.found[-1]["role"] == "model" and not goes_on:
        why = "this model does not go on with words of its own" if request.goes_on else ANSWERS_BEHIND
        lost(request.messages[-1].at or request.path("messages"), why)
        contents.found.pop()
    if not contents.found:
        raise Untranslatable(request.path("messages"), "nothing but instructions is left for Gemini to answer")
    contents.sign()
    body["contents"] = contents.found
    if request.tools or request.choice is not None:
        _tools(request, body, lost)
    config = _config(request, model, lost, most)
    if contents.images:
        _resolution(contents, config, lost)
    if config:
        body["generationConfig"] = config
    if request.stream:
        return Written(f"v1beta/models/{model}:streamGenerateContent", body, (("alt", "sse"),))
    return Written(f"v1beta/models/{model}:generateContent", body)


# The conversation. ----------------------------------------------------------------------------------------------------


class _Contents:
    """The contents, as they are written.

    Attributes:
        found: contents.
        images: all that are in them.
        documents: whether there are any.
    """

    __slots__ = ("_calls", "_lost", "_model", "_request", "_turns", "documents", "found", "images")

    def __init__(self, lost: Lost, model: str, request: Json) -> None:
        self.found: list[Json] = []
        self.images: list[Image] = []
        self.documents = False
        self._lost = lost
        self._model = model
        self._request = request
        self._turns: list[list[Json]] = []  # of the model's, since the user said something
        self._calls: list[str] = []  # of the last turn of the model's

    def add(self, message: Message, number: int) -> None:
        role = message.role
        if role == "system":
            self._system(message, number)
            return
        if role == "assistant":
            parts = [part for one in message.parts for part in self._said(one)]
        elif role == "tool":
            parts = self._results([one for one in message.parts if isinstance(one, ToolResult)])
        else:
            parts = [part for one in message.parts for part in self._asked(one)]
        if not parts:
            return
        if role != "assistant":
            self.found.append({"role": "user", "parts": parts})
            if role == "user":
                self._turns.clear()
            return
        if self.found and self.found[-1]["role"] == "model":  # nothing is left of what stood between
            self.found[-1]["parts"].extend(parts)
        else:
            self.found.append({"role": "model", "parts": parts})
        self._turns.append(parts)
        self._calls = [one.id for one in message.parts if isinstance(one, ToolCall)]

    def sign(self) -> None:
        """Mark the first call of each step of the present turn as one that Gemini did not make itself."""
        if not signed(self._model):
            return
        for parts in self._turns:
            for part in parts:
                if "functionCall" in part:
                    part["thoughtSignature"] = PLACEHOLDER
                    break

    def _system(self, message: Message, number: int) -> None:
        """Instructions stand before everything else; words in the middle keep their words, if not their place."""
        if self.found:
            self._lost(message.at or f"messages[{number}]", "Gemini takes instructions before the conversation only")
        parts = [{"text": part.text} for part in message.parts if isinstance(part, Text)]
        if parts:
            self._request.setdefault("systemInstruction", {"parts": []})["parts"] += parts

    def _said(self, part: Part) -> list[Json]:
        if isinstance(part, Text | Refusal):
            return [{"text": part.text}] if part.text else []
        if isinstance(part, ToolCall):
            try:
                arguments = object_of(part.arguments)
            except (TypeError, ValueError):
                raise Untranslatable(part.at or "a tool call", "its arguments are no JSON object") from None
            return [{"functionCall": {"name": part.name, "args": arguments}}]
        self._lost(getattr(part, "at", "") or "an assistant's message", "the model's turns are words and calls")
        return []

    def _asked(self, part: Part) -> list[Json]:
        if isinstance(part, Text | Refusal):
            return [{"text": part.text}] if part.text else []
        if isinstance(part, ToolCall | ToolResult):
            raise TypeError("no part of what a user says")
        return self._media(part)

    def _media(self, part: Image | Document | Audio) -> list[Json]:
        if part.data is None or part.media_type is None:
            self._lost(part.at, "Gemini wants the bytes and their type, not a web address")
            return []
        if isinstance(part, Image):
            if part.media_type not in _IMAGES:
                self._lost(part.at, "Gemini does not read pictures of this type")
                return []
            self.images.append(part)
        elif isinstance(part, Document):
            if not part.media_type.startswith(_FILES):
                self._lost(part.at, "Gemini does not read files of this type")
                return []
            self.documents = True
        return [{"inlineData": {"mimeType": part.media_type, "data": part.data}}]

    def _results(self, results: list[ToolResult]) -> list[Json]:
        """In the order of the calls: without ids, those of one function are told apart by it."""
        places = {one: place for place, one in enumerate(self._calls)}
        if len(results) > 1:
            results.sort(key=lambda result: places.get(result.call, len(places)))
        return [self._result(one) for one in results]

    def _result(self, result: ToolResult) -> Json:
        texts = [part.text for part in result.parts if isinstance(part, Text)]
        said = texts[0] if len(texts) == 1 else "\n".join(texts)
        found: Json = {"name": result.name, "response": {"error" if result.failed else "output": said}}
        if len(texts) < len(result.parts):
            if not signed(self._model):  # the same models take nothing but an object
                self._lost(result.at, "this model takes no pictures or files from functions")
            else:
                media = [one for one in result.parts if not isinstance(one, Text)]
                parts = [part for one in media for part in self._media(one)]
                if parts:
                    found["parts"] = parts
        return {"functionResponse": found}


def _resolution(contents: _Contents, config: Json, lost: Lost) -> None:
    """One for all pictures, and for the pages of documents, so that all have to agree."""
    details = {image.detail for image in contents.images if image.detail != "auto"}
    if details <= {None}:
        return
    (detail, *others) = details
    alike = not others and not contents.documents and all(image.detail == detail for image in contents.images)
    if alike and detail in _RESOLUTIONS:
        config["mediaResolution"] = _RESOLUTIONS[detail]
    else:
        one = next(image for image in contents.images if image.detail not in (None, "auto"))
        lost(one.at, "at Gemini all pictures and pages are looked at alike")


# Tools. ---------------------------------------------------------------------------------------------------------------


def _tools(request: Request, body: Json, lost: Lost) -> None:
    declared = [found for tool in request.tools if (found := _tool(tool, lost)) is not None]
    choice = request.choice
    if not declared:
        if choice is not None and choice.kind in ("any", "named"):
            lost(request.path("choice"), NO_TOOLS)
        return
    if choice is not None and choice.kind == "named" and all(tool["name"] != choice.name for tool in declared):
        raise Untranslatable(request.path("choice"), NO_SUCH_TOOL)
    body["tools"] = [{"functionDeclarations": declared}]
    if request.parallel is False:
        lost(request.path("parallel"), "Gemini calls as many functions at a time as it likes")
    mode = _MODES[choice.kind] if choice is not None else "AUTO"
    if mode == "AUTO" and any(tool.strict for tool in request.tools):
        mode = "VALIDATED"  # what follows the schemas strictly, as ANY does
    if choice is not None or mode != "AUTO":
        calling: dict[str, Any] = {"mode": mode}
        if choice is not None and choice.kind == "named":
            calling["allowedFunctionNames"] = [choice.name]
        body["toolConfig"] = {"functionCallingConfig": calling}


def _tool(tool: Tool, lost: Lost) -> Json | None:
    if not _NAME.fullmatch(tool.name):
        lost(tool.at, "at Gemini a function's name begins with a letter, and has at most 64 characters")
        return None
    found: Json = {"name": tool.name}
    if tool.description is not None:
        found["description"] = tool.description
    if tool.parameters is not None:
        found["parametersJsonSchema"] = tool.parameters
    return found


# Settings. ------------------------------------------------------------------------------------------------------------


def _config(request: Request, model: str, lost: Lost, most: int | None) -> Json:
    config: Json = {}
    for name, field in _NUMBERS:
        value = getattr(request, field)
        if value is not None:
            config[name] = value
    if request.max_tokens is not None:  # more than the model can say is refused, and was never to be had
        config["maxOutputTokens"] = request.max_tokens if most is None else min(request.max_tokens, most)
    if len(request.stop) > _MOST_STOPS:
        lost(request.path("stop"), f"Gemini takes {_MOST_STOPS} of them")
    elif request.stop:
        config["stopSequences"] = request.stop
    if request.seed is not None and not -(2**31) <= request.seed < 2**31:
        lost(request.path("seed"), "Gemini's has 32 bits")
    elif request.seed is not None:
        config["seed"] = request.seed
    if request.verbosity not in (None, "medium"):
        lost(request.path("verbosity"), "Gemini has no such setting")
    if request.schema is not None:
        _schema(request, model, config, lost)
    if request.effort is not None or request.budget is not None:
        config |= thinking(request, model, lost)
    return config


def _schema(request: Request, model: str, config: Json, lost: Lost) -> None:
    schema = request.schema
    assert schema is not None
    if request.tools and model.startswith(_NEITHER):
        lost(request.path("schema"), "this model takes no schema beside functions")
        return
    config["responseMimeType"] = "application/json"
    if schema.schema is None:
        return
    found = schema.schema
    if schema.description is not None and "description" not in found and "$ref" not in found:
        found = {**found, "description": schema.description}
    config["responseJsonSchema"] = found
