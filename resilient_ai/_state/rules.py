"""When a circuit opens, for how long, and how it comes back."""

from __future__ import annotations

from dataclasses import dataclass

from .._settings import check_share


def _check_above_zero(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be above 0, got {value:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The numbers of one circuit. Durations are seconds, shares are from 0 to 1.

    failure_rate: opens when this share of the calls in `window` failed. Default 0.5.
    window: how far back the rate looks. Default 20.
    minimum_calls: the rate says nothing below so many calls in the window. Default 14.
    consecutive: opens at so many failures in a row, however few calls there are. Default 7.
    open_for: the first and the longest open time; it doubles with each re-trip. Default 1 and 30.
    probes: how many calls may try a half-open circuit at the same time. Default 1.
    probe_lease: a probe lost for longer than this frees its place. Default 60.
    ramp: after closing, the calls that have somewhere else to go return over this time. Default 5; 0 is a step.
    ramp_floor: the share of them that is admitted at its start. Default 0.1.

    Raises ValueError for a number that cannot be meant.
    """

    failure_rate: float = 0.5
    window: float = 20.0
    minimum_calls: int = 14
    consecutive: int = 7
    open_for: tuple[float, float] = (1.0, 30.0)
    probes: int = 1
    probe_lease: float = 60.0
    ramp: float = 5.0
    ramp_floor: float = 0.1

    def __post_init__(self) -> None:
        check_share("failure_rate", self.failure_rate)
        check_share("ramp_floor", self.ramp_floor)
        for name in ("window", "minimum_calls", "consecutive", "probes", "probe_lease"):
            _check_above_zero(name, getattr(self, name))
        first, longest = self.open_for
        _check_above_zero("open_for", first)
        if not longest >= first:
            raise ValueError(f"open_for is (first, longest) open time in seconds, got {self.open_for}")
        if not self.ramp >= 0:
            raise ValueError(f"ramp must not be negative, got {self.ramp:g}")
