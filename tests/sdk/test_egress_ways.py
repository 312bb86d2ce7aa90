"""A bound call, by every other way there is to send: other SDKs, other transports, other answers than one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import openai
import pytest

from resilient_ai import Egress, Pipeline, Retry, SingleFlight, Target, options, outcome, wrap
from resilient_ai.errors import ConfigurationError
from resilient_ai.testing import Fault
from resilient_ai.transports import _translated
from resilient_ai.transports._port import HttpPort

from .flights import at_once
from .listeners import Listener, chat_answer, down, late, messages_answer, messages_stream
from .modes import MODEL, Mode, chat, close, do, failing, flavours, modes, notes, two_modes
from .sdks import Sdk, Upstream, both, sdks
from .test_rescue import CUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import SimulatedProvider

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")


@pytest.fixture
def outside() -> Iterator[Listener]:
    host = Listener(chat_answer("outside"))
    yield host
    host.close()


@pytest.fixture
def inside() -> Iterator[Listener]:
    host = Listener(chat_answer("inside"))
    yield host
    host.close()


def _client(mode: Mode, host: Listener, pipeline: Pipeline | None = None, **how: Any) -> Any:
    kind = openai.AsyncOpenAI if mode.is_async else openai.OpenAI
    return wrap(kind(api_key="k", base_url=host.url), pipeline, **how)


def _target(host: Listener, name: str = "there:*", **said: Any) -> Target:
    return Target(name, base_url=host.url, api_key="k", **said)


@modes
def test_the_last_look_holds_when_the_first_is_at_fault(mode: Mode, outside: Listener, monkeypatch: Any) -> None:
    """A fault of our own in choosing targets: the wire that sends looks for itself."""
    monkeypatch.setattr(HttpPort, "barred", lambda *_: None)

    async def script() -> None:
        client = _client(mode, outside, Pipeline.default(Retry(wait=0)), fallback=[_target(outside, region="us")])
        with options(region="eu"):
            error = await failing(chat(client))
        assert isinstance(error, openai.APIConnectionError)
        assert "not in region eu" in notes(error)
        await close(client)

    mode.run(script)
    assert outside.accepted == 0


class Elsewhere:
    """A strategy of the program's own that sends where it likes."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def execute(self, next: Any, call: Any) -> Any:
        view = call.derive()
        view.target = self.target
        return await next(view)


@two_modes
def test_a_strategy_that_sends_elsewhere_is_held_back(mode: Mode, inside: Listener, outside: Listener) -> None:
    async def script() -> None:
        pipeline = Pipeline(
            Elsewhere(_target(outside, dialect="openai")), egress=Egress(region="eu", regions={inside.place: "eu"})
        )
        client = _client(mode, inside, pipeline)
        error = await failing(chat(client))
        assert isinstance(error, openai.APIConnectionError)
        assert "there:*: not in region eu" in notes(error)
        await close(client)

    mode.run(script)
    assert (inside.accepted, outside.accepted) == (0, 0)


@two_modes
@flavours
def test_a_transport_of_the_program_s_own_is_asked_for_what_is_allowed(mode: Mode, flavour: Any) -> None:
    """A foreign one is shared, and does what it likes with what it is given: it is not given what is forbidden."""
    asked: list[str] = []

    def answer(request: Any) -> Any:
        asked.append(request.url.host)
        return flavour.Response(200, json={})

    async def script() -> None:
        mock = flavour.MockTransport(answer)
        client = wrap(mode.http_client(flavour, transport=mock), Pipeline.default(isolated=True))

        async def get(url: str) -> Any:
            return await do(client.get(url))

        with options(hosts=["*.eu.example"]):
            assert isinstance(await failing(get("https://api.us.example/")), flavour.ConnectError)
            assert isinstance(await failing(get("https://eu.example/")), flavour.ConnectError)
            assert (await get("https://api.EU.example./x")).status_code == 200
        await close(client)

    mode.run(script)
    assert asked == ["api.eu.example."]


@modes
def test_a_stream_that_breaks_is_not_gone_on_with_outside(
    mode: Mode, primary: SimulatedProvider, backup: SimulatedProvider, to_backup: list[Target]
) -> None:
    """The same model elsewhere would have gone on with it, word for word."""
    primary.fault(Fault.truncated(after_tokens=CUT))
    egress = Egress(regions={primary.origin.removeprefix("http://"): "eu"})

    async def script() -> None:
        pipeline = Pipeline.default(Retry(wait=0), egress=egress, isolated=True)
        client = wrap(mode.openai(primary), pipeline, fallback=to_backup)
        with options(region="eu"):
            stream = await chat(client, stream=True)

        async def read() -> None:
            if mode.is_async:
                async for _ in stream:
                    pass
            else:
                list(stream)

        error = await failing(read())  # outside the block: the call stays what it was
        assert isinstance(error, openai.APIError)
        assert "backup:*: not in region eu" in "\n".join(outcome(error).skipped)
        await close(client)

    mode.run(script)
    assert primary.count() > 1
    assert backup.count() == 0


@modes
def test_bound_and_free_calls_share_no_request(mode: Mode, inside: Listener, outside: Listener) -> None:
    """Equal but for that, and at the same time."""
    outside.answer = late(outside.answer, 0.4)
    inside.answer = late(inside.answer, 0.4)

    async def script() -> None:
        pipeline = Pipeline.default(SingleFlight(joins="all"), isolated=True)
        client = _client(mode, outside, pipeline, fallback=[_target(inside, region="eu")])

        async def bound() -> str:
            with options(region="eu"):
                return (await chat(client)).system_fingerprint

        async def free() -> str:
            return (await chat(client)).system_fingerprint

        got = await at_once(mode, [free, bound, free, bound])
        assert got == ["outside", "inside", "outside", "inside"]
        await close(client)

    mode.run(script)
    assert 1 <= outside.accepted <= 2  # a loaded machine may begin the second when the first is over
    assert 1 <= inside.accepted <= 2


@two_modes
def test_a_client_s_other_base_url_is_another_host(mode: Mode, inside: Listener, outside: Listener) -> None:
    async def script() -> None:
        client = _client(mode, inside, Pipeline.default(egress=Egress(region="eu", regions={inside.place: "eu"})))
        assert (await chat(client)).system_fingerprint == "inside"
        error = await failing(chat(client.with_options(base_url=outside.url)))
        assert isinstance(error, openai.APIConnectionError)
        await close(client)

    mode.run(script)
    assert outside.accepted == 0


@two_modes
def test_what_was_made_outside_is_not_asked_for_there(mode: Mode, primary: Any, backup: Any, to_backup: Any) -> None:
    """A request that names a resource goes where that was made, and nowhere else; a bound one not even there."""

    async def script() -> None:
        client = wrap(mode.openai(primary), Pipeline.default(Retry(wait=0), isolated=True), fallback=to_backup)
        primary.fault(Fault.status(503, count=1))
        made = await do(client.responses.create(model=MODEL, input="hello"))
        assert outcome(made).answered_by == "backup:*"
        sent = backup.count()

        async def get() -> Any:
            return await do(client.responses.retrieve(made.id))

        with options(region="eu"):
            error = await failing(get())
        assert isinstance(error, openai.APIConnectionError)
        assert backup.count() == sent
        assert (await get()).id == made.id
        await close(client)

    mode.run(script)


def _planted(*_: Any) -> Any:
    raise ZeroDivisionError("planted")


@modes
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("where", ["", "read_request", "write_request", "answer"])
def test_a_fault_in_a_codec_leads_nowhere(
    mode: Mode, inside: Listener, outside: Listener, monkeypatch: Any, where: str, streamed: bool
) -> None:
    """One host inside is down, the other speaks another dialect; those outside stand by on both sides of it."""
    inside.answer = (messages_stream if streamed else messages_answer)("claude")
    faults = {"answer": ["reader", "writer"] if streamed else ["read_answer", "write_answer"]}.get(where, [where])
    there = Listener(down())
    whole = _translated.translation

    def translation(*asked: Any) -> Any:
        pair: Any = whole(*asked)
        if not where:
            return pair
        planted = dict.fromkeys(faults, _planted)
        return pair._replace(ours=replace(pair.ours, **planted), theirs=replace(pair.theirs, **planted))

    monkeypatch.setattr(_translated, "translation", translation)
    egress = Egress(region="eu", regions={there.place: "eu"})
    targets = [
        _target(outside, "first:*", dialect="anthropic", region="us"),
        _target(inside, "claude:claude-haiku-4-5", dialect="anthropic", region="eu"),
        _target(outside, "last:*", region="us"),
    ]

    async def script() -> None:
        client = _client(mode, there, Pipeline.default(Retry(wait=0), egress=egress), fallback=targets)
        asked = chat(client, max_completion_tokens=20, stream=streamed)
        if where:
            assert isinstance(await failing(asked), ZeroDivisionError | openai.APIError)
        else:
            assert outcome(await asked).answered_by == "claude:claude-haiku-4-5"
        await close(client)

    mode.run(script)
    there.close()
    assert there.accepted >= 1
    assert outside.accepted == 0


@two_modes
def test_a_picture_outside_is_not_fetched(mode: Mode, inside: Listener, outside: Listener) -> None:
    """A target that takes pictures as bytes only, and one that stands at a URL outside."""
    there = Listener(down())
    gemini = _target(inside, "gemini:gemini-2.5-flash", dialect="gemini", region="eu")
    egress = Egress(region="eu", regions={there.place: "eu"})
    picture = {"type": "image_url", "image_url": {"url": f"http://{outside.place}/picture.png"}}

    async def script() -> None:
        client = _client(mode, there, Pipeline.default(Retry(wait=0), egress=egress), fallback=[gemini])
        asked = chat(client, messages=[{"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}])
        assert isinstance(await failing(asked), openai.APIError)
        await close(client)

    mode.run(script)
    there.close()
    assert there.accepted >= 1
    assert outside.accepted == 0


@both
@sdks
def test_under_every_sdk(sdk: Sdk, mode: Mode) -> None:
    """Its own error, nothing sent; and a pipeline that could never send is told by where its client points."""
    host = Listener()

    class There:
        origin, key = f"http://{host.place}", "k"

    async def script() -> None:
        given = sdk.client(mode, Upstream(There()))
        client = wrap(given, Pipeline.default(isolated=True))
        with options(region="eu"):
            error = await failing(sdk.answer(mode, client))
        assert isinstance(error, sdk.connection())
        assert "not in region eu" in notes(error)
        with pytest.raises(ConfigurationError, match=f"not in region eu: {host.place}"):
            wrap(given, Pipeline.default(egress=Egress(region="eu")))
        inside = wrap(given, Pipeline.default(egress=Egress(region="eu", regions={host.place: "eu"})))
        await sdk.end(mode, inside, client, given)

    mode.run(script)
    assert host.accepted == 0
    host.close()
