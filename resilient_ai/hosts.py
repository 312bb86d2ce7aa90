"""The APIs we know, and how a program makes its own known.

>>> from resilient_ai.hosts import HOSTS, Host
>>> HOSTS["groq"].base_url
'https://api.groq.com/openai/v1'
>>> mine = Host(base_url="https://llm.internal/v1", ignores=frozenset({"seed"}))
"""

from __future__ import annotations

from ._host import Auth, Host
from .providers.hosts import HOSTS, add

__all__ = ["HOSTS", "Auth", "Host", "add"]
