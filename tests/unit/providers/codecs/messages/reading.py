"""What the tests of requests that are read share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.messages import CODEC

if TYPE_CHECKING:
    from resilient_ai.providers.canonical import (
        Request,
    )

Json = dict[str, Any]


def read(body: Json) -> Request:
    body = {"model": "claude-opus-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}], **body}
    return CODEC.read_request(Asked(body, body["model"], body.get("stream") is True), refusing)


def lost(body: Json) -> list[str]:
    """What is lost: the first by refusal, and all where losses are allowed."""
    noted = dropping()
    whole = {"model": "claude-opus-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}], **body}
    CODEC.read_request(Asked(whole, "claude-opus-5", stream=False), noted)
    with pytest.raises(Untranslatable) as caught:
        read(body)
    assert caught.value.path == noted.noted[0]
    return noted.noted


def user(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def assistant(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": list(blocks)}]}
