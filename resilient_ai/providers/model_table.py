"""What vendors say that their models can do: a small table, each group of rows with its sources and the day of reading.

False is only what a source denies: a target is skipped for it. Where sources contradict each other, or say nothing,
there is None, and the vendor itself is asked. Models that no vendor serves any more have rows only where the row of
another model would be taken for theirs (``gpt-4-32k`` beside ``gpt-4``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._capabilities import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TABLE", "Rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What one vendor says of its models.

    Attributes:
        sources: where it is said.
        read: the day of reading, year first.
        models: by how their names begin (see `capabilities.MODELS`).
    """

    sources: tuple[str, ...]
    read: str
    models: Mapping[str, Capabilities]


_can = Capabilities
_SEES = _can(tools=True, images=True, audio=False, schema=True)
_SEES_NO_SCHEMA = _can(tools=True, images=True, audio=False, schema=False)
_READS = _can(tools=True, images=False, audio=False, schema=True)
_READS_NO_SCHEMA = _can(tools=True, images=False, audio=False, schema=False)
_HEARS = _can(tools=True, images=False, audio=True)
_CLAUDE = _can(tools=True, images=True, audio=False)
_GEMINI = _can(tools=True, images=True, audio=True, schema=True)
_LLAMA = _can(tools=True, images=False, audio=False)


def _window(of: Capabilities, context: int, output: int | None = None) -> Capabilities:
    return _can(context=context, output=output).over(of)


_LITELLM = "litellm 1.109.1, model_prices_and_context_window.json"

_OPENAI = Rows(
    sources=(
        "https://developers.openai.com/api/docs/models (the page of each model)",
        _LITELLM,
        "https://github.com/anomalyco/models.dev/tree/dev/providers/openai/models",
    ),
    read="2026-11-23",
    models={
        "gpt-3.5-turbo": _window(_READS_NO_SCHEMA, 16_385, 4_096),
        "gpt-4": _window(_READS_NO_SCHEMA, 8_192, 8_192),
        "gpt-4-turbo": _window(_SEES_NO_SCHEMA, 128_000, 4_096),
        "gpt-4o": _window(_SEES, 128_000, 16_384),
        "gpt-4o-2024-05-13": _window(_SEES_NO_SCHEMA, 128_000, 4_096),
        "gpt-4o-audio": _window(_HEARS, 128_000, 16_384),
        "gpt-4o-mini-audio": _window(_HEARS, 128_000, 16_384),
        "gpt-4.1": _window(_SEES, 1_047_576, 32_768),
        "gpt-5": _window(_SEES, 400_000, 128_000),
        "gpt-5-chat": _window(_can(images=True, audio=False, schema=True), 128_000, 16_384),  # tools: contradictory
        "gpt-5-pro": _window(_SEES, 400_000, 272_000),
        "gpt-5.1": _window(_SEES, 400_000, 128_000),
        "gpt-5.1-chat": _window(_SEES, 128_000, 16_384),
        "gpt-5.2": _window(_SEES, 400_000, 128_000),
        "gpt-5.2-chat": _window(_SEES, 128_000, 16_384),
        "gpt-5.3-chat": _window(_SEES, 128_000, 16_384),
        "gpt-5.3-codex": _window(_SEES, 400_000, 128_000),
        "gpt-5.4": _window(_SEES, 1_050_000, 128_000),
        "gpt-5.4-mini": _window(_SEES, 400_000, 128_000),
        "gpt-5.4-nano": _window(_SEES, 400_000, 128_000),
        "gpt-5.4-pro": _window(_SEES_NO_SCHEMA, 1_050_000, 128_000),
        "gpt-5.5": _window(_SEES, 1_050_000, 128_000),
        "gpt-5.5-pro": _window(_SEES_NO_SCHEMA, 1_050_000, 128_000),
        "gpt-5.6": _window(_SEES, 1_050_000, 128_000),
        "gpt-5.6-cyber": _window(_SEES, 400_000, 128_000),
        "gpt-6-astra": _window(_SEES, 1_050_000, 128_000),
        "gpt-6-luna": _window(_SEES, 1_050_000, 128_000),
        "gpt-6-sol": _window(_SEES, 1_050_000, 128_000),
        "gpt-6.1-sol": _window(_SEES, 1_050_000, 128_000),
        "gpt-6.1-terra": _window(_SEES, 1_050_000, 128_000),
        "gpt-audio": _window(_can(schema=False).over(_HEARS), 128_000, 16_384),
        "o1": _window(_SEES, 200_000, 100_000),
        "o3": _window(_SEES, 200_000, 100_000),
        "o3-mini": _window(_READS, 200_000, 100_000),
        "o4-mini": _window(_SEES, 200_000, 100_000),
    },
)

_OPENAI_BEFORE = Rows(
    sources=(
        f"{_LITELLM}, which has them as Azure's",
        "https://github.com/anomalyco/models.dev/tree/dev/providers/openai/models",
        "https://community.openai.com/t/1025430 (what the API answers to o1-preview with tools or a schema)",
    ),
    read="2026-11-23",
    models={
        "gpt-4-0125": _window(_READS_NO_SCHEMA, 128_000, 4_096),
        "gpt-4-1106": _window(_READS_NO_SCHEMA, 128_000, 4_096),
        "gpt-4-32k": _window(_READS_NO_SCHEMA, 32_768),
        "o1-mini": _window(_can(images=False, audio=False), 128_000, 65_536),  # tools, schema: contradictory
        "o1-preview": _window(_can(tools=False, images=False, audio=False, schema=False), 128_000, 32_768),
    },
)

_ANTHROPIC = Rows(
    # Whether it keeps to a schema, and how much it answers, is told by `codecs.messages.models`.
    sources=(
        "https://platform.claude.com/docs/en/models/overview (and the page of each model)",
        _LITELLM,
    ),
    read="2026-11-23",
    models={
        "claude-3": _window(_CLAUDE, 200_000),
        "claude-fable-5": _window(_CLAUDE, 1_000_000),
        "claude-haiku-4-5": _window(_CLAUDE, 200_000),
        "claude-haiku-5-5": _window(_CLAUDE, 1_000_000),
        "claude-mythos-5": _window(_CLAUDE, 1_000_000),
        "claude-mythos-preview": _window(_CLAUDE, 1_000_000),
        "claude-opus-4": _window(_CLAUDE, 200_000),
        "claude-opus-4-6": _window(_CLAUDE, 1_000_000),
        "claude-opus-4-7": _window(_CLAUDE, 1_000_000),
        "claude-opus-4-8": _window(_CLAUDE, 1_000_000),
        "claude-opus-5": _window(_CLAUDE, 1_000_000),
        "claude-sonnet-4": _window(_CLAUDE, 200_000),
        "claude-sonnet-4-6": _window(_CLAUDE, 1_000_000),
        "claude-sonnet-5": _window(_CLAUDE, 1_000_000),
    },
)

_GOOGLE = Rows(
    # The window is what they read; Gemini 4 shares it with what it answers. The Gemini API has one token more in an
    # answer than Vertex AI, which has 65,535.
    sources=(
        f"{_LITELLM}, which names https://ai.google.dev/gemini-api/docs/pricing",
        "https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/start/get-started-with-gemini-4",
    ),
    read="2026-11-23",
    models={
        "gemini-2.5-flash": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-2.5-pro": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-3-flash": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-3.1-flash-lite": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-3.1-pro": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-3.5-flash": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-3.6-flash": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-3.7-flash": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-3.8-flash": _window(_GEMINI, 1_048_576, 65_535),
        "gemini-4-argon": _window(_GEMINI, 1_048_576),
    },
)

_META = Rows(
    sources=(
        "https://github.com/meta-llama/llama-models, models/llama3_1/MODEL_CARD.md and models/llama3_3/MODEL_CARD.md",
        "https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_3/",
    ),
    read="2026-11-23",
    models={
        "llama-3.1": _window(_LLAMA, 131_072),
        "llama-3.3": _window(_LLAMA, 131_072),
    },
)

_DEEPSEEK = Rows(
    # Its JSON output keeps to no schema, and its pages do not say what it answers to one.
    sources=("https://api-docs.deepseek.com/quick_start/pricing", _LITELLM),
    read="2026-11-23",
    models={
        "deepseek-flash": _window(_can(tools=True, images=True), 1_000_000, 393_216),
        "deepseek-v4-flash": _window(_can(tools=True), 1_000_000, 393_216),  # other hosts have one that sees nothing
        "deepseek-v4-pro": _window(_can(tools=True, images=False), 1_000_000, 393_216),
    },
)

TABLE = (_OPENAI, _OPENAI_BEFORE, _ANTHROPIC, _GOOGLE, _META, _DEEPSEEK)
"""All that is known."""
