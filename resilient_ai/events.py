"""What happened, as frozen records handed to listeners.

A listener is any callable that takes one event. Listeners are given to a pipeline
(``Pipeline(..., listeners=[print])``), are called in the thread or task of the call, and should return at once.
No event holds a key, a header or a prompt. ``observed`` says that nothing was done about it, or would have been: the
program is in observe mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ._journal import Outcome
    from .failures import FailureKind

__all__ = [
    "AttemptFailed",
    "CallFinished",
    "CircuitChanged",
    "Event",
    "Hedged",
    "Listener",
    "Parked",
    "Returned",
    "StoreFailed",
    "StreamRescued",
    "Switched",
    "Unparked",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """One send failed. ``seconds`` is how long it took."""

    target: str
    family: str
    model: str | None
    kind: FailureKind
    status: int | None
    seconds: float
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChanged:
    """A circuit opened, half-opened or closed. ``scope`` is (host, endpoint family, model)."""

    scope: tuple[str, str, str | None]
    old: str
    new: str
    reopens_in: float | None
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """Calls of this family and model are now answered by ``to``, since ``reason``."""

    family: str
    model: str | None
    to: str
    reason: str
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The primary answers again, after ``seconds`` away."""

    family: str
    model: str | None
    seconds: float
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A target's key was refused (``reason`` quota or auth), or its model is gone: it is left alone for ``seconds``
    while others answer. ``key`` is the beginning of the key's salted hash."""

    target: str
    family: str
    model: str | None
    key: str
    reason: str
    seconds: float
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unparked:
    """What was parked works again, after ``seconds``."""

    target: str
    family: str
    model: str | None
    key: str
    reason: str
    seconds: float
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished:
    """A call ended: answered, or failed."""

    outcome: Outcome
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedged:
    """A second request was sent beside one that took longer than ``after`` seconds. ``won``: it was the quicker one."""

    target: str
    family: str
    model: str | None
    after: float
    won: bool
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFailed:
    """The store of a cache, ``store`` (its class), could not be read or written, for ``error`` (its class): calls go on
    without it. It is tried again every ``seconds``; told once until it works again."""

    store: str
    error: str
    seconds: float
    observed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRescued:
    """A stream of ``target`` broke when its reader had some of it, for ``reason``; ``by`` goes on with it. ``way``:
    ``"replay"`` or ``"continue"``."""

    family: str
    model: str | None
    target: str
    by: str
    way: str
    reason: str
    observed: bool = False


Event = (
    AttemptFailed
    | CircuitChanged
    | Switched
    | Returned
    | Parked
    | Unparked
    | Hedged
    | StoreFailed
    | StreamRescued
    | CallFinished
)


class Listener(Protocol):
    """Anything callable with one event."""

    def __call__(self, event: Event, /) -> object:
        """Be told of ``event``."""
        ...
