"""Whether an answer will do: the program's own word on it."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from .._call import Operation
from ..errors import ConfigurationError, Failure
from ..failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._call import Call, Reply

__all__ = ["check_accept", "refused"]


def check_accept(accept: object) -> None:
    """See that it can be asked.

    Raises:
        ConfigurationError: it cannot.
    """
    if accept is not None and (not callable(accept) or iscoroutinefunction(accept)):
        raise ConfigurationError(
            "Fallback(accept=…) is a plain function (not awaited) that is given an answer and says whether it will do, "
            f"got {type(accept).__name__}"
        )


def refused(accept: Callable[[Any], bool], call: Call, reply: Reply) -> Failure | None:
    """The failure of an answer that will not do; None of any other. What ``accept`` raises is let through."""
    if reply.verdict is None or call.facts.operation is not Operation.STATELESS:
        return None
    known, answer = call.port.answer(reply)
    if not known or accept(answer):
        return None
    failure = Failure("no sound answer: accept() says so", kind=FailureKind.BROKEN, target=call.target_name)
    journal = call.journal
    journal.unanswered()
    if reply.attempt is not None:
        failure.status = reply.attempt.status
        journal.failed(reply.attempt, failure, call.model)
    return failure
