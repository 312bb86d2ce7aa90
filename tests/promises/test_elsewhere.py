"""Promises 13, 15, 17, 18, 26: circuits and fallbacks under the three big SDKs, counted at both providers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import CircuitBreaker, Deadline, Pipeline, Retry, Target, outcome, wrap
from resilient_ai.errors import CircuitOpen
from resilient_ai.testing import Fault
from tests.sdk.modes import HELLO, MODEL, MODES, do, failing, flavours

from .big import BIG, LONG, Api, big, in_each, in_sync, in_two, needs, to, wrapped

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider, Simulator
    from tests.sdk.modes import Mode

EACH_IN_TWO = [
    pytest.param(api, mode, id=f"{api.dialect}-{mode.name}", marks=needs(api)) for api in BIG for mode in MODES[:2]
]
STAYS_OPEN = CircuitBreaker(open_for=(30, 30))

SLOW = "mute connect"  # some seconds for each of the first calls: once here, for each SDK in the long form

DEAD = {
    "503": Fault.status(503),
    "500": Fault.status(500),
    "429, a minute": Fault.rate_limited(retry_after=60),
    "503, a minute": Fault.status(503, headers={"retry-after": "60"}),
    "reset": Fault.reset(),
    "refused": Fault.refused(),
    SLOW: Fault.mute_connect(),
    "mute": Fault.blackhole(),
}


@big
@in_two
@pytest.mark.parametrize("dead", [dead for dead in DEAD if dead != SLOW])
def test_every_call_is_answered_elsewhere(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, dead: str
) -> None:
    """Promise 17: the first too, in under 5 s, however long the Retry-After; of one that is mute within `first_byte`;
    and new calls no longer go there."""
    every_call_is_answered(api, mode, primary, backup, dead)


@pytest.mark.parametrize(("api", "mode"), EACH_IN_TWO if LONG else EACH_IN_TWO[:1])
def test_a_connect_that_does_not_complete(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Promise 17. Regression: it was waited for as long as the SDK allows, 5 s twice, or half of the deadline."""
    every_call_is_answered(api, mode, primary, backup, SLOW)


def every_call_is_answered(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, dead: str
) -> None:
    async def script() -> None:
        limit = Deadline(first_byte=0.3 if dead == "mute" else None)
        given, client = wrapped(api, mode, primary, limit, STAYS_OPEN, fallback=[backup])
        primary.fault(DEAD[dead])
        for _ in range(12):
            started = time.monotonic()
            told = outcome(await api.call(client, mode))
            assert time.monotonic() - started < 5.0
            assert told.answered_by == "backup:*"
        asked = primary.count()
        for _ in range(3):
            started = time.monotonic()
            await api.call(client, mode)
            assert time.monotonic() - started < 2.0
        assert primary.count() == asked
        await api.end(client, given)

    mode.run(script)
    assert backup.count() == 15


@big
@in_sync
def test_a_mute_primary_has_its_share_of_the_deadline(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Promise 17: where no `first_byte` is set."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Deadline(total=2.0), fallback=[backup])
        primary.fault(Fault.blackhole())
        started = time.monotonic()
        assert outcome(await api.call(client, mode)).answered_by == "backup:*"
        assert 0.5 < time.monotonic() - started < 1.5
        await api.end(client, given)

    mode.run(script)
    assert (primary.count(), backup.count()) == (1, 1)


@in_each
def test_an_open_circuit_is_not_on_the_wire(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """Promise 13: it opens exactly where configured, refuses in 5 ms, and says when it reopens."""

    async def script() -> None:
        strict = CircuitBreaker(consecutive=4, open_for=(30, 30))
        given, client = wrapped(api, mode, primary, Retry(attempts=1), strict)
        await api.call(client, mode)
        primary.fault(Fault.status(500))
        for _ in range(4):
            await failing(api.call(client, mode))
        assert primary.count() == 5
        took: list[float] = []
        for _ in range(20):
            started = time.perf_counter()
            error = await failing(api.call(client, mode))
            took.append(time.perf_counter() - started)
            assert isinstance(error, api.errors())
            assert isinstance(error.__cause__, CircuitOpen)
            assert 20 < error.__cause__.reopens_in <= 30
        assert min(took) < 0.005
        assert primary.count() == 5
        await api.end(client, given)

    mode.run(script)


@big
@in_two
def test_one_model_s_trouble_stops_no_other(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """Promise 15: under one host, one key, one family."""
    ill, well = api.models

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(attempts=1), STAYS_OPEN)
        primary.fault(Fault.status(503, model=ill))
        for _ in range(15):
            await failing(api.call(client, mode, model=ill))
            assert outcome(await api.call(client, mode, model=well)).answered_by == "primary"
        assert isinstance((await failing(api.call(client, mode, model=ill))).__cause__, CircuitOpen)
        await api.end(client, given)

    mode.run(script)
    assert primary.tally().by_model[well] == 15
    assert primary.tally().by_model[ill] < 15


@big
@in_two
@pytest.mark.parametrize("trouble", ["limited", "no money"])
def test_one_key_s_trouble_stops_no_other(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, trouble: str
) -> None:
    """Promise 15: what is told of one key holds for no other, at the same host and for the same model."""
    fault = Fault.rate_limited(retry_after=30) if trouble == "limited" else Fault.vendor(api.dialect, "quota")

    async def script() -> None:
        given = api.client(mode, primary)
        pipeline = Pipeline.default(Retry(attempts=1), isolated=True)
        one = wrap(given, pipeline, fallback=[to(backup, api)])
        stranger = api.make(mode.is_async, primary.origin + api.path, "sk-another")
        other = wrap(stranger, pipeline, fallback=[to(backup, api)])
        primary.fault(fault)
        for _ in range(3):
            assert outcome(await api.call(one, mode)).answered_by == "backup:*"
        asked = primary.count()
        assert asked == 1
        assert outcome(await api.call(other, mode)).answered_by == "backup:*"  # asked, and told the same
        assert primary.count() == asked + 1
        await api.end(one, other, stranger, given)

    mode.run(script)


@big
@in_sync
def test_the_detour_costs_little(api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider) -> None:
    """Promise 18: at p99 under 5 ms more than a bare client at the backup (the long form: 300 calls, here 60)."""

    async def script() -> float:
        given, client = wrapped(api, mode, primary, STAYS_OPEN, fallback=[backup])
        bare = api.client(mode, backup)
        primary.fault(Fault.status(503))
        for _ in range(20):
            await api.call(client, mode)
        asked, more = primary.count(), float("inf")
        for _ in range(10):  # the best: what else the machine does is no cost of ours
            ours, theirs = list[float](), list[float]()
            for _ in range(300 if LONG else 60):
                for times, one in ((ours, client), (theirs, bare)):
                    started = time.perf_counter()
                    await api.call(one, mode)
                    times.append(time.perf_counter() - started)
            more = min(more, _p99(ours) - _p99(theirs))
            if more < 0.005:
                break
        assert primary.count() == asked
        await api.end(client, bare, given)
        return more

    assert mode.run(script) < 0.005


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99) - 1]


CANARY = "canary-5d1e"


@big
@in_two
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_fallback_sees_nothing_of_the_primary_s(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, stream: bool
) -> None:
    """Promise 26: no key, cookie, organisation or header of the program's own; nor the reverse."""
    secret = {
        "x-gateway-key": f"{CANARY}-1",
        "cookie": f"sso={CANARY}-2",
        "openai-organization": f"{CANARY}-3",
        "openai-project": f"{CANARY}-4",
        "x-goog-user-project": f"{CANARY}-5",
        "anthropic-workspace-id": f"{CANARY}-6",
    }

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(attempts=1), fallback=[backup], headers=secret)
        primary.fault(Fault.status(503, count=1))
        extra = {"x-call": f"{CANARY}-8"}
        if stream:
            assert await api.streamed(client, mode, headers=extra)
        else:
            assert api.text(await api.call(client, mode, headers=extra))
        assert api.text(await api.call(client, mode))  # the primary again
        await api.end(client, given)

    mode.run(script)
    assert (primary.count(), backup.count()) == (2, 1)
    assert primary.saw(f"{CANARY}-1")
    assert primary.saw(f"{CANARY}-8")
    assert not backup.saw(CANARY)
    assert not backup.saw(primary.key)
    assert not primary.saw(backup.key)


@big
@in_two
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_fallback_s_cookie_is_not_told_to_the_primary(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, stream: bool
) -> None:
    """Promise 26: it never reaches the client's jar."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(attempts=1), fallback=[backup])
        primary.fault(Fault.status(503, count=1))
        backup.fault(Fault.set_cookie(f"evil={CANARY}; Path=/"))
        for _ in range(2):
            assert await (api.streamed(client, mode) if stream else api.call(client, mode))
        await api.end(client, given)

    mode.run(script)
    assert (primary.count(), backup.count()) == (2, 1)
    assert not primary.saw(CANARY)


@big
@in_two
def test_a_fallback_s_redirect_is_a_failure(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Promise 26: never followed against the primary."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(attempts=1), fallback=[backup])
        primary.fault(Fault.status(503))
        backup.fault(Fault.redirect(f"{primary.origin}/stolen"))
        assert isinstance(await failing(api.call(client, mode)), api.errors())
        await api.end(client, given)

    mode.run(script)
    assert (primary.count(), backup.count()) == (1, 1)


@big
@in_two
def test_a_redirect_to_another_host_carries_no_credential(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Promise 26: the primary's own redirect, followed as the bare SDK follows it, which for a foreign host means
    without the key."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(attempts=1))
        elsewhere = backup.origin.replace("127.0.0.1", "localhost")
        primary.fault(Fault.redirect(f"{elsewhere}/stolen", count=1))
        await failing(api.call(client, mode))
        await api.end(client, given)

    mode.run(script)
    assert not backup.saw(primary.key)


@big
@in_two
def test_a_redirect_that_leads_nowhere_is_a_failure_of_the_primary_s(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Regression: the path it led to said nothing of what was asked for, and no other target was."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(attempts=1), fallback=[backup])
        primary.fault(Fault.redirect("http://127.0.0.1:9/down-for-maintenance"))
        for _ in range(3):
            assert await api.call(client, mode)
        await api.end(client, given)

    mode.run(script)
    assert (primary.count(), backup.count()) == (3, 3)
    assert not backup.saw(primary.key)


KEYS = ("api-key", "x-api-key", "x-goog-api-key", "authorization")


@flavours
@in_two
@pytest.mark.parametrize("away", [True, False], ids=["another host", "the same"])
def test_no_key_in_any_header_goes_to_another_host(flavour: Any, mode: Mode, world: Simulator, away: bool) -> None:
    """Promise 26. Regression: httpx takes off `Authorization` alone, and Azure's, Gemini's and older Anthropic keys
    were sent along. To the same host they go, as ever."""
    here, there = world["openai-1"], world["openai-2"]
    headers = {name: f"Bearer {here.key}" if name == "authorization" else here.key for name in KEYS}

    async def script() -> None:
        given = mode.http_client(flavour, headers=headers, follow_redirects=True)
        client = wrap(given, Pipeline.default(isolated=True))
        where = there.origin.replace("127.0.0.1", "localhost") if away else here.origin
        here.fault(Fault.redirect(f"{where}/v1/chat/completions?again=1", count=1))
        asked = {"model": MODEL, "messages": HELLO}
        answer = await do(client.post(f"{here.base_url}/chat/completions", json=asked))
        assert answer.status_code == (401 if away else 200)
        for one in (client, given):
            await do(one.aclose() if mode.is_async else one.close())

    mode.run(script)
    assert (here.count(), there.count()) == ((1, 1) if away else (2, 0))
    seen = (there.requests() or here.requests())[-1].headers
    assert [name in seen for name in KEYS] == [not away] * len(KEYS)
    assert not there.saw(here.key)
    world.reset()


@big
@in_sync
def test_keys_of_targets_go_to_their_targets(
    api: Api, mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider
) -> None:
    """Promise 26: the target's own key, in the header of its dialect, and nowhere else."""

    async def script() -> None:
        given = api.client(mode, primary)
        said: Any = {"base_url": backup.origin + api.path, "dialect": api.dialect}
        target = Target("backup:*", api_key=lambda: backup.key, **said)
        client = wrap(given, Pipeline.default(Retry(attempts=1), isolated=True), fallback=[target])
        primary.fault(Fault.status(503))
        assert outcome(await api.call(client, mode)).answered_by == "backup:*"
        await api.end(client, given)

    mode.run(script)
    assert [request.key for request in backup.requests()] == [f"{backup.name}:0"]
    assert [request.key for request in primary.requests()] == [f"{primary.name}:0"]
