"""The models it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..replies import Json, Refusal, Reply, ok

if TYPE_CHECKING:
    from ..world import Ask, World


def listed(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """GET /v1/models, in one page."""
    return ok(page([_model(name) for name in world.models]))


def get(world: World, ask: Ask) -> Reply:
    """GET /v1/models/{id}."""
    if ask.args[0] not in world.models:
        raise Refusal(404, f"model: {ask.args[0]}")
    return ok(_model(ask.args[0]))


def page(items: list[Json]) -> Json:
    """All there is, as a page."""
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"data": items, "first_id": first, "last_id": last, "has_more": False}


def _model(name: str) -> Json:
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2025-09-29T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }
