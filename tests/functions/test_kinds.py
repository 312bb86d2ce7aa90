"""What an exception of a function says, row by row. Libraries are known by the names of their classes."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import urllib.error
from email.message import Message
from types import SimpleNamespace
from typing import Any

import httpx
import openai
import pytest

from resilient_ai._functions.kinds import kind_of, status_of, wait_of
from resilient_ai.errors import CircuitOpen, ConfigurationError, DeadlineExceeded
from resilient_ai.failures import FailureKind

K = FailureKind


def made(module: str, *names: str, **attributes: Any) -> Exception:
    """An exception as a library that is not installed here would raise it; ``names`` are its class and its bases."""
    kind: type[Exception] = Exception
    for name in reversed(names):
        kind = type(name, (kind,), {"__module__": module})
    error = kind()
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


def aws(status: int, code: str = "", **headers: str) -> Exception:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}
    return made("botocore.exceptions", "ClientError", response=response)


def grpc(code: str) -> Exception:
    return made("grpc._channel", "_InactiveRpcError", "RpcError", code=lambda: SimpleNamespace(name=code))


def httpx_status(status: int, **headers: str) -> Exception:
    request = httpx.Request("GET", "http://x")
    return httpx.HTTPStatusError("", request=request, response=httpx.Response(status, headers=headers, request=request))


def urllib_status(status: int) -> Exception:
    return urllib.error.HTTPError("http://x", status, "", Message(), None)


ROWS: list[tuple[Exception, FailureKind | None]] = [
    # the standard library
    (ConnectionRefusedError(), K.UNREACHABLE),
    (socket.gaierror(-2, "not known"), K.UNREACHABLE),
    (ssl.SSLCertVerificationError(), K.UNREACHABLE),
    (OSError(errno.EHOSTUNREACH, ""), K.UNREACHABLE),
    (ConnectionResetError(), K.TRANSIENT),
    (BrokenPipeError(), K.TRANSIENT),
    (ssl.SSLEOFError(), K.TRANSIENT),
    (http.client.RemoteDisconnected(), K.TRANSIENT),
    (TimeoutError(), K.SILENT),
    (http.client.IncompleteRead(b""), K.BROKEN),
    (urllib.error.URLError(ConnectionRefusedError()), K.UNREACHABLE),
    (urllib.error.URLError(TimeoutError()), K.SILENT),
    (urllib_status(404), K.CALLER),
    (urllib_status(502), K.TRANSIENT),
    # the program's own business
    (FileNotFoundError(), None),
    (PermissionError(), None),
    (OSError(errno.ENOSPC, ""), None),
    (urllib.error.URLError("unknown url type"), None),
    (ValueError("7"), None),
    (KeyError("choices"), None),
    (made("fastapi.exceptions", "HTTPException", status_code=503), None),
    # botocore
    (aws(429, "ThrottlingException"), K.RATE_LIMITED),
    (aws(400, "ThrottlingException"), K.RATE_LIMITED),
    (aws(429, "ModelNotReadyException"), K.OVERLOADED),
    (aws(503, "ServiceUnavailableException"), K.OVERLOADED),
    (aws(500, "InternalServerException"), K.TRANSIENT),
    (aws(424, "ModelErrorException"), K.TRANSIENT),
    (aws(408, "ModelTimeoutException"), K.TRANSIENT),
    (aws(400, "ServiceQuotaExceededException"), K.QUOTA),
    (aws(403, "AccessDeniedException"), K.AUTH),
    (aws(400, "ExpiredTokenException"), K.AUTH),
    (aws(400, "ValidationException"), K.CALLER),
    (made("botocore.exceptions", "EndpointConnectionError", "ConnectionError", "BotoCoreError"), K.UNREACHABLE),
    (made("botocore.exceptions", "ReadTimeoutError", "HTTPClientError", "BotoCoreError"), K.SILENT),
    (made("botocore.exceptions", "ConnectionClosedError", "HTTPClientError", "BotoCoreError"), K.TRANSIENT),
    (made("botocore.exceptions", "NoCredentialsError", "BotoCoreError"), None),
    # gRPC
    (grpc("UNAVAILABLE"), K.TRANSIENT),
    (grpc("DEADLINE_EXCEEDED"), K.SILENT),
    (grpc("RESOURCE_EXHAUSTED"), K.RATE_LIMITED),
    (grpc("UNAUTHENTICATED"), K.AUTH),
    (grpc("INVALID_ARGUMENT"), K.CALLER),
    (grpc("CANCELLED"), None),
    # http libraries and SDKs
    (httpx.ConnectError(""), K.UNREACHABLE),
    (httpx.ConnectTimeout(""), K.UNREACHABLE),
    (httpx.ReadTimeout(""), K.SILENT),
    (httpx.PoolTimeout(""), K.LOCAL),
    (httpx.RemoteProtocolError(""), K.TRANSIENT),
    (httpx_status(429), K.RATE_LIMITED),
    (httpx_status(401), K.AUTH),
    (httpx_status(529), K.OVERLOADED),
    (openai.OpenAIError("no key"), None),
    (openai.APITimeoutError(request=None), K.SILENT),
    (made("openai", "RateLimitError", status_code=429, code="insufficient_quota"), K.QUOTA),
    (made("openai", "RateLimitError", status_code=429, code=None), K.RATE_LIMITED),
    (made("google.genai.errors", "ServerError", "APIError", code=503), K.OVERLOADED),
    (made("requests.exceptions", "ConnectionError"), K.TRANSIENT),
    (made("requests.exceptions", "ConnectTimeout", "ConnectionError"), K.UNREACHABLE),
    (made("aiohttp.client_exceptions", "ClientResponseError", status=500), K.TRANSIENT),
    (made("aiohttp.client_exceptions", "ClientConnectorError", "ClientOSError"), K.UNREACHABLE),
    # an engine inside the function
    (CircuitOpen("", target="x", reopens_in=1.0), K.LOCAL),
    (DeadlineExceeded("", target="x"), K.SILENT),
]


@pytest.mark.parametrize(("error", "kind"), ROWS, ids=lambda row: type(row).__name__ if row else "none")
def test_what_an_exception_says(error: Exception, kind: FailureKind | None) -> None:
    """A kind for what is known to be the provider's trouble, None for all else: it passes untouched."""
    assert kind_of(error, own=None) is kind


class Busy(ValueError):
    """A program's own."""


class VeryBusy(Busy):
    """And one derived from it."""


def test_the_program_s_word_comes_first() -> None:
    own = {Busy: K.OVERLOADED, ConnectionRefusedError: K.CALLER}
    assert kind_of(Busy(), own=own) is K.OVERLOADED
    assert kind_of(VeryBusy(), own=own) is K.OVERLOADED
    assert kind_of(VeryBusy(), own=own | {VeryBusy: K.QUOTA}) is K.QUOTA
    assert kind_of(ConnectionRefusedError(), own=own) is K.CALLER
    assert kind_of(TimeoutError(), own=own) is K.SILENT
    assert kind_of(ValueError(), own=own) is None


def test_the_program_s_word_may_be_a_function() -> None:
    def says(error: Exception) -> FailureKind | None:
        return K.TRANSIENT if "again" in str(error) else None

    assert kind_of(ValueError("try again"), own=says) is K.TRANSIENT
    assert kind_of(ValueError("no"), own=says) is None
    assert kind_of(TimeoutError("no"), own=says) is K.SILENT


def test_a_word_that_is_no_kind_is_told() -> None:
    with pytest.raises(ConfigurationError, match="'transient'"):
        kind_of(ValueError(), own=lambda _: "transient")


def test_what_the_exception_carries() -> None:
    assert (status_of(aws(503)), status_of(httpx_status(418)), status_of(ValueError())) == (503, 418, None)
    assert wait_of(httpx_status(429, **{"retry-after": "3"})) == 3
    assert wait_of(aws(429, **{"retry-after": "2"})) == 2
    assert wait_of(httpx_status(429, **{"retry-after": "soon"})) is None
    assert wait_of(made("botocore.exceptions", "ClientError", response="text")) is None
