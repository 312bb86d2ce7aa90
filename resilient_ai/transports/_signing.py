"""A fallback's request, signed in the last step before it is sent: a repeat wants a fresh date."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .._host import Host, Signer
from .._runtime.limit import run_bounded
from ..errors import Failure
from ..failures import FailureKind
from ._request import FRAMING
from ._signers import Aws, Google

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._call import Call
    from .._target import Target

__all__ = ["sign", "signer_of"]

LONGEST = 10.0
"""Seconds at most for a signature: one is made in a millisecond, a token is fetched in a second or two."""

_OWN: Mapping[str, Signer] = {"aws": Aws(), "google": Google()}
"""By whom a request is signed whose target has no key: one for the process, so that a token is fetched once."""


def signer_of(target: Target) -> Signer | None:
    """Who signs for a target; None if it has a key, or needs none."""
    host = target.host
    if not isinstance(host, Host):
        return None
    if isinstance(host.auth, str):
        return _OWN.get(host.auth) if target.api_key is None else None
    return host.auth


async def sign(signer: Signer, request: Any, call: Call, until: float | None) -> None:
    """Add the signature to a request.

    Args:
        signer: who does.
        request: it is changed.
        call: whose it is.
        until: by when, on the runtime's clock.

    Raises:
        Failure: of this target alone: there is none to be had.
        TimeoutError: not in time.
    """
    headers = {name: value for name, value in request.headers.items() if name not in FRAMING}
    made = partial(
        signer.sign, method=request.method, url=str(request.url), headers=headers, body=bytes(request.content)
    )
    left = LONGEST if until is None else min(LONGEST, max(0.0, until - call.runtime.now()))
    try:
        told = await call.runtime.offload(partial(run_bounded, made, left), abandon=True)
    except TimeoutError:
        raise
    except Exception as error:
        if type(error).__module__.startswith("billiard"):  # Celery's soft time limit, from a signal, speaks of the task
            raise
        why = f"no signature could be made ({type(error).__name__})"  # what the error says may hold a secret
        raise Failure(why, kind=FailureKind.AUTH, target=call.target_name) from error
    for name, value in told.items():
        request.headers[name] = value
