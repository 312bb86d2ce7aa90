"""What the tests of written requests share."""

from __future__ import annotations

from typing import Any, cast

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter

from resilient_ai.providers.canonical import (
    Message,
    Part,
    Request,
    Role,
    Text,
)
from resilient_ai.providers.codecs.base import Untranslatable, Written, dropping, refusing
from resilient_ai.providers.codecs.messages import CODEC
from resilient_ai.testing._server.anthropic.validate import CREATE, check

Json = dict[str, Any]
HAIKU4, OPUS45, SONNET46, OPUS47 = "claude-haiku-4-5", "claude-opus-4-5", "claude-sonnet-4-6", "claude-opus-4-7"
OPUS48, OPUS5, OPUS55, SONNET55 = "claude-opus-4-8", "claude-opus-5", "claude-opus-5-5", "claude-sonnet-5-5"
SONNET5, FABLE, CLAUDE3, OTHER = "claude-sonnet-5", "claude-fable-5", "claude-3-haiku-20240307", "kimi-k3"

_SDK = {
    False: TypeAdapter(MessageCreateParamsNonStreaming),
    True: TypeAdapter(MessageCreateParamsStreaming),
}


def say(role: Role, *parts: Part | str, at: str = "") -> Message:
    return Message(role, [Text(part) if isinstance(part, str) else part for part in parts], at)


HI = say("user", "Hi")


def request(*messages: Message, model: str = OPUS5, **fields: Any) -> Request:
    return Request(model, list(messages) or [HI], **fields)


def written(asked: Request, most: int | None = None) -> Written:
    return accepted(CODEC.write_request(asked, refusing, most))


def accepted(found: Written) -> Written:
    """As the simulator judges it and the SDK's types have it."""
    check(CREATE, found.body, version=found.headers[0][1])
    _consumed(_SDK["stream" in found.body].validate_python(found.body))
    return found


def _consumed(value: Any) -> None:
    """What may be any iterable is validated when it is gone through."""
    if isinstance(value, dict):
        _consumed(list(cast("Json", value).values()))
    elif not isinstance(value, str) and hasattr(value, "__iter__"):
        for item in value:
            _consumed(item)


def body(*messages: Message, model: str = OPUS5, **fields: Any) -> Json:
    return written(request(*messages, model=model, **fields)).body


def lost(asked: Request) -> tuple[list[str], Json]:
    """What is lost, the first by refusal; and what is sent where losses are allowed."""
    noted = dropping()
    found = accepted(CODEC.write_request(asked, noted, None))
    if noted.noted:
        with pytest.raises(Untranslatable) as caught:
            written(asked)
        assert caught.value.path == noted.noted[0]
    return noted.noted, found.body
