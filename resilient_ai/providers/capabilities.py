"""What models can do, as far as `model_table` has it, and what a request needs, as far as its bytes tell without being
parsed. A model of which nothing is known is taken to be able to do all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from .._capabilities import Capabilities
from ..errors import ConfigurationError
from .model_table import TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MODELS", "add", "capabilities_of", "lacking"]

_known: dict[str, Capabilities] = {name: can for rows in TABLE for name, can in rows.models.items()}

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


_HOSTED = re.compile(r"(?:.*/)?(?:(?:[a-z-]{2,6}\.)?(?:anthropic|google|meta|openai)\.)?")
"""What hosts put before a model's own name: a path, Bedrock's region, Bedrock's or Oracle's vendor."""


@lru_cache(maxsize=1024)
def capabilities_of(model: str) -> Capabilities | None:
    """What is known of a model; None if nothing is. Hosts' own ways to write its name are understood."""
    name = model.lower()
    found = _HOSTED.match(name)
    name = name if found is None else name[found.end() :]
    if name.startswith("claude"):
        name = name.replace(".", "-")  # OpenRouter's claude-opus-4.6
    fits = [known for known in tuple(_known) if name == known or (name.startswith(known) and name[len(known)] in "-@:")]
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
