"""What a request of Gemini's may hold, and what becomes of each of its fields in another dialect.

Source: the types of google-genai 3.4, against which a test holds these tables, and the published API reference, autumn
2026. JSON is read as Google's servers read it: a name may be written in camel case or with underscores.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["DEFAULTS", "HARMLESS", "LOST", "PLACEHOLDER", "SETTINGS", "Json", "at", "named", "signed", "whole"]

Json = dict[str, Any]

SETTINGS = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
"""Fields of ``generationConfig`` that every dialect's form has as they are, and the names they have there."""

HARMLESS = frozenset({"labels", "model", "serviceTier"})
"""Of a request: it says nothing of the answer."""

DEFAULTS: dict[str, tuple[Any, ...]] = {
    "audioTimestamp": (False,),
    "candidateCount": (1,),
    "enableEnhancedCivicAnswers": (False,),
    "responseLogprobs": (False,),
    "responseModalities": ([], ["TEXT"]),
    "store": (False,),
}
"""Fields that may be left out where they have one of these values, which is what happens without them; else lost."""

LOST = {
    "audioTranscriptionConfig": "only Gemini transcribes so",
    "enableAffectiveDialog": "only Gemini speaks so",
    "imageConfig": "pictures are not translated",
    "logprobs": "probabilities are not translated",
    "modelArmorConfig": "only Google's models are behind it",
    "modelSelectionConfig": "only Google chooses so",
    "outputConfig": "only Google stores so",
    "responseFormat": "its forms are not translated",
    "routingConfig": "only Google chooses so",
    "speechConfig": "speech is not translated",
    "translationConfig": "only Gemini translates so",
}
"""Fields that no other dialect has, and why."""

PLACEHOLDER = "skip_thought_signature_validator"
"""What Gemini 3 takes for the signature of a function call that it did not make itself. Source: ai.google.dev,
gemini-api/docs/thought-signatures, the question of calls that come from another model."""

_UNSIGNED = ("gemini-1", "gemini-2", "gemini-pro", "gemma", "learnlm")


def signed(model: str) -> bool:
    """Whether a model wants its function calls back with a signature: Gemini 3 and what came after it."""
    return not model.startswith(_UNSIGNED)


def at(names: tuple[str, ...]) -> dict[str, str]:
    """Where the fields of a request's form stand in ``generationConfig``."""
    return {SETTINGS[name]: f"generationConfig.{name}" for name in names}


def named(fields: Json) -> Json:
    """The same object with all its names in camel case."""
    for name in fields:
        if "_" in name:
            return {_camel(given): value for given, value in fields.items()}
    return fields


def whole(number: Any) -> int:
    """A whole number, which Google's JSON may have as another or as a string.

    Raises:
        TypeError, ValueError: it is none.
    """
    if isinstance(number, float) and not number.is_integer():
        raise ValueError("no whole number")
    return int(number)


@lru_cache(maxsize=1024)
def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join([word[:1].upper() + word[1:] for word in rest])
