"""The words every strategy speaks: Call, Reply, Strategy."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from ._target import PRIMARY, Target

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ._context import Options
    from ._journal import Attempt, Journal
    from ._keying import CacheKey
    from ._limits import Limits
    from ._packed import Kept
    from ._port import Port
    from ._rescue import Rescue, Resume
    from ._runtime.base import Runtime
    from .errors import Failure

__all__ = [
    "Call",
    "Facts",
    "Next",
    "Operation",
    "Reply",
    "States",
    "Strategy",
    "Verdict",
]

StateT = TypeVar("StateT")
StateT_co = TypeVar("StateT_co", covariant=True)


class Operation(enum.Enum):
    """What a repeat of a call costs."""

    STATELESS = "stateless"
    """Money only: chat, embeddings."""
    IDEMPOTENT = "idempotent"
    """Nothing: GET, DELETE."""
    CREATING = "creating"
    """A second thing, made and paid: videos, batches, files, stored conversations."""


class Verdict(enum.Enum):
    """How a reply ended, as evidence about the one who gave it."""

    SUCCESS = "success"
    FAILURE = "failure"
    NONE = "no evidence"
    """The caller stopped reading."""
    DROPPED = "dropped"
    """Let go of by the garbage collector: no evidence either, and no lock may be taken."""


class Facts(NamedTuple):
    """What is known of a call before it is sent.

    Attributes:
        family: the endpoint family (chat, responses, images, …).
        operation: what a repeat costs.
        model: the model the caller asked for, if any.
        host: the host (and port) the caller's client points to.
        ids: ids of resources that the request carries: it can only go where they were made.
        repeatable: False when the body can be sent only once.
        timeout: the program's own time-out (seconds), if it has one.
        tag: the program's own word for the call.
        giver: whoever gives the caller's client its keys, if these change while it stays the same; else None.
    """

    family: str
    operation: Operation
    model: str | None
    host: str
    ids: tuple[str, ...] = ()
    repeatable: bool = True
    timeout: float | None = None
    tag: str | None = None
    giver: str | None = None


class Reply:
    """What came back: a value, and the moment it ends.

    A plain answer has ended when it is handed over. A stream ends later: strategies learn how through
    :meth:`on_end`, wherever their own frames have gone by then.

    ``limits`` reads what the answer says of the limits of its key and model; None if it came from nobody's server.
    ``attempt`` is the send that brought it, if one did. ``kept`` has what passed of a stream, for :meth:`Port.pack`;
    None for a plain answer, and where :meth:`Port.keep` was not called. ``copied``: it is kept, or will be.
    """

    __slots__ = ("_listeners", "attempt", "copied", "ids", "kept", "limits", "value", "verdict")

    limits: Callable[[], Limits | None] | None

    def __init__(self, value: Any, *, verdict: Verdict | None = Verdict.SUCCESS, ids: tuple[str, ...] = ()) -> None:
        self.value = value
        self.verdict = verdict
        self.ids = ids
        self.limits = None
        self.attempt: Attempt | None = None
        self.kept: Kept | None = None
        self.copied = False
        self._listeners: list[Callable[[Verdict], object]] | None = None

    def on_end(self, listener: Callable[[Verdict], object]) -> None:
        """Call ``listener`` once with the verdict; at once if the reply has ended."""
        if self.verdict is not None:
            listener(self.verdict)
        elif self._listeners is None:
            self._listeners = [listener]
        else:
            self._listeners.append(listener)

    def end(self, verdict: Verdict) -> None:
        """The reply has ended. Only the first word counts."""
        if self.verdict is None:
            self.verdict = verdict
            listeners, self._listeners = self._listeners, None
            for listener in listeners or ():
                listener(verdict)


class Call:
    """One operation of the user, as one strategy hands it to the next. It is not changed, only derived from.

    Attributes:
        port: the surface it came through.
        runtime: how to wait, in the caller's own mode.
        facts: what is known of the request.
        options: what the program asked for this call.
        journal: what has happened so far.
        target: where it goes; None is the primary.
        deadline: when the whole call must have ended (the runtime's clock); None is never.
        limit: when this target must have answered; never later than the deadline.
        per_attempt: seconds an attempt may take.
        first_byte: seconds an attempt may take until its first byte.
        idle: seconds between two bytes.
        pace: the least bytes a second of a stream.
        stream_limit: when a stream must have ended; None if only its first byte was limited.
        has_next: whether another target may be asked after this one.
        may_wait: whether it may wait for a target that is open (patience).
        turned_away: whether this target (recovering, or open) has turned it away already, and nobody else answered.
        resumes: how often this call has been sent to this target already, and the failure it met there last; None if it
            comes here for the first time.
        rescue: how its stream can be asked for once more; None if nobody is to ask.
        resume: how it is, if it is asked for once more: who reads its stream goes on with it, and alone hears its end.
        begun: told when the first bytes of a stream are here, long before there is something to hand over perhaps.
        key: the request's in a cache, where one has computed it.
    """

    __slots__ = (
        "_scope", "_states", "begun", "deadline", "facts", "first_byte", "has_next", "idle", "journal", "key",
        "limit", "may_wait", "options", "pace", "per_attempt", "port", "rescue", "resume", "resumes", "runtime",
        "stream_limit", "target", "turned_away",
    )  # fmt: skip

    def __init__(
        self, *, port: Port, runtime: Runtime, facts: Facts, options: Options, journal: Journal, states: States
    ) -> None:
        self.port = port
        self.runtime = runtime
        self.facts = facts
        self.options = options
        self.journal = journal
        self._states = states
        self._scope: tuple[Target | None, tuple[str, str, str | None]] | None = None
        self.target: Target | None = None
        self.deadline: float | None = None
        self.limit: float | None = None
        self.per_attempt: float | None = None
        self.first_byte: float | None = None
        self.idle: float | None = None
        self.pace: float | None = None
        self.stream_limit: float | None = None
        self.has_next = False
        self.may_wait = False
        self.turned_away = False
        self.resumes: tuple[int, Failure] | None = None
        self.rescue: Rescue | None = None
        self.resume: Resume | None = None
        self.begun: Callable[[], object] | None = None
        self.key: CacheKey | None = None

    def derive(self) -> Call:
        """A view of the same call, for the next strategy; set on it what differs."""
        view = object.__new__(Call)
        view.port = self.port
        view.runtime = self.runtime
        view.facts = self.facts
        view.options = self.options
        view.journal = self.journal
        view._states = self._states
        view._scope = None
        view.target = self.target
        view.deadline = self.deadline
        view.limit = self.limit
        view.per_attempt = self.per_attempt
        view.first_byte = self.first_byte
        view.idle = self.idle
        view.pace = self.pace
        view.stream_limit = self.stream_limit
        view.has_next = self.has_next
        view.may_wait = self.may_wait
        view.turned_away = self.turned_away
        view.resumes = None
        view.rescue = self.rescue
        view.resume = self.resume
        view.begun = self.begun
        view.key = self.key
        return view

    def state(self, strategy: Stateful[StateT]) -> StateT:
        """The state the pipeline keeps for ``strategy``."""
        return self._states.of(strategy)

    @property
    def target_name(self) -> str:
        """``"primary"`` or the target's name."""
        return PRIMARY if self.target is None else self.target.name

    @property
    def model(self) -> str | None:
        """The model asked for at this target."""
        return self.facts.model if self.target is None or self.target.model is None else self.target.model

    @property
    def scope(self) -> tuple[str, str, str | None]:
        """Health is kept per host, endpoint family and model."""
        known = self._scope
        if known is None or known[0] is not self.target:
            target, port = self.target, self.port
            family = self.facts.family if target is None else port.family(target)
            known = self._scope = (target, (port.host(target), family, self.model))
        return known[1]

    @property
    def account(self) -> tuple[str, str, str | None]:
        """Rate limits and quotas are kept per host, key (as a salted hash) and model."""
        target = self.target
        key = self.port.credential() if target is None else target.credential
        return (self.port.host(target), key, self.model)

    def attempt_limit(self, started: float) -> float | None:
        """When an attempt that started then must have begun to answer; None if there is no limit."""
        limit = self.limit
        for seconds in (self.per_attempt, self.first_byte):
            if seconds is not None and (limit is None or started + seconds < limit):
                limit = started + seconds
        return limit

    def time_left(self) -> float | None:
        """Seconds until :attr:`limit`; None if there is none. Never negative."""
        return None if self.limit is None else max(0.0, self.limit - self.runtime.now())


Next = Callable[[Call], Awaitable[Reply]]
"""What a strategy wraps."""


class Strategy(Protocol):
    """A configuration object that wraps the rest of the pipeline."""

    async def execute(self, next: Next, call: Call) -> Reply:
        """Run ``next(call)`` in this strategy's way. Awaits nothing but ``next`` and ``call.runtime``."""
        ...


class Stateful(Protocol[StateT_co]):
    """A strategy, or what several of them share, that keeps state between calls."""

    def new_state(self) -> StateT_co:
        """The state to begin with."""
        ...


class States(Protocol):
    """The state of a pipeline's strategies."""

    def of(self, strategy: Stateful[StateT], /) -> StateT:
        """The state kept for ``strategy``, made when first asked for."""
        ...


def scope_text(scope: Hashable) -> str:
    """A scope in words: ``images dall-e-3 at api.openai.com``."""
    match scope:
        case (str(host), str(family), None) if host == family:  # a function: it is called by one name
            return host
        case (str(host), str(family), str() | None as model):
            return f"{family}{'' if model is None else f' {model}'} at {host}"
        case _:
            return str(scope)
