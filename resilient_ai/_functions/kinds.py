"""Which exceptions of a function say that what it depends on has failed, and how.

Libraries are known by the names of their exception classes, so that none is imported. An exception that stands in no
table here, and in none of the program's own, is no failure: it passes untouched.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

from ..errors import ConfigurationError, Failure
from ..failures import FailureKind
from ..providers.headers import asked_wait

__all__ = ["KINDS", "Failures", "kind_of", "status_of", "wait_of"]

Failures = Mapping[type[BaseException], FailureKind] | Callable[[Exception], FailureKind | None]
"""What a program says of its own exceptions: a kind for each class (and those derived from it), or a function."""

_UNREACHABLE = FailureKind.UNREACHABLE
_TRANSIENT = FailureKind.TRANSIENT
_SILENT = FailureKind.SILENT

_HTTPX = {
    "ConnectError": _UNREACHABLE,
    "ConnectTimeout": _UNREACHABLE,
    "ProxyError": _UNREACHABLE,
    "PoolTimeout": FailureKind.LOCAL,
    "TimeoutException": _SILENT,
    "TransportError": _TRANSIENT,
}
_SDK = {"APITimeoutError": _SILENT, "APIConnectionError": _TRANSIENT}

KINDS: Mapping[str, Mapping[str, FailureKind]] = MappingProxyType(
    {
        "builtins": {
            "ConnectionRefusedError": _UNREACHABLE,
            "ConnectionError": _TRANSIENT,  # reset, aborted, broken pipe: something may have been sent
            "TimeoutError": _SILENT,
        },
        "socket": {"gaierror": _UNREACHABLE},
        "ssl": {"SSLCertVerificationError": _UNREACHABLE, "SSLError": _TRANSIENT},
        "http": {"IncompleteRead": FailureKind.BROKEN, "BadStatusLine": _TRANSIENT},
        "botocore": {
            "EndpointConnectionError": _UNREACHABLE,
            "ConnectTimeoutError": _UNREACHABLE,
            "ProxyConnectionError": _UNREACHABLE,
            "SSLError": _UNREACHABLE,
            "ReadTimeoutError": _SILENT,
            "HTTPClientError": _TRANSIENT,
        },
        "urllib3": {
            "NewConnectionError": _UNREACHABLE,
            "ConnectTimeoutError": _UNREACHABLE,
            "ReadTimeoutError": _SILENT,
            "ProtocolError": _TRANSIENT,
            "MaxRetryError": _TRANSIENT,
        },
        "requests": {
            "ConnectTimeout": _UNREACHABLE,
            "ProxyError": _UNREACHABLE,
            "SSLError": _UNREACHABLE,
            "ReadTimeout": _SILENT,
            "ConnectionError": _TRANSIENT,  # refused or cut: it does not tell which
            "ChunkedEncodingError": FailureKind.BROKEN,
        },
        "aiohttp": {
            "ClientConnectorError": _UNREACHABLE,
            "ServerTimeoutError": _SILENT,
            "ClientConnectionError": _TRANSIENT,
            "ClientPayloadError": FailureKind.BROKEN,
        },
        "httpx": _HTTPX,
        "httpx2": _HTTPX,
        "openai": _SDK,
        "anthropic": _SDK,
        "groq": _SDK,
    }
)
"""A kind by a class's package and name; the nearest class of an exception's ancestry that stands here decides."""

GRPC: Mapping[str, FailureKind] = MappingProxyType(
    {
        "UNAVAILABLE": _TRANSIENT,  # a stream that broke is UNAVAILABLE too: no proof that nothing was done
        "DEADLINE_EXCEEDED": _SILENT,
        "RESOURCE_EXHAUSTED": FailureKind.RATE_LIMITED,
        "UNAUTHENTICATED": FailureKind.AUTH,
        "PERMISSION_DENIED": FailureKind.AUTH,
        **dict.fromkeys(["ABORTED", "DATA_LOSS", "INTERNAL", "UNKNOWN"], _TRANSIENT),
        **dict.fromkeys(
            ["ALREADY_EXISTS", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND", "OUT_OF_RANGE", "UNIMPLEMENTED"],
            FailureKind.CALLER,
        ),
    }
)
"""gRPC's status codes. CANCELLED is the caller's own doing, and no failure."""

CODES: Mapping[str, FailureKind] = MappingProxyType(
    {
        "ThrottlingException": FailureKind.RATE_LIMITED,
        "ModelNotReadyException": FailureKind.OVERLOADED,
        "ServiceQuotaExceededException": FailureKind.QUOTA,
        "ExpiredTokenException": FailureKind.AUTH,
        "UnrecognizedClientException": FailureKind.AUTH,
        "insufficient_quota": FailureKind.QUOTA,
        "billing_hard_limit_reached": FailureKind.QUOTA,
    }
)
"""Error codes that say more than the status beside them: AWS's and OpenAI's."""

STATUSES: Mapping[int, FailureKind] = MappingProxyType(
    {
        401: FailureKind.AUTH,
        402: FailureKind.QUOTA,
        403: FailureKind.AUTH,
        408: _TRANSIENT,
        409: _TRANSIENT,
        424: _TRANSIENT,  # Bedrock: the model failed
        429: FailureKind.RATE_LIMITED,
        503: FailureKind.OVERLOADED,
        529: FailureKind.OVERLOADED,
    }
)
"""HTTP statuses; any other from 500 is transient, from 400 the caller's."""

_STATUS_ON_RESPONSE = frozenset({"httpx", "httpx2", "requests", "botocore", "huggingface_hub"})
_STATUS_ON_ERROR: Mapping[str, str] = MappingProxyType(
    {"aiohttp": "status", "urllib": "code", "google": "code"}
    | dict.fromkeys(["openai", "anthropic", "groq", "cohere", "mistralai", "ollama"], "status_code")
)
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})


def kind_of(error: Exception, *, own: Failures | None) -> FailureKind | None:
    """The kind of failure an exception is; None if it is none of ours to handle.

    Raises:
        ConfigurationError: the program's own function named something else than a kind.
    """
    kind = None if own is None else _own_word(error, own)
    if kind is not None:
        return kind
    if isinstance(error, Failure):  # of an engine inside the function: it is that one's word on what lies below it
        return _SILENT if error.kind is FailureKind.DEADLINE else error.kind
    packages = _packages(error)
    if "grpc" in packages:
        return _grpc(error)
    code = _code(error, packages)
    if code is not None and code in CODES:
        return CODES[code]
    status = status_of(error)
    if status is not None and status >= 400:
        return STATUSES.get(status, _TRANSIENT if status >= 500 else FailureKind.CALLER)
    return _by_name(error)


def _own_word(error: Exception, own: Failures) -> FailureKind | None:
    word: object
    if isinstance(own, Mapping):
        words = cast("Mapping[type, object]", own)
        word = next((words[kind] for kind in type(error).__mro__ if kind in words), None)
    else:
        word = own(error)
    if word is None or isinstance(word, FailureKind):
        return word
    raise ConfigurationError(f"failures names a FailureKind or None, got {word!r}") from error


def _packages(error: BaseException) -> set[str]:
    return {kind.__module__.partition(".")[0] for kind in type(error).__mro__}


def _by_name(error: BaseException) -> FailureKind | None:
    for kind in type(error).__mro__:
        names = KINDS.get(kind.__module__.partition(".")[0])
        if names is not None and kind.__name__ in names:
            return names[kind.__name__]
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return _UNREACHABLE
    reason = getattr(error, "reason", None)  # urllib's URLError only says what it met
    return _by_name(reason) if isinstance(reason, OSError) and reason is not error else None


def _grpc(error: Any) -> FailureKind | None:
    code = getattr(error, "code", None)
    name = getattr(code(), "name", None) if callable(code) else None
    return GRPC.get(name) if isinstance(name, str) else None


def _code(error: Any, packages: set[str]) -> str | None:
    code: Any = None
    if "botocore" in packages:
        code = _aws(error, "Error").get("Code")
    elif "openai" in packages:
        code = getattr(error, "code", None)
    return code if isinstance(code, str) else None


def status_of(error: Any) -> int | None:
    """The HTTP status an exception of a library we know carries."""
    packages = _packages(error)
    status: Any = None
    if "botocore" in packages:
        status = _aws(error, "ResponseMetadata").get("HTTPStatusCode")
    elif packages & _STATUS_ON_RESPONSE:
        status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        name = next((_STATUS_ON_ERROR[package] for package in packages if package in _STATUS_ON_ERROR), None)
        status = None if name is None else getattr(error, name, None)
    return status if isinstance(status, int) and 100 <= status <= 599 else None


def wait_of(error: Any) -> float | None:
    """The seconds a provider asks to wait, if the exception carries its headers."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    if "botocore" in _packages(error):
        headers = _aws(error, "ResponseMetadata").get("HTTPHeaders")
    if not isinstance(headers, Mapping):
        return None
    texts = cast("Mapping[str, object]", headers)
    said = {name: texts.get(name.decode()) for name in (b"retry-after-ms", b"retry-after")}
    return asked_wait({name: text.encode() for name, text in said.items() if isinstance(text, str)}, time.time())


def _aws(error: Any, part: str) -> Mapping[str, Any]:
    """A part of what boto3 keeps of an answer."""
    response: object = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return {}
    found = cast("Mapping[str, object]", response).get(part)
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
