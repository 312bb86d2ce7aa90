"""Where a host is, as its vendor says: only what is in the host's name, and is promised for all that is sent there.

As read in November 2026. Left out is what says where a request arrives and not where it is worked on: Bedrock's
regional hosts (an inference profile, ``global.…``, works elsewhere), Azure's (a "global" deployment does), and every
vendor's plain host (``api.openai.com``, ``generativelanguage.googleapis.com``).
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["KNOWN", "VERTEX_EU", "known_regions"]

KNOWN: dict[str, str] = {
    # https://developers.openai.com/api/docs/guides/data-residency; OpenAI's Europe is the EEA and Switzerland.
    "eu.api.openai.com": "eu",
    "us.api.openai.com": "us",
    "mtls-eu.api.openai.com": "eu",
    "mtls-us.api.openai.com": "us",
    # https://docs.cloud.google.com/vertex-ai/generative-ai/docs/learn/data-residency, "multi-region"
    "aiplatform.eu.rep.googleapis.com": "eu",
    "aiplatform.us.rep.googleapis.com": "us",
    # https://openrouter.ai/docs, data regions
    "eu.openrouter.ai": "eu",
    "us.openrouter.ai": "us",
}
"""Hosts by their whole name."""

VERTEX_EU = frozenset(
    {
        "europe-central2", "europe-north1", "europe-north2", "europe-southwest1", "europe-west1", "europe-west3",
        "europe-west4", "europe-west8", "europe-west9", "europe-west10", "europe-west12",
    }
)  # fmt: skip
"""Google's locations inside the EU (https://cloud.google.com/about/locations): not London (``europe-west2``) and not
Zurich (``europe-west6``)."""

_VERTEX = re.compile(r"([a-z]+-[a-z]+\d+)-aiplatform\.googleapis\.com")
"""One location's host; ``aiplatform.googleapis.com`` is everywhere."""


@lru_cache(maxsize=256)
def known_regions(host: str) -> tuple[str, ...]:
    """The regions that a host is in, each by its word; none if that is not known. Vertex's are their location, too."""
    region = KNOWN.get(host)
    if region is not None:
        return (region,)
    at = _VERTEX.fullmatch(host)
    if at is None:
        return ()
    location = at[1]
    if location in VERTEX_EU:
        return ("eu", location)
    return ("us", location) if location.startswith("us-") else (location,)
