"""Every field of a Chat request is carried over, harmless or lost; a new one of the SDK's shows up here."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types import chat
from openai.types.chat import chat_completion_content_part_image_param as image_part
from openai.types.chat import chat_completion_content_part_input_audio_param as audio_part
from openai.types.chat import chat_completion_content_part_param as content_part
from openai.types.chat import completion_create_params as params
from openai.types.shared_params import FunctionDefinition
from openai.types.shared_params.response_format_json_schema import JSONSchema

from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC
from resilient_ai.providers.codecs.chat.request import CARRIED, HARMLESS, LOST

Json = dict[str, Any]
SAYING: dict[str, Any] = {
    "audio": {"format": "wav", "voice": "alloy"},
    "function_call": "auto",
    "functions": [{"name": "f"}],
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "modalities": ["text", "audio"],
    "moderation": {"model": "omni-moderation-latest"},
    "n": 2,
    "store": True,
    "top_logprobs": 2,
    "web_search_options": {},
}
"""Of each field that is lost, a value that says something."""


def asked(**fields: Any) -> Asked:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    return Asked(body, "m", False)


def test_every_parameter_is_in_one_class() -> None:
    named = set(params.CompletionCreateParamsBase.__annotations__) | {"stream"}
    assert named - CARRIED - HARMLESS - LOST.keys() == set()
    assert CARRIED & HARMLESS == CARRIED & LOST.keys() == HARMLESS & LOST.keys() == set()
    assert set(LOST) == set(SAYING)


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_what_says_nothing_of_the_answer_is_left_out(name: str) -> None:
    assert CODEC.read_request(asked(**{name: {"a": "b"}}), refusing) == CODEC.read_request(asked(), refusing)


@pytest.mark.parametrize("name", sorted(LOST))
def test_what_is_lost_is_named(name: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        CODEC.read_request(asked(**{name: SAYING[name]}), refusing)
    assert refused.value.path == name
    noted = dropping()
    assert CODEC.read_request(asked(**{name: SAYING[name]}), noted) == CODEC.read_request(asked(), refusing)
    assert noted.noted == [name]


@pytest.mark.parametrize(("name", "value"), [(name, one) for name in LOST for one in (*LOST[name][0], None)])
def test_at_its_default_it_says_nothing(name: str, value: object) -> None:
    assert CODEC.read_request(asked(**{name: value}), refusing) == CODEC.read_request(asked(), refusing)


def test_an_unknown_field_is_lost() -> None:
    with pytest.raises(Untranslatable) as refused:
        CODEC.read_request(asked(chat_template_kwargs={"a": 1}), refusing)
    assert refused.value.path == "chat_template_kwargs"


MESSAGES: list[tuple[Any, Json, str]] = [
    # the SDK's type, one of it with what is carried, what is lost
    (chat.ChatCompletionDeveloperMessageParam, {"role": "developer", "content": "a"}, "name"),
    (chat.ChatCompletionSystemMessageParam, {"role": "system", "content": "a"}, "name"),
    (chat.ChatCompletionUserMessageParam, {"role": "user", "content": "a"}, "name"),
    (chat.ChatCompletionToolMessageParam, {"role": "tool", "content": "a", "tool_call_id": "c"}, ""),
    (
        chat.ChatCompletionAssistantMessageParam,
        {"role": "assistant", "content": "a", "refusal": "b", "tool_calls": []},
        "audio function_call name",
    ),
]


@pytest.mark.parametrize(("kind", "message", "lost"), MESSAGES, ids=lambda one: getattr(one, "__name__", ""))
def test_every_field_of_a_message(kind: Any, message: Json, lost: str) -> None:
    assert set(kind.__annotations__) == {*message, *lost.split()}
    for name in lost.split():
        with pytest.raises(Untranslatable) as refused:
            CODEC.read_request(asked(messages=[{**message, name: {"id": "a"}}]), refusing)
        assert refused.value.path == f"messages[0].{name}"
        assert CODEC.read_request(asked(messages=[{**message, name: None}]), refusing).messages


PARTS: list[tuple[Any, Json, str]] = [
    (chat.ChatCompletionContentPartTextParam, {"type": "text", "text": "a"}, "prompt_cache_breakpoint"),
    (
        chat.ChatCompletionContentPartImageParam,
        {"type": "image_url", "image_url": {"url": "https://a", "detail": "low"}},
        "prompt_cache_breakpoint",
    ),
    (
        chat.ChatCompletionContentPartInputAudioParam,
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        "prompt_cache_breakpoint",
    ),
    (
        content_part.File,
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a"}},
        "prompt_cache_breakpoint",
    ),
    (chat.ChatCompletionContentPartRefusalParam, {"type": "refusal", "refusal": "a"}, ""),
]


@pytest.mark.parametrize(("kind", "part", "harmless"), PARTS, ids=lambda one: getattr(one, "__name__", ""))
def test_every_field_of_a_part(kind: Any, part: Json, harmless: str) -> None:
    # (The marks came with openai 3.)
    assert set(kind.__annotations__) - {"prompt_cache_breakpoint"} == set(part)
    marked = {**part, **{name: {"mode": "explicit"} for name in harmless.split()}}
    said, plain = ({"role": "assistant", "content": [one]} for one in (marked, part))
    read = CODEC.read_request(asked(messages=[said]), refusing)
    assert read == CODEC.read_request(asked(messages=[plain]), refusing)
    assert len(read.messages[0].parts) == 1


def test_every_field_inside_a_part_and_a_tool() -> None:
    assert set(content_part.FileFile.__annotations__) == {"file_data", "filename", "file_id"}
    assert set(image_part.ImageURL.__annotations__) == {"url", "detail"}
    assert set(audio_part.InputAudio.__annotations__) == {"data", "format"}
    assert set(FunctionDefinition.__annotations__) == {"name", "description", "parameters", "strict"}
    assert set(JSONSchema.__annotations__) == {"name", "description", "schema", "strict"}
    assert set(chat.ChatCompletionStreamOptionsParam.__annotations__) == {"include_usage", "include_obfuscation"}
