"""Leave to call, and the refusal of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .breaker import Circuit

_serials = itertools.count()


class Rejected(Exception):
    """Not admitted.

    reopens_in: seconds until asking again makes sense; infinite when forced open without an end.
    reason: "open", "forced", "probing" (half-open, every probe is out), "ramp" (only if another target is there) or
        "unproven" (nothing is known of it, and a few ask already).
    """

    def __init__(self, reopens_in: float, reason: str) -> None:
        super().__init__(f"{reason}, asking again makes sense in {reopens_in:.1f} s")
        self.reopens_in = reopens_in
        self.reason = reason


class Permit:
    """Leave to call once. Only the first of `settle` and `release` counts.

    generation: the circuit's when it was granted; the result of an older one counts for nothing.
    probe: whether the call tries a half-open circuit.
    began: when it was granted.
    begun: whether its answer has begun to come.
    ended: whether it was given back.
    slow: whether its call took longer than it was said to be slow after.
    """

    __slots__ = ("_circuit", "began", "begun", "ended", "generation", "slow")

    probe = False

    def __init__(self, circuit: Circuit, now: float) -> None:
        self._circuit = circuit
        self.begun = self.ended = self.slow = False
        self.generation = circuit.generation
        self.began = now

    def settle(
        self,
        success: bool,
        now: float,
        *,
        error: BaseException | None = None,
        strong: bool = False,
    ) -> None:
        """Give the permit back with the outcome of the call.

        error: what the call raised; a user's breaker looks it up among its excluded exceptions.
        strong: there was no connection, or nothing at all came back.
        """
        self._circuit.take_back(self, success, now, error, strong=strong)

    def heard(self, now: float) -> None:
        """Something came back, and the call goes on: the target is not silent."""
        self._circuit.heard(self, now)

    def give_up(self, now: float, *, failed: bool) -> None:
        """Give the permit back after a limit ran out with nothing come back.

        failed: it is a failure in any case. Else it is one only if nothing else came back meanwhile either.
        """
        self._circuit.gave_up(self, now, failed=failed)

    def release(self) -> None:
        """Give the permit back without evidence: cancelled, never sent, or the caller's own mistake."""
        self._circuit.take_back(self)


class Probe(Permit):
    """A permit that holds one of the few places of a half-open circuit."""

    __slots__ = ("serial",)

    probe = True

    def __init__(self, circuit: Circuit, now: float) -> None:
        super().__init__(circuit, now)
        self.serial = next(_serials)

    def __del__(self) -> None:
        # An interrupt can strike between the admission and the caller's first line: no one else would release it.
        if not self.ended:
            self._circuit.dispose_later(self)
