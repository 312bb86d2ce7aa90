"""What vendors have switched off for good: a refusal there needs no proof that it ever worked."""

from __future__ import annotations

__all__ = ["RETIRED", "is_retired"]

RETIRED: dict[tuple[str, str], str] = {
    ("api.openai.com", "videos"): "2026-09-24",  # the Videos API with sora-2 and sora-2-pro (OpenAI's page of models)
}
"""Hosts and endpoint families, and the day since which they are gone."""


def is_retired(host: str, family: str, status: int) -> bool:
    """Whether an answer of this status from this host says no more than what is known: it is gone."""
    return status in (404, 410) and (host.partition(":")[0].lower(), family) in RETIRED
