"""What the simulated models say: a deterministic function of the request, so that replays can be compared."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from typing import Any, Final

from .replies import Json

ANSWER_TOKENS: Final = 60
"""The length of an answer unless the request asks for less."""

_WORDS: Final = (
    "the a one this that river harbour lantern winter morning engine letter garden signal window copper paper"
    " story market bridge cloud number answer winding quiet early distant steady careful open bright small second"
    " carries follows opens keeps reaches turns holds finds passes returns and but while where because until then"
    " under across before with toward beyond"
).split()

_IGNORED: Final = frozenset({"stream", "stream_options", "store", "metadata", "user", "service_tier", "background"})


def seed_of(request: Json, *, index: int = 0) -> int:
    """A number that stands for what was asked; how it is delivered does not count."""
    asked = {key: value for key, value in request.items() if key not in _IGNORED}
    data = json.dumps([asked, index], sort_keys=True, default=str).encode()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def say(seed: int, *, tokens: int = ANSWER_TOKENS) -> list[str]:
    """An answer as its tokens."""
    chance = random.Random(seed)
    words = [" " + chance.choice(_WORDS) for _ in range(tokens)]
    if words:
        words[0] = words[0].strip().capitalize()
        words[-1] += "."
    return words


def pieces(text: str, *, size: int = 6) -> list[str]:
    """Text cut into pieces, for a stream."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def count(value: Any) -> int:
    """Roughly the number of tokens in a request's part: a quarter of its characters."""
    return max(1, len(json.dumps(value, default=str)) // 4)


def instance(schema: Json, *, seed: int = 0) -> Any:
    """A value that satisfies a JSON schema as far as structured outputs use it."""
    return _instance(schema, schema, random.Random(seed), 0)


def _instance(schema: Json, root: Json, chance: random.Random, depth: int) -> Any:
    if "$ref" in schema:
        return _instance(_resolve(schema["$ref"], root), root, chance, depth + 1) if depth < 32 else None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return chance.choice(schema["enum"])
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return _instance(schema[choice][0], root, chance, depth + 1)
    return _plain(schema, root, chance, depth)


def _plain(schema: Json, root: Json, chance: random.Random, depth: int) -> Any:
    kind: Any = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            fields: Json = schema.get("properties", {}) if depth < 32 else {}
            return {name: _instance(field, root, chance, depth + 1) for name, field in fields.items()}
        case "array":
            size = max(int(schema.get("minItems", 1)), 0 if depth >= 32 else 1)
            return [_instance(schema.get("items", {}), root, chance, depth + 1) for _ in range(min(size, 16))]
        case "integer":
            return max(int(schema.get("minimum", 0)), chance.randrange(10))
        case "number":
            return max(float(schema.get("minimum", 0)), round(chance.random(), 3))
        case "boolean":
            return chance.random() < 0.5
        case "null":
            return None
        case _:
            return chance.choice(_WORDS)


def _resolve(ref: str, root: Json) -> Json:
    found: Any = root
    for name in ref.removeprefix("#").strip("/").split("/"):
        found = found.get(name, {}) if isinstance(found, dict) and name else found  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def vector(seed: int, size: int) -> Sequence[float]:
    """A unit vector."""
    chance = random.Random(seed)
    values = [chance.random() - 0.5 for _ in range(size)]
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]
