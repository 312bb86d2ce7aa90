"""What a request may cost in tokens, before it is sent; and what its answer says it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._private import CONTENT

if TYPE_CHECKING:
    from ._request import Prepared

__all__ = ["asked_for", "told"]

BYTES = 4
"""Bytes of a request to a token: OpenAI's rule of thumb for English, by which it counts before it answers."""

PICTURE = 1000
"""Tokens for what is sent as base64 (a picture, a sound, a file): about what OpenAI's guide on vision comes to for a
large picture in detail (765 to 1,105)."""

_OUTPUT = re.compile(rb'"(?:max_completion_tokens|max_output_tokens|max_tokens|maxOutputTokens)"\s*:\s*(\d{1,9})\b')
_TOTAL = re.compile(rb'"(?:total_tokens|totalTokenCount)"\s*:\s*(\d{1,9})\b')
_PARTS = re.compile(rb'"(?:input_tokens|cache_creation_input_tokens|output_tokens)"\s*:\s*(\d{1,9})\b')

LONG = 2048
"""Bytes in a row that only base64 is made of: fewer may be words."""

_STEP = LONG // 2
_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_=-"
_STRETCH = re.compile(rb"[A-Za-z0-9+/_=-]{%d,}" % _STEP)

TAIL = 4096
"""Bytes at the end of an answer in which its usage is looked for; all dialects write it behind the content."""


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


def told(response: Any) -> int | None:
    """The tokens a plain answer says it cost; None if it says nothing, or is a stream."""
    content: bytes | None = getattr(response, CONTENT, None)
    if not content:
        return None
    end = content[-TAIL:]
    totals = _TOTAL.findall(end)
    if totals:
        return int(totals[-1])
    parts = _PARTS.findall(end)
    return sum(map(int, parts)) if parts else None
