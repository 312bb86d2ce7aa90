"""Every exception of this package.

::

    ResilienceError
    ├── ConfigurationError (ValueError)      told while building: an unknown vendor, a missing key, a wrong order
    ├── UnsupportedClient (TypeError)        wrap() was given something it cannot wrap
    └── Failure                              one attempt, or one call, failed; has a kind
        ├── NotSent                          our own decision: the key was asked to wait or is parked, the model is gone
        │   └── CircuitOpen                  the circuit is open
        ├── NotAllowed                       the call is held back from every host that could be asked (Egress)
        ├── NotCached                        the call was to ask nobody, and nothing that is kept answers it
        ├── DeadlineExceeded                 the call's own limit ran out
        └── AllFailed                        every target failed; holds each one's failure

A wrapped SDK raises its *own* exceptions; a :class:`Failure` is then their ``__cause__``.
None of them ever holds a key, a header or a prompt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._limits import Limits

__all__ = [
    "AllFailed",
    "CircuitOpen",
    "ConfigurationError",
    "DeadlineExceeded",
    "Failure",
    "NotAllowed",
    "NotCached",
    "NotSent",
    "ResilienceError",
    "UnsupportedClient",
]


class ResilienceError(Exception):
    """Base of every exception of this package."""


def _again(kind: type[Failure], args: tuple[object, ...], state: dict[str, object]) -> Failure:
    """A failure out of a pickle."""
    failure = kind.__new__(kind, *args)
    failure.__dict__.update(state)
    return failure


class ConfigurationError(ResilienceError, ValueError):
    """Something was configured that cannot work; the message says what to write instead."""


class UnsupportedClient(ResilienceError, TypeError):
    """``wrap()`` was given an object that is no supported client; the message lists those that are."""


class Failure(ResilienceError):
    """One attempt failed in a known way.

    Attributes:
        kind: what went wrong; every strategy reads its row in :mod:`resilient_ai.failures`.
        target: the name of the target that failed (``"primary"`` or ``"vendor:model"``).
        status: the HTTP status, if there was an answer.
        retry_after: seconds the provider asked us to wait, if it did.
        should_retry: False when the provider said that the same request is not worth sending again to the same target
            (``x-should-retry``); True when it said the opposite, which never makes a creating call repeatable.
        limits: reads what the answer says of the limits of its key and model; None if there was no answer. Left out of
            pickles.
        retired: whether the model or endpoint is known to have been switched off for good.
        answer: what the provider answered, in the surface's own form (an HTTP response, read to its end), or None. It
            is left out of pickles: it may hold what a model said.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: FailureKind,
        target: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        limits: Callable[[], Limits | None] | None = None,
        retired: bool = False,
        answer: object = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.target = target
        self.status = status
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.limits = limits
        self.retired = retired
        self.answer = answer

    def __reduce__(self) -> tuple[object, ...]:
        return (_again, (type(self), self.args, self.__dict__ | {"answer": None, "limits": None}))


class NotSent(Failure):
    """The call was not sent to its target, by our own decision; the message says why.

    Attributes:
        reopens_in: seconds until the target is asked again.
    """

    def __init__(self, message: str, *, target: str, reopens_in: float) -> None:
        super().__init__(message, kind=FailureKind.LOCAL, target=target, retry_after=reopens_in)
        self.reopens_in = reopens_in


class CircuitOpen(NotSent):
    """The call was not sent, since its target has been failing.

    Attributes:
        recovering: the target answers again, and its calls return step by step; this one went elsewhere meanwhile.
    """

    def __init__(self, message: str, *, target: str, reopens_in: float, recovering: bool = False) -> None:
        super().__init__(message, target=target, reopens_in=reopens_in)
        self.recovering = recovering


class NotAllowed(Failure):
    """The call is bound (:class:`~resilient_ai.Egress`, ``options(region=…, hosts=…)``), and the host that it was for,
    or every host that it could go to, is none that it may go to; the message says why. Nothing was sent there."""

    def __init__(self, message: str, *, target: str = "") -> None:
        super().__init__(message, kind=FailureKind.LOCAL, target=target)


class NotCached(Failure):
    """The call was to be answered from the cache or not at all (``options(cache="only")``), and nothing is kept that
    answers it. Nothing was sent. An SDK raises its own exception for HTTP 504, which RFC 9111 has for this."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind=FailureKind.LOCAL, status=504)


class DeadlineExceeded(Failure):
    """The call's own limit (``Deadline``, ``options(deadline=…)``, or the program's own time-out) ran out."""

    def __init__(self, message: str, *, target: str = "") -> None:
        super().__init__(message, kind=FailureKind.DEADLINE, target=target)


class AllFailed(Failure):
    """Every target failed.

    Attributes:
        failures: each target's failure, in the order they were asked. :attr:`told` is the one the caller sees.
    """

    def __init__(self, failures: Sequence[Failure], *, told: Failure) -> None:
        super().__init__(
            "; ".join(f"{failure.target}: {failure}" for failure in failures),
            kind=told.kind,
            target=told.target,
            status=told.status,
            retry_after=told.retry_after,
            should_retry=told.should_retry,
            limits=told.limits,
            answer=told.answer,
        )
        self.failures = tuple(failures)
        self.told = told
