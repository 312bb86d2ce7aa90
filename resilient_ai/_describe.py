"""What a pipeline is, in some ten lines: the order, every setting, what may leave the process, where state lives."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import TYPE_CHECKING

from ._settings import shown
from .strategies.cache import Cache
from .strategies.fallback import Fallback

if TYPE_CHECKING:
    from ._egress import Egress

__all__ = ["described"]


def described(
    strategies: tuple[object, ...], *, name: str, isolated: bool, observes: bool, egress: Egress | None = None
) -> str:
    """The text of ``print(pipeline)``."""
    lines = [f"Pipeline {name}, outermost first:"]
    lines += [f"  {_settings(strategy)}" for strategy in strategies] or ["  (empty: nothing is changed)"]
    elsewhere = [
        target.base_url or target.vendor
        for strategy in strategies
        if isinstance(strategy, Fallback)
        for target in strategy.every_target()
    ]
    lines.append(f"Calls may go to: the client's own base URL{''.join(f', {place}' for place in elsewhere)}")
    bound = None if egress is None else egress.bound
    if bound is not None:
        lines.append(f"Of these only: {bound}")
    keeps = any(isinstance(strategy, Cache) and not strategy.does_nothing for strategy in strategies)
    whose = "its own" if isolated else "shared by equals"
    lines.append(f"Kept: {'answers' if keeps else 'nothing'}; state: this process's memory, {whose}")
    if observes:
        lines.append("Observing: all this is decided and told, and none of it done")
    lines.append("Off: RESILIENT_AI=off, or resilient_ai.control.disable()")
    return "\n".join(lines)


def _settings(strategy: object) -> str:
    """A strategy with every setting, as it would be written."""
    if isinstance(strategy, Fallback):
        routes = (f"{model}: {', '.join(target.name for target in targets)}" for model, targets in strategy.routes)
        models = ", across models" if strategy.across_models else ""
        lost = f"; what another vendor cannot be told: {strategy.on_untranslatable}"
        lost += f"{', accept' if strategy.accept else ''}{', sticky' if strategy.sticky else ''}"
        return f"Fallback({'; '.join(routes) or 'none'}; a broken stream: {', '.join(strategy.rescue)}{models}{lost})"
    if is_dataclass(strategy) and not isinstance(strategy, type):
        told = (
            f"{name}={type(value).__name__ if hasattr(value, '__dict__') else repr(value)}"
            for name, value in shown(strategy)
        )
        return f"{type(strategy).__name__}({', '.join(told)})"
    return type(strategy).__name__
