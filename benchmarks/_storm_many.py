"""Ten thousand models and keys: what a program with many customers leaves behind."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections import deque
from functools import partial
from types import CoroutineType, FrameType, FunctionType, GeneratorType, MethodType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from resilient_ai import CircuitBreaker, Fallback, Pipeline, RateLimiter
from resilient_ai._states import every_state
from resilient_ai.failures import FailureKind
from tests.scenarios.harness import World, fails, ok, target

from ._storm_kit import Storm, forgotten

if TYPE_CHECKING:
    from tests.scenarios.harness import Sent, Step

MANY = 10_000
BOUND = 10_000
"""What the largest of the maps holds at most: which keys and models have worked. The others hold 4,096."""
MIB = 1 << 20
ELSEWHERE = (ModuleType, FunctionType, MethodType, type, FrameType, TracebackType, CoroutineType, GeneratorType)
"""What leads out of what is kept, into the rest of the program."""
TROUBLES = (FailureKind.OVERLOADED, FailureKind.UNREACHABLE, FailureKind.QUOTA, FailureKind.AUTH, FailureKind.GONE)


def many(storm: Storm, *, short: bool) -> None:
    """In virtual time: a call for each model and key of its own, most of them answered, some in every sort of trouble;
    then twice as many. What is kept is counted, and weighed."""
    with forgotten():
        world = World()
        dice = random.Random(1)
        world.primary.follows(partial(_trouble, dice))
        pipeline = Pipeline.default(
            Fallback([target()]),
            CircuitBreaker(slow_call=3, patience=0.0001),
            RateLimiter(requests_per_minute=600, learn=True),
            isolated=True,
        )
        if short:
            _call(world, pipeline, 0, 8000)
        else:
            tracemalloc.start()
            try:
                first = _weighed(world, pipeline, 0, MANY)
                storm.tell(f"{MANY} models and keys: MiB held", f"{first / MIB:.1f}")
                grown = (_weighed(world, pipeline, MANY, 3 * MANY) - first) / MIB
                storm.check(grown < 2, f"{2 * MANY} more: MiB held beside", f"{grown:.1f}")
            finally:
                tracemalloc.stop()
        largest, what = _largest()
        storm.check(largest <= BOUND, "entries of the largest map or list that is kept", f"{largest} ({what})")


def _trouble(dice: random.Random, _: Sent) -> Step:
    if dice.random() < 0.3:
        return fails(dice.choice(TROUBLES), 0.01)
    if dice.random() < 0.1:
        return fails(FailureKind.RATE_LIMITED, 0.01, retry_after=5.0)
    return ok(0.01)


def _weighed(world: World, pipeline: Pipeline, begin: int, end: int) -> int:
    """Bytes that are held after the calls."""
    _call(world, pipeline, begin, end)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _call(world: World, pipeline: Pipeline, begin: int, end: int) -> None:
    async def script() -> None:
        for number in range(begin, end):
            await world.call(pipeline, model=f"model-{number}", key=f"key-{number}", timeout=30.0)

    world.run("sync", script)
    for provider in world.providers.values():
        provider.seen.clear()  # the harness's own
    world.clock.slept.clear()


def _largest() -> tuple[int, str]:
    """Of all containers that hang on what pipelines have learnt: how many entries the largest has, and its like."""
    seen: set[int] = set()
    queue: deque[Any] = deque(every_state())
    largest = (0, "")
    while queue:
        one = queue.popleft()
        if id(one) in seen or isinstance(one, ELSEWHERE):
            continue
        seen.add(id(one))
        if isinstance(one, dict | list | set | deque) and len(one) > largest[0]:  # pyright: ignore[reportUnknownArgumentType]
            largest = len(one), type(one).__name__  # pyright: ignore[reportUnknownArgumentType]
        queue.extend(gc.get_referents(one))
    return largest
