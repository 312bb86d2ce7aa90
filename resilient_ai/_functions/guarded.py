"""A function with the engine in front."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from .._call import Facts, Operation
from .._context import current
from .._runtime.sync import SYNC, drive
from .._settings import takes_one
from .._target import Target
from ..errors import AllFailed, ConfigurationError, Failure, NotAllowed
from ..failures import FailureKind
from ..strategies.cache import Cache
from ..strategies.fallback import Fallback
from ..strategies.limiter import RateLimiter
from ..strategies.single_flight import SingleFlight
from ..transports._answer import explain
from .keeping import keeping_for
from .port import Came, FunctionPort, ObservedFunctionPort, Untouched

if TYPE_CHECKING:
    from .._context import Options
    from .._journal import Journal
    from ..pipeline import Pipeline
    from .keeping import Codec, Key
    from .kinds import Failures

__all__ = ["Guarded", "Others", "Repeat", "guarded"]

Function = Callable[..., Any]
Others = Mapping[str, Function] | Sequence[Function]
Repeat = Literal["stateless", "idempotent", "creating"]

_MARK = "__resilient_ai__"


class Guarded:
    """One function, those that may stand in for it, and what the program says of them."""

    def __init__(
        self,
        fn: Function,
        pipeline: Pipeline,
        *,
        name: str | None = None,
        operation: Repeat = "creating",
        failures: Failures | None = None,
        fallback: Others = (),
        key: Key | None = None,
        codec: Codec | None = None,
        wants_async: bool | None = None,
    ) -> None:
        self.fn = _plain(fn)
        is_async = _is_async(self.fn)
        if is_async and wants_async is False:
            raise ConfigurationError(f"{_name_of(self.fn)} is async: use acall")
        self.is_async = is_async or bool(wants_async)
        self._name = _name_of(self.fn) if name is None else _sound(name)
        self._operation = _operation(operation)
        self._failures = _checked(failures)
        others = _named(fallback)
        self._functions = {self._name: self.fn, **others}
        if self._name in others:
            raise ConfigurationError(f"the fallback {self._name!r} has the name of the function itself; {_GIVE_NAMES}")
        for what, other in others.items():
            if _is_async(other) != self.is_async:
                raise ConfigurationError(f"the fallback {what!r} must be {'async' if self.is_async else 'sync'}, too")
        self.pipeline = _fitting(pipeline, others)
        self._keeping = keeping_for(
            self.pipeline.find(Cache), self.fn, name=name, operation=operation, key=key, codec=codec
        )

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """In the caller's thread."""
        if self.pipeline.mode == "off":
            return self.fn(*args, **kwargs)
        value, error = drive(self._run(SYNC, args, kwargs))
        return _out(value, error)

    async def acall(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """In the caller's event loop."""
        if self.pipeline.mode == "off":
            return await self.fn(*args, **kwargs)
        from .._runtime.concurrent import ASYNC

        value, error = await self._run(ASYNC, args, kwargs)
        return _out(value, error)

    async def _run(self, runtime: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Exception | None]:
        """The value, or what is to be raised outside the coroutine: in there StopIteration cannot be."""
        options = current.get()
        if options.bound is not None:
            return None, NotAllowed(f"not called: where {self._name} sends is not known ({options.bound}, options())")
        facts = Facts(family=self._name, operation=self._operation, model=None, host=self._name, tag=options.tag)
        observes = self.pipeline.mode == "observe"
        port = (ObservedFunctionPort if observes else FunctionPort)(
            self._functions,
            name=self._name,
            args=args,
            kwargs=kwargs,
            failures=self._failures,
            is_async=self.is_async,
            keeping=self._keeping,
        )
        if isinstance(port, ObservedFunctionPort):
            await self._watched(port, runtime, facts, options)
            return port.came or Came()
        call = self.pipeline.begin(port=port, runtime=runtime, facts=facts, options=options)
        try:
            reply = await self.pipeline.run(call)
        except Failure as failure:
            call.journal.finish()
            return None, _seen(failure, call.journal)
        except Untouched as passed:
            return None, passed.error
        call.journal.finish()
        return reply.value, None

    async def _watched(self, port: ObservedFunctionPort, runtime: Any, facts: Facts, options: Options) -> None:
        with suppress(Untouched):  # the port has what it carries
            await self.pipeline.watch(port=port, runtime=runtime, facts=facts, options=options)


def guarded(fn: Function, pipeline: Pipeline, **said: Any) -> Function:
    """The function with the engine in front: sync if it is, async if it is."""
    surface = Guarded(fn, pipeline, **said)

    def call(*args: Any, **kwargs: Any) -> Any:
        return surface.call(args, kwargs)

    async def acall(*args: Any, **kwargs: Any) -> Any:
        return await surface.acall(args, kwargs)

    entrance: Function = functools.wraps(surface.fn)(acall if surface.is_async else call)
    setattr(entrance, _MARK, (entrance, surface.fn))
    return entrance


def _plain(fn: object) -> Function:
    """The function itself: guarding a guarded one replaces its pipeline."""
    if not callable(fn) or isinstance(fn, type):
        hint = "call it inside a function" if isinstance(fn, type) else "a function is wanted"
        raise ConfigurationError(f"guard() cannot guard {fn!r:.80}: {hint}")
    mark = getattr(fn, _MARK, None)
    return mark[1] if mark is not None and mark[0] is fn else fn  # a wrapper around a guarded one copies its mark


def _is_async(fn: Function) -> bool:
    # A coroutine function behind functools.partial is seen as one; an object is what its class calls.
    work: Any = fn if inspect.isroutine(fn) or type(fn) is functools.partial else type(fn).__call__
    if inspect.isgeneratorfunction(work) or inspect.isasyncgenfunction(work):
        raise ConfigurationError(
            f"{_name_of(fn)} is a generator function: its work is done after the call, unguarded. Guard a function "
            "that returns when its work is done, or wrap the http client below it"
        )
    return inspect.iscoroutinefunction(work)


def _name_of(fn: Function) -> str:
    """Module and name; a method's by its object's class (boto3 makes its methods of one function)."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    owner = getattr(fn, "__self__", None)
    if owner is not None and not inspect.ismodule(owner):
        kind = owner if isinstance(owner, type) else type(owner)
        return f"{kind.__module__}.{kind.__qualname__}.{getattr(fn, '__name__', 'call')}"
    named: Any = fn if hasattr(fn, "__qualname__") else type(fn)
    name = f"{named.__module__}.{named.__qualname__}"
    code = getattr(fn, "__code__", None)
    return f"{name}@{code.co_firstlineno}" if code is not None and fn.__name__ == "<lambda>" else name


_GIVE_NAMES = "give names: fallback={'west': fn}"


def _named(fallback: object) -> dict[str, Function]:
    if isinstance(fallback, Mapping):
        given: Mapping[object, object] = fallback  # pyright: ignore[reportUnknownVariableType]
        return {_sound(name): _plain_fallback(fn) for name, fn in given.items()}
    if callable(fallback) or not isinstance(fallback, Sequence) or isinstance(fallback, str):
        raise ConfigurationError("fallback takes a list of functions, or a mapping from names to functions")
    named: dict[str, Function] = {}
    functions: Sequence[object] = fallback  # pyright: ignore[reportUnknownVariableType]
    for fn in map(_plain_fallback, functions):
        name = _name_of(fn)
        if name in named:
            raise ConfigurationError(f"two fallbacks are named {name!r}; {_GIVE_NAMES}")
        named[name] = fn
    return named


def _plain_fallback(fn: object) -> Function:
    if not callable(fn):
        raise ConfigurationError(f"a fallback of a function is a function, got {type(fn).__name__}")
    return fn


def _sound(name: object) -> str:
    if isinstance(name, str) and name.strip() and name.isprintable() and ":" not in name:
        return name
    raise ConfigurationError(f"a function is named by a printable string without a colon, got {name!r}")


def _operation(word: object) -> Operation:
    if word in get_args(Repeat):
        return Operation(word)
    raise ConfigurationError(f"operation takes one of {', '.join(get_args(Repeat))}, got {word!r}")


def _checked(failures: Any) -> Failures | None:
    if failures is None:
        return None
    if isinstance(failures, Mapping):
        words = cast("Mapping[object, object]", failures)
        if all(isinstance(kind, type) and isinstance(word, FailureKind | None) for kind, word in words.items()):
            return cast("Failures", failures)
    elif callable(failures) and not isinstance(failures, type) and takes_one(failures):
        if not _is_async(failures):
            return failures  # type: ignore[no-any-return]  # what it returns is checked when it does
        raise ConfigurationError(f"failures is asked without being awaited; {_name_of(failures)} is async")
    raise ConfigurationError(
        "failures maps exception classes to a kind ({ValueError: FailureKind.TRANSIENT}), or is a function that takes "
        "an exception and names one"
    )


def _fitting(pipeline: Pipeline, others: Mapping[str, Function]) -> Pipeline:
    """The pipeline with the functions as its fallback.

    Raises:
        ConfigurationError: it has a strategy that can do nothing for a function.
    """
    if pipeline.egress is not None and pipeline.egress.bound is not None:
        raise ConfigurationError("Egress cannot tell where a function sends: leave it out here")
    fallback = pipeline.find(Fallback)
    if pipeline.find(SingleFlight) is not None:
        raise ConfigurationError("SingleFlight cannot tell whether a function's calls are equal: leave it out here")
    limiter = pipeline.find(RateLimiter)
    if limiter is not None and limiter.tokens_per_minute is not None:
        raise ConfigurationError("RateLimiter(tokens_per_minute=…) cannot tell what a function costs: leave it out")
    if fallback is not None and fallback.routes:
        raise ConfigurationError(
            "the pipeline's Fallback names targets, which a function cannot be sent to: give functions, as fallback=, "
            "and a pipeline without targets"
        )
    return pipeline.replaced(Fallback([Target(f"{name}:*") for name in others])) if others else pipeline


def _seen(failure: Failure, journal: Journal) -> Exception:
    """What the program sees: the function's own exception, or ours where no function was called to its end."""
    told = failure.told if isinstance(failure, AllFailed) else failure
    error = told.answer if isinstance(told.answer, Exception) else failure
    with suppress(AttributeError):  # an exception that is a frozen dataclass takes no notes
        explain(error, journal, failure)
    return error


def _out(value: Any, error: Exception | None) -> Any:
    if error is None:
        return value
    try:
        raise error
    finally:
        del error  # its traceback holds this frame
