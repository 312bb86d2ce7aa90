"""The vendors we know, and how a target's missing parts are filled in."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from . import anthropic, cohere, gemini, ollama, openai

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._target import Target
    from .base import Dialect

__all__ = ["DIALECTS", "UNTERMINATED", "VENDORS", "Vendor", "dialect_of", "resolved"]

log = logging.getLogger("resilient_ai")

OPENAI, ANTHROPIC, GEMINI = openai.DIALECT, anthropic.DIALECT, gemini.DIALECT
COHERE, OLLAMA = cohere.DIALECT, ollama.DIALECT
DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI, ANTHROPIC, GEMINI, COHERE, OLLAMA)}
"""The wire formats we know, by name."""

_BY_END = dict.fromkeys(cohere.PATHS, COHERE) | dict.fromkeys(ollama.PATHS, OLLAMA)


UNTERMINATED = {"api.perplexity.ai"}
"""Hosts of the OpenAI dialect that end a chat's stream without ``[DONE]``: there its finish reason is the end. A
program adds its own by :func:`resilient_ai.control.accept_unterminated`."""


def dialect_of(method: str, path: str, headers: Mapping[bytes, bytes]) -> Dialect:  # noqa: ARG001  # agreed on so
    """The dialect that a request speaks, by its path and its headers (by lower-case name): a plain http client may
    speak several. What says nothing of another is OpenAI's."""
    if b"anthropic-version" in headers:
        return ANTHROPIC
    if b"x-goog-api-key" in headers or b"x-goog-api-client" in headers:
        return GEMINI if "/openai/" not in path else OPENAI
    return _by_path(path)


@lru_cache(maxsize=1024)
def _by_path(path: str) -> Dialect:
    """What a path alone says."""
    action = path.rpartition(":")[2] if ":" in path else ""
    if action in gemini.METHODS:
        return GEMINI
    if action in anthropic.VERTEX or path.endswith("/v1/messages") or path.startswith("/model/"):
        return ANTHROPIC
    return _BY_END.get(path[path.rfind("/", 0, path.rfind("/")) :], OPENAI)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A vendor's usual settings. ``variables`` are the environment variables its key is usually kept in."""

    base_url: str | None
    dialect: str = "openai"
    variables: tuple[str, ...] = ()


VENDORS: Mapping[str, Vendor] = {
    "anthropic": Vendor(base_url="https://api.anthropic.com", dialect="anthropic", variables=("ANTHROPIC_API_KEY",)),
    "azure": Vendor(base_url=None, variables=("AZURE_OPENAI_API_KEY",)),
    "cohere": Vendor(base_url="https://api.cohere.com", dialect="cohere", variables=("CO_API_KEY", "COHERE_API_KEY")),
    "deepseek": Vendor(base_url="https://api.deepseek.com/v1", variables=("DEEPSEEK_API_KEY",)),
    "fireworks": Vendor(base_url="https://api.fireworks.ai/inference/v1", variables=("FIREWORKS_API_KEY",)),
    "gemini": Vendor(
        base_url="https://generativelanguage.googleapis.com",
        dialect="gemini",
        variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    ),
    "groq": Vendor(base_url="https://api.groq.com/openai/v1", variables=("GROQ_API_KEY",)),
    "mistral": Vendor(base_url="https://api.mistral.ai/v1", variables=("MISTRAL_API_KEY",)),
    "ollama": Vendor(base_url="http://localhost:11434/v1"),
    "openai": Vendor(base_url="https://api.openai.com/v1", variables=("OPENAI_API_KEY",)),
    "openrouter": Vendor(base_url="https://openrouter.ai/api/v1", variables=("OPENROUTER_API_KEY",)),
    "together": Vendor(base_url="https://api.together.xyz/v1", variables=("TOGETHER_API_KEY",)),
    "xai": Vendor(base_url="https://api.x.ai/v1", variables=("XAI_API_KEY",)),
}
"""Base URLs and variables as the vendors document them, autumn 2026. Any other name needs a ``base_url``."""


def resolved(targets: Sequence[Target], *, dialect: str | None = "openai") -> tuple[Target, ...]:
    """The targets with all that was left out filled in. One without its key is left out, with a warning.

    Args:
        targets: as the program gave them.
        dialect: the dialect that the client speaks; None for a plain http client, which may speak any: each request
            then goes to the targets of its own dialect.

    Raises:
        ConfigurationError: an unknown vendor without a base URL; a target that speaks another dialect, or one that
            nobody knows; no target left.
    """
    ready: list[Target] = []
    missing: list[str] = []
    for target in targets:
        filled, lack = _filled(target, dialect)
        if lack is None:
            ready.append(filled)
        else:
            missing.append(lack)
            log.warning("fallback %s is skipped: %s", target.name, lack)
    if targets and not ready:
        raise ConfigurationError(f"no fallback is left: {'; '.join(missing)}")
    return tuple(ready)


def _filled(target: Target, dialect: str | None) -> tuple[Target, str | None]:
    vendor = VENDORS.get(target.vendor)
    if vendor is None and target.base_url is None:
        known = ", ".join(sorted(VENDORS))
        raise ConfigurationError(f"{target.name}: unknown vendor {target.vendor!r}; give base_url=…, or use {known}")
    vendor = vendor or Vendor(base_url=None)
    spoken = target.dialect or vendor.dialect
    if dialect is not None and spoken != dialect:
        raise ConfigurationError(
            f"{target.name} speaks the {spoken} dialect and this client {dialect}: translation does not exist yet. "
            f"Name a target that speaks {dialect}, or that vendor's {dialect}-compatible endpoint "
            f"with base_url=… and dialect={dialect!r}"
        )
    if spoken not in DIALECTS:
        raise ConfigurationError(f"{target.name}: unknown dialect {spoken!r}; known are {', '.join(sorted(DIALECTS))}")
    base_url = target.base_url or vendor.base_url
    if base_url is None:
        raise ConfigurationError(f"{target.name}: give base_url=…, e.g. 'https://NAME.openai.azure.com/openai/v1'")
    key = target.api_key or next(
        (os.environ[name] for name in vendor.variables if os.environ.get(name, "").strip()), None
    )
    lack = f"no key: set {vendor.variables[0]} or give api_key=…" if key is None and vendor.variables else None
    return replace(target, base_url=base_url.rstrip("/"), api_key=key, dialect=spoken), lack
