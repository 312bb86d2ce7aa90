"""By what a conversation is known again: not by its words, but by a salted hash of its first ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .._target import salted_digest
from ..providers.conversation import beginning
from ..providers.streams.base import OTHER_SCHEMA

if TYPE_CHECKING:
    from ._port import HttpPort

__all__ = ["conversation"]


def conversation(port: HttpPort) -> tuple[str | None, bool]:
    """A salted hash of the beginning of a request's conversation, with its model and the key that it is asked by; None
    if it has none. And whether somebody has answered in it before."""
    prepared = port.prepared
    if not prepared.body or prepared.multipart:
        return None, False
    try:
        body: Any = json.loads(prepared.body)
        found = beginning(prepared.facts.family, body)
    except OTHER_SCHEMA:
        return None, False
    if found is None:
        return None, False
    words, goes_on = found
    named = json.dumps([port.credential(), prepared.facts.host, prepared.facts.family, prepared.facts.model, words])
    return salted_digest(named.encode()), goes_on
