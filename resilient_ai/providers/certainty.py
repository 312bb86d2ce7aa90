"""Whether equal requests are meant to have equal answers, and whether an answer stays with its provider."""

from __future__ import annotations

import json
from typing import Any, cast

__all__ = ["is_certain", "stays_there"]

LARGEST = 256 * 1024
"""Bytes of a body that are parsed for this; of a larger one nothing is known."""

_ALWAYS = frozenset({"embeddings", "moderations"})
"""Families whose answers hang on the request alone."""

_INSIDE = ("generationConfig", "generation_config", "options")
"""Where Gemini (in both spellings) and Ollama have what others have at the top level."""

_SEEDS = ("seed", "random_seed")
"""Mistral's is the second."""


def is_certain(family: str, body: bytes) -> bool:
    """Whether the request is one for which equal answers are meant: embeddings, moderations, a temperature of 0, or a
    seed. No vendor promises more than its best for the latter two."""
    if family in _ALWAYS:
        return True
    if b'"temperature"' not in body and b'seed"' not in body:  # nearly always: not parsed
        return False
    request = _object(body)
    return any(_is_fixed(part) for part in (request, *(request.get(name) for name in _INSIDE)))


def stays_there(family: str, body: bytes) -> bool:
    """Whether the answer is stored at its provider, under an id that is its caller's: Responses keep it unless told
    otherwise (``store``, default true). Chats that are to be stored are creating calls already."""
    return family == "responses" and _object(body).get("store") is not False


def _is_fixed(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    said = cast("dict[str, Any]", part)
    temperature = said.get("temperature")
    if isinstance(temperature, int | float) and not isinstance(temperature, bool) and temperature == 0:
        return True
    return any(isinstance(said.get(name), int) and not isinstance(said.get(name), bool) for name in _SEEDS)


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > LARGEST:
        return {}
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", request) if isinstance(request, dict) else {}
