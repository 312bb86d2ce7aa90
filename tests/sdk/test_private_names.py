"""The contract with the SDK and its http package: what we touch of them without being invited is still there."""

from __future__ import annotations

import http.cookiejar
from typing import Any

import openai

from resilient_ai.transports import _private

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
    maker = getattr(openai.OpenAI, _private.STATUS_ERROR_MAKER)
    request = flavour_of_the_sdk.Request("POST", "http://a")
    answer = flavour_of_the_sdk.Response(429, json={"error": {"message": "slow down"}}, request=request)
    assert isinstance(maker(object.__new__(openai.OpenAI), answer), openai.RateLimitError)
