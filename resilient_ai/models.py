"""What models can do, and how a program says it of its own.

>>> from resilient_ai.models import Capabilities, capabilities_of
>>> capabilities_of("gpt-4o-mini").context
128000
>>> Capabilities(tools=False, context=8192).tools
False
"""

from __future__ import annotations

from ._capabilities import Capabilities
from .providers.capabilities import MODELS, add, capabilities_of

__all__ = ["MODELS", "Capabilities", "add", "capabilities_of"]
