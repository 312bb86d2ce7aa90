"""How much Gemini is to think: levels from Gemini 3 on, tokens before.

Source: ai.google.dev, gemini-api/docs/thinking, and gemini-api/docs/openai for what OpenAI's levels are in tokens;
autumn 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fields import Json, signed

if TYPE_CHECKING:
    from ...canonical import Request
    from ..base import Lost

__all__ = ["thinking"]

_LEVELS = {
    "none": "LOW",
    "minimal": "LOW",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
"""From the least to the most that every model takes: some have a level below, or above."""
_TOKENS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_LEAST_PRO = 128
_MOST, _MOST_PRO = 24576, 32768


def thinking(request: Request, model: str, lost: Lost) -> Json:
    """The settings of ``thinkingConfig``; nothing for the model's own way."""
    effort, budget = request.effort, request.budget
    if effort is not None and effort not in _LEVELS:
        lost(request.path("effort"), "there is no such level")
        effort = None
    if not signed(model) and not model.startswith("gemini-2.5"):
        for name, value in (("effort", effort), ("budget", budget)):
            if value not in (None, "none"):
                lost(request.path(name), "this model does not think")
        return {}
    if budget is not None:
        if effort is not None:
            lost(request.path("effort"), "Gemini counts tokens or takes a level, not both")
        return {"thinkingConfig": {"thinkingBudget": _bounded(request, budget, model, lost)}}
    if effort is None:
        return {}
    if effort == "none" and (signed(model) or "pro" in model):
        lost(request.path("effort"), "this model always thinks")
    if signed(model):
        return {"thinkingConfig": {"thinkingLevel": _LEVELS[effort]}}
    least = _LEAST_PRO if "pro" in model else 0
    return {"thinkingConfig": {"thinkingBudget": max(_TOKENS[effort], least)}}


def _bounded(request: Request, budget: int, model: str, lost: Lost) -> int:
    most = _MOST_PRO if "pro" in model else _MOST
    if budget > most:
        lost(request.path("budget"), f"this model thinks for at most {most} tokens")
    return min(budget, most)
