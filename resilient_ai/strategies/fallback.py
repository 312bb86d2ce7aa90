"""Who else may answer."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from .._call import Operation
from .._settings import Way, ways_of
from .._target import PRIMARY, SAME_MODEL, Target, keyed
from ..errors import AllFailed, ConfigurationError, Failure, NotSent
from ..failures import FailureKind
from ._acceptance import check_accept, refused
from ._course import RETURNS, Course, Turn
from ._rescue import anew, once_more
from ._routes import Routes, routes
from ._skipped import allowed, elsewhere, fitting, nowhere
from ._standby import briefly_connected
from ._whereabouts import Whereabouts

if TYPE_CHECKING:
    from .._call import Call, Next, Reply
    from .._rescue import Resume

__all__ = ["Fallback", "Rescuer", "Routes"]

_Again = Callable[["Next", "Call", Failure, "Resume"], "Awaitable[Reply]"]
_Broken = tuple[Target | None, tuple[int, Failure]]
"""A target whose answer broke off, how often it was asked, and how the last one failed."""

STEP = 0.7
"""Seconds at most before a recovering target is asked again by a call that nobody else answers."""

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
    """Ask other targets, in order, when the primary fails; go on with a stream that breaks.

    Nothing is asked that was not named here. A failure that is the caller's own mistake never moves on; a call that
    creates something moves on only after proof that nothing was made; a request that carries the id of something made
    earlier goes where that was made, and nowhere else; embeddings never change their model.

    Args:
        targets: targets (or their names), in order; or a mapping from the caller's model to such a list, where ``"*"``
            stands for every model not named.
        rescue: what becomes of a stream that breaks when its reader has some of it, in order. ``"replay"``: the same
            model is asked again, and its answer handed on from there, if it begins with what the reader has.
            ``"continue"``: a model that is known to take the beginning of its answer goes on from there. ``"error"``:
            the SDK's own exception, which always ends the list. Texts only: tools' arguments and answers by a schema
            are never made of two. Default ``("replay", "error")``.
        across_models: whether other models may be asked for that, too. Default False.
        on_untranslatable: what becomes of a request for a target that speaks another dialect, if something in it cannot
            be said there. ``"refuse"``: the target is skipped, and the outcome tells why. ``"drop"``: it is left out,
            with a warning, and the outcome names it; what the request makes no sense without is refused all the same.
            Default ``"refuse"``.
        accept: called with a copy of each plain answer, parsed, in the terms of the caller's dialect, whoever gave it;
            if it returns False, the answer is ``broken``, and the next target is asked. What it raises is raised from
            the call. Streams are not asked about, nor calls that leave something behind. (Of a guarded function it gets
            what that returned.) Default: every answer will do.
        sticky: whether a conversation stays with the target that answered it last, for as long as that one is well; by
            default it returns to the primary. It is known by how it begins (its system message and first question) and
            by its key and model, in this process, for an hour after each answer.

    Raises:
        ConfigurationError: a target that cannot be read; ways to rescue a stream that are none; an argument that says
            something else.
    """

    targets: Any = ()
    _: KW_ONLY
    rescue: tuple[Way, ...] = ("replay", "error")
    across_models: bool = False
    on_untranslatable: Literal["refuse", "drop"] = "refuse"
    accept: Callable[[Any], bool] | None = None
    sticky: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", routes(self.targets))
        object.__setattr__(self, "rescue", ways_of("Fallback(rescue=…)", self.rescue))
        for name in ("across_models", "sticky"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"Fallback({name}=…) is True or False, got {getattr(self, name)!r}")
        check_accept(self.accept)
        if self.on_untranslatable not in ("refuse", "drop"):  # pyright: ignore[reportUnnecessaryContains]  # untyped callers
            raise ConfigurationError(
                f"Fallback(on_untranslatable=…) is 'refuse' or 'drop', got {self.on_untranslatable!r}"
            )

    @property
    def routes(self) -> Routes:
        """The targets for each model, ``"*"`` for all others."""
        return cast("Routes", self.targets)

    @property
    def does_nothing(self) -> bool:
        """Whether it has nobody to ask: then a pipeline passes it by, but for what it leaves to streams."""
        return not self.targets and self.accept is None

    def every_target(self) -> tuple[Target, ...]:
        """All targets named, each once."""
        return tuple(dict.fromkeys(target for _, targets in self.routes for target in targets))

    def new_state(self) -> Whereabouts:
        """Nothing is known yet."""
        return Whereabouts()

    async def execute(self, next: Next, call: Call) -> Reply:
        """Ask the primary, then the targets, until one answers."""
        state = call.state(self)
        candidates = self._candidates(call, state)
        if not candidates:
            raise nowhere(call)
        call.rescue = Rescuer(self.rescue, self._again, next)
        if self.sticky and len(candidates) > 1:
            state.talks.to_whom(call, candidates)
        try:
            return await self._ask(next, call, candidates, [*state.passed_over(call, candidates)])
        except Failure:
            if call.facts.ids and call.options.fallback:
                elsewhere(call, self._for_model(call.facts.model), candidates)
            raise

    async def _ask(
        self,
        next: Next,
        call: Call,
        candidates: list[Target | None],
        failures: list[Failure],
        broken: _Broken | None = None,
    ) -> Reply:
        """Ask one after the other. ``broken``: whose answer broke off."""
        state = call.state(self)
        course = Course(candidates, patient=call.may_wait)
        reread: list[Target] = []
        try:
            while (turn := course.next()) is not None:
                if broken is not None and turn.target is broken[0]:
                    turn, broken = Turn(turn.target, turn.has_next, turn.share, broken[1]), None
                view, before = _view(call, turn), len(call.journal.attempts)
                asked = view
                try:
                    state.asks(view)
                    if turn.returns > 1:
                        await _step_back(view)
                    dropped = () if turn.target is None else self._carried(view, turn.target)
                    asked = self._with_key(view)
                    reply = await self._once(next, asked)
                except Failure as failure:
                    if _another_key(view, asked, failure, reread):
                        course.again(turn.target)
                        continue
                    if not _no_news(failure, turn):
                        failures.append(failure)
                    if not (_moves_on(view, failure, state) or _to_larger(view, failure, course)):
                        break
                    state.refused(view, failure)
                    course.failed(turn, failure, len(call.journal.attempts) - before)
                else:
                    state.answered(view, reply, failures)
                    if dropped or self.sticky:
                        self._note(view, state, dropped)
                    return reply
            if len(failures) == 1:
                raise failures[0]
            raise AllFailed(failures, told=_told(failures))
        finally:
            failures.clear()  # their tracebacks hold this frame, and it them
            course.forget()
            turn = broken = None

    async def _once(self, next: Next, call: Call) -> Reply:
        """Ask, and see that the answer will do."""
        reply = await briefly_connected(next, call)
        if self.accept is not None and (failure := refused(self.accept, call, reply)) is not None:
            raise failure
        return reply

    def _note(self, call: Call, state: Whereabouts, dropped: tuple[str, ...]) -> None:
        """What is kept of an answer besides."""
        if dropped:
            state.dropped(call, dropped)
        if self.sticky:
            state.talks.answered(call)

    def rescuer(self, next: Next) -> Rescuer:
        """What it leaves to a stream."""
        return Rescuer(self.rescue, self._again, next)

    async def _again(self, next: Next, call: Call, failure: Failure, resume: Resume) -> Reply:
        """Ask once more, after ``failure`` of the stream that ``call`` brought. For the target whose stream it was that
        is one repeat more, with all that holds for repeats."""
        state = call.state(self)
        try:
            if not _moves_on(call, failure, state) or not failure.kind.meaning.moves_on:
                raise failure
            again = anew(call, resume)
            everyone = self._candidates(again, state)
            candidates = once_more(call, failure, resume, everyone, across_models=self.across_models)
            candidates = [target for target in candidates if resume.fits(target)]
            if not candidates:
                raise failure
            sent = sum(attempt.target == call.target_name for attempt in call.journal.attempts)
            failures = [failure, *state.passed_over(again, candidates)]
            return await self._ask(next, again, candidates, failures, (call.target, (sent, failure)))
        finally:
            del failure  # its traceback holds this frame

    def _candidates(self, call: Call, state: Whereabouts) -> list[Target | None]:
        """Whom it may ask, in order; nobody, if it is held back from all."""
        candidates: list[Target | None]
        if call.facts.ids:
            candidates = [_home(call.facts.ids, state, self.every_target())]
        elif not call.options.fallback:
            candidates = [None]
        else:
            candidates = [None, *fitting(call, self._for_model(call.facts.model))]
        return candidates if call.port.bound is None else allowed(call, candidates)

    def _carried(self, view: Call, target: Target) -> tuple[str, ...]:
        """Make the request ready for a target; what of it is left out there.

        Raises:
            Failure: it cannot be carried over.
        """
        try:
            return view.port.carry(target, drop=self.on_untranslatable == "drop")
        except Failure as failure:
            view.journal.skip(target.name, str(failure))
            raise

    def _with_key(self, view: Call) -> Call:
        """The same view, with the key that its target's callable gives now."""
        target = view.target
        if target is None or not callable(target.api_key):
            return view
        namesakes = [other for other in self.every_target() if _by_name(other) == _by_name(target)]
        try:
            now = keyed(target, alone=len(namesakes) == 1)
        except Failure as failure:
            attempt = view.journal.begin(view.target_name)
            attempt.kind, attempt.ended = failure.kind, attempt.started
            raise
        asked = view.derive()
        asked.target, asked.resumes = now, view.resumes
        return asked

    def _for_model(self, model: str | None) -> tuple[Target, ...]:
        everyone: tuple[Target, ...] = ()
        for name, targets in self.routes:
            if name == model:
                return targets
            if name == SAME_MODEL:
                everyone = targets
        return everyone


class Rescuer:
    """What is left of a fallback for a stream that breaks once every frame of it has returned."""

    __slots__ = ("_again", "_next", "_rescue")

    def __init__(self, rescue: tuple[Way, ...], again: _Again, next: Next) -> None:
        self._rescue = rescue
        self._again = again
        self._next = next

    def ways(self, call: Call) -> tuple[Way, ...]:
        """What is to be tried, in order."""
        return self._rescue if call.options.rescue is None else call.options.rescue

    async def ask(self, call: Call, failure: Failure, resume: Resume) -> Reply:
        """Ask whoever may give the same answer: the same model, wherever it is served."""
        return await self._again(self._next, call, failure, resume)


def _view(call: Call, turn: Turn) -> Call:
    """The call as this target gets it: with no more than its share of the time, so that a mute one starves nobody.

    What may go nowhere after silence starves nobody by waiting, and is not cut short: nothing would be won by it."""
    view = call.derive()
    view.target = turn.target
    view.has_next = turn.has_next
    view.resumes = turn.resumes
    view.turned_away = turn.returns > 0
    if call.deadline is not None and _leaves_silence(call):
        now = call.runtime.now()
        view.limit = now + max(0.0, call.deadline - now) / turn.share
    return view


def _leaves_silence(call: Call) -> bool:
    """Whether the call may move on from a target that says nothing: that proves nothing about what was made there."""
    return call.facts.repeatable and call.facts.operation is not Operation.CREATING


def _by_name(target: Target) -> tuple[str | None, ...]:
    """A place, and the name of the key or the callable there: a callable made twice has one name, and so may two."""
    return (*target.place, target.credential)


def _another_key(view: Call, asked: Call, failure: Failure, reread: list[Target]) -> bool:
    """Whether the callable of a refused key has another one to give by now: a token that had expired. Asked once."""
    target = view.target
    if failure.kind is not FailureKind.AUTH or target is None or asked is view or target in reread:
        return False
    reread.append(target)
    try:
        now = keyed(target)
    except Failure:
        return False
    return now is not None and asked.target is not None and now.api_key != asked.target.api_key


def _no_news(failure: Failure, turn: Turn) -> bool:
    """Whether a turn that was not the first at its target came to nothing else."""
    if turn.resumes is None:
        return turn.returns > 0 and isinstance(failure, NotSent)
    return failure is turn.resumes[1] or isinstance(failure, NotSent)


async def _step_back(call: Call) -> None:
    """Wait a moment before a recovering target is asked again: its calls are to return one after the other."""
    left = call.time_left()
    seconds = random.uniform(0.5, 1) * (STEP if left is None else min(STEP, left / RETURNS))
    await call.runtime.sleep(seconds)
    call.journal.waited += seconds


def _moves_on(call: Call, failure: Failure, state: Whereabouts) -> bool:
    meaning = failure.kind.meaning
    if not call.facts.repeatable and not isinstance(failure, NotSent):
        return False
    if call.facts.operation is Operation.CREATING and not meaning.nothing_made:
        return False
    if call.target is not None:
        return failure.kind is not FailureKind.DEADLINE  # whatever ails a fallback is no verdict on the call
    if meaning.if_worked and not failure.retired:
        host, giver = call.port.host(None), call.facts.giver
        if failure.kind is not FailureKind.AUTH:
            return state.has_worked(host, f"model {call.model}")
        # A token that is new at every call has never worked; whoever gives them has.
        return state.has_worked(host, call.port.credential()) or (giver is not None and state.has_worked(host, giver))
    return meaning.moves_on


def _to_larger(call: Call, failure: Failure, course: Course) -> bool:
    """Whether a request that is too long goes on: only to models that are known to take longer ones."""
    if failure.kind is not FailureKind.TOO_LONG or call.facts.operation is Operation.CREATING:
        return False
    larger = call.port.larger
    return call.facts.repeatable and course.only(lambda target: target is not None and larger(target))


def _told(failures: Sequence[Failure]) -> Failure:
    """The failure the caller hears of: the last that is about an outage, else the primary's."""
    own = [failure for failure in failures if failure.target == PRIMARY] or failures[:1]
    return next((failure for failure in reversed(failures) if failure.kind not in _NOT_TOLD), own[-1])


def _home(ids: Sequence[str], state: Whereabouts, targets: Sequence[Target]) -> Target | None:
    """Where the things a request speaks of were made. What we did not see being made is the primary's."""
    homes = [state.home(identifier) for identifier in ids]
    return next((target for target in targets if target.identity in homes), None)
