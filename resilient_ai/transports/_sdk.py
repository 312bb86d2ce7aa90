"""What the program above us expects to see raised, told by its user agent: an SDK's own exceptions, or httpx's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from ..failures import FailureKind
from ._private import STATUS_ERROR_MAKER

if TYPE_CHECKING:
    from ..errors import Failure
    from ._flavour import Flavour

__all__ = ["connection_error", "status_error"]

_TIMED_OUT = frozenset({FailureKind.SILENT, FailureKind.DEADLINE})


def connection_error(failure: Failure, request: Any, flavour: Flavour) -> Exception:
    """The exception for a failure without an HTTP answer. Under openai's SDK it is one of its own, which it lets pass
    and does not retry; else the transport's own exception, or one of the same package."""
    timed_out = failure.kind in _TIMED_OUT or isinstance(failure.__cause__, flavour.TimeoutException)
    openai = _openai(request)
    if openai is not None:
        if timed_out:
            return openai.APITimeoutError(request=request)
        return openai.APIConnectionError(message=f"Connection error: {failure}", request=request)
    cause: Any = failure.__cause__
    if isinstance(cause, flavour.TransportError):
        return cast("Exception", cause)
    kind = flavour.ReadTimeout if timed_out else flavour.ConnectError
    return kind(str(failure), request=request)


def status_error(response: Any) -> Exception | None:
    """The SDK's own exception for an error answer, made by the SDK; None if the program is no such SDK."""
    openai = _openai(response.request)
    if openai is None:
        return None
    client_class = openai.OpenAI
    maker = getattr(client_class, STATUS_ERROR_MAKER, None)
    return None if maker is None else maker(object.__new__(client_class), response)


def _openai(request: Any) -> Any:
    agent = request.headers.get("user-agent", "")
    return sys.modules.get("openai") if "OpenAI/Python" in agent else None
