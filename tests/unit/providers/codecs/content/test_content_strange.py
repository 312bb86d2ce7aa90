"""Whatever comes is read, or refused by the exceptions that a codec may raise: what a vendor or a program made wrong
breaks nothing else."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resilient_ai.providers.codecs.base import Asked, dropping
from resilient_ai.providers.codecs.content import CODEC
from resilient_ai.providers.streams.base import OTHER_SCHEMA
from tests.unit.providers.codecs import made

Json = dict[str, Any]

CALL: Json = {"functionCall": {"name": "look", "args": {"a": 1}, "id": "x"}, "thoughtSignature": "AA=="}
PICTURE: Json = {"inline_data": {"mime_type": "image/png", "data": "A-_="}}
RESULT: Json = {"functionResponse": {"name": "look", "id": "x", "response": {"output": "a"}, "parts": [PICTURE]}}
SCHEMA: Json = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}, "propertyOrdering": ["a"]}
REQUEST: Json = {
    "systemInstruction": {"parts": [{"text": "Be."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "a"}, PICTURE, {"fileData": {"fileUri": "https://a.org/b.png"}}]},
        {"role": "model", "parts": [{"text": "b", "thought": True}, {"text": "c"}, CALL]},
        {"role": "user", "parts": [RESULT]},
    ],
    "tools": [{"functionDeclarations": [{"name": "look", "parameters": SCHEMA}]}, {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}},
    "safetySettings": [{"category": "a", "threshold": "OFF"}],
    "generationConfig": {
        "topK": 3.0,
        "thinkingConfig": {"thinkingBudget": 3},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "responseMimeType": "application/json",
        "responseSchema": SCHEMA,
    },
}
ANSWER: Json = {
    "candidates": [
        {
            "content": {"parts": [{"text": "a"}, CALL, {"text": "b", "thought": True}]},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 1, "thoughtsTokenCount": 2},
    "promptFeedback": {"blockReason": "SAFETY"},
    "createTime": "2026-11-23T00:00:00Z",
    "responseId": "a",
}
ODDS: list[Any] = [float("inf"), float("nan"), 10**400, [[]], {"": {}}, "é_\ud800"]
ODD: st.SearchStrategy[Any] = made.values | st.sampled_from(ODDS)


def places_in(whole: Any) -> list[tuple[Any, Any]]:
    """Every object and list in it, with each name or number that leads on from there."""
    holder: Any = whole
    keys: list[Any] = []
    if isinstance(whole, dict):
        keys = sorted(whole)  # pyright: ignore[reportUnknownArgumentType]  # any JSON
    elif isinstance(whole, list):
        keys = list(range(len(whole)))  # pyright: ignore[reportUnknownArgumentType]  # any JSON
    return [(holder, key) for key in keys] + [place for key in keys for place in places_in(holder[key])]


@st.composite
def bent(draw: st.DrawFn, whole: Json) -> Json:
    """The same with something else in one or two places, or without it."""
    found: Json = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 2))):
        holder, key = draw(st.sampled_from(places_in(found)))
        if draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(draw(ODD))
    return found


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(bent(REQUEST))
def test_requests(body: Json) -> None:
    with contextlib.suppress(*OTHER_SCHEMA):
        request = CODEC.read_request(Asked(body, "gemini-3-pro", stream=False), dropping())
        CODEC.write_request(request, dropping(), None)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(bent(ANSWER))
def test_answers_and_streams(body: Json) -> None:
    CODEC.read_error(body)
    reader = CODEC.reader()
    for ask in (lambda: CODEC.read_answer(body), lambda: reader.read(b"", body), lambda: reader.read(b"", ANSWER)):
        with contextlib.suppress(*OTHER_SCHEMA):
            ask()
