"""What the simulated models say: a deterministic function of the request, so that replays can be compared."""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING, Any, Final

from .replies import Json, as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER_TOKENS: Final = 60
"""The length of an answer unless the request asks for less."""

_WORDS: Final = [
    "the",
    "a",
    "one",
    "this",
    "that",
    "river",
    "harbour",
    "lantern",
    "winter",
    "morning",
    "engine",
    "letter",
    "garden",
    "signal",
    "window",
    "copper",
    "paper",
    "story",
    "market",
    "bridge",
    "cloud",
    "number",
    "answer",
    "winding",
    "quiet",
    "early",
    "distant",
    "steady",
    "careful",
    "open",
    "bright",
    "small",
    "second",
    "carries",
    "follows",
    "opens",
    "keeps",
    "reaches",
    "turns",
    "holds",
    "finds",
    "passes",
    "returns",
    "and",
    "but",
    "while",
    "where",
    "because",
    "until",
    "then",
    "under",
    "across",
    "before",
    "with",
    "toward",
    "beyond",
]

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


def until_stop(tokens: list[str], sequences: list[Any]) -> tuple[list[str], str | None]:
    """The tokens before the first stop sequence, and which one that is."""
    text = "".join(tokens)
    found = [(text.index(item), item) for item in sequences if isinstance(item, str) and item and item in text]
    if not found:
        return tokens, None
    end, stopped = min(found)
    kept: list[str] = []
    for token in tokens:
        if end <= 0:
            break
        kept.append(token[:end])
        end -= len(token)
    return kept, stopped


def think(seed: int, *, tokens: int) -> list[str]:
    """What is thought before the answer of this seed."""
    return say(seed ^ 1, tokens=tokens)


def pieces(text: str, *, size: int = 6) -> list[str]:
    """Text cut into pieces, for a stream."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def count(value: Any) -> int:
    """Roughly the number of tokens in a request's part: a quarter of its characters."""
    return max(1, len(json.dumps(value, default=str)) // 4)


def instance(schema: Json, *, seed: int = 0) -> Any:
    """A value that satisfies a JSON schema, as far as structured outputs and tools use schemas."""
    return _Builder(schema, random.Random(seed)).build(schema, 0)


class _Builder:
    """Builds one value. A schema may contain itself, so its size is bounded."""

    def __init__(self, root: Json, chance: random.Random) -> None:
        self._root, self._chance = root, chance
        self._left = 500

    def build(self, given: Any, depth: int) -> Any:
        schema = as_object(given)
        self._left -= 1
        if self._left < 0 or depth > 40:
            return None
        if "$ref" in schema:
            return self.build(self._resolve(str(schema["$ref"])), depth + 1)
        if "const" in schema:
            return schema["const"]
        if options := as_list(schema.get("enum")):
            return self._chance.choice(options)
        for word in ("anyOf", "oneOf", "allOf"):
            if options := as_list(schema.get(word)):
                return self.build(self._option(options, depth), depth + 1)
        return self._plain(schema, depth)

    def _option(self, options: list[Any], depth: int) -> Any:
        """The first; deep down one that ends it, if there is one."""
        ends = (option for option in options if as_object(option).get("type") == "null")
        return next(ends, options[0]) if depth > 4 else options[0]

    def _plain(self, schema: Json, depth: int) -> Any:
        kinds: Any = schema.get("type", "object" if "properties" in schema else "string")
        match (as_list(kinds) or [kinds])[0]:
            case "object":
                fields = as_object(schema.get("properties"))
                return {name: self.build(field, depth + 1) for name, field in fields.items()}
            case "array":
                least = _number(schema.get("minItems"))
                return [self.build(schema.get("items"), depth + 1) for _ in range(max(int(least), int(depth < 4)))]
            case "integer":
                return int(_number(schema.get("minimum"))) + self._chance.randrange(10)
            case "number":
                return _number(schema.get("minimum")) + round(self._chance.random(), 3)
            case "boolean":
                return self._chance.random() < 0.5
            case "null":
                return None
            case _:
                return self._chance.choice(_WORDS)

    def _resolve(self, ref: str) -> Json:
        found = self._root
        for name in filter(None, ref.removeprefix("#").split("/")):
            found = as_object(found.get(name))
        return found


def _number(value: Any) -> float:
    return min(float(value), 1e6) if isinstance(value, int | float) else 0.0


def vector(seed: int, size: int) -> Sequence[float]:
    """A unit vector."""
    chance = random.Random(seed)
    values = [chance.random() - 0.5 for _ in range(size)]
    length = sum(value * value for value in values) ** 0.5 or 1.0
    return [value / length for value in values]
