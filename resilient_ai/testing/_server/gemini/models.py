"""The models it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..replies import Json, Refusal, Reply, ok

if TYPE_CHECKING:
    from ..world import Ask, World


def listed(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET models, in one page."""
    return ok({"models": [_model(name) for name in world.models]})


def get(world: World, ask: Ask) -> Reply:
    """GET models/{model}."""
    if ask.model not in world.models:
        raise Refusal(404, f"Model is not found: models/{ask.model} for api version v1")
    return ok(_model(ask.model))


def _model(name: str) -> Json:
    embeds = "embedding" in name
    methods = ["embedContent"] if embeds else ["generateContent", "countTokens", "batchGenerateContent"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "inputTokenLimit": 2048 if embeds else 1_048_576,
        "outputTokenLimit": 1 if embeds else 65_536,
        "supportedGenerationMethods": methods,
    }
