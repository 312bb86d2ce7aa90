"""The streams of the OpenAI dialect: Chat and Completions, Responses, images, speech and transcriptions.

Sources: the event types of openai-python 3.54; ``reasoning_content`` and ``reasoning`` are what compatible servers
(DeepSeek, vLLM, OpenRouter) call a model's thoughts.
"""

from __future__ import annotations

from typing import Any

from .base import ENDS, FAILS, NOTHING, Grammar, Part, Said, items, members, parts_of

__all__ = ["CHAT", "COMPLETIONS", "STREAMS", "UNTERMINATED_CHAT"]

_DELTAS = {"content": "text", "refusal": "refusal", "reasoning_content": "reasoning", "reasoning": "reasoning"}
_OPENS = frozenset({"role"})


def _chat(_name: bytes, event: dict[str, Any]) -> Said:
    if event.get("error"):  # OpenRouter writes it beside the choices
        return FAILS
    found: list[Part] = []
    for choice in items(event.get("choices")):
        delta = choice.get("delta")
        if delta:
            found += parts_of(members(delta), _DELTAS, _OPENS, choice.get("index", 0))
    return Said(tuple(found)) if found else NOTHING


def _finishing(name: bytes, event: dict[str, Any]) -> Said:
    said = _chat(name, event)
    choices = items(event.get("choices"))
    finished = bool(choices) and all(choice.get("finish_reason") for choice in choices)
    return Said(said.parts, ends=True, fails=said.fails) if finished else said


def _completion(_name: bytes, event: dict[str, Any]) -> Said:
    if event.get("error"):
        return FAILS
    texts = [(choice.get("index", 0), choice.get("text")) for choice in items(event.get("choices"))]
    found = tuple(Part(("text", index, 0), str(text)) for index, text in texts if text)
    return Said(found) if found else NOTHING


_TEXTS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
}
_FAILED = frozenset({"response.failed", "error"})
_ENDED = frozenset({"response.completed", "response.incomplete"})
_SILENT = frozenset(
    {
        "response.created",
        "response.in_progress",
        "response.queued",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.done",
        "response.refusal.done",
        "response.reasoning_text.done",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
        "keepalive",
    }
)
"""Events that open something, or say once more what was said. (An item is content unless it is a message or a thought,
whose texts come by themselves.)"""
_ITEMS = frozenset({"response.output_item.added", "response.output_item.done"})
_WORDED = frozenset({"message", "reasoning"})


def _response(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    sort = _TEXTS.get(kind)
    if sort is not None:
        part = event.get("content_index", event.get("summary_index", 0))
        text = event["delta"]
        return Said((Part((sort, event.get("output_index", 0), part), text),)) if text else NOTHING
    if kind in _FAILED:
        return FAILS
    if kind in _ENDED:
        return ENDS
    if kind in _SILENT or (kind in _ITEMS and members(event.get("item")).get("type") in _WORDED):
        return NOTHING
    return Said((Part((kind, event.get("output_index", 0), 0), None),))


_MEDIA_ENDS = frozenset(
    {"image_generation.completed", "image_edit.completed", "speech.audio.done", "transcript.text.done"}
)


def _media(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    if kind == "error" or event.get("error"):
        return FAILS
    return Said((Part((kind, 0, 0), None),), ends=kind in _MEDIA_ENDS)


CHAT = Grammar(read=_chat, done=b"[DONE]", texts=True)
UNTERMINATED_CHAT = Grammar(read=_finishing, done=b"[DONE]", texts=True, goes_on=True)
"""Of servers that are known to leave the terminal event out: there a finish reason ends the answer."""
COMPLETIONS = Grammar(read=_completion, done=b"[DONE]", texts=True)
RESPONSES = Grammar(read=_response, done=b"[DONE]", texts=True)
MEDIA = Grammar(read=_media, done=b"[DONE]")

STREAMS = {"chat": CHAT, "completions": COMPLETIONS, "responses": RESPONSES, "images": MEDIA, "audio": MEDIA}
"""By endpoint family."""
