"""What surrounds a call: whether we are switched on, the options in force, who records."""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from threading import Lock
from typing import TYPE_CHECKING, Literal, get_args

from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._call import Journal, Outcome

Mode = Literal["on", "off"]
CacheUse = Literal["default", "no-store", "refresh"]


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
        word = os.environ.get("RESILIENT_AI", "on").strip().lower() or "on"
        if word in ("on", "off"):
            return "on" if word == "on" else "off"
        raise ConfigurationError(f"RESILIENT_AI is {word!r}; it takes 'on' or 'off'")


switch = _Switch()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a program asked for one call or one block (see :func:`options`)."""

    deadline: float | None = None
    fallback: bool = True
    cache: CacheUse = "default"
    tag: str | None = None


NO_OPTIONS = Options()
current: ContextVar[Options] = ContextVar("resilient_ai.options", default=NO_OPTIONS)
recorders: ContextVar[tuple[list[Outcome], ...]] = ContextVar("resilient_ai.record", default=())


def checked(
    *, deadline: float | None, fallback: bool, cache: CacheUse, tag: str | None, source: str = "options()"
) -> Options:
    """An :class:`Options`, once each value has been found sound."""
    if deadline is not None and not 0 < deadline < float("inf"):
        raise ConfigurationError(f"{source}: deadline is a number of seconds above 0, got {deadline!r}")
    if cache not in get_args(CacheUse):
        raise ConfigurationError(f"{source}: cache takes one of {', '.join(get_args(CacheUse))}, got {cache!r}")
    if not isinstance(fallback, bool):
        raise ConfigurationError(f"{source}: fallback takes True or False, got {fallback!r}")
    return Options(deadline=deadline, fallback=fallback, cache=cache, tag=tag)


@contextmanager
def options(
    *,
    deadline: float | None = None,
    fallback: bool = True,
    cache: CacheUse = "default",
    tag: str | None = None,
) -> Iterator[None]:
    """Say something about every call made inside the block (in this thread or task).

    The same can be said of a single request by headers, which are stripped before sending:
    ``x-resilient-ai-deadline: 120``, ``x-resilient-ai-fallback: off``, ``x-resilient-ai-cache: no-store``,
    ``x-resilient-ai-tag: claims``. A header wins over the block; an inner block wins over an outer one, for what it
    says.

    Args:
        deadline: seconds from the call's start to its answer, retries and fallbacks included. Default: the pipeline's.
        fallback: False keeps the calls at the primary. Default True.
        cache: ``"no-store"`` neither reads nor writes, ``"refresh"`` writes only. Default: the pipeline's way.
        tag: a word of your own, carried by outcomes and events.

    Raises:
        ConfigurationError: a value out of its range.
    """
    said = checked(deadline=deadline, fallback=fallback, cache=cache, tag=tag)
    outer = current.get()
    token = current.set(merged(outer, said))
    try:
        yield
    finally:
        current.reset(token)


def merged(outer: Options, inner: Options) -> Options:
    """What ``inner`` says, and what ``outer`` says of all else."""
    if outer is NO_OPTIONS:
        return inner
    said = {
        field.name: value
        for field in fields(Options)
        if (value := getattr(inner, field.name)) != getattr(NO_OPTIONS, field.name)
    }
    return Options(**{field.name: getattr(outer, field.name) for field in fields(Options)} | said)


@contextmanager
def record() -> Iterator[list[Outcome]]:
    """Collect the :class:`~resilient_ai.Outcome` of every call that ends inside the block, in this thread or task.

    A stream's outcome is added when the stream ends.
    """
    mine: list[Outcome] = []
    token = recorders.set((*recorders.get(), mine))
    try:
        yield mine
    finally:
        recorders.reset(token)


class _Journals:
    """The journals of the latest answers, by request id: how an SDK's parsed answer finds its outcome."""

    LIMIT = 4096

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, Journal] = OrderedDict()

    def keep(self, request_id: str, journal: Journal) -> None:
        with self._lock:
            self._kept[request_id] = journal
            if len(self._kept) > self.LIMIT:
                self._kept.popitem(last=False)

    def find(self, request_id: str) -> Journal | None:
        return self._kept.get(request_id)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


journals = _Journals()
