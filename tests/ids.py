"""Names of tests that are the same in every process: several of them share the work."""

from __future__ import annotations

import re


def named(value: object) -> str:
    """The value as Python writes it, without an address."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
