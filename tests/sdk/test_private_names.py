"""The contract with the SDK and its http package: what we touch of them without being invited is still there."""

from __future__ import annotations

import http.cookiejar
import threading
from typing import Any

import openai
import pytest

from resilient_ai.transports import _private
from resilient_ai.transports._flavour import flavour_of

from .modes import Mode, close, flavours, two_modes
from .modes import http as flavour_of_the_sdk


@flavours
@two_modes
def test_a_client_s_transports_and_headers(mode: Mode, flavour: Any) -> None:
    async def script() -> None:
        client = mode.http_client(flavour, mounts={"all://mounted": None})
        transport = getattr(client, _private.TRANSPORT)
        assert isinstance(transport, flavour.AsyncHTTPTransport if mode.is_async else flavour.HTTPTransport)
        assert list(getattr(client, _private.MOUNTS).values()) == [None]
        assert getattr(client, _private.TRANSPORT_FOR_URL)(flavour.URL("http://a")) is transport
        assert getattr(client, _private.HEADERS) is client.headers
        assert getattr(client, _private.STATE).name == "UNOPENED"
        await close(client)

    mode.run(script)


def test_a_cookie_jar_s_policy() -> None:
    policy = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])
    assert getattr(http.cookiejar.CookieJar(policy), _private.COOKIE_POLICY) is policy


@flavours
def test_a_response_s_content_and_headers(flavour: Any) -> None:
    response = flavour.Response(200, headers={"X-One": "1"}, content=b"body")
    assert getattr(response, _private.CONTENT) == b"body"
    assert (b"X-One", b"x-one", b"1") in getattr(response.headers, _private.HEADER_LIST)


@two_modes
def test_what_we_use_of_the_sdk(mode: Mode, primary: Any) -> None:
    async def script() -> None:
        client = mode.openai(primary)
        inner = getattr(client, _private.HTTP_CLIENT)
        assert isinstance(inner, flavour_of_the_sdk.AsyncClient if mode.is_async else flavour_of_the_sdk.Client)
        await close(client)

    mode.run(script)
    stays, changes = openai.OpenAI(api_key="sk"), openai.OpenAI(api_key=lambda: "sk")
    assert [getattr(one, _private.KEY_CALLABLES[0]) is None for one in (stays, changes)] == [True, False]
    azure = openai.AzureOpenAI(azure_endpoint="http://a", api_version="1", azure_ad_token_provider=lambda: "token")
    assert getattr(azure, _private.KEY_CALLABLES[1]) is not None
    for one in (stays, changes, azure):
        one.close()
    maker = getattr(openai.OpenAI, _private.STATUS_ERROR_MAKER)
    request = flavour_of_the_sdk.Request("POST", "http://a")
    answer = flavour_of_the_sdk.Response(429, json={"error": {"message": "slow down"}}, request=request)
    assert isinstance(maker(object.__new__(openai.OpenAI), answer), openai.RateLimitError)


@pytest.mark.parametrize(("module", "kind"), [("anthropic", "Anthropic"), ("groq", "Groq"), ("ollama", "Client")])
def test_what_we_use_of_sdks_with_one_http_client(module: str, kind: str) -> None:
    sdk = pytest.importorskip(module)
    client = getattr(sdk, kind)() if module == "ollama" else getattr(sdk, kind)(api_key="k")
    inner: Any = getattr(client, _private.HTTP_CLIENT)
    flavour = flavour_of(inner)
    assert flavour is not None
    if module != "ollama":
        maker = getattr(getattr(sdk, kind), _private.STATUS_ERROR_MAKER)
        request = flavour.Request("POST", "http://a")
        answer = flavour.Response(429, json={"error": {"message": "slow down"}}, request=request)
        assert isinstance(maker(object.__new__(getattr(sdk, kind)), answer), sdk.RateLimitError)
    client.close() if module != "ollama" else inner.close()


def test_what_we_use_of_mistral() -> None:
    mistral = pytest.importorskip("mistralai.client")
    client = mistral.Mistral(api_key="k")
    assert client.chat is vars(client)["chat"]  # made once, and kept
    assert "chat" in getattr(client, _private.SUB_SDKS)
    configuration = client.sdk_configuration
    assert not configuration.client_supplied
    configuration.client.close()
    assert hasattr(configuration, "retry_config")
    assert client.parent_ref is client


def test_what_we_use_of_cohere() -> None:
    cohere = pytest.importorskip("cohere")
    client = cohere.ClientV2(api_key="k", base_url="http://a", client_name="us", timeout=7, max_retries=5)
    wrapper: Any = getattr(client, _private.CLIENT_WRAPPER)
    kept = {argument: getattr(wrapper, name) for argument, name in _private.COHERE_SETTINGS.items()}
    assert kept == {"api_key": "k", "base_url": "http://a", "client_name": "us", "timeout": 7, "max_retries": 5}
    assert hasattr(client, _private.EXECUTOR)
    wrapper.httpx_client.httpx_client.close()


def test_what_we_use_of_genai() -> None:
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="k")
    api: Any = getattr(client, _private.API_CLIENT)
    assert type(api).__name__ == _private.API_CLIENT_CLASS
    assert isinstance(getattr(client, _private.AIO), type(client.aio))
    assert all(callable(getattr(api, name)) for name in _private.API_METHODS)
    options: Any = getattr(api, _private.HTTP_OPTIONS)
    assert options.httpx_client is options.httpx_async_client is options.aiohttp_client is options.retry_options is None
    assert getattr(api, _private.AIOHTTP_SESSIONS) == {}
    for name in (_private.SYNC_HTTP, _private.ASYNC_HTTP):
        assert flavour_of(getattr(api, name)) is not None
    inner: Any = getattr(api, _private.ASYNC_HTTP)
    assert getattr(inner, _private.PER_LOOP) is True
    assert getattr(inner, _private.LOOP_CLIENTS) == {}
    assert type(getattr(inner, _private.LOOP_CLIENTS_LOCK)) is type(threading.Lock())
    assert type(client.interactions).__module__.startswith(_private.MADE_LATER)
    client.close()
