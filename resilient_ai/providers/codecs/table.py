"""Which codecs there are, and between which of them a call to a target is translated."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .base import Codec

__all__ = ["CODECS", "PATHS", "TONGUES", "Pair", "Tongue", "codec_of", "same", "translates", "translation"]

CODECS: Mapping[tuple[str, str], str] = {
    ("openai", "chat"): "chat",
    ("openai", "responses"): "responses",
    ("anthropic", "messages"): "messages",
    ("gemini", "generate_content"): "content",
}
"""The package of each codec here, by dialect and family. Each is imported when the first call needs it."""

PATHS: frozenset[str] = frozenset(
    {
        "chat/completions",
        "responses",
        "messages",
        "models/{model}:generateContent",
        "models/{model}:streamGenerateContent",
    }
)
"""Where an answer is asked for. A family may have other endpoints, whose requests look alike and want something else:
OpenAI's ``responses/compact`` and ``responses/input_tokens``."""


class Tongue(NamedTuple):
    """What a target that says so of itself (``Target(dialect=…)``) takes.

    Attributes:
        dialect: the wire format.
        into: the family that calls of other dialects are translated into.
        lacks: families of the dialect that it does not serve.
    """

    dialect: str
    into: str | None = None
    lacks: frozenset[str] = frozenset()


TONGUES: Mapping[str, Tongue] = {
    "openai": Tongue("openai", "chat"),
    "openai-chat": Tongue("openai", "chat", frozenset({"responses"})),
    "openai-responses": Tongue("openai", "responses", frozenset({"chat"})),
    "anthropic": Tongue("anthropic", "messages"),
    "gemini": Tongue("gemini", "generate_content"),
    "cohere": Tongue("cohere"),
    "ollama": Tongue("ollama"),
}
"""The names a target's dialect may have. Two of OpenAI's stand for hosts that have one of its two ways to talk only."""


class Pair(NamedTuple):
    """How a call is translated: from the caller's codec into the target's, and its answer back."""

    ours: Codec
    theirs: Codec


def same(spoken: str, dialect: str, family: str) -> bool:
    """Whether a target that speaks so takes a request of this dialect and family as it is."""
    if spoken == dialect:
        return True
    of = TONGUES.get(spoken)
    return of is not None and of.dialect == dialect and family not in of.lacks


@lru_cache(maxsize=64)
def translation(dialect: str, family: str, spoken: str) -> Pair | None:
    """Who translates a request of this dialect and family for a target that speaks so; None if nobody does."""
    of = TONGUES.get(spoken)
    if of is None or of.into is None:
        return None
    ours, theirs = codec_of(dialect, family), codec_of(of.dialect, of.into)
    return None if ours is None or theirs is None else Pair(ours, theirs)


def translates(dialect: str, spoken: str) -> bool:
    """Whether any request of this dialect is translated for a target that speaks so."""
    of = TONGUES[spoken]
    return (of.dialect, of.into) in CODECS and any(name == dialect for name, _ in CODECS)


def codec_of(dialect: str, family: str) -> Codec | None:
    """The codec of a dialect's family; None if there is none."""
    package = CODECS.get((dialect, family))
    if package is None:
        return None
    codec: Codec = import_module(f"{__package__}.{package}").CODEC
    return codec
