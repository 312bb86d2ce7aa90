"""Gemini's plain answers, and its errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ....failures import FailureKind
from ...canonical import Answer, Text, ToolCall, Usage, arguments_of, object_of
from ...streams.base import items, members
from ..base import Untranslatable, made_up
from .fields import PLACEHOLDER, Json, signed

if TYPE_CHECKING:
    from ...canonical import Stop
    from ..base import Asked

__all__ = [
    "REASONS",
    "call_of",
    "created_of",
    "read_answer",
    "read_error",
    "stop_of",
    "time_told",
    "usage_of",
    "usage_told",
    "write_answer",
    "write_error",
]

_STOPS: dict[str, Stop] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "MODEL_ARMOR": "content_filter",
}
"""What the reasons to finish come to. Any other says that something went wrong, or that only Google can go on."""

REASONS: dict[Stop, str] = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}

_NO_TIME = 253_402_300_800
"""The year 10000, in seconds since 1970."""
_BESIDE = frozenset({"thought", "thoughtSignature", "partMetadata"})


def read_answer(fields: Json) -> Answer:
    """What is answered. Words that follow each other are one text, however they were cut.

    Raises:
        Untranslatable: there is something else in it than words and calls, or it ended for a reason of Google's own.
        AttributeError, KeyError, TypeError, ValueError: another schema.
    """
    candidates = items(fields["candidates"])
    if len(candidates) > 1:
        raise Untranslatable("candidates", "more than one answer")
    (candidate,) = candidates
    one: str = fields.get("responseId") or made_up("gemini_", fields)
    parts: list[Any] = []
    pieces: list[str] = []
    calls = 0
    for part in items(members(candidate.get("content")).get("parts")):
        if part.get("thought"):
            continue
        text = part.get("text")
        if text:
            pieces.append(text)
        call = call_of(part)
        if call is not None:
            if pieces:
                parts.append(Text("".join(pieces)))
                pieces.clear()
            parts.append(_call(call, one, calls))
            calls += 1
    if pieces:
        parts.append(Text("".join(pieces)))
    return Answer(
        id=one,
        model=fields.get("modelVersion") or "",
        parts=parts,
        stop=stop_of(candidate["finishReason"], called=calls > 0),
        created=created_of(fields),
        usage=usage_of(fields.get("usageMetadata")),
    )


def call_of(part: Json) -> Json | None:
    """The call that a part is, if it is one.

    Raises:
        Untranslatable: it is something that no other dialect has: a picture, code that was run.
    """
    call: Json | None = part.get("functionCall")
    if len(part) > 1 or (call is None and "text" not in part):
        for name, value in part.items():
            if value is not None and name not in ("text", "functionCall") and name not in _BESIDE:
                raise Untranslatable(f"candidates[0].content.parts.{name}", "no other dialect has it in an answer")
    if call is not None and (call.get("partialArgs") or call.get("willContinue")):
        raise Untranslatable("candidates[0].content.parts.functionCall", "its arguments come in pieces")
    return call


def _call(call: Json, answer: str, number: int) -> ToolCall:
    name: str = call["name"]
    arguments = arguments_of(call.get("args") or {})
    return ToolCall(call.get("id") or made_up("call_", answer, number, name, arguments), name, arguments)


def stop_of(reason: Any, *, called: bool) -> Stop:
    """Why an answer ended.

    Raises:
        Untranslatable: for a reason that is none of an answer's.
    """
    stop = _STOPS.get(reason)
    if stop is None:
        raise Untranslatable("candidates[0].finishReason", "it says that the answer is none")
    return "tool_calls" if called and stop == "stop" else stop


def usage_of(given: Json | None) -> Usage | None:
    """The tokens. Thoughts are not among those of the candidates, nor what tools read among the prompt's."""
    if not given or given.get("promptTokenCount") is None:
        return None
    thoughts: int | None = given.get("thoughtsTokenCount")
    return Usage(
        input=given["promptTokenCount"] + (given.get("toolUsePromptTokenCount") or 0),
        output=(given.get("candidatesTokenCount") or 0) + (thoughts or 0),
        cached=given.get("cachedContentTokenCount"),
        reasoning=thoughts,
    )


def created_of(fields: Json) -> int | None:
    """The time of an answer, which Vertex tells."""
    told = fields.get("createTime")
    if not isinstance(told, str):
        return None
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        return None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


# Written. -------------------------------------------------------------------------------------------------------------


def write_answer(answer: Answer, asked: Asked) -> Json:
    """The answer as google-genai reads it.

    Functions are called without ids, since Vertex takes none back: results are told apart by their order. The first
    call has a signature, which Gemini wants to see when the conversation goes on there.

    Raises:
        Untranslatable: a tool's arguments are no JSON object.
    """
    parts: list[Json] = []
    sign = signed(asked.model)
    for part in answer.parts:
        if isinstance(part, ToolCall):
            parts.append(written_call(part.name, part.arguments, sign=sign))
            sign = False
        else:
            parts.append({"text": part.text})
    content: Json = {"parts": parts, "role": "model"} if parts else {"role": "model"}
    found: Json = {"candidates": [{"content": content, "finishReason": REASONS[answer.stop], "index": 0}]}
    if answer.usage is not None:
        found["usageMetadata"] = usage_told(answer.usage)
    found["modelVersion"] = answer.model
    found |= time_told(answer.created)
    found["responseId"] = answer.id
    return found


def written_call(name: str, arguments: str, *, sign: bool) -> Json:
    """A part that calls a function.

    Raises:
        Untranslatable: the arguments are no JSON object.
    """
    try:
        call = {"name": name, "args": object_of(arguments)}
    except (TypeError, ValueError):
        raise Untranslatable("a tool call", "its arguments are no JSON object") from None
    return {"functionCall": call, "thoughtSignature": PLACEHOLDER} if sign else {"functionCall": call}


def usage_told(usage: Usage) -> Json:
    """The tokens as Gemini counts them."""
    found: Json = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output - (usage.reasoning or 0),
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.cached is not None:
        found["cachedContentTokenCount"] = usage.cached
    if usage.reasoning is not None:
        found["thoughtsTokenCount"] = usage.reasoning
    return found


def time_told(created: int | None) -> Json:
    """When an answer was made, as Google tells it; nothing where nobody knows, or the time is none that there is."""
    if created is None or not 0 <= created < _NO_TIME:
        return {}
    return {"createTime": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


# Errors. --------------------------------------------------------------------------------------------------------------

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    410: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
"""google.rpc.Code by HTTP status. Any other is the caller's fault below 500, and the server's from there on."""

_KINDS = {
    FailureKind.UNREACHABLE: 503,
    FailureKind.OVERLOADED: 503,
    FailureKind.SILENT: 504,
    FailureKind.RATE_LIMITED: 429,
    FailureKind.QUOTA: 429,
    FailureKind.AUTH: 401,
    FailureKind.CALLER: 400,
    FailureKind.TOO_LONG: 400,
    FailureKind.REFUSED: 400,
    FailureKind.GONE: 404,
    FailureKind.DEADLINE: 504,
}
"""The status of what went wrong behind a status that says that nothing did; any other is the server's fault."""


def read_error(told: Any) -> str | None:
    """The words of an error; of an answer that is none, why it is none."""
    if isinstance(told, list) and told:
        told = told[0]  # pyright: ignore[reportUnknownVariableType]  # a stream that was not asked for as events
    if not isinstance(told, dict):
        return None
    fields: Json = told  # pyright: ignore[reportUnknownVariableType]
    error = fields.get("error")
    if isinstance(error, dict):
        words = error.get("message")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        return words if isinstance(words, str) and words else None
    try:
        blocked = members(fields.get("promptFeedback")).get("blockReason")
        reasons = [members(one).get("finishReason") for one in items(fields.get("candidates"))]
    except TypeError:
        return None
    if blocked:
        return f"The prompt was blocked: {blocked}"
    return f"The model gave no answer: {reasons[0]}" if reasons and reasons[0] else None


def write_error(status: int, kind: FailureKind, words: str) -> Json:
    """An error as google-genai reads it, whole or in a stream."""
    code = status if status >= 400 else _KINDS.get(kind, 500)
    name = _STATUSES.get(code) or ("INTERNAL" if code >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": code, "message": words, "status": name}}
