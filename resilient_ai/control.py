"""Run-time control of everything wrapped in this process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._context import journals, switch
from ._settings import check_seconds
from ._states import every_state, forget_everything
from .errors import ConfigurationError
from .providers.registry import UNTERMINATED
from .strategies.breaker import Circuits

if TYPE_CHECKING:
    from ._state.breaker import Circuit

__all__ = ["accept_unterminated", "close", "disable", "enable", "force_open", "observe", "reset"]


def accept_unterminated(host: str) -> None:
    """Take a chat's stream from ``host`` for complete at its finish reason, without the ``[DONE]`` behind it.

    For servers of the OpenAI dialect that leave it out, some builds of llama.cpp and older ones of TGI among them. From
    any other a stream without ``[DONE]`` is cut, and an error. Holds until the process ends.

    Args:
        host: the host and port, as in the client's base URL: ``"localhost:8080"``.

    Raises:
        ConfigurationError: ``host`` is no such name.
    """
    if not _is_host(host):
        raise ConfigurationError(f"a host and port, as in 'localhost:8080', got {host!r}")
    UNTERMINATED.add(host)


def _is_host(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "/" not in value


def disable() -> None:
    """Switch off: from now on every wrapped client sends its requests straight through.

    The retries that ``wrap`` took over from an SDK stay off; ``RESILIENT_AI=off`` at start leaves them on.
    """
    switch.forced = "off"


def enable() -> None:
    """Switch on, whatever the environment says."""
    switch.forced = "on"


def observe() -> None:
    """Only look on from now on: everything is measured and told, nothing is changed (docs/observe.md).

    The retries that ``wrap`` took over from an SDK stay off; ``RESILIENT_AI=observe`` at start leaves them on.
    """
    switch.forced = "observe"


def force_open(host: str, *, seconds: float | None = None) -> int:
    """Open every known circuit whose host contains ``host`` (``"openai"``), e.g. for a maintenance window.

    Args:
        host: a part of a host's name, as in ``api.openai.com``.
        seconds: for how long. Default: until :func:`close` or :func:`reset`.

    Returns:
        How many circuits were opened. Only endpoints and models called before have one.

    Raises:
        ConfigurationError: ``host`` is no string, or ``seconds`` is no number above 0.
    """
    if seconds is not None:
        check_seconds("force_open(seconds=…)", seconds)
    now = time.monotonic()
    circuits = _matching(host)
    for circuit in circuits:
        circuit.force_open(now, None if seconds is None else now + seconds)
    return len(circuits)


def close(host: str) -> int:
    """Close every known circuit whose host contains ``host``; returns how many there were.

    Raises:
        ConfigurationError: ``host`` is no string.
    """
    now = time.monotonic()
    circuits = _matching(host)
    for circuit in circuits:
        circuit.force_close(now)
    return len(circuits)


def reset() -> None:
    """Forget all that was learnt (circuits, budgets, cached answers, ids), and go by the environment's word again."""
    switch.forced = None
    journals.clear()
    forget_everything()


def _matching(host: str) -> list[Circuit]:
    if not isinstance(host, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"a host is named by a part of its name, e.g. 'openai', got {type(host).__name__}")
    states = [state for state in every_state() if isinstance(state, Circuits)]
    return [circuit for state in states for host_name, circuit in state.by_host() if host in host_name]
