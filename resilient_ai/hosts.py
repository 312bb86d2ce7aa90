"""The APIs we know, how a program makes its own known, and a way of its own to each.

>>> from resilient_ai.hosts import HOSTS, Host
>>> HOSTS["groq"].base_url
'https://api.groq.com/openai/v1'
>>> mine = Host(base_url="https://llm.internal/v1", ignores=frozenset({"seed"}))
"""

from __future__ import annotations

from ._host import Auth, Host, Signer
from ._http_settings import HttpSettings
from .providers.hosts import HOSTS, add
from .transports._signers import Aws, Google

__all__ = ["HOSTS", "Auth", "Aws", "Google", "Host", "HttpSettings", "Signer", "add"]
