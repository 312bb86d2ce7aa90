"""Anthropic's API: messages, token counts, models and batches."""

from .api import Anthropic

__all__ = ["Anthropic"]
