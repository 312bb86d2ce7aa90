"""What kind of call a body asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilient_ai.providers.likeness import LARGEST, likeness


def of(**body: Any) -> tuple[bool, str, int]:
    return likeness(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"model": "m"}, (False, "", 0)),
        ({"stream": True}, (True, "", 0)),
        ({"reasoning_effort": "high", "max_completion_tokens": 100}, (False, "high", 3)),
        ({"reasoning": {"effort": "low"}, "max_output_tokens": 4096}, (False, "low", 6)),
        ({"thinking": {"budget_tokens": 8000}, "max_tokens": 9000}, (False, "2^13", 7)),
        ({"output_config": {"effort": "max"}}, (False, "max", 0)),
        ({"generationConfig": {"maxOutputTokens": 64, "thinkingConfig": {"thinkingLevel": "low"}}}, (False, "low", 3)),
        ({"quality": "hd"}, (False, "hd", 0)),
    ],
)
def test_the_dialects_words_for_it(body: dict[str, Any], kind: tuple[bool, str, int]) -> None:
    assert of(**body) == kind


def test_sizes_are_classes() -> None:
    assert of(max_tokens=1000) == of(max_tokens=600)
    assert of(max_tokens=1000) != of(max_tokens=8000)


@given(
    st.one_of(
        st.binary(), st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
    )
)
def test_garbage_is_a_kind(body: bytes) -> None:
    assert len(likeness(body)) == 3


@pytest.mark.parametrize("body", [b"[" * 10_000, b'"' + b"x" * LARGEST + b'"', b'{"max_tokens": -5}', b'{"stream": 1}'])
def test_odd_bodies(body: bytes) -> None:
    stream, _, size = likeness(body)
    assert (stream, size) == (False, 0)
