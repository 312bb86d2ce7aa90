"""Reads and writes plain answers, what they cost, and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....failures import FailureKind
from ...canonical import Answer, Refusal, Stop, Text, ToolCall, Usage, arguments_of, object_of
from ...said import said_by
from ..base import Untranslatable, made_up
from .ids import own_id

if TYPE_CHECKING:
    from ..base import Asked

__all__ = [
    "REFUSED",
    "SKIPPED",
    "STOPS",
    "given_to",
    "read_answer",
    "read_error",
    "read_usage",
    "reason_of",
    "stop_of",
    "write_answer",
    "write_error",
    "write_usage",
]

STOPS: dict[str, Stop] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""Why an answer ended. (``pause_turn`` is none: there is more to come, of tools that Anthropic runs.)"""
_REASONS: dict[Stop, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
SKIPPED = frozenset({"thinking", "redacted_thinking"})
"""Blocks that hold thoughts."""
REFUSED: dict[str, Any] = {"type": "refusal", "category": None, "explanation": None}


def stop_of(reason: str) -> Stop:
    """Why an answer ended.

    Raises:
        Untranslatable: it did not, or nobody knows why.
    """
    stop = STOPS.get(reason)
    if stop is None:
        raise Untranslatable("stop_reason", "no other vendor ends an answer so")
    return stop


def reason_of(stop: Stop, sequence: str | None, *, called: bool, refused: bool) -> str:
    """The reason as Anthropic has it, which says of an answer with tools to call, or with a refusal, that it is one."""
    if stop == "stop":
        if called:
            return "tool_use"
        if refused:
            return "refusal"
        if sequence is not None:
            return "stop_sequence"
    return _REASONS[stop]


def given_to(block: dict[str, Any]) -> Any:
    """The arguments of a call; compatible servers have null where there are none."""
    given = block["input"]
    return {} if given is None else given


def read_answer(body: dict[str, Any]) -> Answer:
    """A plain answer in the canonical form."""
    parts: list[Text | Refusal | ToolCall] = []
    for index, block in enumerate(body["content"]):
        kind = block["type"]
        if kind == "text":
            parts.append(Text(block["text"]))
        elif kind == "tool_use":
            parts.append(ToolCall(block["id"], block["name"], arguments_of(given_to(block))))
        elif kind not in SKIPPED:
            raise Untranslatable(
                f"content[{index}]", "it is of a tool that Anthropic runs, or nobody knows what it says"
            )
    told = body.get("usage")
    return Answer(
        body.get("id") or made_up("msg_", body),
        body.get("model") or "",
        parts,
        stop_of(body["stop_reason"]),
        stop_sequence=body.get("stop_sequence"),
        usage=None if told is None else read_usage(told),
    )


def read_usage(told: dict[str, Any]) -> Usage:
    """The tokens. Anthropic counts those from and into its prompt cache apart from the rest of the input."""
    cached, written = told.get("cache_read_input_tokens"), told.get("cache_creation_input_tokens")
    details = told.get("output_tokens_details")
    return Usage(
        (told.get("input_tokens") or 0) + (cached or 0) + (written or 0),
        told.get("output_tokens") or 0,
        cached,
        written,
        None if details is None else details.get("thinking_tokens"),
    )


def write_usage(usage: Usage | None) -> dict[str, Any]:
    """The tokens as Anthropic has them; zeros, as at the beginning of its streams, where the vendor told none."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    told: dict[str, Any] = {
        "input_tokens": max(0, usage.input - (usage.cached or 0) - (usage.written or 0)),
        "output_tokens": usage.output,
    }
    if usage.written is not None:
        told["cache_creation_input_tokens"] = usage.written
    if usage.cached is not None:
        told["cache_read_input_tokens"] = usage.cached
    if usage.reasoning is not None:
        told["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return told


def write_answer(answer: Answer, asked: Asked) -> dict[str, Any]:  # noqa: ARG001  # a Codec's signature
    """A plain answer in this dialect."""
    content: list[dict[str, Any]] = []
    called = refused = False
    for part in answer.parts:
        if isinstance(part, ToolCall):
            called = True
            content.append(_call(part))
            continue
        refused = refused or isinstance(part, Refusal)
        if part.text:
            content.append({"type": "text", "text": part.text})
    sequence = answer.stop_sequence
    reason = reason_of(answer.stop, sequence, called=called, refused=refused)
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence if reason == "stop_sequence" else None,
        "stop_details": REFUSED if reason == "refusal" else None,
        "usage": write_usage(answer.usage),
    }


def _call(part: ToolCall) -> dict[str, Any]:
    try:
        given = object_of(part.arguments)
    except (ValueError, TypeError):
        raise Untranslatable("arguments", "the model's are no JSON object, and Anthropic has no others") from None
    return {"type": "tool_use", "id": own_id(part.id), "name": part.name, "input": given}


def read_error(body: Any) -> str | None:
    """What an error says, in words."""
    said = said_by(body)
    return said.words or None if said is not None else None


_KINDS = {
    FailureKind.OVERLOADED: "overloaded_error",
    FailureKind.RATE_LIMITED: "rate_limit_error",
    FailureKind.QUOTA: "billing_error",
    FailureKind.GONE: "not_found_error",
}
_STATUSES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def write_error(status: int, kind: FailureKind, words: str) -> dict[str, Any]:
    """An error as Anthropic has it."""
    named = _KINDS.get(kind) or _STATUSES.get(status)
    if named is None:
        named = "invalid_request_error" if 400 <= status < 500 else "api_error"
    return {"type": "error", "error": {"type": named, "message": words}, "request_id": None}
