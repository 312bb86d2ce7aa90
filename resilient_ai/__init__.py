"""resilient_ai: one line around an AI client keeps its calls alive while the provider is down.

>>> client = resilient_ai.wrap(OpenAI(), fallback=["openrouter:openai/gpt-4o-mini"])  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import control
    from ._context import options, record
    from ._egress import Egress
    from ._journal import Outcome
    from ._outcome import outcome
    from ._target import Target
    from ._wrap import wrap
    from .errors import ResilienceError
    from .pipeline import Pipeline
    from .strategies.breaker import CircuitBreaker
    from .strategies.cache import Cache
    from .strategies.deadline import Deadline
    from .strategies.fallback import Fallback
    from .strategies.hedge import Hedge
    from .strategies.limiter import RateLimiter
    from .strategies.retry import Retry
    from .strategies.single_flight import SingleFlight

__all__ = [
    "Cache",
    "CircuitBreaker",
    "Deadline",
    "Egress",
    "Fallback",
    "Hedge",
    "Outcome",
    "Pipeline",
    "RateLimiter",
    "ResilienceError",
    "Retry",
    "SingleFlight",
    "Target",
    "control",
    "options",
    "outcome",
    "record",
    "wrap",
]

# Names are fetched when first used: importing this package changes nothing and costs next to nothing.
_HOMES = {
    "Cache": ".strategies.cache",
    "CircuitBreaker": ".strategies.breaker",
    "Deadline": ".strategies.deadline",
    "Egress": "._egress",
    "Fallback": ".strategies.fallback",
    "Hedge": ".strategies.hedge",
    "Outcome": "._journal",
    "Pipeline": ".pipeline",
    "RateLimiter": ".strategies.limiter",
    "ResilienceError": ".errors",
    "Retry": ".strategies.retry",
    "SingleFlight": ".strategies.single_flight",
    "Target": "._target",
    "options": "._context",
    "outcome": "._outcome",
    "record": "._context",
    "wrap": "._wrap",
}

_MODULES = frozenset({"control", "errors", "events", "hosts", "models", "stores"})


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is not None:
        value = getattr(importlib.import_module(home, __name__), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
