"""How a stream's answer ended, noted as its events pass: enough to see whether it is worth being given again.

What is noted has the fields of the plain answer that tell it (:func:`~resilient_ai.providers.whole.is_whole`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..whole import is_filtered, refuses
from .base import items, members

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GISTS", "Gist"]

Gist = Callable[[dict[str, Any], dict[str, Any]], None]
"""(what is noted so far, an event)."""


def _chat(noted: dict[str, Any], event: dict[str, Any]) -> None:
    for choice in items(event.get("choices")):
        if choice.get("finish_reason"):
            noted.setdefault("choices", []).append({"finish_reason": choice["finish_reason"]})
        delta = choice.get("delta")
        if (delta and (delta.get("refusal") or delta.get("audio") or _refuses(delta))) or is_filtered(choice):
            noted.setdefault("choices", []).append({"message": delta})  # which has no end: that is not whole


def _refuses(delta: dict[str, Any]) -> bool:
    content = delta.get("content")
    return isinstance(content, list) and refuses(content)


def _response(noted: dict[str, Any], event: dict[str, Any]) -> None:
    if event.get("type") in ("response.completed", "response.incomplete"):
        noted.update(members(event.get("response")))


def _message(noted: dict[str, Any], event: dict[str, Any]) -> None:
    if event.get("type") == "message_delta":
        noted["stop_reason"] = members(event.get("delta")).get("stop_reason")


def _completion(noted: dict[str, Any], event: dict[str, Any]) -> None:
    if event.get("stop_reason"):
        noted["stop_reason"] = event["stop_reason"]


def _content(noted: dict[str, Any], event: dict[str, Any]) -> None:
    if event.get("promptFeedback"):
        noted["promptFeedback"] = event["promptFeedback"]
    for candidate in items(event.get("candidates")):
        if candidate.get("finishReason"):
            noted.setdefault("candidates", []).append({"finishReason": candidate["finishReason"]})


def _interaction(noted: dict[str, Any], event: dict[str, Any]) -> None:
    if event.get("event_type") == "interaction.completed":
        noted.update(members(event.get("interaction")))


def _cohere(noted: dict[str, Any], event: dict[str, Any]) -> None:
    if event.get("type") == "message-end":
        noted["finish_reason"] = members(event.get("delta")).get("finish_reason")


GISTS: Mapping[tuple[str, str], Gist] = {
    ("openai", "chat"): _chat,
    ("openai", "completions"): _chat,
    ("openai", "responses"): _response,
    ("anthropic", "messages"): _message,
    ("anthropic", "completions"): _completion,
    ("gemini", "generate_content"): _content,
    ("gemini", "interactions"): _interaction,
    ("cohere", "chat"): _cohere,
}
"""By dialect and endpoint family. Of any other there is nothing to note."""
