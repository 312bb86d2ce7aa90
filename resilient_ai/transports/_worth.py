"""Whether an answer is worth being given again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..providers.keeping import is_judged, is_whole
from ._answer import ParsedOnce

if TYPE_CHECKING:
    from ._request import Prepared

__all__ = ["is_worth_keeping"]


def is_worth_keeping(response: Any, prepared: Prepared) -> bool:
    """Whether a plain answer, read to its end, is a success, complete and no refusal."""
    if response.status_code != 200:
        return False
    dialect, family = prepared.dialect.name, prepared.endpoint.family
    return not is_judged(dialect, family) or is_whole(dialect, family, _content(response))


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
