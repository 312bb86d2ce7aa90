"""Ids that have to be made up: always the same for the same thing."""

from __future__ import annotations

import hashlib

__all__ = ["made_id"]


def made_id(prefix: str, *of: str) -> str:
    """An id of a kind: OpenAI refuses an item whose id does not begin as that of its kind does, or is longer than 64
    characters."""
    digest = hashlib.blake2b("\0".join(of).encode("utf-8", "surrogatepass"), digest_size=24)
    return prefix + digest.hexdigest()
