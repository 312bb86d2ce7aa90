"""Embeddings, one or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..replies import Json, Reply, ok
from ..text import seed_of, vector

if TYPE_CHECKING:
    from ..world import Ask, World

_DIMENSIONS = {"gemini-embedding-001": 3072}


def one(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """POST models/{model}:embedContent."""
    return ok({"embedding": _embedding(ask.model, ask.json)})


def several(world: World, ask: Ask) -> Reply:  # noqa: ARG001  # every endpoint's signature
    """POST models/{model}:batchEmbedContents."""
    return ok({"embeddings": [_embedding(ask.model, request) for request in ask.json["requests"]]})


def _embedding(model: str, request: Json) -> Json:
    size = request.get("outputDimensionality") or _DIMENSIONS.get(model, 768)
    return {"values": list(vector(seed_of({"model": model, "content": request["content"]}), size))}
