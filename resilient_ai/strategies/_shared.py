"""What several strategies of a pipeline know in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._state.limited import Limited
from .._state.repeats import Repeats
from .._state.waits import Waits

if TYPE_CHECKING:
    from .._call import Call

__all__ = ["Shared", "shared"]


class Shared:
    """The waits that providers asked for and who is limited, by host, key and model (:attr:`Call.account`); the
    requests given up."""

    __slots__ = ("limited", "repeats", "waits")

    def __init__(self) -> None:
        self.limited = Limited()
        self.waits = Waits()
        self.repeats = Repeats()


class _Keeper:
    """Under whose name a pipeline keeps it."""

    def new_state(self) -> Shared:
        return Shared()


_KEEPER = _Keeper()


def shared(call: Call) -> Shared:
    """What the strategies of the call's pipeline know in common."""
    return call.state(_KEEPER)
