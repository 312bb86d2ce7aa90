"""Whether an answer is worth being given again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..providers.whole import is_judged, is_whole
from ._answer import ParsedOnce

if TYPE_CHECKING:
    from .._call import Reply
    from ._request import Prepared

__all__ = ["is_worth_keeping"]


def is_worth_keeping(reply: Reply, prepared: Prepared) -> bool:
    """Whether an answer that has ended is a success, complete and no refusal."""
    response = reply.value
    if response.status_code != 200:
        return False
    dialect, family = prepared.dialect.name, prepared.endpoint.family
    if not is_judged(dialect, family):
        return True
    said = _content(response) if reply.kept is None else reply.kept.noted
    return is_whole(dialect, family, said, prepared.body or b"")


def _content(response: Any) -> Any:
    """What it says: as it was parsed already, or parsed now; None for what is no JSON."""
    once = response.json
    known, content = once.peek() if isinstance(once, ParsedOnce) else (False, None)
    if known:
        return content
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError, RuntimeError):  # or is not read: a stream
        return None
