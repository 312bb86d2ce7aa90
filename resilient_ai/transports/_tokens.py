"""What a request may cost in tokens, before it is sent; and what its answer says it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._private import CONTENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._request import Prepared

__all__ = ["asked_for", "told"]

BYTES = 4
"""Bytes of a request to a token: OpenAI's rule of thumb for English, by which it counts before it answers."""

PICTURE = 1000
"""Tokens for what is sent as base64 (a picture, a sound, a file): about what OpenAI's guide on vision comes to for a
large picture in detail (765 to 1,105)."""

_OUTPUT = re.compile(rb'"(?:max_completion_tokens|max_output_tokens|max_tokens|maxOutputTokens)"\s*:\s*(\d{1,9})\b')
_TOTALS = (b"total_tokens", b"totalTokenCount")
_PARTS = (b"input_tokens", b"cache_creation_input_tokens", b"output_tokens")
_USAGE = re.compile(rb'"(%b)"\s*:\s*(\d{1,9})\b' % b"|".join(_TOTALS + _PARTS))

LONG = 2048
"""Bytes in a row that only base64 is made of: fewer may be words."""

_STEP = LONG // 2
_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=-"
_STRETCH = re.compile(rb"[A-Za-z0-9+/_=-]{%d,}" % _STEP)

TAIL = 4096
"""Bytes at the end of an answer in which its usage is looked for; all dialects write it behind the content."""

MOST_EVENTS = 64 * 1024
"""Bytes of a stream, read at once, in which usage is looked for everywhere: any of their events may tell it."""


def asked_for(prepared: Prepared) -> int:
    """A quarter of the request's bytes, and the output it asks for."""
    body = prepared.body
    if not body or prepared.multipart:
        return 0
    text, pictures = _without_base64(body)
    output = max((int(found) for found in _OUTPUT.findall(text)), default=0)
    return len(text) // BYTES + pictures * PICTURE + output


def _without_base64(body: bytes) -> tuple[bytes, int]:
    """The body without what is sent as base64, and how many pieces of it there were.

    A piece as long as LONG covers a whole step, wherever it begins: so each step is looked at, and no byte more than
    twice. (A search for a pattern would begin anew at every byte of a stretch that proves too short.)
    """
    kept: list[bytes] = []
    done = at = 0
    while len(body) - at >= _STEP:
        stretch = _STRETCH.match(body, at)
        if stretch is None:
            at += _STEP
            continue
        before = body[max(done, at - _STEP) : at]
        start, end = at - len(before) + len(before.rstrip(_SIGNS)), stretch.end()
        if end - start >= LONG:
            kept.append(body[done:start])
            done = end
        at = -(-end // _STEP) * _STEP
    return b"".join((*kept, body[done:])), len(kept)


def told(response: Any) -> Callable[[], int | None]:
    """Tells the tokens an answer says it cost; None if it says nothing. A stream is asked at its end."""
    usage = Usage()
    content: bytes | None = getattr(response, CONTENT, None)
    if content:
        usage.took(content[-TAIL:])
    else:
        read_along = getattr(getattr(response, "stream", None), "read_along", None)
        if read_along is not None:
            read_along(usage.took)
    return usage.tokens


class Usage:
    """What an answer tells of its usage: of each count the latest, since those of a stream are of all of it so far."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}

    def took(self, text: bytes) -> None:
        """Look through the next piece."""
        if b"_tokens" in text or b"TokenCount" in text:
            for name, count in _USAGE.findall(text if len(text) <= MOST_EVENTS else text[-TAIL:]):
                self._counts[name] = int(count)

    def tokens(self) -> int | None:
        """All together; None if nothing was told."""
        counts = self._counts
        for name in _TOTALS:
            if name in counts:
                return counts[name]
        return sum(counts.values()) if counts else None
