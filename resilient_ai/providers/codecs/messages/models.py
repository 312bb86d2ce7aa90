"""What a request must leave out, or say in another way, for one model of Anthropic's: each generation has rules of its
own, and a request against them is a 400.

Sources: Anthropic's migration guides and its page on each model, the types of anthropic-python 2.12, and what
pydantic-ai 2.68 and langchain-anthropic 1.7 measured at the API; November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

__all__ = ["MODELS", "NEWEST", "OTHERS", "VERSIONS", "Model", "model_of"]

VERSIONS = ("2023-06-01", "2026-10-21")
"""The values of ``anthropic-version``: the first takes temperature, top_p and top_k from 0 to 1 for models that have
them, the second answers 400 to each, even at its default."""

_LEVELS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a model takes.

    Attributes:
        sampling: how many of temperature and top_p it takes at a time: 2, 1 or 0, and top_k unless that is 0.
        budget: whether it thinks for a number of tokens (``thinking.budget_tokens``).
        adaptive: whether it thinks as much as it sees fit (``thinking: {"type": "adaptive"}``).
        off: the type of ``thinking`` that turns it off; empty where it is off unless asked for, None where it never is.
        efforts: the levels of ``output_config.effort``.
        forced: whether it can be made to call a tool.
        schemas: whether it keeps to the schema of an answer, and of a strict tool.
        systems: whether it heeds a system message behind the conversation's beginning.
        prefill: whether it continues an assistant's message.
        most: the most tokens it answers with.
        usual: ``max_tokens`` where the caller leaves it to the vendor; 0 for ``most``.
    """

    sampling: int = 0
    budget: bool = False
    adaptive: bool = True
    off: str | None = ""
    efforts: tuple[str, ...] = (*_LEVELS, "xhigh", "max")
    forced: bool = True
    schemas: bool = True
    systems: bool = True
    prefill: bool = False
    most: int = 128_000
    usual: int = 0


NEWEST = Model(off="disabled")
"""One that is newer than this table."""

OTHERS = Model(
    sampling=2, budget=True, adaptive=False, off="disabled", efforts=(), systems=False, prefill=True, most=0, usual=8192
)
"""One of another vendor, on a host that speaks this dialect. 8192 tokens are what most of them take."""

# Up to Claude 4, an input and max_tokens that together exceed the window are refused: hence the smaller ``usual``,
# which is what anthropic-python has for their plain answers, too.
_FIRST = Model(
    sampling=2,
    adaptive=False,
    efforts=(),
    schemas=False,
    systems=False,
    prefill=True,
    most=4096,
)
_FOURTH = replace(_FIRST, budget=True, most=64_000, usual=8192)
_FOUR_FIVE = replace(_FOURTH, sampling=1, schemas=True, usual=0)
_FOUR_SIX = replace(_FOUR_FIVE, adaptive=True, efforts=(*_LEVELS, "max"), prefill=False, most=128_000)
_FOUR_SEVEN = Model(systems=False)
_ALWAYS = Model(off=None)

MODELS: dict[str, Model] = {
    "claude-instant": _FIRST,
    "claude-2": _FIRST,
    "claude-3": _FIRST,
    "claude-3-5": replace(_FIRST, most=8192),
    "claude-3-7": _FOURTH,
    "claude-4": replace(_FOURTH, most=32_000),
    "claude-opus-4": replace(_FOURTH, most=32_000),
    "claude-sonnet-4": _FOURTH,
    "claude-opus-4-1": replace(_FOURTH, sampling=1, schemas=True, most=32_000),
    "claude-haiku-4-5": _FOUR_FIVE,
    "claude-sonnet-4-5": _FOUR_FIVE,
    "claude-opus-4-5": replace(_FOUR_FIVE, efforts=_LEVELS),
    "claude-sonnet-4-6": replace(
        _FOUR_SIX, usual=64_000
    ),  # all that it answers at Bedrock and Vertex (litellm 1.109.1)
    "claude-opus-4-6": _FOUR_SIX,
    "claude-opus-4-7": _FOUR_SEVEN,
    "claude-opus-4-8": Model(),
    "claude-opus-5": NEWEST,
    "claude-opus-5-5": replace(_ALWAYS, forced=False),
    "claude-sonnet-5": replace(NEWEST, systems=False),  # it takes them, and does not heed them
    "claude-sonnet-5-5": Model(off="between_tools", forced=False),
    "claude-haiku-5-5": NEWEST,
    "claude-fable-5": _ALWAYS,
    "claude-fable-5-1": replace(_ALWAYS, forced=False),
    "claude-fable-5-2": replace(_ALWAYS, forced=False),
    "claude-mythos-5": _ALWAYS,
    "claude-mythos-5-1": replace(_ALWAYS, forced=False),
    "claude-mythos-5-2": replace(_ALWAYS, forced=False),
    "claude-mythos-preview": replace(_ALWAYS, systems=False),
}
"""By how a model's name begins; the longest that fits counts."""

_NAME = re.compile(r"claude-[\w.-]+")
_DATE = re.compile(r"-20\d{6}.*\Z")


@lru_cache(maxsize=256)
def model_of(name: str) -> Model:
    """What the model of this name takes, wherever it stands in a host's own (``us.anthropic.claude-…-v1:0``)."""
    found = _NAME.search(name.lower())
    if found is None:
        return OTHERS
    own = _DATE.sub("", found[0].replace(".", "-"))
    fits = [prefix for prefix in MODELS if own == prefix or own.startswith(prefix + "-")]
    return MODELS[max(fits, key=len)] if fits else NEWEST
