"""OpenAI's Responses. Source: the types of openai-python 3.54 and the published API reference, autumn 2026."""

from __future__ import annotations

from .codec import CODEC

__all__ = ["CODEC"]
