"""Targets that a call cannot, or may not, go to: passed by, and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._target import PRIMARY
from ..errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._call import Call, Next, Reply
    from .._target import Target

__all__ = ["allowed", "at_home", "elsewhere", "fitting", "nowhere"]


def fitting(call: Call, targets: Sequence[Target]) -> list[Target]:
    """Those that can take the call, in the order in which they are asked."""
    fits: list[Target] = []
    for target in targets:
        why = call.port.fits(target)
        if why is None:
            fits.append(target)
        else:
            call.journal.skip(target.name, why)
    return fits if len(fits) < 2 else call.port.order(fits)


def elsewhere(call: Call, targets: Sequence[Target], asked: Sequence[Target | None]) -> None:
    """Tell of those that were not asked, since what the call speaks of is kept where it was made."""
    for target in targets:
        if target not in asked:
            call.journal.skip(target.name, "the request speaks of what is kept elsewhere, by its id")


def allowed(call: Call, targets: list[Target | None]) -> list[Target | None]:
    """Those that a bound call may go to."""
    left: list[Target | None] = []
    for target in targets:
        why = call.port.barred(target)
        if why is None:
            left.append(target)
        else:
            call.journal.skip(PRIMARY if target is None else target.name, why)
    return left


async def at_home(next: Next, call: Call) -> Reply:
    """Ask the primary, if a bound call may go there: before it waits for anything.

    Raises:
        NotAllowed: it may not.
    """
    if not allowed(call, [None]):
        raise nowhere(call)
    return await next(call)


def nowhere(call: Call) -> NotAllowed:
    """The failure of a call that may go to none of its targets."""
    return NotAllowed(f"not sent: {'; '.join(call.journal.skipped)}", target=PRIMARY)
