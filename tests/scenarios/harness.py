"""One script, three runtimes, a virtual clock.

Given a `World` with its providers, When the script calls, Then what the providers saw and the callers got is told::

    world = World()
    world.primary.answers(fails(OVERLOADED), ok())

    async def script() -> None:
        got = await world.call(pipeline)
        assert got.text == "hello from primary"

    world.run(mode, script)

Nobody sleeps: a wait moves the clock. `World.at_once` lets several calls run beside one another in virtual time.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import math
import threading
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
import anyio.lowlevel
import trio

from resilient_ai import _context
from resilient_ai._call import Call, Facts, Operation, Reply, Verdict
from resilient_ai._keying import CacheKey, Keying
from resilient_ai._packed import Packed
from resilient_ai._runtime.concurrent import AsyncRuntime
from resilient_ai._runtime.race import ended_by, race_on_threads
from resilient_ai._runtime.sync import SyncRuntime, drive
from resilient_ai._target import Target, salted_hash
from resilient_ai.errors import AllFailed, DeadlineExceeded, Failure
from resilient_ai.events import AttemptFailed
from resilient_ai.failures import FailureKind

if TYPE_CHECKING:
    from resilient_ai._journal import Outcome
    from resilient_ai.pipeline import Pipeline

Mode = Literal["sync", "asyncio", "trio"]
MODES: tuple[Mode, ...] = ("sync", "asyncio", "trio")
FOREVER = math.inf
Script = Callable[[], Awaitable[None]]


# ---- what a provider does with one request


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one request meets: after `delay` seconds an answer, a failure, or any exception at all."""

    kind: FailureKind | None = None
    delay: float = 0.0
    status: int | None = None
    retry_after: float | None = None
    raises: Callable[[], BaseException] | None = None
    stream: bool = False
    ids: tuple[str, ...] = ()
    tools: bool = False
    text: str | None = None


def ok(delay: float = 0.0, **said: Any) -> Step:
    return Step(delay=delay, **said)


def stream(delay: float = 0.0) -> Step:
    """Begins; the script ends it by `Got.reply.end(…)`."""
    return Step(delay=delay, stream=True)


def fails(kind: FailureKind, delay: float = 0.0, **said: Any) -> Step:
    return Step(kind=kind, delay=delay, **said)


def mute() -> Step:
    return Step(delay=FOREVER)


def raises(make: Callable[[], BaseException], delay: float = 0.0) -> Step:
    return Step(raises=make, delay=delay)


@dataclass
class Sent:
    """One request, as its provider saw it."""

    at: float
    model: str | None
    number: int
    limit: float | None = None
    key: str | None = None


class Provider:
    """Answers by a script: steps (the last one stays), or a function of the request."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.seen: list[Sent] = []
        self._rule: Callable[[Sent], Step] = lambda _: ok()

    def answers(self, *steps: Step) -> Provider:
        left = list(steps)
        self._rule = lambda _: left.pop(0) if len(left) > 1 else left[0]
        return self

    def follows(self, rule: Callable[[Sent], Step]) -> Provider:
        self._rule = rule
        return self

    def meet(self, at: float, model: str | None, limit: float | None, key: str | None) -> Step:
        sent = Sent(at, model, len(self.seen) + 1, limit, key)
        self.seen.append(sent)
        return self._rule(sent)

    @property
    def count(self) -> int:
        return len(self.seen)


# ---- time


_is_counted: ContextVar[bool] = ContextVar("counted", default=False)


class Sleeper:
    """Somebody who waits until a moment, or for a word. ``wakes``: a task's event, or a thread's."""

    def __init__(self, wakes: anyio.Event | threading.Event) -> None:
        self.wakes = wakes
        self.awake = False


class Clock:
    """Virtual time. Alone, a sleeper moves it; with several tasks or threads, the earliest sleeper is woken when all
    sleep."""

    def __init__(self, start: float = 1000.0) -> None:
        self.time = start
        self.wall_ahead = 1_700_000_000.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, Sleeper]] = []
        self._awake = 0
        self._order = itertools.count()
        self._lock = threading.RLock()

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        """The wall clock goes as the other does, and may be set by `wall_ahead`."""
        return self.time + self.wall_ahead

    def pass_(self, seconds: float) -> None:
        assert 0 <= seconds < FOREVER, f"a wait of {seconds}"
        self.slept.append(seconds)
        self.time += seconds

    async def wait(self, seconds: float) -> None:
        """A task's sleep."""
        await anyio.lowlevel.checkpoint()
        if not self._alone(seconds):
            await self.asleep(self.lie_down(anyio.Event(), seconds))

    def block(self, seconds: float) -> None:
        """A thread's sleep."""
        if not self._alone(seconds):
            self.blocked(self.lie_down(threading.Event(), seconds))

    def _alone(self, seconds: float) -> bool:
        with self._lock:
            alone = self._awake <= 1 and not self._sleepers
            if alone:
                self.pass_(seconds)
            return alone

    async def asleep(self, sleeper: Sleeper) -> None:
        try:
            await cast("anyio.Event", sleeper.wakes).wait()
        finally:
            self.rouse(sleeper)  # also when it is cancelled

    def blocked(self, sleeper: Sleeper) -> None:
        assert cast("threading.Event", sleeper.wakes).wait(20), "everybody sleeps"

    def lie_down(self, wakes: anyio.Event | threading.Event, seconds: float) -> Sleeper:
        sleeper = Sleeper(wakes)
        with self._lock:
            heapq.heappush(self._sleepers, (self.time + seconds, next(self._order), sleeper))
            self._awake -= 1
            self._wake_if_all_sleep()
        return sleeper

    def rouse(self, sleeper: Sleeper) -> None:
        """Wake one before its time, if it is not awake."""
        with self._lock:
            if not sleeper.awake:
                self._sleepers = [entry for entry in self._sleepers if entry[2] is not sleeper]
                heapq.heapify(self._sleepers)
                self._wake(sleeper)

    def _wake(self, sleeper: Sleeper) -> None:
        sleeper.awake = True
        self._awake += 1
        sleeper.wakes.set()

    def _wake_if_all_sleep(self) -> None:
        # Who waits without end is about to be cancelled, as those were who have just left; or the test hangs.
        if self._awake == 0 and self._sleepers and self._sleepers[0][0] < FOREVER:
            at, _, sleeper = heapq.heappop(self._sleepers)
            self.time = max(self.time, at)
            self._wake(sleeper)

    def rouse_all(self) -> None:
        """The end of a test: nobody is left asleep in a thread."""
        for _, _, sleeper in list(self._sleepers):
            self.rouse(sleeper)

    async def task(self, work: Callable[[], Awaitable[object]]) -> None:
        """Run `work` as one of several tasks that share this clock."""
        _is_counted.set(True)
        try:
            await work()
        finally:
            self.leave()

    def expect(self, tasks: int) -> None:
        with self._lock:
            self._awake += tasks

    def leave(self) -> None:
        with self._lock:
            self._awake -= 1
            self._wake_if_all_sleep()

    def counting(self, may: Callable[[], bool]) -> Callable[[], bool]:
        """The same question; where it is allowed, another one is awake."""

        def asked() -> bool:
            allowed = may()
            self.expect(allowed)
            return allowed

        return asked

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Whoever runs a script alone is not counted: inside, it is."""
        lone = not _is_counted.get()
        self.expect(lone)
        try:
            yield
        finally:
            with self._lock:
                self._awake -= lone


class VirtualGate:
    """A gate in virtual time."""

    def __init__(self, clock: Clock, event: Callable[[], anyio.Event | threading.Event]) -> None:
        self._clock = clock
        self._event = event
        self._opened = False
        self._waiter: Sleeper | None = None

    def open(self) -> None:
        with self._clock._lock:
            self._opened = True
            if self._waiter is not None:
                self._clock.rouse(self._waiter)

    async def wait(self, seconds: float | None) -> None:
        until = FOREVER if seconds is None else seconds
        clock = self._clock
        with clock._lock:
            if not self._opened and clock._alone(until):
                return
            self._waiter = None if self._opened else clock.lie_down(self._event(), until)
        if self._waiter is not None:
            if self._event is threading.Event:
                with ended_by(self.open):
                    clock.blocked(self._waiter)
            else:
                await clock.asleep(self._waiter)
        self._opened, self._waiter = False, None


class VirtualSync(SyncRuntime):
    """Plain threads in virtual time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(
            now=clock.now, sleep=clock.block, gate=lambda: VirtualGate(clock, threading.Event), wall=clock.wall
        )
        self.clock = clock

    async def race(self, first: Any, second: Any, *, may: Callable[[], bool], **said: Any) -> Any:
        with self.clock.counted():
            self.clock.expect(1)
            gate = _SidesGate(self.clock, threading.Event)
            return await race_on_threads(gate, first, second, may=self.clock.counting(may), drive=self.drive, **said)


class _SidesGate(VirtualGate):
    """Opened once by each side, at its end; only then its thread is counted no more."""

    def open(self) -> None:
        super().open()
        self._clock.leave()


class VirtualAsync(AsyncRuntime):
    """asyncio or trio in virtual time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(now=clock.now, sleep=clock.wait, gate=lambda: VirtualGate(clock, anyio.Event), wall=clock.wall)
        self.clock = clock

    async def race(self, first: Any, second: Any, *, may: Callable[[], bool], **said: Any) -> Any:
        with self.clock.counted():
            self.clock.expect(1)
            return await super().race(first, second, may=self.clock.counting(may), **said)

    async def run_side(self, side: Any) -> None:
        await self.clock.task(lambda: super(VirtualAsync, self).run_side(side))


# ---- the surface


class ScriptedPort:
    """Does for one call what a transport does, without a socket."""

    def __init__(self, world: World, facts: Facts, *, body: str, key: str) -> None:
        self.world = world
        self.facts = facts
        self.body = body
        self.key = key

    def host(self, target: Target | None) -> str:
        return self.facts.host if target is None else (target.base_url or "").removeprefix("https://")

    def credential(self) -> str:
        return salted_hash(self.key)

    def fits(self, target: Target) -> str | None:
        same = target.model in (None, self.facts.model)
        return None if self.facts.family != "embeddings" or same else "embeddings of two models"

    def order(self, targets: list[Target]) -> list[Target]:
        return targets

    def family(self, target: Target) -> str:
        return self.facts.family

    def larger(self, target: Target) -> bool:
        return False

    def carry(self, target: Target, *, drop: bool) -> tuple[str, ...]:
        return ()

    bound = None

    def barred(self, target: Target | None) -> str | None:
        return None

    def conversation(self) -> tuple[str | None, bool]:
        return f"{self.key} {self.body}", True

    def answer(self, reply: Reply) -> tuple[bool, Any]:
        return True, reply.value

    def cache_key(self, call: Call, keying: Keying) -> CacheKey | None:
        space = self.credential() if keying.namespace is None else keying.namespace
        key = f"{space} {keying.subject} {call.facts.host} {call.facts.family} {call.facts.model} {self.body}"
        return CacheKey(key, space, keying.subject)

    def digest(self) -> str | None:
        return self.body if self.world.told_apart else None

    def alike(self) -> Hashable:
        return self.body

    def tokens(self) -> int:
        return len(self.body)

    def used(self, reply: Reply) -> None:
        """Nothing is told."""

    def sharing(self) -> Any:
        return Shares(self)

    async def discard(self, reply: Reply) -> None:
        self.world.discarded += 1
        reply.end(Verdict.NONE)

    async def drain(self, reply: Reply) -> None:
        reply.end(Verdict.SUCCESS)

    def keep(self) -> None:
        """A scripted stream is no bytes."""

    def pack(self, reply: Reply) -> Packed | None:
        text, tools = cast("tuple[str, bool]", reply.value)
        return Packed(data=text.encode(), stale_ok=not tools)

    def unpack(self, packed: bytes, call: Call) -> Reply:
        return Reply((packed.decode(), False))

    async def send(self, call: Call) -> Reply:
        now = call.runtime.now()
        attempt = call.journal.begin(call.target_name)
        limits = [call.limit, call.stream_limit]
        limits += [now + s for s in (call.per_attempt, call.first_byte) if s is not None]
        limit = min((at for at in limits if at is not None), default=None)
        key = self.key if call.target is None else call.target.key()
        step = self.world.provider(self.host(call.target)).meet(now, call.model, limit, key)
        try:
            await self._pass(call, step, limit)
            reply = self._answer(call, step)
            reply.attempt = attempt
            return reply
        except Failure as failure:
            attempt.kind, attempt.status = failure.kind, failure.status
            if call.journal.emit is not None:
                seconds = call.runtime.now() - now
                call.journal.emit(
                    AttemptFailed(
                        target=attempt.target,
                        family=call.facts.family,
                        model=call.model,
                        kind=failure.kind,
                        status=failure.status,
                        seconds=seconds,
                    )
                )
            raise
        finally:
            attempt.ended = call.runtime.now()

    async def _pass(self, call: Call, step: Step, limit: float | None) -> None:
        now = call.runtime.now()
        left = FOREVER if limit is None else max(0.0, limit - now)
        if step.delay <= left:
            if step.delay:
                await call.runtime.sleep(step.delay)
            return
        await call.runtime.sleep(left)
        if call.deadline is not None and call.runtime.now() >= call.deadline - 0.002:
            raise DeadlineExceeded("the call's time was over", target=call.target_name)
        raise Failure("no byte came", kind=FailureKind.SILENT, target=call.target_name)

    def _answer(self, call: Call, step: Step) -> Reply:
        if step.raises is not None:
            raise step.raises()
        if step.kind is FailureKind.DEADLINE:
            raise DeadlineExceeded("the call's time was over", target=call.target_name)
        if step.kind is not None:
            raise Failure(
                step.kind.value,
                kind=step.kind,
                target=call.target_name,
                status=step.status,
                retry_after=step.retry_after,
            )
        call.journal.answered(call.target_name, "fresh" if call.target is None else "fallback", call.model)
        text = step.text or f"hello from {call.target_name}"
        return Reply((text, step.tools), verdict=None if step.stream else Verdict.SUCCESS, ids=step.ids)


class Shares:
    """How scripted calls share plain answers: by their bodies; a body that begins with "any" is not certain."""

    live = whole = False

    def __init__(self, port: ScriptedPort, reply: Reply | None = None) -> None:
        self.port = port
        self.shared = reply

    def certain(self) -> bool:
        return not self.port.body.startswith("any")

    def name(self, call: Call) -> Hashable:
        return self.port.key, call.facts.host, self.port.body

    def widen(self, others: Iterable[Any]) -> None:
        """No request here has time-outs of its own."""

    def share(self, reply: Reply, call: Call) -> Shares:
        return Shares(self.port, reply)

    def reply(self, call: Call, *, leads: bool, leave: Any) -> Reply:
        assert self.shared is not None
        return self.shared if leads else Reply(self.shared.value)

    def pumped(self, by_one: bool) -> None:
        """There is nothing to read on."""

    async def pump(self) -> None:
        """There is nothing to read on."""

    def own(self, failure: Failure) -> Failure:
        return type(failure)(str(failure), kind=failure.kind, target=failure.target)


# ---- the world


@dataclass
class Got:
    """What one call came to."""

    outcome: Outcome
    at: float
    seconds: float
    reply: Reply | None = None
    failure: Failure | None = None

    @property
    def text(self) -> str:
        assert self.reply is not None, f"failed: {self.failure}"
        return cast("str", self.reply.value[0])

    @property
    def told(self) -> Failure:
        """What a surface would tell the caller."""
        assert self.failure is not None, f"answered: {self.text}"
        return self.failure.told if isinstance(self.failure, AllFailed) else self.failure


@dataclass
class World:
    """Providers by host, a clock, and the runtime of the mode the script runs in."""

    clock: Clock = field(default_factory=Clock)
    providers: dict[str, Provider] = field(default_factory=dict)
    runtime: Any = None
    mode: Mode = "sync"
    discarded: int = 0
    told_apart: bool = False
    """Whether requests have a digest; else none is an equal of another."""

    @property
    def primary(self) -> Provider:
        return self.provider("api.openai.com")

    @property
    def backup(self) -> Provider:
        return self.provider("backup")

    def provider(self, host: str) -> Provider:
        return self.providers.setdefault(host, Provider(host))

    def run(self, mode: Mode, script: Script) -> None:
        """Run the script in one mode."""
        self.mode = mode
        if mode == "sync":
            self.runtime = VirtualSync(self.clock)
            try:
                drive(cast("Any", script()))
            finally:
                self.clock.rouse_all()
            return
        self.runtime = VirtualAsync(self.clock)
        if mode == "asyncio":
            asyncio.run(cast("Any", script()))
        else:
            trio.run(script)

    async def call(self, pipeline: Pipeline, **said: Any) -> Got:
        """One operation of the user's, as a transport runs it. Foreign exceptions pass."""
        started = self.clock.time
        call = self.begin(pipeline, **said)
        try:
            reply = await pipeline.run(call)
        except Failure as failure:
            call.journal.finish()
            return Got(call.journal.outcome(), started, self.clock.time - started, failure=failure)
        if reply.verdict is None:
            reply.on_end(lambda _: call.journal.finish())
        else:
            call.journal.finish()
        return Got(call.journal.outcome(), started, self.clock.time - started, reply=reply)

    def begin(
        self,
        pipeline: Pipeline,
        *,
        model: str | None = "gpt",
        family: str = "chat",
        operation: Operation = Operation.STATELESS,
        host: str = "api.openai.com",
        ids: tuple[str, ...] = (),
        repeatable: bool = True,
        timeout: float | None = None,
        body: str = "hi",
        key: str = "sk-one",
        giver: str | None = None,
    ) -> Call:
        options = _context.current.get()
        facts = Facts(
            family=family,
            operation=operation,
            model=model,
            host=host,
            ids=ids,
            repeatable=repeatable,
            timeout=timeout,
            tag=options.tag,
            giver=giver,
        )
        port = ScriptedPort(self, facts, body=body, key=key)
        return pipeline.begin(port=port, runtime=self.runtime, facts=facts, options=options)

    async def calls(self, pipeline: Pipeline, count: int, *, every: float = 0.0, **said: Any) -> list[Got]:
        """`count` calls one after the other, begun `every` seconds apart (or as soon as the one before has ended)."""
        got: list[Got] = []
        start = self.clock.time
        for index in range(count):
            await self.until(start + index * every)
            got.append(await self.call(pipeline, **said))
        return got

    async def until(self, at: float) -> None:
        if at > self.clock.time:
            await self.runtime.sleep(at - self.clock.time)

    async def at_once(self, works: Iterable[Callable[[], Awaitable[object]]]) -> None:
        """Several tasks in virtual time (async modes only)."""
        todo = list(works)
        self.clock.expect(len(todo))
        async with anyio.create_task_group() as group:
            for work in todo:
                group.start_soon(self.clock.task, work)


def target(name: str = "backup:*", key: str = "sk-two") -> Target:
    """A target whose host is its vendor's name."""
    return Target(name, base_url=f"https://{name.partition(':')[0]}", api_key=key)


@contextlib.contextmanager
def permits_back(pipeline: Pipeline) -> Iterator[None]:
    """Afterwards no circuit of the pipeline has a probe out."""
    yield
    from resilient_ai.strategies.breaker import CircuitBreaker

    breaker = pipeline.find(CircuitBreaker)
    assert breaker is not None
    circuits = pipeline.states.of(breaker)
    assert [circuit.probing for _, circuit in circuits.scopes.items() if circuit.probing] == []


def circuit_of(
    pipeline: Pipeline, host: str = "api.openai.com", family: str = "chat", model: str | None = "gpt"
) -> Any:
    from resilient_ai.strategies.breaker import CircuitBreaker

    breaker = pipeline.find(CircuitBreaker)
    assert breaker is not None
    return pipeline.states.of(breaker).get((host, family, model))
