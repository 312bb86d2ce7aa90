"""Promises 1 to 4, 8, 9: retries under the three big SDKs, counted at the provider."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from resilient_ai import Deadline, Pipeline, Retry, options, outcome, wrap
from resilient_ai.testing import Fault
from tests.sdk.modes import failing

from .big import LONG, Api, big, in_each, in_sync, in_two, wrapped

if TYPE_CHECKING:
    from resilient_ai.testing import SimulatedProvider
    from tests.sdk.modes import Mode

QUICK = Retry(wait=0, budget=1.0)

DEAD = {
    "503": Fault.status(503),
    "429": Fault.rate_limited(retry_after=None),
    "reset": Fault.reset(),
    "refused": Fault.refused(),
}


CALLS = 1000 if LONG else 150


@big
@in_sync
@pytest.mark.parametrize("dead", DEAD)
def test_a_total_outage_costs_at_most_a_tenth_more(api: Api, mode: Mode, primary: SimulatedProvider, dead: str) -> None:
    """Promise 1: over 1,000 calls (the long form; 150 here) at most 1.1 requests a call, over the first 40 at most 1.5;
    and promise 13: what an open circuit refuses is not on the wire."""
    sent: list[int] = []

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(wait=0))
        primary.fault(DEAD[dead])
        for _ in range(CALLS):
            error = await failing(api.call(client, mode))
            assert isinstance(error, api.errors())
            sent.append(len(outcome(error).attempts))
        await api.end(client, given)

    mode.run(script)
    assert sum(sent[:40]) <= 60
    assert sum(sent) <= 1.1 * CALLS + 2  # a fresh budget advances two
    assert primary.count() == (0 if dead == "refused" else sum(sent))


NEVER = (400, 401, 403, 404, 413, 422)
AGAIN = (408, 409, 429, 500, 502, 503, 504, 529)


@in_each
@pytest.mark.parametrize("status", [*NEVER, *AGAIN])
def test_what_is_asked_again(api: Api, mode: Mode, primary: SimulatedProvider, status: int) -> None:
    """Promises 2 and 3: a mistake is asked once, trouble as often as the pipeline allows, where the SDK would ask three
    times."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, Retry(attempts=2, wait=0))
        primary.fault(Fault.status(status))
        error = await failing(api.call(client, mode))
        assert isinstance(error, api.errors())
        await api.end(client, given)

    mode.run(script)
    assert primary.count() == (1 if status in NEVER else 2)


@in_each
@pytest.mark.parametrize("cut", ["truncated", "truncated_clean", "error_in_stream", "stalled"])
@pytest.mark.parametrize("rescue", ["error", "replay"])
def test_nothing_is_told_twice_once_something_was_delivered(
    api: Api, mode: Mode, primary: SimulatedProvider, cut: str, rescue: str
) -> None:
    """Promises 3, 19 and 20: a stream that breaks ends in the SDK's own error, with the words as far as they came, and
    none twice. Asked again it is for a replay only, and no more often than the pipeline allows."""
    whole: list[str] = []
    words: list[str] = []

    async def script() -> None:
        given, client = wrapped(api, mode, primary, QUICK, Deadline(idle=0.3))
        await api.streamed(client, mode, whole)
        primary.fault(getattr(Fault, cut)(after_tokens=2))
        with options(rescue=("replay", "error") if rescue == "replay" else ("error",)):
            error = await failing(api.streamed(client, mode, words))
        assert isinstance(error, api.errors()), repr(error)
        await api.end(client, given)

    mode.run(script)
    assert 2 <= primary.count() <= (4 if rescue == "replay" else 2)
    assert "".join(words)
    assert "".join(whole).startswith("".join(words))
    assert len("".join(words)) < len("".join(whole))


@big
@in_two
@pytest.mark.parametrize("header", ["retry-after", "retry-after-ms"])
def test_a_wait_that_is_asked_for_is_kept(api: Api, mode: Mode, primary: SimulatedProvider, header: str) -> None:
    """Promise 4: never undercut, exceeded by jitter only; at the provider, as it saw the requests come."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, QUICK)
        asked = "0.4" if header == "retry-after" else "400"
        primary.fault(Fault.status(503, headers={header: asked}, count=1))
        told = outcome(await api.call(client, mode))
        assert 0.4 <= told.waited <= 0.4 * 1.25
        await api.end(client, given)

    mode.run(script)
    first, second = (request.at for request in primary.requests())
    assert 0.4 <= second - first < 0.4 * 1.25 + 0.3


GARBAGE = [
    *("1e308", "inf", "nan", "-1", "0", "soon", "9" * 400, "86400", "1e-400", "0x10", "1_000", "¼"),
    *("Wed, 21 Oct 2015 07:28:00 GMT", "Fri, 31 Feb 2027 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"),
]


@big
@in_sync
@pytest.mark.parametrize("status", [429, 503])
def test_garbage_asks_for_no_wait(api: Api, mode: Mode, primary: SimulatedProvider, status: int) -> None:
    """Promise 4: whatever stands there, the SDK's own exception comes, in time."""

    async def script() -> None:
        given = api.client(mode, primary)
        pipelines = [Pipeline.default(QUICK, Deadline(total=1.0), isolated=True) for _ in GARBAGE]
        for garbage, pipeline in zip(GARBAGE, pipelines, strict=True):
            client = wrap(given, pipeline)
            for header in ("retry-after", "retry-after-ms"):
                primary.fault(Fault.status(status, headers={header: garbage.encode().decode("latin-1")}))
                started = time.monotonic()
                error = await failing(api.call(client, mode))
                assert isinstance(error, api.errors()), (garbage, error)
                assert time.monotonic() - started < 1.25, garbage
            await api.end(client)
        await api.end(given)

    mode.run(script)


@big
@in_two
def test_a_repeat_is_the_same_request(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """Promise 8: the same body and the same Idempotency-Key, every time."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary, QUICK)
        primary.fault(Fault.status(503, count=2))
        assert api.text(await api.call(client, mode, headers={"Idempotency-Key": "once"}))
        await api.end(client, given)

    mode.run(script)
    seen = primary.requests()
    assert len(seen) == 3
    assert len({(request.body_sha256, request.body_bytes) for request in seen}) == 1
    assert seen[0].body_bytes > 0
    assert [request.headers.get("idempotency-key") for request in seen] == ["once"] * 3


@in_each
def test_a_stale_connection_costs_one_unseen_repeat(api: Api, mode: Mode, primary: SimulatedProvider) -> None:
    """Promise 9: the server has closed what we keep alive."""

    async def script() -> None:
        given, client = wrapped(api, mode, primary)
        for _ in range(5):
            answer = await api.call(client, mode)
            assert len(outcome(answer).attempts) <= 2
            primary.close_idle()
        await api.end(client, given)

    mode.run(script)
    assert [request.status for request in primary.requests()] == [200] * 5
