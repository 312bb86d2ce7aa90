"""The retry budget: how much more than one request a call its callers may send together."""

from __future__ import annotations

import threading

from .._settings import check_share

_NEARLY_ONE = 1 - 1e-9
"""Ten tenths are a whole token, whatever floating point makes of their sum."""


class Budget:
    """A token bucket shared by all callers of a scope; every retry takes one token. Thread-safe.

    share: tokens a call earns; 0.1 (the default) lets one call in ten be repeated.
    floor: tokens earned a second at least, so that a program with few calls can retry as well. Default 0.1.
    cap: the most that is saved up. Default 10.
    initial: an advance at the start, paid back out of what is earned first. Default 2.

    From a fresh budget, `n` calls at one a second or faster are repeated at most max(initial, share · n) times.
    Raises ValueError for a number that cannot be meant. A time earlier than one seen before earns nothing.
    """

    __slots__ = ("_cap", "_debt", "_floor", "_last", "_lock", "_share", "_since_call", "_tokens")

    def __init__(self, *, share: float = 0.1, floor: float = 0.1, cap: float = 10.0, initial: float = 2.0) -> None:
        check_share("share", share)
        if not floor >= 0:
            raise ValueError(f"floor is in tokens a second and must not be negative, got {floor:g}")
        if not 0 <= initial <= cap:
            raise ValueError(f"initial must be from 0 to cap, got {initial:g} with a cap of {cap:g}")
        self._share = share
        self._floor = floor
        self._cap = cap
        self._tokens = self._debt = initial
        self._since_call = 0.0  # earned by time since the last call: the call itself then earns only the rest
        self._last: float | None = None
        self._lock = threading.Lock()

    def deposit(self, now: float) -> None:
        """Count one call (not its repeats)."""
        with self._lock:
            self._pass_time(now)
            self._earn(max(0.0, self._share - self._since_call))
            self._since_call = 0.0

    def withdraw(self, now: float) -> bool:
        """Take a token for a repeat; False when there is none."""
        with self._lock:
            self._pass_time(now)
            if self._tokens < _NEARLY_ONE:
                return False
            self._tokens = max(0.0, self._tokens - 1)
            return True

    def refund(self) -> None:
        """Give back the token of a repeat that was not sent."""
        with self._lock:
            self._tokens = min(self._cap, self._tokens + 1)

    def tokens(self, now: float) -> float:
        """What is there."""
        with self._lock:
            self._pass_time(now)
            return self._tokens

    def _pass_time(self, now: float) -> None:
        if self._last is None:
            self._last = now
        elif now > self._last:
            earned = (now - self._last) * self._floor
            self._last = now
            self._since_call += earned
            self._earn(earned)

    def _earn(self, earned: float) -> None:
        repaid = min(self._debt, earned)
        self._debt -= repaid
        self._tokens = min(self._cap, self._tokens + earned - repaid)
