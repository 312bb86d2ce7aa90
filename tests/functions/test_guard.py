"""Functions guarded: the same calls, answers and exceptions in threads, asyncio and trio."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import threading
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio

from resilient_ai import (
    Cache,
    CircuitBreaker,
    Deadline,
    Fallback,
    Pipeline,
    RateLimiter,
    Retry,
    Target,
    control,
    options,
    outcome,
)
from resilient_ai import record as recording
from resilient_ai._runtime.sync import drive
from resilient_ai.errors import AllFailed, CircuitOpen, ConfigurationError, DeadlineExceeded, Failure
from resilient_ai.events import AttemptFailed, CallFinished, Switched
from resilient_ai.failures import FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable


def run(mode: str, script: Any) -> Any:
    if mode == "asyncio":
        return asyncio.run(script())
    return trio.run(script) if mode == "trio" else drive(script())


async def do(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


class Model:
    """A function that does as it is told, one step a call (the last one stays), and counts its calls."""

    def __init__(self, mode: str, *steps: Any) -> None:
        self.steps = list(steps)
        self.count = 0
        self.threads: list[int] = []
        self.ask: Any = self._aask if mode != "sync" else self._ask

    def _ask(self, text: str, *, loud: bool = False) -> str:
        self.threads.append(threading.get_ident())
        self.count += 1
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, BaseException):
            raise step
        return f"{step} {text.upper() if loud else text}"

    async def _aask(self, text: str, *, loud: bool = False) -> str:
        await anyio.lowlevel.checkpoint()
        return self._ask(text, loud=loud)


def pipeline(*strategies: Any, **said: Any) -> Pipeline:
    return Pipeline(*(strategies or (Retry(wait=0), CircuitBreaker())), **said)


NAMES = ("inner", "outer")
REFUSED = ConnectionRefusedError(111, "refused")
RESET = ConnectionResetError(104, "reset")


def test_arguments_go_in_and_the_value_comes_out(mode: str) -> None:
    model = Model(mode, "hello")

    async def script() -> None:
        guarded = pipeline().guard(model.ask)
        assert inspect.iscoroutinefunction(guarded) == (mode != "sync")
        assert inspect.signature(guarded) == inspect.signature(model.ask)
        with recording() as calls:
            assert await do(guarded("you", loud=True)) == "hello YOU"
        assert (calls[0].answered_by, calls[0].source) == ("primary", "fresh")
        assert calls[0].family.endswith("test_guard.Model._ask" if mode == "sync" else "test_guard.Model._aask")

    run(mode, script)
    assert set(model.threads) == {threading.get_ident()}  # without a limit, in the caller's own thread


def test_call_and_acall_need_no_preparation(mode: str) -> None:
    model = Model(mode, REFUSED, "hello")

    async def script() -> None:
        call = pipeline().call if mode == "sync" else pipeline().acall
        assert await do(call(model.ask, "you", loud=True)) == "hello YOU"

    run(mode, script)
    assert model.count == 2


@pytest.mark.parametrize(
    ("operation", "error", "calls"),
    [
        ("creating", REFUSED, 3),  # nothing was made
        ("creating", RESET, 1),  # something may have been
        ("idempotent", RESET, 3),
        ("stateless", RESET, 3),
        ("stateless", ValueError("mine"), 1),
    ],
)
def test_what_is_called_again(mode: str, operation: Any, error: Exception, calls: int) -> None:
    """Promise 45, for functions: unless told what a repeat costs, only after proof that nothing was made."""
    model = Model(mode, error)

    async def script() -> None:
        guarded = pipeline().guard(model.ask, operation=operation)
        with pytest.raises(type(error)) as raised:
            await do(guarded("you"))
        assert raised.value is error

    run(mode, script)
    assert model.count == calls


def test_the_default_is_the_careful_one(mode: str) -> None:
    model = Model(mode, RESET)

    async def script() -> None:
        with pytest.raises(ConnectionResetError):
            await do(pipeline().guard(model.ask)("you"))
        with pytest.raises(ConnectionResetError):
            await do((pipeline().call if mode == "sync" else pipeline().acall)(model.ask, "you"))

    run(mode, script)
    assert model.count == 2


def test_the_caller_sees_the_function_s_own_exception_with_notes(mode: str) -> None:
    """No words of the exception's own go into the notes: they may hold a prompt."""
    model = Model(mode, ConnectionResetError("prompt"))

    async def script() -> None:
        guarded = pipeline().guard(model.ask, operation="stateless", name="bedrock")
        with pytest.raises(ConnectionResetError) as raised:
            await do(guarded("you"))
        notes = raised.value.__notes__
        assert notes[0] == "resilient_ai: bedrock call failed: ConnectionResetError"
        assert [note.partition(" after")[0] for note in notes[1:]] == [
            f"  attempt {n}: primary: transient" for n in (1, 2, 3)
        ]
        assert "prompt" not in "".join(notes)
        assert raised.value.__cause__ is raised.value.__context__ is None
        assert len(outcome(raised.value).attempts) == 3
        again = pickle.loads(pickle.dumps(raised.value))
        assert again.__notes__ == notes
        assert copy.deepcopy(raised.value).__notes__ == notes

    run(mode, script)


def test_an_exception_object_that_is_raised_again_and_again_has_one_set_of_notes(mode: str) -> None:
    """Regression: a program's own object gathered the notes of every call that ended in it. Those of another guarded
    function around this one, and the program's own, stay."""
    same = ConnectionResetError("the program's")
    same.add_note("mine")
    model = Model(mode, same)

    async def script() -> None:
        inner = pipeline().guard(model.ask, operation="stateless", name=NAMES[0])
        outer = pipeline(Retry(attempts=1)).guard(inner, operation="stateless", name=NAMES[1])
        for guarded in (inner, outer, inner, outer):
            with pytest.raises(ConnectionResetError) as raised:
                await do(guarded("you"))
            assert raised.value is same
        assert same.__notes__[0] == "mine"
        heads = [note for note in same.__notes__ if note.startswith("resilient_ai: ")]
        assert sorted(heads) == [f"resilient_ai: {name} call failed: ConnectionResetError" for name in NAMES]
        assert len(same.__notes__) <= 1 + 2 * 4

    run(mode, script)


def test_what_is_no_failure_passes_untouched_and_is_no_evidence(mode: str) -> None:
    """Promise 12. A function's bugs, its own exceptions and its keys that are missing say nothing of the provider."""
    model = Model(mode, *[KeyError(n) for n in range(20)], "fine")

    async def script() -> None:
        guarded = pipeline(Retry(wait=0), CircuitBreaker(consecutive=2)).guard(model.ask, operation="stateless")
        for _ in range(20):
            with pytest.raises(KeyError) as raised:
                await do(guarded("you"))
            assert not hasattr(raised.value, "__notes__")
        assert await do(guarded("you")) == "fine you"

    run(mode, script)
    assert model.count == 21


def test_stop_iteration_comes_out_as_it_is() -> None:
    """Regression: it became RuntimeError in the coroutine that the engine drives."""
    for limited in (pipeline(), pipeline(Deadline(total=5), Retry(wait=0))):
        with pytest.raises(StopIteration) as raised:
            limited.guard(next)(iter(()))
        assert raised.value.value is None
    with pytest.raises(StopIteration):  # as a failure as well
        pipeline().guard(next, failures={StopIteration: FailureKind.TRANSIENT})(iter(()))


def test_a_circuit_opens_and_says_so(mode: str) -> None:
    model = Model(mode, RESET)
    seen: list[Any] = []

    async def script() -> None:
        strict = pipeline(CircuitBreaker(consecutive=2), listeners=[seen.append])
        guarded = strict.guard(model.ask, name="bedrock")
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await do(guarded("you"))
        with pytest.raises(CircuitOpen, match="circuit open for bedrock,") as raised:
            await do(guarded("you"))
        assert raised.value.__notes__[0].startswith("resilient_ai: bedrock call failed: circuit open")
        pickle.loads(pickle.dumps(raised.value))
        assert control.close("bedrock") >= 1
        model.steps = ["fine"]
        assert await do(guarded("you")) == "fine you"

    run(mode, script)
    assert model.count == 3
    assert len([event for event in seen if isinstance(event, AttemptFailed)]) == 2
    assert len([event for event in seen if isinstance(event, CallFinished)]) == 4


def test_another_function_answers(mode: str) -> None:
    model, west, east = Model(mode, RESET), Model(mode, REFUSED), Model(mode, "east:")
    seen: list[Any] = []

    async def script() -> None:
        guarded = pipeline(Fallback(), listeners=[seen.append]).guard(
            model.ask, operation="stateless", fallback={"west": west.ask, "east": east.ask}
        )
        with recording() as calls:
            assert await do(guarded("you", loud=True)) == "east: YOU"
        assert (calls[0].source, calls[0].degraded, len(calls[0].attempts)) == ("fallback", True, 3)
        assert str(calls[0].answered_by).startswith("east")
        with options(fallback=False), pytest.raises(ConnectionResetError):
            await do(guarded("you"))

    run(mode, script)
    assert [event.to.partition(":")[0] for event in seen if isinstance(event, Switched)] == ["east"]
    assert (model.count, west.count, east.count) == (2, 1, 1)


def test_when_all_fail_the_last_exception_is_told(mode: str) -> None:
    model, west = Model(mode, RESET), Model(mode, BrokenPipeError("west"))

    async def script() -> None:
        guarded = pipeline(Fallback()).guard(model.ask, operation="stateless", fallback={"west": west.ask})
        with pytest.raises(BrokenPipeError) as raised:
            await do(guarded("you"))
        assert len(raised.value.__notes__) == 3

    run(mode, script)


def test_when_all_circuits_are_open_every_function_is_named(mode: str) -> None:
    model, west = Model(mode, RESET), Model(mode, RESET)

    async def script() -> None:
        guarded = pipeline(CircuitBreaker(consecutive=1)).guard(
            model.ask, name="east", operation="stateless", fallback={"west": west.ask}
        )
        with pytest.raises(ConnectionResetError):
            await do(guarded("you"))
        with pytest.raises(AllFailed, match=r"open for east,.*open for east at west,"):
            await do(guarded("you"))

    run(mode, script)
    assert (model.count, west.count) == (1, 1)


def test_a_function_that_takes_too_long(mode: str) -> None:
    """An async one is cancelled. A sync one cannot be cut: it is left to its thread, and its answer dropped."""
    ended, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        go_on.wait(20)
        ended.set()

    async def aslow() -> None:
        try:
            await anyio.sleep(20)
        finally:
            ended.set()

    async def script() -> None:
        begun = time.monotonic()
        guarded: Callable[[], Any] = pipeline(Deadline(total=0.1), Retry()).guard(slow if mode == "sync" else aslow)
        with pytest.raises(DeadlineExceeded):
            await do(guarded())
        assert time.monotonic() - begun < 10
        assert ended.is_set() == (mode != "sync")

    run(mode, script)
    go_on.set()
    assert ended.wait(10)


def test_a_time_out_of_the_function_s_own_is_its_own(mode: str) -> None:
    """Regression kept out: inside a limit of ours, its TimeoutError must not be taken for ours."""
    own = TimeoutError("its own")
    model = Model(mode, own)

    async def script() -> None:
        with pytest.raises(TimeoutError) as raised:
            await do(pipeline(Deadline(total=20)).guard(model.ask)("you"))
        assert raised.value is own
        assert outcome(own).attempts[0].startswith("primary: silent")

    run(mode, script)


def test_each_attempt_has_its_limit(mode: str) -> None:
    model, west = Model(mode, "never"), Model(mode, "west:")

    def slow(text: str) -> None:
        time.sleep(0.6)

    async def aslow(text: str) -> None:
        await anyio.sleep(20)

    async def script() -> None:
        guarded = pipeline(Deadline(per_attempt=0.1)).guard(
            slow if mode == "sync" else aslow, operation="stateless", fallback={"west": west.ask}
        )
        assert await do(guarded("you")) == "west: you"
        with pytest.raises(Failure) as raised:
            await do(pipeline(Deadline(per_attempt=0.1)).guard(slow if mode == "sync" else aslow)("you"))
        assert raised.value.kind is FailureKind.SILENT

    run(mode, script)
    assert model.count == 0


def test_cancelled_from_outside_it_is_cancelled() -> None:
    """Promise 7: nothing more is called, and it is no evidence."""
    begun: list[int] = []

    async def endless() -> None:
        begun.append(1)
        await anyio.sleep_forever()

    async def script() -> None:
        with anyio.move_on_after(0.1) as scope:
            await pipeline(Retry(wait=0), CircuitBreaker(consecutive=1)).guard(endless, operation="stateless")()
        assert scope.cancelled_caught

    for mode in ("asyncio", "trio"):
        run(mode, script)
    assert len(begun) == 2


def test_switched_off_it_is_the_function(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model(mode, REFUSED)
    monkeypatch.setenv("RESILIENT_AI", "off")

    async def script() -> None:
        with pytest.raises(ConnectionRefusedError) as raised:
            await do(pipeline().guard(model.ask)("you"))
        assert not hasattr(raised.value, "__notes__") or "resilient_ai" not in str(raised.value.__notes__)

    REFUSED.__dict__.clear()
    run(mode, script)
    assert model.count == 1


def test_it_decorates() -> None:
    @pipeline().guard(name="mine", failures={ValueError: FailureKind.UNREACHABLE})
    def fn(value: int) -> int:
        """Mine."""
        calls.append(value)
        raise ValueError

    calls: list[int] = []
    assert (fn.__name__, fn.__doc__) == ("fn", "Mine.")
    with pytest.raises(ValueError):
        fn(7)
    assert calls == [7, 7, 7]


def test_guarding_again_replaces_the_pipeline() -> None:
    """It never nests: three attempts, not nine."""
    model = Model("sync", REFUSED)
    once = pipeline().guard(model.ask)
    with pytest.raises(ConnectionRefusedError):
        pipeline(Retry(wait=0, attempts=2)).guard(once)("you")
    assert model.count == 2

    @functools.wraps(once)
    def around(text: str) -> str:
        seen.append(text)
        return once(text)

    seen: list[str] = []
    with pytest.raises(ConnectionRefusedError):
        Pipeline(Deadline()).guard(around)("you")  # what a program put around a guarded function stays
    assert seen == ["you"]


def test_functions_of_one_name_share_what_is_learnt_and_others_do_not() -> None:
    east, west = Model("sync", RESET), Model("sync", "fine")
    strict = pipeline(CircuitBreaker(consecutive=1))
    with pytest.raises(ConnectionResetError):
        strict.guard(east.ask, name="east")("you")
    with pytest.raises(CircuitOpen):
        pipeline(CircuitBreaker(consecutive=1)).guard(east.ask, name="east")("you")
    assert strict.guard(west.ask, name="west")("you") == "fine you"


def generator() -> Any:
    yield 1


async def agenerator() -> Any:
    yield 1


async def afunction() -> int:
    return 1


class Late:
    """Shows only when it is called what it returns."""

    def __init__(self, fn: Any) -> None:
        self._fn = fn

    def __call__(self) -> Any:
        return self._fn()


class Object:
    def __call__(self) -> int:
        return 1

    async def ask(self) -> int:
        return 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: pipeline().guard(generator),
        lambda: pipeline().guard(agenerator),
        lambda: pipeline().guard(functools.partial(generator)),
        lambda: pipeline().guard(Object),
        lambda: pipeline().guard(7),
        lambda: pipeline().call(afunction),
        lambda: pipeline().guard(Object(), name="a:b"),
        lambda: pipeline().guard(Object(), name=""),
        lambda: pipeline().guard(Object(), operation="safe"),
        lambda: pipeline().guard(Object(), failures={"ValueError": 1}),
        lambda: pipeline().guard(Object(), failures={ValueError: "transient"}),
        lambda: pipeline().guard(Object(), failures=ValueError),
        lambda: pipeline().guard(Object(), failures=lambda: None),
        lambda: pipeline().guard(Object(), failures=afunction),
        lambda: pipeline().guard(Object(), failures=asyncio.sleep),
        lambda: pipeline().guard(Object(), fallback=Object()),
        lambda: pipeline().guard(Object(), fallback=["groq:x"]),
        lambda: pipeline().guard(Object(), fallback=[Object(), Object()]),
        lambda: pipeline().guard(Object(), fallback=[Object()]),
        lambda: pipeline().guard(Object(), fallback={"west": afunction}),
        lambda: pipeline(Cache(ttl=5)).guard(Object()),
        lambda: pipeline(RateLimiter(tokens_per_minute=5)).guard(Object()),
        lambda: pipeline(Fallback([Target("w:*", base_url="http://w", api_key="k")])).guard(Object()),
    ],
)
def test_wrong_use_is_told_when_it_is_written(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        wrong()


@pytest.mark.parametrize("fn", [Late(afunction), Late(generator), Late(agenerator)])
def test_what_cannot_be_guarded_is_told_when_it_shows(fn: Any) -> None:
    with pytest.raises(ConfigurationError):
        pipeline().call(fn)


def test_acall_wants_something_to_await() -> None:
    async def script() -> None:
        assert await pipeline().acall(Late(afunction)) == 1
        with pytest.raises(ConfigurationError):
            await pipeline().acall(Object())

    for mode in ("asyncio", "trio"):
        run(mode, script)


def test_objects_methods_and_partials_are_callables_too() -> None:
    assert pipeline().guard(Object())() == 1
    assert pipeline().guard(functools.partial(max, 3))(2) == 3

    async def script() -> None:
        assert await pipeline().guard(Object().ask)() == 1
        assert await pipeline().guard(functools.partial(afunction))() == 1

    asyncio.run(script())
