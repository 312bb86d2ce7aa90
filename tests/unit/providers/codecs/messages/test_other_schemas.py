"""Whatever is read: it raises what the contract says, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.failures import FailureKind
from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping
from resilient_ai.providers.codecs.messages import CODEC

Json = dict[str, Any]

REQUEST: Json = {
    "model": "claude-opus-5",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be."}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "title": "t"},
            ],
        },
        {"role": "system", "content": "So."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "s"},
                {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}, "caller": {"type": "direct"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "1"}]}],
        },
    ],
    "tools": [
        {"name": "n", "input_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}, "strict": True}
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "stop_sequences": ["END"],
}
CALL: Json = {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}}
ANSWER: Json = {
    "id": "m",
    "model": "claude-opus-5",
    "content": [
        {"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "text", "text": "So"},
        CALL,
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 1}},
}
STREAM: list[Json] = [
    {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "So"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": CALL},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3) | st.just("text"),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, so_far: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [so_far] if so_far else []
    if isinstance(value, dict):
        for name, inner in cast("Json", value).items():
            found += places(inner, (*so_far, name))
    elif isinstance(value, list):
        for index, inner in enumerate(cast("list[Any]", value)):
            found += places(inner, (*so_far, index))
    return found


@st.composite
def spoilt(draw: st.DrawFn, sound: Any) -> Any:
    """The same with something else in its place here and there, or nothing."""
    found = copy.deepcopy(sound)
    for place in draw(st.lists(st.sampled_from(places(sound)), min_size=1, max_size=2)):
        holder = found
        with contextlib.suppress(LookupError, TypeError):
            for step in place[:-1]:
                holder = holder[step]
            if draw(st.booleans()):
                holder[place[-1]] = draw(anything)
            else:
                del holder[place[-1]]
    return found


SCHEMA = (AttributeError, KeyError, TypeError, ValueError, Untranslatable)
"""What the contract allows."""


@given(spoilt(REQUEST), st.sampled_from(["claude-opus-4-8", "claude-haiku-4-5"]))
def test_requests(body: Any, model: str) -> None:
    with contextlib.suppress(*SCHEMA):
        read = CODEC.read_request(Asked(body, model, stream=False), dropping())
        CODEC.write_request(read, dropping(), None)


@given(spoilt(ANSWER))
def test_answers(body: Any) -> None:
    with contextlib.suppress(*SCHEMA):
        CODEC.write_answer(CODEC.read_answer(body), Asked({}, "m", stream=False))


@given(spoilt(STREAM))
def test_streams(events: list[Any]) -> None:
    reader, writer = CODEC.reader(), CODEC.writer(Asked({}, "m", stream=True))
    with contextlib.suppress(*SCHEMA):
        for event in events:
            for delta in reader.read(b"", event):
                writer.write(delta)


@given(anything | spoilt({"type": "error", "error": {"type": "api_error", "message": "It broke."}}))
def test_errors(body: Any) -> None:
    words = CODEC.read_error(json.loads(json.dumps(body)))
    assert words is None or CODEC.read_error(CODEC.write_error(500, FailureKind.TRANSIENT, words)) == words
