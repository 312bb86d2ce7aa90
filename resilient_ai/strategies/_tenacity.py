"""A user's own tenacity objects, asked after a failure, with all that tenacity would tell them."""

from __future__ import annotations

import inspect
import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from .._settings import is_number, takes_one
from ..errors import ConfigurationError, Failure

if TYPE_CHECKING:
    import tenacity

__all__ = ["MOST_SECONDS", "Past", "check_asked", "said_again", "said_stop", "said_wait", "state_after"]

MOST_SECONDS = threading.TIMEOUT_MAX
"""Seconds: the longest wait there is, 292 years on most systems; the clocks take no longer one."""

_JUDGES_RESULTS = frozenset({"retry_if_result", "retry_if_not_result"})
_BASES = {"retry_base": "retry", "stop_base": "stop", "wait_base": "wait", "BaseRetrying": "Retrying"}
"""tenacity's classes, and what their objects are; by name, for tenacity is imported at the first failure only."""


class Past(NamedTuple):
    """What a call has been through at one target: sends, the first one's beginning, seconds waited."""

    number: int
    started: float
    waited: float


def check_asked(name: str, given: object) -> None:
    """Raise ConfigurationError unless ``given`` can be asked as tenacity asks its ``wait``, ``retry`` and ``stop``."""
    if given is None:
        return
    if isinstance(given, type) or not callable(given):
        hint = f"; write {given.__name__}(…)" if isinstance(given, type) else ""
        seconds = "seconds, or " if name == "wait" else ""
        raise ConfigurationError(f"Retry({name}=…) is {seconds}a tenacity {name} object, got {given!r}{hint}")
    if inspect.iscoroutinefunction(given) or inspect.iscoroutinefunction(type(given).__call__):
        raise ConfigurationError(f"Retry({name}=…) is asked without being awaited; {given!r} is a coroutine function")
    kind = type(given).__name__
    if kind in _JUDGES_RESULTS:
        raise ConfigurationError(f"Retry({name}=…) is asked about failures only, and {kind} judges results")
    if kind == "_stop_never":
        raise ConfigurationError("Retry(stop=stop_never) would repeat without end; leave stop out, or name a limit")
    what = _what(given)
    if what not in (None, name):
        raise ConfigurationError(f"Retry({name}=…) is a tenacity {name} object, got its {what}: {given!r}")
    if not takes_one(given):
        raise ConfigurationError(f"Retry({name}=…) is asked with a RetryCallState, which {given!r} does not take")
    if name == "retry" and _matches_nothing(given):
        raise ConfigurationError(
            "Retry(retry=…) is asked about resilient_ai.errors.Failure, not about the SDK's exceptions: these types "
            "would never match, and nothing be repeated; write "
            "tenacity.retry_if_exception(lambda failure: failure.kind is FailureKind.UNREACHABLE), or its like"
        )


def _types_of(retry: object) -> list[type]:
    """The exception types that a tenacity object was given; none where they are no types."""
    given: object = getattr(retry, "exception_types", ())
    several: tuple[object, ...] = cast("tuple[object, ...]", given) if isinstance(given, tuple) else (given,)
    return [one for one in several if isinstance(one, type)] if all(isinstance(one, type) for one in several) else []


def _matches_nothing(retry: Any) -> bool:
    """Whether it repeats after exceptions of certain types only, and a failure of ours is of none of them."""
    match type(retry).__name__:
        case "retry_if_exception_type":
            types = _types_of(retry)
            return bool(types) and not any(issubclass(one, Failure) or issubclass(Failure, one) for one in types)
        case "retry_any":
            return all(map(_matches_nothing, retry.retries))
        case "retry_all":
            return any(map(_matches_nothing, retry.retries))
        case _:
            return False


def _what(given: object) -> str | None:
    """What of tenacity's it is; None if it is none of them."""
    if inspect.isfunction(given):  # its objects are no functions; ``retry`` is one
        return "decorator" if (given.__module__ or "").partition(".")[0] == "tenacity" else None
    bases = [base for base in type(given).__mro__ if base.__module__.partition(".")[0] == "tenacity"]
    return next((_BASES[base.__name__] for base in bases if base.__name__ in _BASES), None)


def state_after(failure: Failure, past: Past, now: float) -> tenacity.RetryCallState:
    """What tenacity would tell its objects after this failure. Its times are of the runtime's clock."""
    import tenacity

    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.start_time = past.started
    state.attempt_number = past.number
    state.idle_for = past.waited
    outcome = tenacity.Future(past.number)
    outcome.set_exception(failure)
    state.outcome, state.outcome_timestamp = outcome, now
    return state


def said_again(retry: Any, state: tenacity.RetryCallState) -> bool:
    """Whether the user's ``retry`` object wants the call to be repeated."""
    return _word("retry", retry(state))


def said_stop(stop: Any, state: tenacity.RetryCallState, seconds: float) -> bool:
    """Whether the user's ``stop`` object wants no repeat after a wait of ``seconds``."""
    state.upcoming_sleep = seconds
    return _word("stop", stop(state))


def said_wait(wait: Any, state: tenacity.RetryCallState) -> float:
    """The seconds the user's ``wait`` object wants; infinite, if more than there are."""
    said = wait(state)
    if hasattr(said, "total_seconds"):
        said = said.total_seconds()
    if not is_number(said) or (isinstance(said, float) and math.isnan(said)):
        _drop(said)
        raise ConfigurationError(f"Retry(wait=…) returned {said!r} instead of seconds")
    return max(0.0, float(said)) if said <= MOST_SECONDS else math.inf


def _word(name: str, said: object) -> bool:
    if inspect.isawaitable(said):
        _drop(said)
        raise ConfigurationError(f"Retry({name}=…) returned something to be awaited; it is asked without being awaited")
    return bool(said)


def _drop(said: object) -> None:
    if inspect.iscoroutine(said):
        said.close()  # nobody will await it; left open, it would warn of that at some later time
