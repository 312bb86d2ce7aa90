"""The few calls that may try a half-open circuit at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .permit import Probe, Rejected

if TYPE_CHECKING:
    from .breaker import Circuit
    from .permit import Permit
    from .rules import Rules
    from .silence import Silence

__all__ = ["Probes"]


LONGER, LONGER_BY = 1.25, 0.25
"""A stream is well that has gone on for so many times as long as those that broke, and so many seconds more."""


class Probes:
    """Who has a place, each with a lease. Not locked: its owner is."""

    __slots__ = ("_broke_after", "_places", "_rules", "_streams")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._places: dict[int, tuple[float, int]] = {}  # serial → the end of its lease, the permit's id
        self._streams: dict[int, float] = {}  # serial → since when it has gone on
        self._broke_after = 0.0

    def __len__(self) -> int:
        return len(self._places)

    def take(self, circuit: Circuit, now: float) -> Probe:
        """A place, or Rejected is raised."""
        places = self._places
        for serial in [serial for serial, (end, _) in places.items() if end <= now]:
            del places[serial]
        if len(places) >= self._rules.probes:
            lease_left = min(places.values())[0] - now
            raise Rejected(min(lease_left, self._rules.open_for[0]), "probing")
        permit = Probe(circuit, now)  # made first: once it is there, an interrupt cannot lose its place
        places[permit.serial] = now + self._rules.probe_lease, id(permit)
        return permit

    def free(self, permit: Permit) -> None:
        """Give back the place of a permit, if it has one."""
        if isinstance(permit, Probe):
            self._places.pop(permit.serial, None)
            self._streams.pop(permit.serial, None)

    def clear(self) -> None:
        """All places are free."""
        self._places.clear()
        self._streams.clear()

    def broke_after(self, seconds: float) -> None:
        """An answer that had begun failed so long after it was asked for."""
        self._broke_after = max(self._broke_after, seconds)

    def forget(self) -> None:
        """How answers broke is over."""
        self._broke_after = 0.0

    def begun(self, permit: Permit) -> None:
        """Its answer has begun to come. Where others broke later than that, it has shown nothing yet."""
        permit.begun = True
        if isinstance(permit, Probe):
            if not self._broke_after:
                self.free(permit)
            elif permit.serial in self._places:
                self._streams[permit.serial] = permit.began

    def survived(self, now: float) -> bool:
        """Whether one has gone on for longer than those that broke."""
        least = LONGER * self._broke_after + LONGER_BY
        return any(now - since >= least for since in self._streams.values())

    def overdue(self, silence: Silence, now: float, *, hurry: bool) -> bool:
        """Whether one of them has waited for longer than answers take."""
        return any(silence.overdue(key, now, hurry=hurry) for _, key in self._places.values())
