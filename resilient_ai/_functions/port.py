"""One call of a function: made, judged, and handed to the strategies as a reply or a failure."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .._call import Reply
from .._observe import say_if_late, stop_if_changed
from .._runtime.limit import run_bounded
from ..errors import ConfigurationError, DeadlineExceeded, Failure
from ..failures import FailureKind
from .kinds import kind_of, status_of, wait_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from .._call import Call
    from .._journal import Attempt
    from .._keying import CacheKey, Keying
    from .._packed import Packed
    from .._target import Target
    from .keeping import Keeping
    from .kinds import Failures

__all__ = ["FunctionPort", "Untouched"]


class Untouched(BaseException):
    """Carries past the strategies an exception that would not survive a coroutine: StopIteration."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Came(NamedTuple):
    """What a function came to: its value, or its exception. Boxed, so that no time-out of ours is taken for its own."""

    value: Any = None
    error: Exception | None = None


class FunctionPort:
    """What the strategies need done for one call of a function."""

    __slots__ = ("_args", "_failures", "_functions", "_is_async", "_keeping", "_kwargs", "_name", "came")

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        *,
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        failures: Failures | None,
        is_async: bool,
        keeping: Keeping | None,
    ) -> None:
        self._functions = functions
        self._name = name
        self._args = args
        self._kwargs = kwargs
        self._failures = failures
        self._is_async = is_async
        self._keeping = keeping
        self.came: Came | None = None

    def host(self, target: Target | None) -> str:
        """The function's name: health is kept under it."""
        return self._name if target is None else target.vendor

    def credential(self) -> str:
        """None: a function brings its own."""
        return ""

    def fits(self, target: Target) -> str | None:
        """Why the call cannot go to ``target`` at all."""
        return None if target.vendor in self._functions else "a function's call goes to functions only"

    def order(self, targets: list[Target]) -> list[Target]:
        """As they were named."""
        return targets

    def family(self, target: Target) -> str:  # noqa: ARG002  # a Port's signature
        """The function's name."""
        return self._name

    def larger(self, target: Target) -> bool:  # noqa: ARG002  # a Port's signature
        """Nothing is known of that."""
        return False

    def carry(self, target: Target, *, drop: bool) -> tuple[str, ...]:  # noqa: ARG002  # a Port's signature
        """Nothing is left out: a function gets the arguments as they are."""
        return ()

    bound = None

    def barred(self, target: Target | None) -> str | None:  # noqa: ARG002  # a Port's signature
        """None: a call that is bound never comes here."""
        return None

    def conversation(self) -> tuple[None, bool]:
        """None: a function's arguments are its own."""
        return None, False

    def answer(self, reply: Reply) -> tuple[bool, Any]:
        """What the function returned, itself."""
        return True, reply.value

    def cache_key(self, call: Call, keying: Keying) -> CacheKey | None:  # noqa: ARG002  # a Port's signature
        """The key of what the program says the call asks for."""
        keeping = self._keeping
        return None if keeping is None else keeping.named(self._name, self._args, self._kwargs, keying)

    def digest(self) -> str | None:
        """None: equal arguments need not look equal."""
        return None

    def sharing(self) -> None:
        """None: what a function returns may be changed by whoever gets it."""

    def alike(self) -> Hashable:
        """None: all calls of one function are."""
        return None

    def keep(self) -> None:
        """Nothing is to be done for it: a value is there at once."""

    def pack(self, reply: Reply) -> Packed | None:
        """The value, as its codec has it; None if it cannot be kept."""
        return None if self._keeping is None else self._keeping.packed(reply.value)

    def unpack(self, packed: bytes, call: Call) -> Reply | None:  # noqa: ARG002  # a Port's signature
        """A value that is nobody else's; None if it cannot be had."""
        found = None if self._keeping is None else self._keeping.unpacked(packed)
        return None if found is None else Reply(found[0])

    def tokens(self) -> int:
        """0: a function's arguments are its own."""
        return 0

    def used(self, reply: Reply) -> None:  # a Port's signature
        """None, as above."""

    async def discard(self, reply: Reply) -> None:
        """Nothing: a value is only forgotten."""

    async def drain(self, reply: Reply) -> None:
        """Nothing: a value has no end to be read to."""

    async def send(self, call: Call) -> Reply:
        """Call the function once, by the call's limit, and judge what it came to."""
        attempt = call.journal.begin(call.target_name)
        until = call.attempt_limit(attempt.started)
        if until is not None and until <= attempt.started:
            attempt.ended, attempt.kind = attempt.started, FailureKind.DEADLINE
            raise DeadlineExceeded("the call's time was over before it was made", target=call.target_name)
        return await self.attempted(call, attempt, None if until is None else until - attempt.started)

    async def attempted(self, call: Call, attempt: Attempt, seconds: float | None) -> Reply:
        """Call the function once, and judge what it came to."""
        function = self._functions[self._name if call.target is None else call.target.vendor]
        try:
            came = self.came = await self._run(function, seconds)
        except TimeoutError as error:
            raise self._failed(call, attempt, _out_of_time(call, attempt)) from error
        finally:
            attempt.ended = call.runtime.now()
        if came.error is not None:
            self._judge(call, attempt, came.error)
        call.journal.answered(call.target_name, "fresh" if call.target is None else "fallback", call.model)
        reply = Reply(came.value)
        reply.attempt = attempt
        return reply

    async def _run(self, function: Callable[..., Any], seconds: float | None) -> Came:
        if not self._is_async:
            return run_bounded(partial(self._came, function), seconds)
        if seconds is None:
            return await self._acame(function)
        from .._runtime.concurrent import within

        return await within(seconds, partial(self._acame, function))

    def _came(self, function: Callable[..., Any]) -> Came:
        try:
            value = function(*self._args, **self._kwargs)
        except Exception as error:  # noqa: BLE001 - it is judged in the caller's thread, or raised there untouched
            return Came(error=error)
        if inspect.isawaitable(value):
            getattr(value, "close", getattr(value, "cancel", bool))()
            raise ConfigurationError(f"{self._name} returned something to be awaited: use acall, or an async function")
        return Came(_no_generator(value, self._name))

    async def _acame(self, function: Callable[..., Any]) -> Came:
        try:
            value = function(*self._args, **self._kwargs)
            awaited = inspect.isawaitable(value)
            value = await value if awaited else None
        except Exception as error:  # noqa: BLE001 - it is judged by our caller, or raised there untouched
            return Came(error=error)
        if not awaited:
            raise ConfigurationError(f"{self._name} returned nothing to be awaited: use call")
        return Came(_no_generator(value, self._name))

    def _judge(self, call: Call, attempt: Attempt, error: Exception) -> None:
        """Raise what the exception is: a failure, or itself."""
        kind = None
        if not type(error).__module__.startswith("billiard"):  # Celery's soft time limit speaks of the task
            kind = kind_of(error, own=self._failures)
        if kind is None:
            raise Untouched(error) if isinstance(error, StopIteration) else error
        raise self._failed(
            call,
            attempt,
            Failure(
                _said(error),
                kind=kind,
                target=call.target_name,
                status=status_of(error),
                retry_after=wait_of(error),
                answer=error,
            ),
        ) from error

    def _failed(self, call: Call, attempt: Attempt, failure: Failure) -> Failure:
        attempt.ended = call.runtime.now()
        call.journal.failed(attempt, failure, call.model)
        return failure


class ObservedFunctionPort(FunctionPort):
    """Calls the function as the program does: once, and without a limit."""

    __slots__ = ("sent",)

    def __init__(self, functions: Mapping[str, Callable[..., Any]], **said: Any) -> None:
        super().__init__(functions, **said)
        self.sent = False

    def cache_key(self, call: Call, keying: Keying) -> CacheKey | None:  # noqa: ARG002  # a Port's signature
        """None: a cache is not looked at."""
        return None

    async def send(self, call: Call) -> Reply:
        """Once; Stopped if it would not be the program's own call."""
        stop_if_changed(self, call)
        return await self.once(call)

    async def once(self, call: Call) -> Reply:
        """Call the function, and judge what it came to."""
        self.sent = True
        attempt = call.journal.begin(call.target_name)
        try:
            return await self.attempted(call, attempt, None)
        finally:
            say_if_late(call, attempt)


def _said(error: Exception) -> str:
    """The exception's class and status. Not its words: they may hold a prompt, and this goes into logs."""
    status = status_of(error)
    return type(error).__name__ if status is None else f"{type(error).__name__}, HTTP {status}"


def _out_of_time(call: Call, attempt: Attempt) -> Failure:
    now = call.runtime.now()
    if call.deadline is not None and now >= call.deadline - 0.002:
        return DeadlineExceeded("the call's time was over", target=call.target_name)
    text = f"it had not returned after {now - attempt.started:.2f} s"
    return Failure(text, kind=FailureKind.SILENT, target=call.target_name)


def _no_generator(value: Any, name: str) -> Any:
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        raise ConfigurationError(
            f"{name} returned a generator, whose work is done after the call, unguarded: guard a function that "
            "returns when its work is done, or wrap the http client below it"
        )
    return value
