"""A request whose body's length is not known."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from resilient_ai._context import NO_OPTIONS
from resilient_ai.transports._flavour import fields
from resilient_ai.transports._place import place_of
from resilient_ai.transports._request import prepare


class NobodyReads:
    """A wire that has no way to read a body."""

    giver = None


@pytest.mark.parametrize("length", ["", "many", "-5", "9" * 5000])
def test_a_length_that_is_none_leaves_the_body_unread(length: str) -> None:
    """A program's own header; what it stands for is the transport's to say, and nothing raw comes of it before."""
    request = httpx.Request("POST", "http://h/v1/chat/completions", headers={"content-length": length}, content=b"{}")
    wire: Any = NobodyReads()
    headers = fields(request.headers)
    prepared = asyncio.run(prepare(request, headers, place_of(request, headers), wire, NO_OPTIONS))
    assert prepared.body is None
    assert not prepared.facts.repeatable
