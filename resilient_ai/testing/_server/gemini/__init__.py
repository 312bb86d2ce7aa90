"""Gemini's API: content whole and streamed, token counts, embeddings and models."""

from .api import Gemini

__all__ = ["Gemini"]
