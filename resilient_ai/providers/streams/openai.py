"""The streams of the OpenAI dialect: Chat and Completions, Responses, images, speech and transcriptions.

Source: the event types of openai-python 3.54.
"""

from __future__ import annotations

from typing import Any

from .base import FAILS, Grammar, Said
from .openai_chat import CHAT, COMPLETIONS
from .openai_responses import RESPONSES

__all__ = ["STREAMS"]

_MEDIA_ENDS = frozenset(
    {"image_generation.completed", "image_edit.completed", "speech.audio.done", "transcript.text.done"}
)


def _media(name: bytes, event: dict[str, Any]) -> Said:
    kind = event.get("type") or name.decode()
    if kind == "error" or event.get("error"):
        return FAILS
    part = (kind, 0, 0), None
    return Said((part,), ends=kind in _MEDIA_ENDS)


_MEDIA = Grammar(read=_media, done=b"[DONE]")

STREAMS = {"chat": CHAT, "completions": COMPLETIONS, "responses": RESPONSES, "images": _MEDIA, "audio": _MEDIA}
"""By endpoint family."""
