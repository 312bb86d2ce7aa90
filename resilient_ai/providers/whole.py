"""Answers that a cache may keep: those that are whole, and no refusal.

It is told by fields of each API. Sources: the words for an answer's end in openai 3.54, anthropic 2.12, google-genai
3.4, cohere 7.3 and ollama 0.6, OpenRouter's and Azure's beside them, and the published API references, autumn 2026.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from .base import items_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["calls_tools", "is_filtered", "is_judged", "is_whole", "refuses"]

Members = dict[str, Any]


def is_judged(dialect: str, family: str) -> bool:
    """Whether an answer says by its fields whether it is complete; any other is, that came whole."""
    return family == "embeddings" or (dialect, family) in _ANSWERS


def is_whole(dialect: str, family: str, answer: Any, request: bytes = b"") -> bool:
    """Whether an answer, as parsed JSON, is complete, and no refusal: worth being given again. ``request``: the body of
    what it answers."""
    judge = _ANSWERS.get((dialect, family))
    if family == "embeddings":
        return isinstance(answer, dict) and _whole_vectors(cast("Members", answer), request)
    if judge is None:
        return True
    return isinstance(answer, dict) and judge(answer)  # pyright: ignore[reportUnknownArgumentType]


_ENDS = frozenset({"stop", "tool_calls", "function_call", "tool_use", "end_turn", "stop_sequence", "eos", "eos_token"})
"""Why a chat ended that is complete, OpenAI's words and those of compatible servers. ``length`` is not among them: what
was cut short may be whole the next time."""


def _whole_chat(answer: Members) -> bool:
    choices = items_of(answer.get("choices"))
    if answer.get("error"):  # of a gateway, beside what it had by then
        return False
    for choice in choices:  # a generator costs as much as the looking
        if not (isinstance(choice, dict) and _whole_choice(choice)):  # pyright: ignore[reportUnknownArgumentType]
            return False
    return bool(choices)


def _whole_choice(choice: Members) -> bool:
    """An answer in sound has an id there, which is gone within the hour (``expires_at``)."""
    message: Any = choice.get("message")
    said: Members = message if isinstance(message, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    if choice.get("finish_reason") not in _ENDS or choice.get("error") or is_filtered(choice):
        return False
    return not said.get("refusal") and not said.get("audio") and not refuses(said.get("content"))


_FILTERS = ("content_filter_results", "content_filter_result")
"""Where Azure says what its filters found, also beside an end called ``stop``."""
_NATIVE = re.compile(
    "SAFETY|CONTENT_FILTER|PROHIBITED|BLOCKLIST|RECITATION|SPII|REFUSAL|MAX_TOKENS|LENGTH|MALFORMED|ERROR",
    re.IGNORECASE,
)
"""In OpenRouter's ``native_finish_reason``, the vendor's own word behind a ``finish_reason`` that may say ``stop``."""


def is_filtered(choice: Members) -> bool:
    """Whether a choice of a chat, or of a chunk of one, was withheld or cut, though its end may be called ``stop``."""
    native = choice.get("native_finish_reason")
    if isinstance(native, str) and _NATIVE.search(native):
        return True
    for name in _FILTERS:
        found = choice.get(name)
        if found and _found(found):
            return True
    return False


def _found(filters: Any) -> bool:
    """Whether one of Azure's filters took something away."""
    found = cast("Members", filters).values() if isinstance(filters, dict) else ()
    return any(isinstance(one, dict) and cast("Members", one).get("filtered") is True for one in found)


def refuses(content: Any) -> bool:
    """Whether among the parts of a message there is a refusal."""
    if isinstance(content, str):
        return False
    return any(isinstance(part, dict) and cast("Members", part).get("type") == "refusal" for part in items_of(content))


def _whole_response(answer: Members) -> bool:
    if answer.get("status") != "completed":
        return False
    output = [cast("Members", item) for item in items_of(answer.get("output")) if isinstance(item, dict)]
    return not any(refuses(item.get("content")) for item in output)


def _whole_images(answer: Members) -> bool:
    """A picture, and no link to one: those end within the hour."""
    return not any(isinstance(one, dict) and cast("Members", one).get("url") for one in items_of(answer.get("data")))


def _whole_message(answer: Members) -> bool:
    return answer.get("stop_reason") in ("end_turn", "stop_sequence", "tool_use")


def _whole_candidates(answer: Members) -> bool:
    feedback: Any = answer.get("promptFeedback")
    if isinstance(feedback, dict) and cast("Members", feedback).get("blockReason"):
        return False
    candidates = items_of(answer.get("candidates"))
    return bool(candidates) and all(
        isinstance(one, dict) and cast("Members", one).get("finishReason") == "STOP" for one in candidates
    )


def _whole_predictions(answer: Members) -> bool:
    predictions = items_of(answer.get("predictions"))
    return bool(predictions) and not any("raiFilteredReason" in one for one in predictions if isinstance(one, dict))


def _whole_cohere(answer: Members) -> bool:
    return answer.get("finish_reason") in ("COMPLETE", "STOP_SEQUENCE", "TOOL_CALL")


def _whole_ollama(answer: Members) -> bool:
    return answer.get("done") is True and answer.get("done_reason", "stop") == "stop"


def _whole_vectors(answer: Members, request: bytes) -> bool:
    """A vector for each text that was sent. Some servers say 200 with nothing in it, for which openai raises; kept, it
    would do so until its time is over."""
    if answer.get("embedding"):  # the one of one text: Gemini's and Ollama's older endpoints
        return True
    vectors: Any = next((answer[name] for name in _VECTORS if answer.get(name)), None)
    if isinstance(vectors, dict):  # Cohere's: a list for each form
        vectors = next(iter(cast("Members", vectors).values()), None)
    count = len(items_of(vectors))
    return count > 0 and count >= _texts(request)


_VECTORS = ("data", "embeddings", "predictions")
_TEXTS = ("input", "texts", "inputs", "requests", "instances")


def _texts(request: bytes) -> int:
    """How many texts the body of a request has."""
    try:
        asked: Any = json.loads(request)
    except (ValueError, RecursionError):
        return 1
    body = cast("Members", asked) if isinstance(asked, dict) else {}
    texts = items_of(next((body[name] for name in _TEXTS if body.get(name)), None))
    return 1 if not texts or isinstance(texts[0], int) else len(texts)  # numbers are the tokens of one


_ANSWERS: dict[tuple[str, str], Callable[[Members], bool]] = {
    ("openai", "chat"): _whole_chat,
    ("openai", "completions"): _whole_chat,
    ("openai", "responses"): _whole_response,
    ("openai", "images"): _whole_images,
    ("anthropic", "messages"): _whole_message,
    ("anthropic", "completions"): _whole_message,
    ("gemini", "generate_content"): _whole_candidates,
    ("gemini", "interactions"): lambda answer: answer.get("status") == "completed",
    ("gemini", "images"): _whole_predictions,
    ("cohere", "chat"): _whole_cohere,
    ("ollama", "chat"): _whole_ollama,
    ("ollama", "completions"): _whole_ollama,
}

_CALLS = re.compile(
    rb'"(?:tool_calls|functionCall|\w*tool_use|\w+_call|mcp_approval_request)"(?!\s*:\s*(?:null|\[\s*\]))'
)
"""A tool call, but not the empty fields that some compatible servers put into every answer."""


def calls_tools(answer: bytes) -> bool:
    """Whether an answer, plain or as a stream, asks for a tool to be used, or tells of one that was."""
    # The plain search first: it is many times as quick, and nearly always enough.
    if b"tool_" not in answer and b'_call"' not in answer and b"functionCall" not in answer:
        return False
    return _CALLS.search(answer) is not None
