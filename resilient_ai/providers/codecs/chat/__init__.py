"""OpenAI's Chat, read and written."""

from __future__ import annotations

from .codec import CODEC

__all__ = ["CODEC"]
