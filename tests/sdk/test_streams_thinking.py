"""A stream that thinks for a minute and a half, thirty times as fast: its thoughts are handed on at once, what says
nothing keeps it alive, and only silence moves on.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Deadline, Pipeline, Target, record, wrap
from resilient_ai.events import CircuitChanged
from resilient_ai.testing import Fault, Provider, Simulator

from .modes import MODES, do, each, two_modes
from .stream_faults import ENDPOINTS, LONG, TOKENS, Endpoint, Read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from resilient_ai.testing import Request, SimulatedProvider

    from .modes import Mode

SCALE = 30
THINKS, EVERY, IDLE = 90 / SCALE, 3 / SCALE, 30 / SCALE
"""Seconds: of thinking, between two signs of it, and of a silence that is too long."""
AT_ONCE = 0.05
"""Seconds after which a piece is in the caller's hands. A machine may not let a process run for as long, or for far
longer: half of the pieces have to keep it, and none may be so much later than under the bare SDK, which reads a stream
of the same kind beside it, that it was held back."""
HELD_BACK = 0.5

endpoints = pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(endpoint, marks=() if endpoint.usable else pytest.mark.skip(f"{endpoint.module} is not installed"))
        for endpoint in ENDPOINTS
    ],
    ids=lambda endpoint: endpoint.name,
)


KEYS = 40
WORKERS = 8


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    """Two of each dialect. Each stream has a key of its own, so that several can be looked at at once."""
    keys = tuple(f"sk-{number}" for number in range(KEYS))
    with Simulator(
        *(
            Provider(f"{name}-{n}", dialect=name, keys=keys)
            for name in ("openai", "anthropic", "gemini")
            for n in (1, 2)
        )
    ) as simulator:
        yield simulator


def is_thought(endpoint: Endpoint, event: Any) -> bool:
    match endpoint.name:
        case "Chat":
            return bool(event.choices and getattr(event.choices[0].delta, "reasoning_content", None))
        case "Responses":
            return event.type == "response.reasoning_summary_text.delta"
        case "Messages":
            return event.type == "content_block_delta" and event.delta.type == "thinking_delta"
        case _:
            return bool(event.candidates and event.candidates[0].content.parts[0].thought)


@dataclass(slots=True)
class Heard:
    """What a program heard: when each thought came, and the rest; and what the providers saw of it."""

    thoughts: list[float] = field(default_factory=list[float])
    read: Read = field(default_factory=Read)
    seconds: float = 0.0
    changes: list[CircuitChanged] = field(default_factory=list[CircuitChanged])
    answered_by: str | None = None
    sent: tuple[float, ...] = ()
    first: int = 0
    second: int = 0

    def listen(self, event: Any) -> None:
        if isinstance(event, CircuitChanged):
            self.changes.append(event)

    @property
    def whole(self) -> bool:
        return len(self.read.tokens) == TOKENS and self.read.ended


def listened(process: Simulator, mode: Mode, endpoint: Endpoint, fault: Callable[..., Fault], number: int) -> Heard:
    """One stream under a fault, read to its end."""
    first, second = (process[f"{endpoint.dialect}-{place}"] for place in (1, 2))
    first.fault(fault(key=number), family=endpoint.family)
    heard: Heard = mode.run(_listen, mode, endpoint, first, second, number)
    heard.first, heard.second = len(_asked(first, number)), len(_asked(second, number))
    heard.sent = _asked(first, number)[0].written
    return heard


def listened_bare(
    process: Simulator, mode: Mode, endpoint: Endpoint, fault: Callable[..., Fault], number: int
) -> Heard:
    """The same at the other provider, by the SDK alone."""
    provider = process[f"{endpoint.dialect}-2"]
    provider.fault(fault(key=number), family=endpoint.family)
    heard: Heard = mode.run(_listen_bare, mode, endpoint, provider, number)
    heard.sent = _asked(provider, number)[0].written
    return heard


def _asked(provider: SimulatedProvider, number: int) -> list[Request]:
    return [request for request in provider.requests() if request.key == f"{provider.name}:{number}"]


async def _listen(
    mode: Mode, endpoint: Endpoint, first: SimulatedProvider, second: SimulatedProvider, number: int
) -> Heard:
    """The limit of silences is a thirtieth of a usual one; a call has time enough."""
    heard = Heard()
    given = endpoint.make(mode.is_async, first, f"sk-{number}", LONG)
    pipeline = Pipeline.default(Deadline(idle=IDLE), isolated=True, listeners=[heard.listen])
    target = Target("other:*", base_url=second.base_url, api_key=f"sk-{number}", dialect=endpoint.dialect)
    client = wrap(given, pipeline, fallback=[target])
    with record() as calls:
        await _hear(heard, mode, endpoint, client)
    heard.answered_by = calls[0].answered_by
    await _close(mode, endpoint, client, given)
    return heard


async def _listen_bare(mode: Mode, endpoint: Endpoint, provider: SimulatedProvider, number: int) -> Heard:
    heard = Heard()
    given = endpoint.make(mode.is_async, provider, f"sk-{number}", LONG)
    await _hear(heard, mode, endpoint, given)
    await _close(mode, endpoint, given)
    return heard


async def _hear(heard: Heard, mode: Mode, endpoint: Endpoint, client: Any) -> None:
    began = time.monotonic()
    async for event in each(await do(endpoint.open(client, mode.is_async))):
        if is_thought(endpoint, event):
            heard.thoughts.append(time.monotonic())
        else:
            endpoint.read(heard.read, event)
    heard.seconds = time.monotonic() - began


async def _close(mode: Mode, endpoint: Endpoint, *clients: Any) -> None:
    for one in clients:
        if mode.is_async and endpoint.name == "generateContent":
            await one.aio.aclose()
        await do(one.close())


def clock(simulator: Simulator) -> float:
    """What has to be added to a time of the simulator to have one of ours."""
    found: list[tuple[float, float]] = []
    for _ in range(20):
        before = time.monotonic()
        now = simulator.now()
        after = time.monotonic()
        found.append((after - before, (before + after) / 2 - now))
    return min(found)[1]


def lateness(heard: Heard, ahead: float) -> list[float]:
    """Seconds from a thought's sending to its coming."""
    sent = heard.sent[1 : 1 + round(THINKS / EVERY)]
    return [came - (at + ahead) for came, at in zip(heard.thoughts, sent, strict=True)]


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # bare google-genai's
@two_modes
@endpoints
def test_its_thoughts_are_handed_on_as_they_come(mode: Mode, endpoint: Endpoint, process: Simulator) -> None:
    process.reset()
    thinking = partial(Fault.thinking, THINKS, every=EVERY)
    with ThreadPoolExecutor(2) as pool:
        wrapped = pool.submit(listened, process, mode, endpoint, thinking, 0)
        bare = pool.submit(listened_bare, process, mode, endpoint, thinking, 1)
    heard, ahead = wrapped.result(), clock(process)
    late, late_bare = lateness(heard, ahead), lateness(bare.result(), ahead)
    for name, all_late in (("wrapped", late), ("bare", late_bare)):
        median, most = statistics.median(all_late) * 1e3, max(all_late) * 1e3
        print(f"{endpoint.name}, {mode.name}, {name}: median {median:.1f} ms, most {most:.1f} ms")
    assert statistics.median(late) < AT_ONCE
    assert max(late) < max(late_bare) + HELD_BACK
    assert heard.whole
    assert (heard.first, heard.second, heard.changes) == (1, 0, [])


PINGS = {
    "pings": partial(Fault.thinking, THINKS, every=EVERY, how="pings"),
    "more pings than are held back": partial(Fault.thinking, THINKS, every=THINKS / 100, how="pings"),
}
SILENCES = {
    "silent before anything": partial(Fault.stalled, opened=False),
    "silent behind what opens it": partial(Fault.stalled, after_tokens=0),
}
Case = tuple[str, str, str]
CASES: dict[Case, tuple[Endpoint, Mode]] = {
    (endpoint.name, mode.name, fault): (endpoint, mode)
    for endpoint in ENDPOINTS
    for mode in MODES[:2]
    for fault in (*PINGS, *SILENCES)
    if endpoint.usable
}


@pytest.fixture(scope="module")
def cases(process: Simulator) -> dict[Case, Heard]:
    """All of them at once: they mostly wait."""
    process.reset()
    faults = PINGS | SILENCES
    with ThreadPoolExecutor(WORKERS) as pool:
        begun = {
            case: pool.submit(listened, process, mode, endpoint, faults[case[2]], number)
            for number, (case, (endpoint, mode)) in enumerate(CASES.items(), 1)
        }
        return {case: one.result() for case, one in begun.items()}


def of(*faults: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [case for case in CASES if case[2] in faults], ids="-".join)


@of(*PINGS)
def test_it_may_say_nothing_for_long(case: Case, cases: dict[Case, Heard]) -> None:
    """A model that thinks may send nothing but pings: they are bytes. One request, and no word against it."""
    heard = cases[case]
    assert heard.seconds >= THINKS
    assert heard.whole
    assert (heard.first, heard.second, heard.changes) == (1, 0, [])
    assert heard.answered_by == "primary"


@of(*SILENCES)
def test_silence_moves_on(case: Case, cases: dict[Case, Heard]) -> None:
    """No byte at all for as long as the limit: the other provider answers, and the caller sees nothing of it."""
    heard = cases[case]
    assert heard.whole
    assert IDLE <= heard.seconds < 3 * IDLE
    assert (heard.first, heard.second) == (1, 1)
    assert heard.answered_by == "other:*"


MANY, LATER = 20, 10
"""Streams that begin at once, and those that come when the others, were they plain answers, should be there."""


def test_many_that_think_are_no_silence(process: Simulator) -> None:
    """Regression: streams of which only the opening had come were taken for unanswered calls, and a provider of which
    nothing was known yet for silent: a circuit opened, and later calls went elsewhere."""
    process.reset()
    first, second = process["openai-1"], process["openai-2"]
    first.fault(Fault.slow_first_token(2.5))
    changes: list[CircuitChanged] = []
    pipeline = Pipeline.default(
        listeners=[lambda event: changes.append(event) if isinstance(event, CircuitChanged) else None], isolated=True
    )
    given = ENDPOINTS[0].make(False, first, first.key, LONG)
    client = wrap(given, pipeline, fallback=[Target("other:*", base_url=second.base_url, api_key=second.key)])

    def one(number: int) -> bool:
        time.sleep(1.5 if number >= MANY else 0.0)
        read = Read()
        for event in ENDPOINTS[0].open(client, False):
            ENDPOINTS[0].read(read, event)
        return len(read.tokens) == TOKENS and read.ended

    with ThreadPoolExecutor(MANY + LATER) as pool:
        assert all(pool.map(one, range(MANY + LATER)))
    client.close()
    given.close()
    assert (first.count(), second.count(), changes) == (MANY + LATER, 0, [])
