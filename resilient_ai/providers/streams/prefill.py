"""A request that asks for the rest of an answer, by giving its beginning; and requests whose answers are never made of
two."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, cast

from .base import OTHER_SCHEMA, items, members

__all__ = ["Prefill", "prefill_of", "prefilled", "wants_form"]


class Prefill(NamedTuple):
    """How a model takes the beginning of its answer.

    Attributes:
        repeats: whether its answer begins with it; else with what follows it.
        trimmed: whether white space at its end is refused.
        flag: the field of the message that says so, if there is one.
    """

    repeats: bool
    trimmed: bool
    flag: str | None = None


_CLAUDE = re.compile(r"claude-(?:2|instant|3)|claude-(?:opus|sonnet|haiku)-4(?:-[015])?(?:[-@]20\d{6})?(?:-v\d.*)?\Z")
"""Anthropic's models before 4.6, by whatever name a cloud has for them. Those since refuse: HTTP 400, "This model does
not support assistant message prefill" (Anthropic, What's new in Claude 4.6, prefill removal). Unknown names are taken
for newer ones."""

_ANTHROPIC = Prefill(repeats=False, trimmed=True)
"""Anthropic, Prefill Claude's response: the answer goes on from there; it "cannot end with any trailing whitespace"."""

_MISTRAL = Prefill(repeats=True, trimmed=False, flag="prefix")
"""Mistral's API specification, AssistantMessage.prefix: "to force the model to start its answer by the content of the
message"."""

_MISTRAL_HOST = "api.mistral.ai"


def prefill_of(dialect: str, family: str, host: str, model: str | None) -> Prefill | None:
    """How this model, there, takes the beginning of its answer; None if it is not known to."""
    if (dialect, family) == ("anthropic", "messages"):
        return _ANTHROPIC if model is not None and _CLAUDE.search(model) else None
    if (dialect, family) == ("openai", "chat") and host.partition(":")[0] == _MISTRAL_HOST:
        return _MISTRAL
    return None


def prefilled(body: bytes, text: str, prefill: Prefill) -> bytes | None:
    """The body that asks for the rest; None if it cannot be written: the answer is one of several, or has thoughts, or
    begins with what the program itself has given."""
    try:
        request = members(json.loads(body))
        messages = items(request["messages"])
        last = members(messages[-1]).get("role")
    except (IndexError, *OTHER_SCHEMA):
        return None
    if last == "assistant" or request.get("n", 1) != 1 or _thinks(request):
        return None
    if prefill.trimmed:
        text = text.rstrip()
    if not text:
        return None
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if prefill.flag is not None:
        message[prefill.flag] = True
    return json.dumps({**request, "messages": [*messages, message]}, separators=(",", ":")).encode()


def _thinks(request: dict[str, Any]) -> bool:
    thinking: Any = request.get("thinking")
    return isinstance(thinking, dict) and cast("dict[str, Any]", thinking).get("type") != "disabled"


_GUIDES = ("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar")
"""What compatible servers (vLLM, llama.cpp) call a schema."""


def wants_form(family: str, body: bytes) -> bool:
    """Whether a request asks for an answer of a given form (JSON, a schema): one that is worth nothing unless it is all
    of one piece. True if that cannot be told."""
    try:
        return _wants_form(family, members(json.loads(body)))
    except OTHER_SCHEMA:
        return True


def _wants_form(family: str, request: dict[str, Any]) -> bool:
    match family:
        case "chat":
            return _is_form(request.get("response_format")) or any(request.get(name) for name in _GUIDES)
        case "completions":
            return any(request.get(name) for name in (*_GUIDES, "response_format"))
        case "responses":
            return _is_form(members(request.get("text")).get("format"))
        case "messages":
            formats = (members(request.get("output_config")).get("format"), request.get("output_format"))
            return any(map(_is_form, formats))
        case "generate_content":
            config = members(request.get("generationConfig") or request.get("generation_config"))
            mime = config.get("responseMimeType") or config.get("response_mime_type") or "text/plain"
            names = ("responseSchema", "responseJsonSchema", "response_schema", "response_json_schema")
            return mime != "text/plain" or any(config.get(name) for name in names)
        case _:
            return True


def _is_form(given: Any) -> bool:
    return bool(members(given).get("type", "text") != "text")
