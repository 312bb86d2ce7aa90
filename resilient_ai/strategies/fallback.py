"""Who else may answer."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from .._call import Operation
from .._target import SAME_MODEL, Target
from ..errors import AllFailed, CircuitOpen, ConfigurationError, Failure
from ..events import Returned, Switched
from ..failures import FailureKind

if TYPE_CHECKING:
    from .._call import Call, Next, Reply

__all__ = ["Fallback", "Routes"]

log = logging.getLogger("resilient_ai")

Targets = Sequence[Target | str]
Routes = tuple[tuple[str, tuple[Target, ...]], ...]

REMEMBERED = 10_000
"""Resource ids, and the primary's working keys and models, kept in mind, the least recently used dropped first."""

RETURN_AFTER = 1.0
"""Seconds without a detour before the primary counts as returned: a ramp mixes both for a while."""

_NOT_TOLD = frozenset(
    {
        FailureKind.CALLER,
        FailureKind.TOO_LONG,
        FailureKind.REFUSED,
        FailureKind.GONE,
        FailureKind.AUTH,
        FailureKind.QUOTA,
        FailureKind.LOCAL,
    }
)
"""What a fallback says that is news about the fallback, not about the outage the caller should hear of."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """Ask other targets, in order, when the primary fails.

    Nothing is asked that was not named here. A failure that is the caller's own mistake never moves on; a call that
    creates something moves on only after proof that nothing was made; a request that carries the id of something made
    earlier goes where that was made, and nowhere else; embeddings never change their model.

    Args:
        targets: targets (or their names), in order; or a mapping from the caller's model to such a list, where ``"*"``
            stands for every model not named.

    Raises:
        ConfigurationError: a target that cannot be read.
    """

    targets: Any = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", _routes(self.targets))

    @property
    def routes(self) -> Routes:
        """The targets for each model, ``"*"`` for all others."""
        return cast("Routes", self.targets)

    @property
    def does_nothing(self) -> bool:
        """Whether it has nobody to ask: then a pipeline passes it by."""
        return not self.targets

    def every_target(self) -> tuple[Target, ...]:
        """All targets named, each once."""
        return tuple(dict.fromkeys(target for _, targets in self.routes for target in targets))

    def new_state(self) -> Whereabouts:
        """Nothing is known yet."""
        return Whereabouts()

    async def execute(self, next: Next, call: Call) -> Reply:
        """Ask the primary, then the targets, until one answers."""
        state = call.state(self)
        queue = deque(self._candidates(call, state))
        turned_away: list[Target | None] = []
        failures: list[Failure] = []
        try:
            while queue:
                target = queue.popleft()
                view = _view(call, target, remaining=len(queue) + 1)
                try:
                    reply = await next(view)
                except Failure as failure:
                    failures.append(failure)
                    if not _moves_on(view, failure, state):
                        break
                    if isinstance(failure, CircuitOpen) and failure.recovering and target not in turned_away:
                        # It works, and spares itself calls that others can answer; if they cannot, it is asked again.
                        turned_away.append(target)
                        queue.append(target)
                else:
                    state.answered(view, reply, failures)
                    return reply
            if len(failures) == 1:
                raise failures[0]
            raise AllFailed(failures, told=_told(failures))
        finally:
            failures.clear()  # their tracebacks hold this frame, and it them

    def _candidates(self, call: Call, state: Whereabouts) -> list[Target | None]:
        if call.facts.ids:
            return [_home(call.facts.ids, state, self.every_target())]
        if not call.options.fallback:
            return [None]
        targets = self._for_model(call.facts.model)
        return [None, *(target for target in targets if call.port.fits(target) is None)]

    def _for_model(self, model: str | None) -> tuple[Target, ...]:
        everyone: tuple[Target, ...] = ()
        for name, targets in self.routes:
            if name == model:
                return targets
            if name == SAME_MODEL:
                everyone = targets
        return everyone


class Whereabouts:
    """What the fallback has learnt: where things were made, what has worked, who answers at present."""

    def __init__(self) -> None:
        from cachetools import LRUCache

        self._lock = Lock()
        self._homes: LRUCache[str, tuple[str, ...]] = LRUCache(REMEMBERED)
        self._worked: LRUCache[tuple[str, str], bool] = LRUCache(REMEMBERED)
        self._away: LRUCache[tuple[str, str, str | None], tuple[float, float]] = LRUCache(REMEMBERED)

    def home(self, identifier: str) -> tuple[str, ...] | None:
        """The identity of the target that made ``identifier``; None if no target of ours did."""
        with self._lock:
            return self._homes.get(identifier)

    def has_worked(self, host: str, what: str) -> bool:
        """Whether this key, or this model, has been seen working at the primary on ``host``."""
        with self._lock:
            return (host, what) in self._worked

    def answered(self, call: Call, reply: Reply, failures: Sequence[Failure]) -> None:
        """Learn from an answer, and say aloud when the one who answers has changed."""
        if call.target is None:
            host, credential = call.port.host(None), call.port.credential()
            with self._lock:
                for identifier in reply.ids:
                    self._homes.pop(identifier, None)
                self._worked[host, credential] = True
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
    return f"{call.facts.family} {call.facts.model or ''}".strip()


def _view(call: Call, target: Target | None, *, remaining: int) -> Call:
    """The call as this target gets it: with no more than its share of the time, so that a mute one starves nobody."""
    view = call.derive()
    view.target = target
    view.has_next = remaining > 1
    if call.deadline is not None:
        now = call.runtime.now()
        view.limit = now + max(0.0, call.deadline - now) / remaining
    return view


def _moves_on(call: Call, failure: Failure, state: Whereabouts) -> bool:
    meaning = failure.kind.meaning
    if not call.facts.repeatable and not isinstance(failure, CircuitOpen):
        return False
    if call.facts.operation is Operation.CREATING and not meaning.nothing_made:
        return False
    if call.target is not None:
        return failure.kind is not FailureKind.DEADLINE  # whatever ails a fallback is no verdict on the call
    if meaning.if_worked:
        what = call.port.credential() if failure.kind is FailureKind.AUTH else f"model {call.model}"
        return state.has_worked(call.port.host(None), what)
    return meaning.moves_on


def _told(failures: Sequence[Failure]) -> Failure:
    """The failure the caller hears of: the last that is about an outage, else the primary's."""
    return next((failure for failure in reversed(failures) if failure.kind not in _NOT_TOLD), failures[0])


def _home(ids: Sequence[str], state: Whereabouts, targets: Sequence[Target]) -> Target | None:
    """Where the things a request speaks of were made. What we did not see being made is the primary's."""
    homes = [state.home(identifier) for identifier in ids]
    return next((target for target in targets if target.identity in homes), None)


def _routes(given: object) -> Routes:
    if isinstance(given, Mapping):
        named: Mapping[object, object] = given  # pyright: ignore[reportUnknownVariableType]
        return tuple((_model(model), _list(targets)) for model, targets in named.items())
    if isinstance(given, tuple) and given and isinstance(given[0], tuple):
        return cast("Routes", given)  # routes already: a copy of another Fallback
    targets = _list(given)  # pyright: ignore[reportUnknownArgumentType]
    return ((SAME_MODEL, targets),) if targets else ()


def _model(name: object) -> str:
    if isinstance(name, str) and name:
        return name
    raise ConfigurationError(f"fallback maps the caller's model (or '*') to targets; {name!r} is no model's name")


def _list(given: object) -> tuple[Target, ...]:
    if isinstance(given, str | Target) or not isinstance(given, Sequence):
        raise ConfigurationError(f"fallback takes a list of targets, or a mapping from models to such; got {given!r}")
    items: Sequence[object] = given  # pyright: ignore[reportUnknownVariableType]
    return tuple(_target(item) for item in items)


def _target(item: object) -> Target:
    if isinstance(item, Target):
        return item
    if isinstance(item, str):
        return Target(item)
    raise ConfigurationError(f"a fallback is a Target or its name 'vendor:model', got {type(item).__name__}")
