"""Gemini's ``generateContent``, at Google's own API and at Vertex AI.

Sources: the types of google-genai 3.4 and the published API reference, autumn 2026.
"""

from __future__ import annotations

from .codec import CODEC

__all__ = ["CODEC"]
