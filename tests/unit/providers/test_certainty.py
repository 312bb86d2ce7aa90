"""Which requests are meant to have equal answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai.providers.certainty import is_certain, stays_there


@pytest.mark.parametrize(
    ("family", "body", "certain"),
    [
        ("embeddings", {"input": "a"}, True),
        ("moderations", {"input": "a"}, True),
        ("chat", {"messages": []}, False),
        ("chat", {"temperature": 0}, True),
        ("chat", {"temperature": 0.0}, True),
        ("chat", {"temperature": 0.1}, False),
        ("chat", {"temperature": None}, False),
        ("chat", {"temperature": False}, False),
        ("chat", {"temperature": "0"}, False),
        ("chat", {"seed": 0}, True),
        ("chat", {"seed": None}, False),
        ("chat", {"seed": True}, False),
        ("chat", {"random_seed": 7}, True),
        ("chat", {"messages": [{"content": '"temperature": 0', "temperature": 0}]}, False),
        ("generate_content", {"generationConfig": {"temperature": 0}}, True),
        ("generate_content", {"generation_config": {"seed": 3}}, True),
        ("generate_content", {"generationConfig": {"temperature": 1}}, False),
        ("chat", {"options": {"seed": 3}}, True),
        ("chat", [{"temperature": 0}], False),
        ("chat", {"temperature": 0, "x": "a" * 300_000}, False),
    ],
)
def test_is_certain(family: str, body: Any, certain: bool) -> None:
    assert is_certain(family, json.dumps(body).encode()) is certain


def test_what_is_no_json_is_not() -> None:
    assert not is_certain("chat", b'{"temperature": 0')
    assert not is_certain("chat", b"[" * 100_000 + b'"temperature"')


@pytest.mark.parametrize(
    ("family", "body", "stays"),
    [
        ("responses", {}, True),
        ("responses", {"store": True}, True),
        ("responses", {"store": None}, True),
        ("responses", {"store": False}, False),
        ("chat", {}, False),
    ],
)
def test_stays_there(family: str, body: Any, stays: bool) -> None:
    assert stays_there(family, json.dumps(body).encode()) is stays
