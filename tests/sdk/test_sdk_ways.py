"""What is particular to one SDK: its middleware, its other ways out, its http client wrapped instead of it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai import Pipeline, Retry, outcome, record, wrap
from resilient_ai.errors import UnsupportedClient
from resilient_ai.testing import Fault, Provider, Simulator

from .little import Little
from .modes import FLAVOURS, MODES, Mode, chat, close, do, failing, notes
from .sdks import ANTHROPIC, COHERE, GENAI, GROQ, MISTRAL, OLLAMA, Sdk, Upstream, both, installed, of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

SYNC = MODES[0]


def needs(sdk: Sdk) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not installed(sdk.name), reason=f"{sdk.name} is not installed")


def later_anthropic() -> bool:
    return installed("anthropic") and int(of("anthropic", "__version__").split(".")[0]) >= 1


@pytest.fixture(scope="module")
def vendors() -> Iterator[Simulator]:
    with Simulator(Provider("anthropic", dialect="anthropic"), Provider("gemini", dialect="gemini")) as simulator:
        yield simulator


@pytest.fixture
def anthropic(vendors: Simulator) -> Iterator[Any]:
    yield vendors["anthropic"]
    vendors.reset()


@pytest.fixture
def gemini(vendors: Simulator) -> Iterator[Any]:
    yield vendors["gemini"]
    vendors.reset()


def quick() -> Pipeline:
    return Pipeline.default(Retry(wait=0), isolated=True)


@needs(ANTHROPIC)
@pytest.mark.skipif(not later_anthropic(), reason="anthropic has no middleware before 2")
def test_anthropic_s_middleware_sees_error_answers(anthropic: Any) -> None:
    """It stays on the wrapped client, and gets the error answer that it is there for, once; the outcome is known."""
    seen: list[int] = []

    def watch(request: Any, call_next: Any) -> Any:
        response = call_next(request)
        seen.append(response.status_code)
        return response

    given = of("anthropic", "Anthropic")(api_key=anthropic.key, base_url=anthropic.origin, middleware=[watch])
    client = wrap(given, quick())
    assert ANTHROPIC.text(ANTHROPIC.ask(client, False))
    anthropic.fault(Fault.status(503))
    with pytest.raises(of("anthropic", "InternalServerError")) as caught:
        ANTHROPIC.ask(client, False)
    assert seen == [200, 503]
    assert len(outcome(caught.value).attempts) == 3
    client.close()
    given.close()


@both
@needs(ANTHROPIC)
@pytest.mark.parametrize("dead", ["503", "refused"])
def test_an_http_client_wrapped_under_anthropic(mode: Mode, anthropic: Any, dead: str) -> None:
    """wrap() of the http client alone: the SDK's own retries are refused, unsent, and its own exceptions come out."""
    kind = "DefaultAsyncHttpxClient" if mode.is_async else "DefaultHttpxClient"

    async def script() -> None:
        inner = wrap(of("anthropic", kind)(), quick())
        client = of("anthropic", "AsyncAnthropic" if mode.is_async else "Anthropic")(
            api_key=anthropic.key, base_url=anthropic.origin, http_client=inner, max_retries=1
        )
        assert ANTHROPIC.text(await ANTHROPIC.answer(mode, client))
        anthropic.fault(Fault.status(503) if dead == "503" else Fault.refused())
        with record() as calls:
            error = await failing(ANTHROPIC.answer(mode, client))
        assert isinstance(error, ANTHROPIC.status() if dead == "503" else ANTHROPIC.connection())
        assert [len(call.attempts) for call in calls] == [3]
        assert notes(error).count("attempt ") == 3
        await do(client.close())

    mode.run(script)


def _wrapped_inside(sdk: Sdk, is_async: bool, upstream: Upstream) -> Any:
    """A bare client of the SDK on a wrapped http client."""
    flavour = importlib.import_module("httpx2" if sdk is MISTRAL else "httpx")
    inner = wrap((flavour.AsyncClient if is_async else flavour.Client)(), quick())
    origin, key = upstream.origin, upstream.key
    if sdk is GROQ:
        name = "AsyncGroq" if is_async else "Groq"
        return of("groq", name)(api_key=key, base_url=origin, http_client=inner, max_retries=1)
    if sdk is COHERE:
        name = "AsyncClientV2" if is_async else "ClientV2"
        return of("cohere", name)(api_key=key, base_url=origin, httpx_client=inner, max_retries=1)
    how = {"async_client" if is_async else "client": inner}
    retries = sdk.make(is_async, origin, key).sdk_configuration.retry_config
    return of("mistralai.client", "Mistral")(api_key=key, server_url=origin, retry_config=retries, **how)


@both
@pytest.mark.parametrize("sdk", [GROQ, MISTRAL, COHERE], ids=lambda sdk: sdk.name)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_an_http_client_wrapped_under_others(sdk: Sdk, mode: Mode, primary: Any) -> None:
    """The same: known by their user agents, they repeat no error answer, and raise their own."""
    if not installed(sdk.name):
        pytest.skip(f"{sdk.name} is not installed")
    little = Little("one")
    upstream = Upstream(little if sdk is COHERE else primary)

    async def script() -> None:
        client = _wrapped_inside(sdk, mode.is_async, upstream)
        assert sdk.text(await sdk.answer(mode, client))
        asked = upstream.count()
        upstream.fail(503)
        error = await failing(sdk.answer(mode, client))
        assert isinstance(error, sdk.status())
        assert upstream.count() - asked == 3
        assert notes(error).count("attempt ") == 3
        await sdk.end(mode, client)

    try:
        mode.run(script)
    finally:
        little.close()


@pytest.mark.parametrize("dead", ["503", "refused"])
def test_a_program_s_own_subclass(primary: Any, dead: str) -> None:
    """Its user agent is its own name; its exceptions carry the attempts nevertheless."""
    openai = importlib.import_module("openai")

    class Ours(openai.OpenAI):
        pass

    async def script() -> None:
        given = Ours(api_key=primary.key, base_url=primary.base_url)
        client = wrap(given, quick())
        primary.fault(Fault.status(503) if dead == "503" else Fault.refused())
        error = await failing(chat(client))
        assert isinstance(error, openai.InternalServerError if dead == "503" else openai.APIConnectionError)
        assert notes(error).count("attempt ") == 3
        await close(client, given)

    SYNC.run(script)


@needs(GENAI)
def test_genai_on_aiohttp(gemini: Any) -> None:
    """With aiohttp installed the bare client's async half goes by it; the wrapped one's does not slip past."""
    pytest.importorskip("aiohttp")
    given = GENAI.make(True, gemini.origin, gemini.key)
    assert given._api_client._use_aiohttp()
    client = wrap(given, quick())
    assert not client._api_client._use_aiohttp()
    assert client._api_client._aiohttp_sessions is not given._api_client._aiohttp_sessions

    async def script() -> None:
        with record() as calls:
            await GENAI.answer(MODES[1], client)
            chats = client.aio.chats.create(model="gemini-2.5-flash")
            await chats.send_message("hello")
        assert [call.answered_by for call in calls] == ["primary", "primary"]
        assert client._api_client._aiohttp_sessions == {}
        await client.aio.aclose()

    MODES[1].run(script)
    client.close()
    given.close()


@needs(GENAI)
def test_a_genai_client_in_two_loops(gemini: Any) -> None:
    """One client, one event loop after the other, and two at a time in threads of their own."""
    client = wrap(GENAI.make(True, gemini.origin, gemini.key), quick())

    async def script() -> str:
        return GENAI.text(await GENAI.answer(MODES[1], client))

    assert MODES[1].run(script) == MODES[1].run(script)
    client.close()


@needs(GENAI)
def test_a_session_of_aiohttp_is_refused() -> None:
    types = importlib.import_module("google.genai").types
    given = of("google.genai", "Client")(api_key="k", http_options=types.HttpOptions(base_url="http://127.0.0.1:1"))
    given._api_client._http_options.aiohttp_client = object()
    with pytest.raises(UnsupportedClient, match="a session of aiohttp cannot be guarded"):
        wrap(given)
    given._api_client._http_options.aiohttp_client = None
    with pytest.raises(UnsupportedClient, match=r"cannot wrap a google.genai.client.AsyncClient"):
        wrap(given.aio)
    given.close()


@needs(COHERE)
def test_cohere_s_clients_of_other_platforms_are_refused() -> None:
    kind = type("BedrockClientV2", (of("cohere", "ClientV2"),), {"__module__": "cohere.bedrock_client"})
    given = kind(api_key="k")
    with pytest.raises(UnsupportedClient, match="of cohere's clients"):
        wrap(given)
    SYNC.run(COHERE.end, SYNC, given)


@needs(COHERE)
def test_a_program_s_own_cohere() -> None:
    """A subclass with an ``__init__`` of its own, and what it has set."""
    little = Little("one")
    base = of("cohere", "ClientV2")

    class Ours(base):
        def __init__(self, team: str) -> None:
            super().__init__(api_key="one", base_url=little.origin, client_name="us", timeout=7)
            self.team = team

    async def script() -> None:
        given = Ours("claims")
        client = wrap(given, quick())
        assert type(client) is Ours
        assert client.team == "claims"
        assert client._client_wrapper.get_timeout() == 7
        with record() as calls:
            assert COHERE.text(await COHERE.answer(SYNC, client)) == "from one"
        assert len(calls) == 1
        await COHERE.end(SYNC, client, given)

    SYNC.run(script)
    little.close()
    assert little.asked == ["Bearer one"]


@needs(OLLAMA)
@pytest.mark.skipif("httpx" not in FLAVOURS, reason="ollama stands on httpx")
def test_a_model_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ollama's 404 is the caller's own mistake while the model has never worked: one call."""
    little = Little("one")

    async def script() -> None:
        given = OLLAMA.make(False, little.origin, "one")
        client = wrap(given, quick())
        little.failing = 404
        error = await failing(OLLAMA.answer(SYNC, client))
        assert isinstance(error, OLLAMA.status())
        assert getattr(error, "status_code", None) == 404
        assert len(little.asked) == 1
        await OLLAMA.end(SYNC, client, given)

    SYNC.run(script)
    little.close()
