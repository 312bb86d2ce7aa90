"""What models can do: a small table, and what a request needs, as far as its bytes tell without being parsed.

Sources, as published up to the middle of 2026: OpenAI's page on each model (platform.openai.com/docs/models),
Anthropic's overview (platform.claude.com/docs/en/about-claude/models/overview), Google's
(ai.google.dev/gemini-api/docs/models), Meta's model cards, DeepSeek's list (api-docs.deepseek.com/quick_start/pricing).
What is not here is not known, and a model of which nothing is known is taken to be able to do all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from .._capabilities import Capabilities
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MODELS", "add", "capabilities_of", "lacking"]

_can = Capabilities
_ALL_BUT_SOUND = _can(tools=True, images=True, audio=False, schema=True)


def _window(context: int, output: int | None = None, of: Capabilities = _ALL_BUT_SOUND) -> Capabilities:
    return _can(context=context, output=output).over(of)


_WORDS_ONLY = _can(tools=True, images=False, audio=False)
_BEFORE_SCHEMAS = _can(schema=False).over(_WORDS_ONLY)
_EARLY_O1 = _can(tools=False).over(_BEFORE_SCHEMAS)
_GEMINI = _can(tools=True, images=True, audio=True, schema=True)
_CLAUDE = _can(tools=True, images=True, audio=False)  # the rest of it is its codec's to know

_known: dict[str, Capabilities] = {
    "gpt-3.5-turbo": _window(16_385, 4_096, _BEFORE_SCHEMAS),
    "gpt-4": _window(8_192, 8_192, _BEFORE_SCHEMAS),
    "gpt-4-32k": _window(32_768, 32_768, _BEFORE_SCHEMAS),
    "gpt-4-0125": _window(128_000, 4_096, _BEFORE_SCHEMAS),
    "gpt-4-1106": _window(128_000, 4_096, _BEFORE_SCHEMAS),
    "gpt-4-turbo": _window(128_000, 4_096, _can(schema=False).over(_ALL_BUT_SOUND)),
    "gpt-4o": _window(128_000, 16_384),
    "gpt-4o-2024-05-13": _window(128_000, 4_096, _can(schema=False).over(_ALL_BUT_SOUND)),
    "gpt-4o-audio": _window(128_000, 16_384, _can(tools=True, images=False, audio=True)),
    "gpt-4.1": _window(1_047_576, 32_768),
    "gpt-5": _window(400_000, 128_000),
    "gpt-5-chat": _window(128_000, 16_384),
    "gpt-5.1": _window(400_000, 128_000),
    "gpt-5.2": _window(400_000, 128_000),
    "o1": _window(200_000, 100_000),
    "o1-mini": _window(128_000, 65_536, _EARLY_O1),
    "o1-preview": _window(128_000, 32_768, _EARLY_O1),
    "o3": _window(200_000, 100_000),
    "o3-mini": _window(200_000, 100_000, _can(schema=True).over(_WORDS_ONLY)),
    "o4-mini": _window(200_000, 100_000),
    "claude-3": _window(200_000, of=_CLAUDE),
    "claude-haiku-4-5": _window(200_000, of=_CLAUDE),
    "claude-opus-4": _window(200_000, of=_CLAUDE),
    "claude-opus-4-6": _window(1_000_000, of=_CLAUDE),
    "claude-opus-4-7": _window(1_000_000, of=_CLAUDE),
    "claude-sonnet-4": _window(200_000, of=_CLAUDE),
    "claude-sonnet-4-6": _window(1_000_000, of=_CLAUDE),
    "gemini-1.5-flash": _window(1_048_576, 8_192, _GEMINI),
    "gemini-1.5-pro": _window(2_097_152, 8_192, _GEMINI),
    "gemini-2.0-flash": _window(1_048_576, 8_192, _GEMINI),
    "gemini-2.5-flash": _window(1_048_576, 65_536, _GEMINI),
    "gemini-2.5-pro": _window(1_048_576, 65_536, _GEMINI),
    "gemini-3-pro": _window(1_048_576, 65_536, _GEMINI),
    "llama-3.1": _window(131_072, of=_WORDS_ONLY),
    "llama-3.3": _window(131_072, of=_WORDS_ONLY),
    "deepseek-chat": _window(131_072, 8_192, _WORDS_ONLY),
    "deepseek-reasoner": _window(131_072, 65_536, _WORDS_ONLY),
}

MODELS: Mapping[str, Capabilities] = MappingProxyType(_known)
"""By the beginning of a model's name: up to its end, or to a ``-``, ``@`` or ``:``. The longest that fits counts."""


def add(name: str, capabilities: Capabilities) -> None:
    """Make a model known, or what is known of it better, for this process.

    Args:
        name: its name, or how the names of several begin.
        capabilities: what it can do; what is left out is not known.

    Raises:
        ConfigurationError: either is none.
    """
    if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"models.add(name, …) takes the beginning of a model's name, got {name!r}")
    if not isinstance(capabilities, Capabilities):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"models.add(…) takes Capabilities(…), got {type(capabilities).__name__}")
    _known[name.strip().lower()] = capabilities
    capabilities_of.cache_clear()


_HOSTED = re.compile(r"(?:.*/)?(?:(?:[a-z]{2,6}\.)?(?:anthropic|meta|deepseek)\.)?")
"""What hosts put before a model's own name: a path, Bedrock's region and vendor."""


@lru_cache(maxsize=1024)
def capabilities_of(model: str) -> Capabilities | None:
    """What is known of a model; None if nothing is. Hosts' own ways to write its name are understood."""
    name = model.lower()
    found = _HOSTED.match(name)
    name = name if found is None else name[found.end() :]
    fits = [known for known in _known if name == known or (name.startswith(known) and name[len(known)] in "-@:")]
    return _known[max(fits, key=len)] if fits else None


_TOOLS = re.compile(rb'"tools"\s*:\s*\[\s*\{')
_IMAGES = re.compile(rb'"type"\s*:\s*"(?:image|image_url|input_image)"|"mime_?[tT]ype"\s*:\s*"image/')
_AUDIO = re.compile(rb'"type"\s*:\s*"input_audio"|"mime_?[tT]ype"\s*:\s*"audio/')
_SCHEMA = re.compile(rb'"type"\s*:\s*"json_schema"|"response_?(?:json_?)?schema"\s*:\s*\{', re.IGNORECASE)

TOO_MANY = 2
"""So many times a model's context a request must seem to have before it is not sent there: its tokens are estimated,
and a vendor that finds it too long says so at no cost."""


def lacking(capabilities: Capabilities, body: bytes, tokens: int) -> str | None:
    """What a request needs and a model cannot do; None if nothing is known of that.

    Args:
        capabilities: the model's.
        body: the request's. Words in it cannot be mistaken for its fields: quotation marks inside a text are escaped.
        tokens: what the request and its answer may come to.
    """
    if capabilities.tools is False and _TOOLS.search(body):
        return "its model calls no tools"
    if capabilities.images is False and _IMAGES.search(body):
        return "its model sees no pictures"
    if capabilities.audio is False and _AUDIO.search(body):
        return "its model hears no sounds"
    if capabilities.schema is False and _SCHEMA.search(body):
        return "its model keeps to no JSON schema"
    context = capabilities.context
    if context is not None and tokens > context * TOO_MANY:
        return f"its model takes {context} tokens, and the request seems to have {tokens}"
    return None
