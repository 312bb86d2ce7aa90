"""Faults with an aim, quotas told truthfully, latencies, and what a provider counts."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.testing import Fault, Latency, Provider, Quota, Simulator, SimulatorError
from resilient_ai.testing._server.meter import Meter, Pace, cost
from resilient_ai.testing._server.replies import go_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import SimulatedProvider

ASK = [{"role": "user", "content": "hello"}]
BODIES = {
    "openai": ("/v1/chat/completions", {"model": "gpt-4o", "messages": ASK}),
    "anthropic": ("/v1/messages", {"model": "claude-opus-5-5", "max_tokens": 60, "messages": ASK}),
    "gemini": ("/v1/models/gemini-2.5-pro:generateContent", {"contents": [{"parts": [{"text": "hello"}]}]}),
}


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    providers = (Provider(name, dialect=name, keys=("one", "two")) for name in BODIES)
    with Simulator(*providers) as simulator:
        yield simulator


@pytest.fixture
def sim(process: Simulator) -> Iterator[Simulator]:
    yield process
    process.reset()


@pytest.fixture
def primary(sim: Simulator) -> SimulatedProvider:
    return sim["openai"]


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with httpx.Client(verify=False, timeout=10) as opened:
        yield opened


def post(web: httpx.Client, provider: SimulatedProvider, *, key: str = "one", **more: object) -> httpx.Response:
    path, body = BODIES[provider.dialect]
    headers = {"authorization": f"Bearer {key}", "anthropic-version": "2023-06-01"}
    return web.post(provider.origin + path, headers=headers, json={**body, **more})


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("openai", 401, "invalid_api_key"),
        ("anthropic", 401, "authentication_error"),
        ("gemini", 400, "API_KEY_INVALID"),
    ],
)
def test_a_key_that_worked_is_revoked(sim: Simulator, web: httpx.Client, name: str, status: int, told: str) -> None:
    """In the vendor's own words; the other key goes on working, and so does this one once healed."""
    provider = sim[name]
    provider.fault(Fault.revoked(key=0, after=1))
    answers = [post(web, provider, key=key) for key in ("one", "two", "one", "two")]
    assert [answer.status_code for answer in answers] == [200, 200, status, 200]
    assert told in answers[2].text
    assert [request.fault for request in provider.requests()] == [None, None, "revoked", None]
    provider.heal()
    assert post(web, provider).status_code == 200


@pytest.mark.parametrize(
    ("name", "told"),
    [("openai", "model_not_found"), ("anthropic", "not_found_error"), ("gemini", "NOT_FOUND")],
)
def test_a_model_that_worked_is_retired(sim: Simulator, web: httpx.Client, name: str, told: str) -> None:
    provider = sim[name]
    assert post(web, provider).status_code == 200
    served = provider.requests()[0].model
    provider.fault(Fault.retired(model="another"))
    assert post(web, provider).status_code == 200
    provider.fault(Fault.retired(model=served))
    answer = post(web, provider)
    assert (answer.status_code, told in answer.text, served in answer.text) == (404, True, True)


def test_faults_with_different_aims_stand_beside_each_other(primary: SimulatedProvider, web: httpx.Client) -> None:
    """The narrower is tried first; one of the same aim takes the other's place."""
    primary.fault(Fault.status(503))
    primary.fault(Fault.status(500, key=0), family="chat")
    primary.fault(Fault.status(502, model="gpt-4o", key=1))
    primary.fault(Fault.vendor("openai", "quota", model="gpt-5"))
    seen = [
        post(web, primary, key=key, model=model).status_code
        for key, model in (("one", "gpt-4o"), ("two", "gpt-4o"), ("two", "gpt-4.1"), ("two", "gpt-5"))
    ]
    assert seen == [500, 502, 503, 429]
    primary.fault(Fault.status(504, key=0), family="chat")
    assert post(web, primary).status_code == 504
    with pytest.raises(ValueError, match="takes no limits"):
        Fault(kind="refused", key=1)


def test_requests_a_minute_for_each_key(sim: Simulator, web: httpx.Client) -> None:
    sim["openai"].limit(Quota(2, per=30, by_key=True))
    answers = [post(web, sim["openai"], key=key) for key in ("one", "one", "one", "two")]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0", "1"]
    assert answers[2].headers["x-ratelimit-limit-requests"] == "2"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert sim["openai"].tally().by_key == {"openai:0": 3, "openai:1": 1}


def test_the_limits_in_anthropics_headers(sim: Simulator, web: httpx.Client) -> None:
    sim["anthropic"].limit(Quota(1, per=30, tokens=10_000))
    good, bad = post(web, sim["anthropic"]), post(web, sim["anthropic"])
    assert (good.status_code, bad.status_code) == (200, 429)
    assert bad.json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(bad.headers["retry-after"]) <= 30
    limits = {name: value for name, value in good.headers.items() if name.startswith("anthropic-ratelimit-")}
    assert limits.pop("anthropic-ratelimit-requests-remaining") == "0"
    assert 9_000 < int(limits["anthropic-ratelimit-tokens-remaining"]) < 10_000
    full = datetime.strptime(limits["anthropic-ratelimit-requests-reset"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 0 < (full - datetime.now(UTC)).total_seconds() < 32
    assert len(limits) == 5


def test_a_limit_at_gemini_is_told_in_the_body(sim: Simulator, web: httpx.Client) -> None:
    sim["gemini"].limit(Quota(1, per=30))
    good, bad = post(web, sim["gemini"]), post(web, sim["gemini"])
    assert (good.status_code, bad.status_code, bad.json()["error"]["status"]) == (200, 429, "RESOURCE_EXHAUSTED")
    (retry,) = bad.json()["error"]["details"]
    assert 0 < float(retry["retryDelay"].removesuffix("s")) <= 30
    assert not [name for name in bad.headers if "ratelimit" in name or name == "retry-after"]


def test_tokens(primary: SimulatedProvider, web: httpx.Client) -> None:
    """What a request may take is reckoned before it is answered."""
    primary.limit(Quota(tokens=1000, per=30))
    small = post(web, primary, max_tokens=100)
    assert int(small.headers["x-ratelimit-remaining-tokens"]) == 1000 - 100 - primary.requests()[0].body_bytes // 4
    assert post(web, primary, max_tokens=900).status_code == 429
    assert post(web, primary, max_tokens=100).status_code == 200


@pytest.mark.parametrize("status", [429, 503])
def test_more_at_once_than_may_be(primary: SimulatedProvider, web: httpx.Client, status: int) -> None:
    primary.limit(Quota(concurrency=2, crowded=status))
    primary.latency(Latency(0.4))
    start = threading.Barrier(5)

    def ask(_: int) -> int:
        start.wait()
        return post(web, primary).status_code

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(ask, range(5))) == [200, 200, *[status] * 3]
    assert post(web, primary).status_code == 200, "the places are free again"
    assert primary.tally().most_at_once >= 2


def test_places_come_back_from_clients_that_left(primary: SimulatedProvider, web: httpx.Client) -> None:
    primary.limit(Quota(concurrency=1))
    primary.latency(Latency(30))
    with pytest.raises(httpx.ReadTimeout), httpx.Client(verify=False, timeout=0.2) as hasty:
        post(hasty, primary)
    primary.latency(None)
    until = time.monotonic() + 5
    while (status := post(web, primary).status_code) != 200 and time.monotonic() < until:
        time.sleep(0.02)
    assert status == 200


def test_latency_and_what_multiplies_it(primary: SimulatedProvider, web: httpx.Client) -> None:
    with pytest.raises(SimulatorError, match="has no latency"):
        primary.fault(Fault.slower(2))
    primary.latency(Latency(0.05))
    post(web, primary)
    primary.fault(Fault.slower(4))
    assert post(web, primary).json()["choices"]
    usual, slowed = (request.ended - request.at for request in primary.requests())
    assert usual >= 0.05
    assert slowed >= 0.2
    assert [request.fault for request in primary.requests()] == [None, "slower"]


def test_two_modes() -> None:
    """The same for the same seed; the shares are those asked for."""
    latency = Latency(0.3, slow=6, slow_share=0.1)
    drawn = [
        [pace.draw() for _ in range(2000)] for pace in (Pace(latency, "a"), Pace(latency, "a"), Pace(latency, "b"))
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert set(drawn[0]) == {0.3, 6}
    assert 0.08 < drawn[0].count(6) / 2000 < 0.12
    spread = Pace(Latency(1, spread=0.2), "a")
    assert all(0.8 <= spread.draw() <= 1.2 for _ in range(200))


def test_a_reset_brings_back_what_the_provider_began_with(sim: Simulator, primary: SimulatedProvider) -> None:
    primary.limit(Quota(1))
    primary.latency(Latency(30))
    sim.reset()
    with httpx.Client(verify=False, timeout=5) as web:
        answers = [post(web, primary) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert not [name for answer in answers for name in answer.headers if "ratelimit" in name]


def test_a_tally(primary: SimulatedProvider, web: httpx.Client) -> None:
    post(web, primary)
    post(web, primary, key="two", model="gpt-5")
    post(web, primary, key="three")
    told = primary.tally()
    assert (told.requests, told.by_key) == (3, {"openai:0": 1, "openai:1": 1, "foreign": 1})
    assert (told.by_status, told.by_model) == ({200: 2, 401: 1}, {"gpt-4o": 1, "gpt-5": 1, "": 1})
    assert sum(told.by_second.values()) == 3
    assert set(told.by_second) <= {math.floor(request.at) for request in primary.requests()}
    assert told.most_at_once == 1
    assert (primary.tally("models").requests, primary.tally("models").most_at_once) == (0, 0)


@given(
    asked=st.lists(st.tuples(st.floats(0, 10), st.integers(1, 50)), max_size=40),
    requests=st.none() | st.integers(1, 5),
    tokens=st.none() | st.integers(1, 100),
)
def test_no_window_ever_holds_more_than_the_quota(
    asked: list[tuple[float, int]], requests: int | None, tokens: int | None
) -> None:
    """And whoever comes back after the wait that was told is let in, unless it asks for more than there is in all."""
    if requests is None and tokens is None:
        return
    meter = Meter(Quota(requests, per=3, tokens=tokens))
    let_in: list[tuple[float, int]] = []
    for at, size in sorted(asked):
        wait = meter.admit("k", size, at)
        if wait is None:
            let_in.append((at, size))
        else:
            assert 0 < wait <= 3 + 1e-9
        recent = [size for begun, size in let_in if begun > at - 3]
        assert len(recent) <= (requests or math.inf)
        assert sum(recent) <= (tokens or math.inf)
        for level in meter.levels("k", at).values():
            assert 0 <= level.remaining <= level.limit
            assert 0 <= level.reset <= 3 + 1e-9
        if wait is not None and size <= (tokens or math.inf):
            patient = Meter(Quota(requests, per=3, tokens=tokens))
            for begun, used in let_in:
                patient.admit("k", used, begun)
            assert patient.admit("k", size, at + wait + 1e-6) is None


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0ms"), (0.0121, "13ms"), (1, "1s"), (2.5, "2.5s"), (60, "1m0s"), (362.25, "6m2.25s")]
)
def test_durations_as_go_writes_them(seconds: float, told: str) -> None:
    assert go_duration(seconds) == told


def test_what_a_request_costs() -> None:
    assert cost({}, 400) == 160
    assert cost({"max_tokens": 5}, 400) == 105
    assert cost({"generationConfig": {"maxOutputTokens": 7}}, 0) == 8
    assert cost({"generationConfig": "odd", "max_tokens": "odd"}, 0) == 61


@pytest.mark.parametrize(
    "wrong",
    [
        Quota,
        lambda: Quota(0),
        lambda: Quota(tokens=0),
        lambda: Quota(1, per=0),
        lambda: Quota(1, per=math.inf),
        lambda: Quota(concurrency=1, crowded=500),
        lambda: Latency(0),
        lambda: Latency(1, slow=2),
        lambda: Latency(1, slow_share=0.5),
        lambda: Latency(1, slow=math.nan, slow_share=0.5),
        lambda: Latency(1, spread=2),
        lambda: Fault.slower(0),
        lambda: Provider("p", dialect="latin"),
    ],
)
def test_wrong_limits_are_told_at_once(wrong: object) -> None:
    with pytest.raises(ValueError):
        wrong()
