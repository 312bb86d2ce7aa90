"""How much a model is to think, as each generation of models wants to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...canonical import Request
    from ..base import Lost
    from .models import Model

__all__ = ["BUDGETS", "LEAST_BUDGET", "write_thinking"]

LEAST_BUDGET = 1024
"""Tokens; Anthropic takes no smaller ``thinking.budget_tokens``."""

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
"""The tokens that stand for a level, where a model thinks for a number of them. A level is a wish, and these grant it:
the powers of two near those of pydantic-ai 2.68 and docker-agent (2026). A number is a limit, and no level keeps it."""

_NEAREST = {
    "minimal": ("low",),
    "low": ("low",),
    "medium": ("medium",),
    "high": ("high",),
    "xhigh": ("xhigh", "max", "high"),
    "max": ("max", "xhigh", "high"),
}
"""What stands for a level, the best first."""


def write_thinking(request: Request, model: Model, body: dict[str, Any], lost: Lost) -> bool:
    """Say in ``body``, which has its ``max_tokens``, how much the model is to think; whether it is told to."""
    effort, budget = request.effort, request.budget
    if effort is None and budget is None:
        return False
    named = "effort" if budget is None else "budget"
    if effort == "none" or budget == 0:
        if model.off is None:
            lost(request.path(named), "the model always thinks")
        elif model.off:
            body["thinking"] = {"type": model.off}
        return False
    if budget is not None and not model.budget:
        lost(request.path("budget"), "the model does not think for a number of tokens")
        budget = None
    if effort is not None and (effort not in _NEAREST or not (model.budget or model.efforts)):
        lost(request.path("effort"), "the model does not think so")
        effort = None
    if effort is not None and model.efforts:
        level = next(level for level in _NEAREST[effort] if level in model.efforts)
        body.setdefault("output_config", {})["effort"] = level
    if budget is not None or (effort is not None and not model.adaptive):
        return _budget(request, budget or BUDGETS[effort or "low"], named, body, lost)
    if effort is not None:
        body["thinking"] = {"type": "adaptive"}
    return effort is not None


def _budget(request: Request, tokens: int, named: str, body: dict[str, Any], lost: Lost) -> bool:
    if request.messages[-1].role == "tool":
        # A turn with tools goes on with the thoughts that it began with. Those were another vendor's, or are not told:
        # without them this one does not think until its next turn.
        return False
    if request.messages[-1].role == "assistant":
        lost(request.path(named), "the model does not think where it continues a message")
        return False
    if request.choice is not None and request.choice.kind in ("any", "named") and request.tools:
        lost(request.path(named), "the model does not think when it is made to call a tool")
        return False
    most: int = body["max_tokens"]
    if most <= LEAST_BUDGET:
        lost(request.path(named), f"the model thinks for {LEAST_BUDGET} tokens at least, and may not answer with more")
        return False
    body["thinking"] = {"type": "enabled", "budget_tokens": max(LEAST_BUDGET, min(tokens, most - 1))}
    return True
