"""Which targets a request can go to, and in which form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._host import Host
from ..errors import Failure
from ..failures import FailureKind
from ..providers.capabilities import capabilities_of, lacking
from ..providers.codecs.base import Untranslatable, dropping, refusing
from ..providers.codecs.table import PATHS, TONGUES, same, translation
from ..providers.hosting import fitted, may_change, serves

if TYPE_CHECKING:
    from .._capabilities import Capabilities
    from .._target import Target
    from ..providers.codecs.base import Lost
    from ._port import HttpPort
    from ._translated import Translated

__all__ = ["Carried", "capabilities_at", "carried", "carry", "family_at", "loss", "not_carried", "turns", "unfit"]

Carried = dict[tuple[str | None, ...], "Translated | str"]
"""By place: what a request is in the dialect spoken there, or why it is none. It is found out once for each."""

_SAME_MODEL_ONLY = frozenset({"embeddings"})
"""Families whose answers from two models cannot be mixed: vector spaces differ."""


def unfit(port: HttpPort, target: Target) -> str | None:
    """Why a request cannot go to ``target`` at all; None if, for all that is seen without parsing it, it can."""
    prepared = port.prepared
    facts, endpoint, spoken = prepared.facts, prepared.endpoint, prepared.dialect.name
    if endpoint.path is None:
        return "the endpoint is not one of its dialect"
    family = facts.family
    if turns(port, target):
        if translation(spoken, family, target.dialect or "") is None:
            return f"it speaks the {target.dialect} dialect, and no {family} request of {spoken}'s is translated"
        asks = prepared.request.method == "POST" and endpoint.path in PATHS
        if not asks or endpoint.ids or prepared.body is None or prepared.multipart:
            return f"it speaks the {target.dialect} dialect, and such a request is not translated"
        spoken, family = TONGUES[target.dialect or ""].dialect, family_at(port, target)
    host = target.host
    if isinstance(host, Host) and not serves(host, family, spoken):
        return f"{target.vendor} does not serve {family}"
    if endpoint.stays is not None:
        return endpoint.stays
    if facts.family in _SAME_MODEL_ONLY and target.model not in (None, facts.model):
        return f"{facts.family} of two models cannot be mixed"
    if isinstance(host, Host) and host.names_model and target.model is None and facts.model is None:
        return "the request names no model"
    return None if target.model is None or facts.model is not None else "the request names no model"


def turns(port: HttpPort, target: Target | None) -> bool:
    """Whether the request is translated for ``target``."""
    if target is None or target.dialect is None:
        return False
    prepared = port.prepared
    return not same(target.dialect, prepared.dialect.name, prepared.facts.family)


def family_at(port: HttpPort, target: Target) -> str:
    """The endpoint family that answers the request at ``target``."""
    of = TONGUES.get(target.dialect or "") if turns(port, target) else None
    return port.prepared.facts.family if of is None or of.into is None else of.into


def loss(port: HttpPort) -> Lost:
    """What is told of a field that cannot be carried over."""
    return dropping() if port.drops else refusing


def carry(port: HttpPort, target: Target) -> tuple[str, ...]:
    """Make a request ready for a target that fits; the paths of what is left out there come back.

    Raises:
        Failure: it cannot be carried over, or its model there cannot do what it asks for.
    """
    prepared, able = port.prepared, capabilities_at(target, port.prepared.facts.model)
    if able is not None and prepared.body and not prepared.multipart:
        why = lacking(able, prepared.body, port.tokens())
        if why is not None:
            raise not_carried(target, why)
    form = carried(port, target)
    if form is not None:
        return form.dropped
    host = target.host
    if prepared.multipart or not prepared.body or not isinstance(host, Host) or not may_change(host):
        return ()
    lost = loss(port)
    try:
        fitted(prepared.body, host, target.vendor, lost)
    except Untranslatable as error:
        raise not_carried(target, str(error)) from None
    return tuple(dict.fromkeys(lost.noted)) if isinstance(lost, dropping) else ()


def carried(port: HttpPort, target: Target | None) -> Translated | None:
    """The request in the dialect of ``target``; None if it speaks the caller's.

    Raises:
        Failure: it cannot be carried over.
    """
    if target is None or not turns(port, target):
        return None
    known = port.carried = {} if port.carried is None else port.carried
    found = known.get(target.place)
    if found is None:
        from ._translated import translated  # with all codecs behind it: few programs ever come here

        # What a request speaks of may have been made there, though nothing like it is translated.
        found = known[target.place] = unfit(port, target) or translated(port, target)
    if isinstance(found, str):
        raise not_carried(target, found)
    return found


def capabilities_at(target: Target, model: str | None) -> Capabilities | None:
    """What the model at a target can do, where ``model`` is asked for; None if nothing is known of it."""
    name = target.model or model
    known = None if name is None else capabilities_of(name)
    return known if target.capabilities is None else target.capabilities.over(known)


def not_carried(target: Target, why: str) -> Failure:
    """The failure of a target that is not asked."""
    return Failure(f"not sent: {why}", kind=FailureKind.LOCAL, target=target.name)
