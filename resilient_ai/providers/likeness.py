"""What kind of call a request is, as far as that says how long its answer takes."""

from __future__ import annotations

import json
from typing import Any, cast

__all__ = ["likeness"]

LARGEST = 64 * 1024
"""Bytes of a body that are parsed for this; a larger one is a kind of its own."""

_OUTPUT = ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens")
"""Where the dialects say how much may be written."""


def likeness(body: bytes) -> tuple[bool, str, int]:
    """Streamed or not, how much thought is asked for, and the size class of the output (each four times the last)."""
    if len(body) > LARGEST:
        return False, "large", 0
    try:
        request: Any = json.loads(body)
    except (ValueError, RecursionError):
        return False, "", 0
    if not isinstance(request, dict):
        return False, "", 0
    asked = cast("dict[str, Any]", request)
    inner = _inside(asked, "generationConfig")
    tokens = next((found for name in _OUTPUT if isinstance(found := asked.get(name, inner.get(name)), int)), 0)
    return asked.get("stream") is True, _effort(asked, inner), max(tokens, 0).bit_length() // 2


def _effort(asked: dict[str, Any], inner: dict[str, Any]) -> str:
    """The word or the number for it, wherever the dialect has it."""
    thinking = _inside(asked, "thinking") or _inside(inner, "thinkingConfig")
    told = (
        asked.get("reasoning_effort"),
        _inside(asked, "reasoning").get("effort"),
        _inside(asked, "output_config").get("effort"),
        thinking.get("thinkingLevel"),
        thinking.get("budget_tokens", thinking.get("thinkingBudget")),
        asked.get("quality"),
    )
    found = next((one for one in told if one is not None), "")
    return f"2^{found.bit_length()}" if isinstance(found, int) else str(found)[:32]


def _inside(asked: dict[str, Any], name: str) -> dict[str, Any]:
    found = asked.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
