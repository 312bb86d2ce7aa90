"""What Fallback has learnt: where things were made, what has worked, what is not asked for now, who answers."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from .._state.parking import Parking
from ..errors import CircuitOpen, Failure, NotSent
from ..events import Parked, Returned, Switched, Unparked
from ..failures import FailureKind
from ._talks import Talks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._call import Call, Reply
    from .._state.parking import Place
    from .._target import Target

__all__ = ["Whereabouts"]

log = logging.getLogger("resilient_ai")

REMEMBERED = 10_000
"""Resource ids, and the primary's working keys and models, kept in mind, the least recently used dropped first."""

RETURN_AFTER = 1.0
"""Seconds without a detour before the primary counts as returned: a ramp mixes both for a while."""

MOST_NAMED = 8
"""Fields that one line of the log names at most."""

_PARKED = {
    FailureKind.QUOTA: "its key has no money left",
    FailureKind.AUTH: "its key is refused",
    FailureKind.GONE: "it has no such model any more",
}
"""Failures that no repeat mends for a while, in words."""


class Whereabouts:
    """What is known of the targets, of each primary apart."""

    def __init__(self) -> None:
        from cachetools import LRUCache

        self._lock = Lock()
        self._homes: LRUCache[str, tuple[str, ...]] = LRUCache(REMEMBERED)
        self._worked: LRUCache[tuple[str, str], bool] = LRUCache(REMEMBERED)
        self._away: LRUCache[tuple[str, str, str | None], tuple[float, float]] = LRUCache(REMEMBERED)
        self._told: LRUCache[tuple[str, str], bool] = LRUCache(REMEMBERED)
        self._parking = Parking()
        self.talks = Talks()

    def home(self, identifier: str) -> tuple[str, ...] | None:
        """The identity of the target that made ``identifier``; None if no target of ours did."""
        with self._lock:
            return self._homes.get(identifier)

    def has_worked(self, host: str, what: str) -> bool:
        """Whether this key, or this model, has been seen working at the primary on ``host``."""
        with self._lock:
            return (host, what) in self._worked

    # What is not asked for now

    def passed_over(self, call: Call, targets: list[Target | None]) -> list[NotSent]:
        """Take off ``targets`` those that are parked, and say so of each; one is always left, since its own word is the
        truest that can be told: the first, if all are."""
        if not self._parking.places:
            return []
        now = call.runtime.now()
        refusals: list[NotSent] = []
        left: list[Target | None] = []
        for target in targets:
            view = call.derive()
            view.target = target
            place = self._parking.closed(_spot(view), now)
            if place is None:
                left.append(target)
            else:
                refusals.append(_refusal(view, place, now))
        if not left:
            left, refusals = targets[:1], refusals[1:]
        targets[:] = left
        return refusals

    def asks(self, call: Call) -> None:
        """A target is about to be asked: after its time in the park by one call only, while another can be asked.

        Raises:
            NotSent: another call tries it already.
        """
        if not self._parking.places:
            return
        now = call.runtime.now()
        place = self._parking.take(_spot(call), now)
        if place is not None and call.has_next:
            raise _refusal(call, place, now)

    def refused(self, call: Call, failure: Failure) -> None:
        """Park a key or a model that was refused, and say so aloud; once."""
        if failure.kind not in _PARKED:
            return
        now = call.runtime.now()
        place = self._parking.park(_spot(call), failure.kind.value, now, asked=failure.retry_after)
        if place is None:
            return
        why, key = _PARKED[failure.kind], _short(call)
        log.warning(
            "%s: %s (%s; key %s): not asked for %.0f s while others answer",
            _at(call),
            why,
            failure,
            key,
            place.seconds,
        )
        if call.journal.emit is not None:
            call.journal.emit(
                Parked(
                    target=call.target_name,
                    family=call.facts.family,
                    model=call.model,
                    key=key,
                    reason=place.reason,
                    seconds=place.seconds,
                )
            )

    def _works(self, call: Call) -> None:
        place = self._parking.free(_spot(call))
        if place is None:
            return
        seconds = call.runtime.now() - place.since
        log.warning("%s: works again, after %.0f s (%s; key %s)", _at(call), seconds, place.reason, _short(call))
        if call.journal.emit is not None:
            call.journal.emit(
                Unparked(
                    target=call.target_name,
                    family=call.facts.family,
                    model=call.model,
                    key=_short(call),
                    reason=place.reason,
                    seconds=seconds,
                )
            )

    # Who answers

    def answered(self, call: Call, reply: Reply, failures: Sequence[Failure]) -> None:
        """Learn from an answer, and say aloud when the one who answers has changed."""
        if call.target is None:
            host, credential = call.port.host(None), call.port.credential()
            with self._lock:
                for identifier in reply.ids:
                    self._homes.pop(identifier, None)
                self._worked[host, credential] = True
                if call.facts.giver is not None:
                    self._worked[host, call.facts.giver] = True
                if call.model is not None:
                    self._worked[host, f"model {call.model}"] = True
        elif reply.ids:
            with self._lock:
                self._homes.update(dict.fromkeys(reply.ids, call.target.identity))
        if call.target is None:
            if self._away:
                self._returned(call)
        elif failures:
            self._switched(call, failures[0])
        if self._parking.places:
            self._works(call)

    def dropped(self, call: Call, paths: tuple[str, ...]) -> None:
        """Note what whoever answered was not told, and say so aloud; of the same fields once."""
        call.journal.dropped = paths
        what = ", ".join(paths[:MOST_NAMED]) + ("" if len(paths) <= MOST_NAMED else ", …")
        with self._lock:
            known = (call.target_name, what) in self._told
            self._told[call.target_name, what] = True
        if not known:
            log.warning("%s: answered without %s, which cannot be said in its dialect", _at(call), what)

    def _switched(self, call: Call, failure: Failure) -> None:
        key, now = _primary(call), call.runtime.now()
        recovering = isinstance(failure, CircuitOpen) and failure.recovering  # part of the return, no new switch
        with self._lock:
            since = self._away.get(key)
            if since is not None or not recovering:
                self._away[key] = (now if since is None else since[0], now)
        if since is not None or recovering:
            return
        what = _what(call)
        log.warning("%s: now answered by %s, since the primary failed: %s", what, call.target_name, failure)
        if call.journal.emit is not None:
            call.journal.emit(
                Switched(family=key[1], model=key[2], to=call.target_name, reason=failure.kind.value),
            )

    def _returned(self, call: Call) -> None:
        key, now = _primary(call), call.runtime.now()
        with self._lock:
            since = self._away.get(key)
            if since is None or now - since[1] < RETURN_AFTER:
                return
            del self._away[key]
        log.warning("%s: answered by the primary again, after %.1f s away", _what(call), now - since[0])
        if call.journal.emit is not None:
            call.journal.emit(Returned(family=key[1], model=key[2], seconds=now - since[0]))


def _primary(call: Call) -> tuple[str, str, str | None]:
    """What the caller asked for, and of whom: equal pipelines of clients that point elsewhere share what they learn."""
    return call.port.host(None), call.facts.family, call.facts.model


def _what(call: Call) -> str:
    return _what_of(call.facts.family, call.facts.model)


def _at(call: Call) -> str:
    return f"{call.journal.prefix}{_what_of(call.facts.family, call.model)} at {call.target_name}"


def _what_of(family: str, model: str | None) -> str:
    return f"{family} {model or ''}".strip()


def _spot(call: Call) -> tuple[str, str, str, str | None]:
    """What is parked: a key may be good for one endpoint or model, and not for another."""
    host, key, model = call.account
    return (host, key, call.facts.family, model)


def _short(call: Call) -> str:
    """A key by the beginning of its salted hash: enough to tell one from another."""
    return call.account[1][:8] or "none"


def _refusal(call: Call, place: Place, now: float) -> NotSent:
    seconds = max(0.0, place.until - now)
    return NotSent(
        f"not asked, {place.reason} since {now - place.since:.0f} s; tried again in {seconds:.0f} s",
        target=call.target_name,
        reopens_in=seconds,
    )
