"""A stream of several choices ends with the last one's end, where nothing else ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resilient_ai.providers.streams.gemini import STREAMS
from resilient_ai.providers.streams.openai_chat import UNTERMINATED_CHAT
from resilient_ai.providers.streams.reading import Reading

Choices = list[tuple[int, str, bool]]
"""By number: what is said, and whether that is all."""


def _candidates(choices: Choices) -> dict[str, Any]:
    def one(index: int, text: str, ends: bool) -> dict[str, Any]:
        content = {"content": {"parts": [{"text": text}]}} if text else {}
        return {"index": index, **content, **({"finishReason": "STOP"} if ends else {})}

    return {"candidates": [one(*choice) for choice in choices]}


def _choices(choices: Choices) -> dict[str, Any]:
    return {
        "choices": [
            {"index": index, "delta": {"content": text}, "finish_reason": "stop" if ends else None}
            for index, text, ends in choices
        ]
    }


@pytest.mark.parametrize(
    ("events", "whole"),
    [
        ([[(0, "a", True)]], True),
        ([[(0, "a", True)], []], True),
        ([[(0, "a", True), (1, "b", False)]], False),
        ([[(0, "a", True)], [(1, "b", False)]], False),
        ([[(0, "a", True)], [(1, "b", False)], [(1, "", True)]], True),
        ([[(0, "a", False), (1, "b", False)], [(0, "", True), (1, "", True)]], True),
    ],
)
def test_the_last_choice_ends_it(events: list[Choices], whole: bool) -> None:
    for grammar, written in ((STREAMS["generate_content"], _candidates), (UNTERMINATED_CHAT, _choices)):
        reading = Reading(grammar)
        for event in events:
            raw = b"data: " + json.dumps(written(event)).encode() + b"\n\n"
            assert reading.feed(raw) == raw
        reading.end()
        assert reading.satisfied is whole


@pytest.mark.parametrize("late", [b'{"error":{"code":503}}', b"no JSON", b"[" * 100_000])
def test_what_comes_behind_the_end_is_the_program_s(late: bytes) -> None:
    reading = Reading(STREAMS["generate_content"])
    raw = b"data: " + json.dumps(_candidates([(0, "a", True)])).encode() + b"\n\ndata: " + late + b"\n\n"
    assert reading.feed(raw) == raw
    assert reading.satisfied
    assert not reading.stopped
