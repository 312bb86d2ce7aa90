"""What the program above us expects to see raised, told by its user agent: an SDK's own exceptions, or httpx's."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..failures import FailureKind
from ._private import STATUS_ERROR_MAKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import Failure
    from ._flavour import Flavour

__all__ = ["Sdk", "connection_error", "known_as", "sdk_of", "status_error"]

_TIMED_OUT = frozenset({FailureKind.SILENT, FailureKind.DEADLINE})


def _yes(module: Any) -> bool:  # noqa: ARG001  # as `Sdk` has it
    return True


def _no(module: Any) -> bool:  # noqa: ARG001  # as `Sdk` has it
    return False


def _has_no_middleware(module: Any) -> bool:
    """An anthropic from before it had a middleware, and with it another way to send: since then it lets its own
    exceptions pass, and asks no answer to raise."""
    return not hasattr(module.Anthropic, "middleware")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdk:
    """How an SDK takes a failure.

    Attributes:
        module: where its exceptions stand.
        connection: (module, what happened, whether a time-out did, the request): its own exception for a failure
            without an HTTP answer; None where it lets httpx's pass.
        status: (module, the answer): its own exception for an error answer; None where it is left to the SDK.
        wraps: whether it wraps and repeats whatever comes out of ``send``. Then the exception comes out of the answer's
            ``raise_for_status()``, which it lets pass.
        asks: whether it asks an answer's ``raise_for_status()``. If not, an error answer's exception is raised by the
            transport, since the SDK makes its own out of our sight.
    """

    module: str
    connection: Callable[[Any, str, bool, Any], Exception | None]
    status: Callable[[Any, Any], Exception | None]
    wraps: Callable[[Any], bool] = _no
    asks: Callable[[Any], bool] = _yes

    @property
    def home(self) -> Any:
        """The module itself, which a program that uses the SDK has imported."""
        return sys.modules[self.module]


def _stainless(module: Any, said: str, timed_out: bool, request: Any) -> Exception:
    if timed_out:
        return cast("Exception", module.APITimeoutError(request=request))
    return cast("Exception", module.APIConnectionError(message=said, request=request))


def _made_by(client: str) -> Callable[[Any, Any], Exception | None]:
    """The status errors of a client class made by Stainless: the class makes them, and nothing of a client is used."""

    def made(module: Any, response: Any) -> Exception | None:
        client_class = getattr(module, client)
        maker = getattr(client_class, STATUS_ERROR_MAKER, None)
        return None if maker is None else maker(object.__new__(client_class), response)

    return made


def _passes(module: Any, said: str, timed_out: bool, request: Any) -> None:
    """httpx's own exceptions are what the program knows."""


def _ollama_connection(module: Any, said: str, timed_out: bool, request: Any) -> Exception | None:  # noqa: ARG001  # as `Sdk` has it
    """The built-in exception, as the SDK raises it itself."""
    return None if timed_out else ConnectionError(said)


def _ollama_status(module: Any, response: Any) -> Exception:
    return cast("Exception", module.ResponseError(response.text, response.status_code))


def _mistral_status(module: Any, response: Any) -> Exception | None:
    if response.status_code == 422:  # the SDK makes an exception with the parsed body, another for each endpoint
        return None
    return cast("Exception", module.SDKError("API error occurred", response, response.text))


_COHERE = {
    400: "BadRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    422: "UnprocessableEntityError",
    429: "TooManyRequestsError",
    498: "InvalidTokenError",
    499: "ClientClosedRequestError",
    500: "InternalServerError",
    501: "NotImplementedError",
    503: "ServiceUnavailableError",
    504: "GatewayTimeoutError",
}
"""As every method of cohere 7's ``raw_client.py`` chooses them; all else is an ``ApiError``."""


def _cohere_status(module: Any, response: Any) -> Exception:
    status, headers = response.status_code, dict(response.headers)
    try:
        body = response.json()
    except ValueError:
        body = response.text
        return cast("Exception", module.core.api_error.ApiError(status_code=status, headers=headers, body=body))
    named = getattr(module, _COHERE.get(status, ""), None)
    if named is None:
        return cast("Exception", module.core.api_error.ApiError(status_code=status, headers=headers, body=body))
    return cast("Exception", named(headers=headers, body=body))


OPENAI = Sdk(module="openai", connection=_stainless, status=_made_by("OpenAI"))
ANTHROPIC = Sdk(
    module="anthropic",
    connection=_stainless,
    status=_made_by("Anthropic"),
    wraps=_has_no_middleware,
    asks=_has_no_middleware,
)
GROQ = Sdk(module="groq", connection=_stainless, status=_made_by("Groq"), wraps=_yes)
MISTRAL = Sdk(module="mistralai.client.errors", connection=_passes, status=_mistral_status, asks=_no)
COHERE = Sdk(module="cohere", connection=_passes, status=_cohere_status, asks=_no)
OLLAMA = Sdk(module="ollama", connection=_ollama_connection, status=_ollama_status)

_STAINLESS = re.compile(r"(\w+)/Python ")
_KINDS = re.compile(r"(OpenAI|Anthropic|Groq)")
_BY_KIND = {"OpenAI": OPENAI, "Anthropic": ANTHROPIC, "Groq": GROQ}
_OTHERS = {"mistral-client-python/": MISTRAL, "cohere/": COHERE, "ollama-python/": OLLAMA}
_names: dict[str, Sdk | None] = {}


def known_as(name: str, sdk: Sdk) -> None:
    """A program's own subclass of a client is of this SDK: its user agent is its class's name. Two SDKs' subclasses of
    one name cannot be told apart, and are not."""
    _names[name] = sdk if _names.get(name, sdk) is sdk else None


def sdk_of(request: Any) -> Sdk | None:
    """The SDK that a request comes from, if it is one of those above and says so."""
    agent: str = request.headers.get("user-agent", "")
    named = _STAINLESS.search(agent)
    if named is not None:
        kind = _KINDS.search(named[1])
        sdk = _names.get(named[1]) if kind is None else _BY_KIND[kind[1]]
    else:
        sdk = next((sdk for start, sdk in _OTHERS.items() if agent.startswith(start)), None)
    return None if sdk is None or sdk.module not in sys.modules else sdk


def connection_error(failure: Failure, request: Any, flavour: Flavour) -> Exception:
    """The exception for a failure without an HTTP answer: the SDK's own, where it has one; else the transport's own
    exception, or one of the same package."""
    timed_out = failure.kind in _TIMED_OUT or isinstance(failure.__cause__, flavour.TimeoutException)
    sdk = sdk_of(request)
    if sdk is not None:
        own = sdk.connection(sdk.home, f"Connection error: {failure}", timed_out, request)
        if own is not None:
            return own
    cause: Any = failure.__cause__
    if isinstance(cause, flavour.TransportError):
        return cast("Exception", cause)
    kind = flavour.ReadTimeout if timed_out else flavour.ConnectError
    return kind(str(failure), request=request)


def status_error(response: Any) -> Exception | None:
    """The SDK's own exception for an error answer; None if the program is no such SDK, or makes it itself."""
    sdk = sdk_of(response.request)
    return None if sdk is None else sdk.status(sdk.home, response)
