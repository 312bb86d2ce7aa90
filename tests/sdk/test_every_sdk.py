"""Under every SDK: the same class back, as many upstream calls as the pipeline allows, the SDK's own exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Pipeline, Retry, Target, outcome, record, wrap
from resilient_ai.testing import Provider, Simulator

from .little import Little
from .modes import Mode, failing, notes
from .sdks import SDKS, Sdk, Upstream, both, installed, sdks

if TYPE_CHECKING:
    from collections.abc import Iterator

# The bare google-genai's own, on aiohttp.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")


@pytest.fixture(scope="module")
def vendors() -> Iterator[Simulator]:
    """Two providers of each of the other dialects."""
    with Simulator(
        *(Provider(f"{dialect}-{number}", dialect=dialect) for dialect in ("anthropic", "gemini") for number in (1, 2))
    ) as simulator:
        yield simulator


@pytest.fixture
def upstreams(sdk: Sdk, request: pytest.FixtureRequest) -> Iterator[tuple[Upstream, Upstream]]:
    """Two providers that speak the SDK's dialect, well and unasked."""
    if sdk.dialect in ("cohere", "ollama"):
        little = [Little(name) for name in ("one", "two")]
        yield Upstream(little[0]), Upstream(little[1])
        for server in little:
            server.close()
    elif sdk.dialect == "openai":
        simulator = request.getfixturevalue("simulator")
        yield Upstream(simulator["primary"]), Upstream(simulator["backup"])
    else:
        simulator = request.getfixturevalue("vendors")
        yield Upstream(simulator[f"{sdk.dialect}-1"]), Upstream(simulator[f"{sdk.dialect}-2"])
        simulator.reset()


def quick() -> Pipeline:
    """The default pipeline, three attempts without waits, sharing nothing with other tests."""
    return Pipeline.default(Retry(wait=0), isolated=True)


def fallback_to(sdk: Sdk, other: Upstream) -> list[Target]:
    return [Target("other:*", base_url=other.origin + sdk.api, api_key=other.key, dialect=sdk.dialect)]


@both
@sdks
def test_same_class_own_pool_given_untouched(sdk: Sdk, mode: Mode, upstreams: Any) -> None:
    """wrap() gives the same class; the given client goes on by itself; closing one leaves the other."""
    one, _ = upstreams

    async def script() -> None:
        given = sdk.client(mode, one)
        assert sdk.text(await sdk.answer(mode, given))  # its resources are made now, and hold on to it
        before = dict(vars(given))
        client = wrap(given)
        assert type(client) is type(given)
        with record() as calls:
            answer = await sdk.answer(mode, client)
            assert sdk.text(answer)
            assert await sdk.streamed(mode, client) >= 2
        assert [call.answered_by for call in calls] == ["primary", "primary"]
        if sdk.known_by == "answer":
            assert outcome(answer).answered_by == "primary"
        assert {name: id(value) for name, value in vars(given).items()} == {n: id(v) for n, v in before.items()}
        with record() as calls:
            assert sdk.text(await sdk.answer(mode, given))
        assert calls == []
        await sdk.end(mode, client)
        assert sdk.text(await sdk.answer(mode, given))
        again = wrap(given)
        await sdk.end(mode, given)
        assert sdk.text(await sdk.answer(mode, again))
        await sdk.end(mode, again)

    mode.run(script)


@both
@sdks
def test_a_persistent_503(sdk: Sdk, mode: Mode, upstreams: Any) -> None:
    """One call makes as many upstream calls as the pipeline allows, whatever retries the program left to the SDK, and
    ends in the SDK's own exception, which tells them."""
    one, _ = upstreams

    async def script() -> None:
        given = sdk.client(mode, one)
        client = wrap(given, quick())
        one.fail(503)
        error = await failing(sdk.answer(mode, client))
        assert isinstance(error, sdk.status())
        assert one.count() == 3
        assert notes(error).count("(HTTP 503)") == 3
        assert len(outcome(error).attempts) == 3
        await sdk.end(mode, client, given)

    mode.run(script)


@both
@sdks
def test_bad_requests_are_asked_once(sdk: Sdk, mode: Mode, upstreams: Any) -> None:
    """The caller's own mistake: one upstream call, no fallback, the SDK's own exception."""
    one, other = upstreams

    async def script() -> None:
        given = sdk.client(mode, one)
        client = wrap(given, quick(), fallback=fallback_to(sdk, other))
        one.fail(400)
        error = await failing(sdk.answer(mode, client))
        assert isinstance(error, sdk.bad())
        assert (one.count(), other.count()) == (1, 0)
        assert "attempt 1: primary: caller (HTTP 400)" in notes(error)
        await sdk.end(mode, client, given)

    mode.run(script)


@both
@sdks
def test_connection_refused(sdk: Sdk, mode: Mode, upstreams: Any) -> None:
    """No connection: what the program knows from the bare SDK, with the attempts in its notes."""
    one, _ = upstreams

    async def script() -> None:
        given = sdk.client(mode, one)
        client = wrap(given, quick())
        one.refuse()
        with record() as calls:
            error = await failing(sdk.answer(mode, client))
        assert len(calls) == 1
        assert isinstance(error, sdk.connection())
        assert notes(error).count("primary: unreachable") == 3
        assert len(outcome(error).attempts) == 3
        await sdk.end(mode, client, given)

    mode.run(script)


@both
@sdks
@pytest.mark.parametrize("dead", ["503", "refused"])
def test_a_fallback_of_the_same_dialect(sdk: Sdk, mode: Mode, upstreams: Any, dead: str) -> None:
    """The same bytes go to the other host, with its own key."""
    one, other = upstreams

    async def script() -> None:
        given = sdk.client(mode, one)
        client = wrap(given, quick(), fallback=fallback_to(sdk, other))
        if dead == "503":
            one.fail(503)
        else:
            one.refuse()
        with record() as calls:
            assert sdk.text(await sdk.answer(mode, client))
            assert await sdk.streamed(mode, client) >= 2
        assert [call.answered_by for call in calls] == ["other:*", "other:*"]
        assert other.count() == 2
        await sdk.end(mode, client, given)

    mode.run(script)


INSISTING = [sdk for sdk in SDKS if sdk.insists is not None]


@both
@pytest.mark.parametrize("sdk", INSISTING, ids=lambda sdk: sdk.name)
@pytest.mark.parametrize("dead", ["503", "refused"])
def test_told_once_more_to_retry(sdk: Sdk, mode: Mode, upstreams: Any, dead: str) -> None:
    """``with_options(max_retries=1)`` on a wrapped client, or retries asked for one call: the pipeline decides."""
    if not installed(sdk.name):
        pytest.skip(f"{sdk.name} is not installed")
    if sdk.name == "google.genai" and dead == "refused":
        pytest.skip("the same way as for 503: its retries stand in one place")
    one, _ = upstreams

    async def script() -> None:
        given = sdk.client(mode, one)
        client = wrap(given, quick())
        assert sdk.insists is not None
        insisting = sdk.insists(client, mode.is_async)
        if dead == "503":
            one.fail(503)
        else:
            one.refuse()
        with record() as calls:
            error = await failing(sdk.answer(mode, insisting))
        assert isinstance(error, sdk.status() if dead == "503" else sdk.connection())
        assert [len(call.attempts) for call in calls] == [3]
        assert notes(error).count("attempt ") == 3
        assert len(outcome(error).attempts) == 3
        await sdk.end(mode, client, given)

    mode.run(script)


@both
@sdks
def test_wrapped_twice(sdk: Sdk, mode: Mode, upstreams: Any) -> None:
    """A second wrap() replaces the pipeline of the first."""
    one, other = upstreams

    async def script() -> None:
        given = sdk.client(mode, one)
        first = wrap(given, quick(), fallback=fallback_to(sdk, other))
        second = wrap(first, quick())
        one.fail(503)
        assert isinstance(await failing(sdk.answer(mode, second)), sdk.status())
        assert (one.count(), other.count()) == (3, 0)
        await sdk.end(mode, second, first, given)

    mode.run(script)


@both
@sdks
def test_switched_off(sdk: Sdk, mode: Mode, upstreams: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """RESILIENT_AI=off: the bare SDK's requests, its own retries included, also of a client that was wrapped before."""
    if sdk.name in ("anthropic", "groq", "cohere"):
        pytest.skip("their retries wait for half a second and more; tests/sdk/test_off.py shows the same for openai")
    one, _ = upstreams
    monkeypatch.setenv("RESILIENT_AI", "off")

    async def script() -> None:
        given = sdk.client(mode, one)
        with monkeypatch.context() as on:
            on.delenv("RESILIENT_AI")
            first = wrap(given)
        client = wrap(first)
        one.fail(503)
        error = await failing(sdk.answer(mode, client))
        assert isinstance(error, sdk.status())
        assert not notes(error)
        wrapped = one.count()
        await failing(sdk.answer(mode, given))
        if sdk.name == "mistralai.client":  # as often as fits into its time
            assert wrapped > 3
        else:
            assert one.count() == 2 * wrapped
        await sdk.end(mode, client, given)

    mode.run(script)
