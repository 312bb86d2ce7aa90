"""What an http client's exception means, and what an answer says of its limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..failures import FailureKind
from ..providers.headers import limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._limits import Limits
    from ._flavour import Flavour

__all__ = ["kind_of", "limits_of"]


def kind_of(error: Exception, flavour: Flavour) -> FailureKind:
    """The kind of one of the exceptions that ``flavour.known`` names."""
    if isinstance(error, flavour.PoolTimeout):
        return FailureKind.LOCAL
    if isinstance(error, (flavour.ConnectError, flavour.ConnectTimeout, flavour.ProxyError)):
        return FailureKind.UNREACHABLE
    if isinstance(error, (flavour.TimeoutException, TimeoutError)):
        return FailureKind.SILENT
    return FailureKind.BROKEN if isinstance(error, flavour.DecodingError) else FailureKind.TRANSIENT


def limits_of(headers: Mapping[bytes, bytes], dialect: str) -> Limits | None:
    """What an answer says of its limits, read when a strategy asks for it."""
    return limits(headers, dialect, time.time())
