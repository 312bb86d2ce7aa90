"""Many callers at once, and mistakes that no repeat mends: counted at the simulator, under the real SDK."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

import anyio
import openai
import pytest

from resilient_ai import Deadline, Pipeline, Target, outcome, wrap
from resilient_ai.errors import CircuitOpen
from resilient_ai.events import CircuitChanged, Parked
from resilient_ai.providers.retired import RETIRED
from resilient_ai.testing import Fault, Provider, Simulator

from .flights import at_once
from .modes import HELLO, MODEL, Mode, chat, close, do, failing, http, modes, notes, two_modes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLERS = 200
SECONDS = 10.0 if os.environ.get("SOAK") else 2.0
"""How long they go on once the circuit is open; `SOAK=1` is the long form."""


def many(mode: Mode, client: Any, one: Callable[[Any], Any]) -> None:
    """``one(client)`` by 200 callers at once: threads, or tasks."""

    async def script() -> None:
        assert await at_once(mode, [lambda: one(client)] * CALLERS) == [None] * CALLERS
        await close(client)

    mode.run(script)


# ---- many callers, through a plain http client: 200 calls of an SDK would be busy with themselves


def ask(client: Any, **options: Any) -> Any:
    return do(client.post("/chat/completions", json={"model": MODEL, "messages": HELLO}, **options))


def http_client(mode: Mode, provider: Any, pipeline: Pipeline) -> Any:
    limits = http.Limits(max_connections=CALLERS, max_keepalive_connections=CALLERS)
    headers = {"authorization": f"Bearer {provider.key}"}
    client = mode.http_client(base_url=provider.base_url, headers=headers, timeout=30.0, limits=limits)
    return wrap(client, pipeline)


@modes
def test_two_hundred_are_told_to_wait(mode: Mode, primary: Any) -> None:
    """Promise 4, ask 21: nowhere else to go; nobody asks again before the time, and those who do come spread."""
    answered: list[float] = []

    async def one(client: Any) -> None:
        answer = await ask(client)
        assert outcome(answer).answered_by == "primary"
        answered.append(outcome(answer).waited)

    async def told(client: Any) -> None:
        assert (await ask(client, timeout=1.0)).status_code == 429
        await close(client)

    primary.fault(Fault.rate_limited(retry_after=2))
    mode.run(told, http_client(mode, primary, Pipeline.default()))
    primary.heal()
    many(mode, http_client(mode, primary, Pipeline.default()), one)
    assert len(answered) == CALLERS
    first, *again = sorted(request.at for request in primary.requests("chat"))
    assert len(again) == CALLERS
    assert again[0] - first >= 2.0
    assert max(sum(at <= moment < at + 0.1 for moment in again) for at in again) <= CALLERS * 0.6  # evenly: 40


@modes
def test_two_hundred_callers_of_a_dead_provider(mode: Mode, primary: Any) -> None:
    """Promise 1: no fallback; at most 1.1 requests for each call begun before the circuit opened, then one for each
    probe. A refused call costs its caller a moment, as a program's own work between two calls does."""
    opened: list[float] = []
    probes: list[float] = []
    begun: list[float] = []

    def listen(event: object) -> None:
        if isinstance(event, CircuitChanged):
            (opened if event.old == "closed" else probes).append(time.monotonic())

    async def one(client: Any) -> None:
        while not opened or time.monotonic() < opened[0] + SECONDS:
            begun.append(time.monotonic())
            try:
                assert (await ask(client)).status_code == 503
            except http.ConnectError as error:
                assert isinstance(error.__cause__, CircuitOpen)
                await anyio.sleep(0.3) if mode.is_async else time.sleep(0.3)

    primary.fault(Fault.status(503))
    many(mode, http_client(mode, primary, Pipeline.default(listeners=[listen])), one)
    assert opened
    before = sum(at <= opened[0] for at in begun)
    tries = sum(1 for _ in probes)  # each probe half-opens the circuit, and opens it again
    assert len(begun) > before
    assert primary.count() <= 1.1 * before + tries, (primary.count(), before, tries)


# ---- mistakes

MONEY = {
    "insufficient_quota": openai.RateLimitError,
    "credit_balance_exhausted": openai.RateLimitError,
    "organization_spend_limit_exceeded": openai.RateLimitError,
    "project_spend_limit_exceeded": openai.RateLimitError,
    "billing_hard_limit": openai.BadRequestError,
}
"""An account without money is this account's outage: others are asked."""

MISTAKES = MONEY | {
    "invalid_api_key": openai.AuthenticationError,
    "unsupported_country": openai.PermissionDeniedError,
    "invalid_request": openai.BadRequestError,
    "unprocessable": openai.UnprocessableEntityError,
    "context_length_exceeded": openai.BadRequestError,
    "content_policy_violation": openai.BadRequestError,
    "invalid_prompt": openai.BadRequestError,
    "model_not_found": openai.NotFoundError,
}


@two_modes
@pytest.mark.parametrize("name", MISTAKES)
def test_what_no_repeat_mends_is_asked_once(mode: Mode, primary: Any, name: str) -> None:
    """Promise 3, ask 9: one request, the SDK's own exception, whatever its max_retries."""

    async def script() -> None:
        client = wrap(mode.openai(primary, max_retries=5))
        primary.fault(Fault.vendor("openai", name))
        error = await failing(chat(client))
        assert type(error) is MISTAKES[name]
        assert "attempt 1: primary: " in notes(error)
        await close(client)

    mode.run(script)
    assert primary.count() == 1


@two_modes
@pytest.mark.parametrize("name", [name for name in MISTAKES if name not in MONEY])
def test_a_mistake_goes_nowhere_else(mode: Mode, primary: Any, backup: Any, to_backup: Any, name: str) -> None:
    """A key that never worked, a typo in the model's name, a refusal: the same with a fallback standing by."""

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.vendor("openai", name))
        for _ in range(2):
            assert type(await failing(chat(client))) is MISTAKES[name]
        await close(client)

    mode.run(script)
    assert (primary.count(), backup.count()) == (2, 0)


@two_modes
@pytest.mark.parametrize("fault", ["revoked", "retired", "quota"])
def test_what_worked_and_is_refused_is_left_alone(
    mode: Mode, primary: Any, backup: Any, to_backup: Any, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Every call is answered elsewhere, the first too; one request learns it, one line tells it, no key is told."""
    parked: list[Any] = []

    def listen(event: object) -> None:
        if isinstance(event, Parked):
            parked.append(event)

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(listeners=[listen]), fallback=to_backup)
        assert outcome(await chat(client)).answered_by == "primary"
        struck = {"revoked": Fault.revoked, "retired": Fault.retired}.get(fault)
        primary.fault(struck() if struck else Fault.vendor("openai", "insufficient_quota"))
        for _ in range(20):
            assert outcome(await chat(client)).answered_by == "backup:*"
        await close(client)

    with caplog.at_level(logging.INFO, logger="resilient_ai"):
        mode.run(script)
    assert (primary.count(), backup.count()) == (2, 20)
    assert len(parked) == 1
    assert len([line for line in caplog.records if "not asked for" in line.getMessage()]) == 1
    assert primary.key not in caplog.text + repr(parked)


# ---- several keys


@pytest.fixture(scope="module")
def several() -> Iterator[Simulator]:
    with Simulator(Provider("main"), Provider("pool", keys=("sk-one", "sk-two"))) as simulator:
        yield simulator


@two_modes
@pytest.mark.parametrize("what", ["limited", "revoked"])
def test_the_next_key_of_a_target_takes_over(mode: Mode, several: Simulator, what: str) -> None:
    """Rotated at once when one is limited or refused; the other is not asked with it again."""
    main, pool = several["main"], several["pool"]
    several.reset()

    async def script() -> None:
        target = Target("pool:*", base_url=pool.base_url, api_key=["sk-one", "sk-two"])
        client = wrap(mode.openai(main), fallback=[target])
        main.fault(Fault.status(503))
        pool.fault(Fault.rate_limited(retry_after=30, key=0) if what == "limited" else Fault.revoked(key=0))
        for _ in range(4):
            answer = await chat(client)
            assert outcome(answer).answered_by == "pool:*"
        await close(client)

    mode.run(script)
    assert [request.key for request in pool.requests()] == ["pool:0", "pool:1", "pool:1", "pool:1", "pool:1"]


@two_modes
def test_a_token_that_has_expired_is_read_anew(mode: Mode, several: Simulator) -> None:
    """By the very call it failed; no more than twice as many readings as calls."""
    main, pool = several["main"], several["pool"]
    several.reset()
    tokens = iter(["sk-one"])

    async def script() -> None:
        target = Target("pool:*", base_url=pool.base_url, api_key=lambda: next(tokens, "sk-two"))
        client = wrap(mode.openai(main), fallback=[target])
        main.fault(Fault.status(503))
        pool.fault(Fault.revoked(key=0))
        assert outcome(await chat(client)).answered_by == "pool:*"
        await close(client)

    mode.run(script)
    assert [request.key for request in pool.requests()] == ["pool:0", "pool:1"]


# ---- shares of the time


@modes
def test_a_hung_primary_starves_nobody(mode: Mode, several: Simulator, primary: Any, backup: Any) -> None:
    """Two fallbacks, a deadline for all: the first healthy one answers in less than half of it."""
    targets = [Target(f"{one.name}:*", base_url=one.base_url, api_key=one.key) for one in (backup, several["main"])]
    several.reset()

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Deadline(total=3)), fallback=targets)
        primary.fault(Fault.blackhole())
        started = time.monotonic()
        told = outcome(await chat(client))
        assert told.answered_by == "backup:*"
        assert 0.9 < time.monotonic() - started < 1.5
        await close(client)

    mode.run(script)
    assert (primary.count(), backup.count(), several["main"].count()) == (1, 1, 0)


# ---- a loop above


@two_modes
def test_a_loop_above_is_noticed(mode: Mode, primary: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Ask 8: one warning, no prompt in it, and no more than one request for each turn of the loop."""

    async def script() -> None:
        client = wrap(mode.openai(primary))
        primary.fault(Fault.status(500))
        await failing(chat(client))
        first = primary.count()
        for _ in range(5):
            await failing(chat(client))
        assert primary.count() <= first + 5
        await failing(chat(client, messages=[{"role": "user", "content": "another"}]))
        await close(client)

    with caplog.at_level(logging.WARNING, logger="resilient_ai"):
        mode.run(script)
    told = [line.getMessage() for line in caplog.records if "comes again" in line.getMessage()]
    assert len(told) == 1
    assert HELLO[0]["content"] not in told[0]
    assert MODEL not in told[0]


# ---- what a vendor has switched off for good


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@two_modes
def test_the_videos_api_is_asked_for_elsewhere(
    mode: Mode, primary: Any, backup: Any, to_backup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never worked in this process, and is no typo: the call moves on, and the next do not ask there any more."""
    host = primary.base_url.split("/")[2].partition(":")[0]
    monkeypatch.setitem(RETIRED, (host, "videos"), "2026-09-24")

    async def script() -> None:
        client = wrap(mode.openai(primary), fallback=to_backup)
        primary.fault(Fault.status(404), family="videos")
        for _ in range(3):
            video = await do(client.videos.create(model="sora-2", prompt="a cat"))
            assert outcome(video).answered_by == "backup:*"
        await close(client)

    mode.run(script)
    assert (primary.count("videos"), len(backup.created("videos"))) == (1, 3)
