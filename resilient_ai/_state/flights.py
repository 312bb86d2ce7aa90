"""Equal calls under way, and who waits for which."""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["MOST", "Flight", "Flights", "Member", "longest"]

MOST = 4096
"""Flights at one time; beyond that, calls go on by themselves. More than a process mostly may have connections."""

LATER = 0.05
"""Seconds by which a member's limit must be later than the flight's, if it is to be asked for once more."""


def longest(limits: list[float | None]) -> float | None:
    """The latest of some limits; None (no limit) is later than any."""
    return None if None in limits else max((limit for limit in limits if limit is not None), default=None)


class Member:
    """One call that waits for an answer.

    Attributes:
        call: the call itself; only its strategy looks into it.
        wake: lets it look what has come.
        until: when it must have its answer; None is never.
        patience: seconds that its program lets a step of a request take; None is any.
        result: what has come, for it alone.
        flight: where it is.
    """

    __slots__ = ("call", "flight", "patience", "result", "until", "wake")

    def __init__(self, call: Any, *, until: float | None, patience: float | None) -> None:
        self.call = call
        self.wake: Callable[[], object] = bool
        self.flight: Flight | None = None
        self.until = until
        self.patience = patience
        self.result: Any = None


class Flight:
    """One request, and those who wait for its answer.

    Attributes:
        key: what they have in common.
        leader: whose request it is; it may have left.
        members: who is there; a stream's readers until they stop.
        until: when the request ends at the latest.
        patience: seconds that a step of it may take.
        shared: its answer, once there is one that is still read.
        spawned: what ends the one who asks, or reads, for everybody, if somebody does.
        pumped: whether somebody does, or is about to.
    """

    __slots__ = ("key", "leader", "members", "patience", "place", "pumped", "shared", "spawned", "until")

    def __init__(self, key: Hashable, place: object, leader: Member) -> None:
        self.key = key
        self.place = None if place is None else ref(place)
        self.leader = leader
        self.members: dict[Member, None] = {leader: None}  # in the order in which they came
        self.until = leader.until
        self.patience = leader.patience
        self.shared: Any = None
        self.spawned: Any = None
        self.pumped = False

    def outlasts(self, member: Member) -> bool:
        """Whether a member has time left when the request's is over."""
        return _later(member.until, self.until) or _later(member.patience, self.patience)

    def goes_on(self, member: Member) -> bool:
        """Whether the request has time left when a member's is over."""
        if member.until is None:
            return _later(self.patience, member.patience)
        return _later(self.until, member.until)


def _later(one: float | None, other: float | None) -> bool:
    return other is not None and (math.inf if one is None else one) > other + LATER


class Flights:
    """All flights of one strategy. Its lock is held for a few steps only, and never by a finaliser."""

    __slots__ = ("__weakref__", "_by_key", "_gone", "_lock")

    def __init__(self) -> None:
        self.renew()
        _every.add(self)

    def renew(self) -> None:
        """Begin with none, and with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._by_key: dict[Hashable, Flight] = {}
        self._gone: deque[Callable[[], object]] = deque()

    def __len__(self) -> int:
        return len(self._by_key)

    def enter(self, key: Hashable, place: object, member: Member) -> Flight | None:
        """The flight that the member is in now, which it leads if there was none; None if there are too many."""
        self.settle()
        with self._lock:
            flight = self._by_key.get(key)
            if flight is not None and _is_here(flight, place) and (flight.shared is None or flight.shared.whole):
                flight.members[member] = None
                member.result = flight.shared
            elif flight is None and len(self._by_key) >= MOST:
                return None
            else:
                flight = self._by_key[key] = Flight(key, place, member)
            member.flight = flight
            return flight

    def leave(self, member: Member) -> bool:
        """The member waits, or reads, no more. True: it was the last one."""
        flight = member.flight
        if flight is None:
            return False
        with self._lock:
            was_there = member in flight.members
            flight.members.pop(member, None)
            last = was_there and not flight.members
            if last:
                self._drop(flight)
            return last

    def dropped(self, leave: Callable[[], object]) -> None:
        """A member was found by the collector; it leaves at the next occasion."""
        self._gone.append(leave)

    def settle(self) -> None:
        """Let those leave who were dropped."""
        while self._gone:
            self._gone.popleft()()

    def set_off(self, flight: Flight) -> None:
        """Its request is about to be sent, under the longest limits of its members."""
        with self._lock:
            members = list(flight.members) or [flight.leader]
            flight.until = longest([member.until for member in members])
            flight.patience = longest([member.patience for member in members])

    def landed(self, flight: Flight) -> list[Member]:
        """It is over. Those who waited, whom nobody else will tell."""
        with self._lock:
            self._drop(flight)
            members = list(flight.members)
            flight.members.clear()
        return members

    def streams(self, flight: Flight, shared: Any) -> list[Member]:
        """It has an answer that is read on: for those who wait, and for those who come while its beginning is held."""
        with self._lock:
            flight.shared = shared
            members = list(flight.members)
            for member in members:
                member.result = shared
        return members

    def over(self, flight: Flight) -> None:
        """Nobody joins it any more; those who read it read on."""
        with self._lock:
            self._drop(flight)

    def runs_out(self, flight: Flight, result: Any, *, leaves: Member | None = None) -> Member | None:
        """Its time is over, or (``leaves``) its leader leaves it with its request. Who has time left stays, and the
        most patient of them leads from now on; None if there is nobody. ``result`` is for all others."""
        with self._lock:
            if leaves is not None:
                flight.members.pop(leaves, None)
            short = [] if result is None else [member for member in flight.members if not flight.outlasts(member)]
            for member in short:
                del flight.members[member]
                member.result = result
            heir = max(flight.members, key=_patience, default=None)
            if heir is None:
                self._drop(flight)
            else:
                flight.leader = heir
        for member in short:
            member.wake()
        return heir

    def pump(self, flight: Flight) -> bool:
        """Whether the caller is the one who has to see to it that a shared stream is read on for all."""
        with self._lock:
            first = not flight.pumped and len(flight.members) > 1
            flight.pumped = flight.pumped or first
            return first

    def _drop(self, flight: Flight) -> None:
        if self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]


def _patience(member: Member) -> float:
    return math.inf if member.until is None else member.until


def _is_here(flight: Flight, place: object) -> bool:
    """Whether it flies in this loop, not in one that is gone and had the same name."""
    return (None if flight.place is None else flight.place()) is place


_every: WeakSet[Flights] = WeakSet()


def _renew_all() -> None:
    """A forked child has none of the threads that fly, and maybe a lock that one of them held."""
    for flights in list(_every):
        flights.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
