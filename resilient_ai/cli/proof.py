"""What a target is asked for by `resilient-ai check`, and what its answer must show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ..providers.streams.base import items, members

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

__all__ = ["Wrong", "checked", "checked_vectors", "request", "vectors"]

TOKENS: Final = 1024
"""The most of an answer: the arguments of one small call, and what a model thinks before it."""
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["ready"]}, "count": {"type": "integer"}},
    "required": ["word", "count"],
    "additionalProperties": False,
}
_TOOL: Final = "report"
_PROMPT: Final = "Report the word ready and the count 1."
_PROMPT_FOR_TOOL: Final = "Call the tool report, with the word ready and the count 1. Say nothing else."


class Wrong(Exception):
    """The answer is none that could be used: what failed, and why."""

    def __init__(self, what: str, says: str) -> None:
        super().__init__(says)
        self.what = what


def request(model: str, needs: Sequence[str], *, forced: bool) -> dict[str, Any]:
    """One small chat, with all that is needed in it; ``forced``: the tool must be called, not just may be."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": _PROMPT_FOR_TOOL if "tools" in needs else _PROMPT}],
        "max_completion_tokens": TOKENS,
    }
    if "stream" in needs:
        body["stream"] = True
    if "tools" in needs:
        function = {"name": _TOOL, "description": "Takes the report.", "parameters": _SCHEMA}
        body["tools"] = [{"type": "function", "function": function}]
        if forced:
            body["tool_choice"] = {"type": "function", "function": {"name": _TOOL}}
    elif "schema" in needs:
        form = {"name": _TOOL, "schema": _SCHEMA, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def vectors(model: str) -> dict[str, Any]:
    """One small text to embed."""
    return {"model": model, "input": _PROMPT}


def checked(response: httpx.Response, needs: Sequence[str]) -> str:
    """The model that gave a chat's answer, as it calls itself.

    Raises:
        Wrong: it is not what was asked for.
    """
    streamed = response.headers.get("content-type", "").startswith("text/event-stream")
    try:
        model, text, calls = _told(response.text) if streamed else _said(response.json())
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise Wrong("model", "its answer has another schema") from None
    if "tools" in needs and _TOOL not in calls:
        raise Wrong("tools", "it did not call the tool that it was told to call")
    if "schema" in needs and not _follows(calls.get(_TOOL, text)):
        raise Wrong("schema", "what it gave does not follow the schema")
    return model


def checked_vectors(response: httpx.Response) -> str:
    """The model that gave vectors.

    Raises:
        Wrong: there is no vector in the answer.
    """
    try:
        body = response.json()
        model, vector = str(body["model"]), body["data"][0]["embedding"]
    except (ValueError, KeyError, TypeError, IndexError):
        raise Wrong("model", "its answer has another schema") from None
    if not vector:
        raise Wrong("model", "it gave no vector")
    return model


def _told(text: str) -> tuple[str, str, dict[str, str]]:
    """The model, the words and the calls of a stream, whose end was seen."""
    model, words, calls = "", list[str](), dict[str, str]()
    names: dict[int, str] = {}
    for line in text.splitlines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            continue
        chunk: Any = json.loads(data)
        model = chunk.get("model") or model
        for choice in items(chunk.get("choices")):
            delta = members(choice.get("delta"))
            words.append(delta.get("content") or "")
            for call in items(delta.get("tool_calls")):
                function = members(call.get("function"))
                name = names.setdefault(call.get("index", 0), function.get("name") or "")
                calls[name] = calls.get(name, "") + (function.get("arguments") or "")
    return model, "".join(words), calls


def _said(body: Any) -> tuple[str, str, dict[str, str]]:
    """The same of a plain answer."""
    message = body["choices"][0]["message"]
    functions = [call["function"] for call in items(message.get("tool_calls"))]
    return body["model"], message.get("content") or "", {one["name"]: one["arguments"] for one in functions}


def _follows(text: str) -> bool:
    """Whether a text is an object as `_SCHEMA` has it."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return False
    given = members(value) if isinstance(value, dict) else {}
    return given.get("word") == "ready" and type(given.get("count")) is int
