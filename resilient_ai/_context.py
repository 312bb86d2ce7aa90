"""What surrounds a call: whether we are switched on, the options in force, who records."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast, get_args

from ._egress import narrowed
from ._memo import Memo
from ._settings import check_name, is_number, ways_of
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from ._egress import Bound
    from ._journal import Journal, Outcome
    from ._settings import Way

Mode = Literal["on", "observe", "off"]
ENVIRON = "_data"
_VARIABLE = os.fsencode("RESILIENT_AI") if os.supports_bytes_environ else "RESILIENT_AI"
"""Its name as it is kept there."""
CacheUse = Literal["default", "no-store", "refresh", "only"]
Priority = Literal["interactive", "batch"]


class _Switch:
    """The process-wide switch: what ``control`` said last, else the environment's word."""

    def __init__(self) -> None:
        self.forced: Mode | None = None

    def mode(self) -> Mode:
        """The mode in force.

        Raises:
            ConfigurationError: ``RESILIENT_AI`` holds a word we do not know.
        """
        if self.forced is not None:
            return self.forced
        # os.environ answers a missing name by an exception it catches itself, which at every call costs as much as a
        # strategy does; the dictionary inside answers at once.
        data = getattr(os.environ, ENVIRON, None)
        if data is not None and _VARIABLE not in data:
            return "on"
        word = os.environ.get("RESILIENT_AI", "on").strip().lower() or "on"
        for mode in get_args(Mode):
            if word == mode:
                return cast("Mode", mode)
        raise ConfigurationError(f"RESILIENT_AI is {word!r}; it takes 'on', 'observe' or 'off'")


switch = _Switch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a program asked for one call or one block (see :func:`options`)."""

    deadline: float | None = None
    fallback: bool = True
    cache: CacheUse = "default"
    namespace: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)
    tag: str | None = None
    priority: Priority = "interactive"
    patience: float | None = None
    rescue: tuple[Way, ...] | None = None
    bound: Bound | None = None


NO_OPTIONS = Options()
current: ContextVar[Options] = ContextVar("resilient_ai.options", default=NO_OPTIONS)
recorders: ContextVar[tuple[list[Outcome], ...]] = ContextVar("resilient_ai.record", default=())


def said(
    outer: Options,
    *,
    deadline: float | None = None,
    fallback: bool | None = None,
    cache: CacheUse | None = None,
    namespace: str | None = None,
    subject: str | None = None,
    tag: str | None = None,
    priority: Priority | None = None,
    patience: float | None = None,
    rescue: tuple[Way, ...] | None = None,
    region: str | None = None,
    hosts: Sequence[str] | None = None,
    source: str = "options()",
) -> Options:
    """What is said here, and what ``outer`` says of all else, once each value has been found sound."""
    if deadline is not None and not (is_number(deadline) and 0 < deadline <= sys.float_info.max):
        raise ConfigurationError(f"{source}: deadline is a number of seconds above 0, got {deadline!r}")
    if patience is not None and not (is_number(patience) and 0 <= patience <= sys.float_info.max):
        raise ConfigurationError(f"{source}: patience is a number of seconds, 0 for none, got {patience!r}")
    if cache is not None and cache not in get_args(CacheUse):
        raise ConfigurationError(f"{source}: cache takes one of {', '.join(get_args(CacheUse))}, got {cache!r}")
    check_name(f"{source}: namespace", namespace)
    check_name(f"{source}: subject", subject)
    if not isinstance(fallback, bool | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"{source}: fallback takes True or False, got {fallback!r}")
    if not isinstance(tag, str | None):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped callers
        raise ConfigurationError(f"{source}: tag takes a word, got {type(tag).__name__}")
    if priority is not None and priority not in get_args(Priority):
        raise ConfigurationError(f"{source}: priority takes one of {', '.join(get_args(Priority))}, got {priority!r}")
    return Options(
        deadline=outer.deadline if deadline is None else deadline,
        fallback=outer.fallback if fallback is None else fallback,
        cache=outer.cache if cache is None else cache,
        namespace=outer.namespace if namespace is None else namespace,
        subject=outer.subject if subject is None else subject,
        tag=outer.tag if tag is None else tag,
        priority=outer.priority if priority is None else priority,
        patience=outer.patience if patience is None else patience,
        rescue=outer.rescue if rescue is None else ways_of(f"{source}: rescue", rescue),
        bound=narrowed(outer.bound, region, hosts, source=source),
    )


@contextmanager
def options(
    *,
    deadline: float | None = None,
    fallback: bool | None = None,
    cache: CacheUse | None = None,
    namespace: str | None = None,
    subject: str | None = None,
    tag: str | None = None,
    priority: Priority | None = None,
    patience: float | None = None,
    rescue: tuple[Way, ...] | None = None,
    region: str | None = None,
    hosts: Sequence[str] | None = None,
) -> Generator[None]:
    """Say something about every call made inside the block (in this thread or task).

    The same can be said of a single request by headers, which are stripped before sending:
    ``x-resilient-ai-deadline: 120``, ``x-resilient-ai-fallback: off``, ``x-resilient-ai-cache: no-store``,
    ``x-resilient-ai-namespace: t7``, ``x-resilient-ai-subject: user-42``, ``x-resilient-ai-tag: claims``,
    ``x-resilient-ai-priority: batch``, ``x-resilient-ai-patience: 60``, ``x-resilient-ai-rescue: replay, error``,
    ``x-resilient-ai-region: eu``, ``x-resilient-ai-hosts: api.eu.example, *.internal``. A header wins over the block,
    an inner block over an outer one, for what it says; but ``region`` and ``hosts`` only ever narrow.

    Args:
        deadline: seconds from the call's start to its answer, retries and fallbacks included. Default: the pipeline's.
        fallback: False keeps the calls at the primary, True lets them move on again. Default: what the block around
            this one says, or True.
        cache: ``"no-store"`` neither reads nor writes, ``"refresh"`` writes only, ``"only"`` asks nobody: what
            :class:`~resilient_ai.Cache` holds within its times is served, the old marked as such; where there is
            nothing, the call fails as if the provider had answered 504. ``"default"`` is the pipeline's way. Default:
            what the block around this one says, or ``"default"``.
        namespace: a name (a tenant's, say) inside which cached answers are shared, in place of the credential. Default:
            what the block around this one says, or ``Cache(namespace=…)``.
        subject: of whom the call speaks (a user's id): cached answers are shared among calls of the same one only, and
            can be erased for it. Kept as a digest. Default: what the block around this one says, or nobody.
        tag: a word of your own, carried by outcomes and events.
        priority: ``"batch"`` lets ``"interactive"`` calls go first where a ``RateLimiter`` makes calls wait. Default:
            what the block around this one says, or ``"interactive"``.
        patience: seconds a call may wait, within its deadline, for the target that reopens soonest when every one is
            refused; 0 for none. Default: what the block around this one says, or the pipeline's.
        rescue: what becomes of a stream that breaks under its reader's eyes, in order: ``"replay"``, ``"continue"``,
            ``"error"`` (:class:`~resilient_ai.Fallback` says what each does). Default: what the block around this one
            says, or the pipeline's.
        region: the calls go to hosts in this region only, and fail where none of them answers; a host of which nobody
            said where it is is in none (:class:`~resilient_ai.Egress`). It holds besides what the block around this one
            and the pipeline say. Default: nothing more than these say.
        hosts: the calls go to these hosts only (patterns, as ``Egress(hosts=…)`` has them); likewise.

    Raises:
        ConfigurationError: a value out of its range.
    """
    token = current.set(
        said(
            current.get(),
            deadline=deadline,
            fallback=fallback,
            cache=cache,
            namespace=namespace,
            subject=subject,
            tag=tag,
            priority=priority,
            patience=patience,
            rescue=rescue,
            region=region,
            hosts=hosts,
        )
    )
    try:
        yield
    finally:
        current.reset(token)


@contextmanager
def record() -> Generator[list[Outcome]]:
    """Collect the :class:`~resilient_ai.Outcome` of every call that ends inside the block, in this thread or task.

    A stream's outcome is added when the stream ends.
    """
    mine: list[Outcome] = []
    token = recorders.set((*recorders.get(), mine))
    try:
        yield mine
    finally:
        recorders.reset(token)


journals: Memo[str, Journal] = Memo(2048)
"""How the latest answers came about, by request id: how an SDK's parsed answer finds its outcome."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=journals.clear)
