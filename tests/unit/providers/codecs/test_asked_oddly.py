"""Requests as programs write them, and not as the documentation does, between all dialects."""

from __future__ import annotations

from typing import Any

import pytest

from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping, refusing
from resilient_ai.providers.codecs.table import translation

TARGETS = ["openai-chat", "openai-responses", "anthropic", "gemini"]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
}


def written(target: str, lost: Any = refusing, **more: Any) -> dict[str, Any]:
    """A Chat request, as the target has it."""
    pair = translation("openai", "chat", target)
    assert pair is not None
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20, **more}
    return pair.theirs.write_request(pair.ours.read_request(Asked(body, "m", False), lost), lost, None).body


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", ["image/jpg", "image/JPEG", "IMAGE/jpg"])
def test_a_jpeg_by_another_name_is_one(target: str, kind: str) -> None:
    """Regression: OpenAI takes ``image/jpg``; the others were passed by, or got a type that they do not know."""
    said = [{"type": "image_url", "image_url": {"url": f"data:{kind};base64,AAAA"}}]
    told = repr(written(target, messages=[{"role": "user", "content": said}]))
    assert "image/jpeg" in told
    assert kind not in told


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_a_call_that_must_be_of_no_tool_is_not_forgotten(target: str, choice: Any) -> None:
    """Regression: at Anthropic and Gemini it was left out without a word, and words came instead of a call."""
    with pytest.raises(Untranslatable, match=r"^tool_choice: there are no tools to be called"):
        written(target, tool_choice=choice)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("lost", [refusing, dropping()], ids=["refuse", "drop"])
def test_the_tool_to_be_called_is_one_of_them(target: str, lost: Any) -> None:
    """Regression: its name was sent to vendors that had not been told of it."""
    choice = {"type": "function", "function": {"name": "g"}}
    with pytest.raises(Untranslatable, match=r"^tool_choice: the tool to be called is not among the tools"):
        written(target, lost, tools=[TOOL], tool_choice=choice)


@pytest.mark.parametrize("target", TARGETS)
def test_a_field_s_name_may_stand_in_a_log(target: str) -> None:
    """Regression: names are the program's own; line breaks, a terminal's orders and a megabyte went into the log."""
    field = "field\n\x1b[31mERROR all is lost " + "x" * 10_000
    noted = dropping()
    written(target, noted, **{field: 1})
    with pytest.raises(Untranslatable) as refused:
        written(target, **{field: 1})
    for told in (*noted.noted, refused.value.path, str(refused.value)):
        assert told.startswith("field\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[31mERROR all is lost xx")
        assert told.isprintable()
        assert len(told) < 300


INSIDE: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "tools[0].mood": (("openai", "chat"), {"tools": [{**TOOL, "mood": "glad"}]}),
    "response_format.mood": (("openai", "chat"), {"response_format": {"type": "json_object", "mood": "glad"}}),
    "response_format.json_schema.mood": (
        ("openai", "chat"),
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "mood": "glad"}}},
    ),
    "text.format.mood": (("openai", "responses"), {"text": {"format": {"type": "text", "mood": "glad"}}}),
    "thinking.mood": (("anthropic", "messages"), {"thinking": {"type": "adaptive", "mood": "glad"}}),
}


@pytest.mark.parametrize("path", INSIDE)
def test_what_stands_deeper_is_named_too(path: str) -> None:
    """Regression: members of tools, formats and thinking that nobody knows were left out without a word."""
    (dialect, family), more = INSIDE[path]
    pair = translation(dialect, family, "gemini")
    assert pair is not None
    said: dict[str, Any] = {"role": "user", "content": "hello"}
    body = {"model": "m", **({"input": [said]} if family == "responses" else {"messages": [said]}), **more}
    with pytest.raises(Untranslatable) as refused:
        pair.ours.read_request(Asked(body, "m", stream=False), refusing)
    assert refused.value.path == path
