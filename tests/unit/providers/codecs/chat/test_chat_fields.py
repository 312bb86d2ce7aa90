"""Every field of a Chat request is carried over, harmless or lost; a new one of the SDK's shows up here."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.chat import completion_create_params as params

from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.chat import CODEC
from resilient_ai.providers.codecs.chat.request import CARRIED, HARMLESS, LOST

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
