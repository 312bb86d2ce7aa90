"""Answers as the vendors give them, written by hand after their published shapes: one JSON file a vendor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VENDORS = ("openai", "azure", "anthropic", "gemini", "compatible", "gateways")
"""The files with error answers: a ``dialect``, and ``errors`` with case, status, headers, body (or text), kind."""


def read(name: str) -> dict[str, Any]:
    """One file."""
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return found


def body_of(row: dict[str, Any]) -> bytes:
    """The bytes of a row's body."""
    return json.dumps(row["body"]).encode() if "body" in row else str(row.get("text", "")).encode()
