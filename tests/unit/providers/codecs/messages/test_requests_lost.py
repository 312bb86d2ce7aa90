"""What of an Anthropic program's request would be lost, and what is refused."""

from __future__ import annotations

import json

import pytest
from anthropic.types import ToolParam, message_create_params
from anthropic.types.beta import message_create_params as beta_params

from resilient_ai.providers.codecs.base import Asked, Untranslatable, dropping
from resilient_ai.providers.codecs.messages import CODEC
from resilient_ai.providers.codecs.messages.request import (
    CARRIED,
    HARMLESS,
    LOST,
    REFUSED,
    TOOL_CARRIED,
    TOOL_HARMLESS,
    TOOL_LOST,
)
from tests.unit.providers.codecs.messages.reading import Json, assistant, lost, read, user

# Which class each parameter is in: a new one in the SDK shows up here. ------------------------------------------------


def test_every_parameter_of_the_sdk_is_in_exactly_one_class() -> None:
    known = set(message_create_params.MessageCreateParamsBase.__annotations__) | {"stream"}
    classes: list[set[str]] = [set(CARRIED), set(HARMLESS), set(LOST), set(REFUSED)]
    assert sum(len(one) for one in classes) == len(set[str]().union(*classes))
    assert known <= set().union(*classes), known - set().union(*classes)
    beta = set(beta_params.MessageCreateParamsBase.__annotations__) - known
    unknown = beta - set().union(*classes)
    for name in unknown:  # a beta's: lost, whatever it may say
        assert lost({name: {"any": "thing"}}) == [name]


def test_every_field_of_a_tool_is_in_exactly_one_class() -> None:
    classes: list[set[str]] = [set(TOOL_CARRIED), set(TOOL_HARMLESS), set(TOOL_LOST)]
    assert sum(len(one) for one in classes) == len(set[str]().union(*classes))
    assert set(ToolParam.__annotations__) == set().union(*classes)


# What is lost, and what is refused. -----------------------------------------------------------------------------------

TOOL = {"name": "a", "input_schema": {"type": "object"}}


_LOSSES: list[tuple[Json, list[str]]] = [
    ({"novelty": 1}, ["novelty"]),
    ({"inference_geo": "us"}, ["inference_geo"]),
    ({"mcp_servers": [{"name": "x"}]}, ["mcp_servers"]),
    ({"context_management": {"edits": [{}]}}, ["context_management"]),
    ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, ["tools[0]"]),
    ({"tools": [TOOL, {"type": "bash_20250124", "name": "bash"}]}, ["tools[1]"]),
    ({"tools": [{**TOOL, "defer_loading": True, "novelty": 1}]}, ["tools[0].defer_loading", "tools[0].novelty"]),
    ({"tools": [{**TOOL, "allowed_callers": ["code_execution_20260120"]}]}, ["tools[0].allowed_callers"]),
    ({"tool_choice": {"type": "most"}}, ["tool_choice.type"]),
    ({"tool_choice": {"type": "auto", "novelty": 1}}, ["tool_choice.novelty"]),
    ({"thinking": {"type": "dreaming"}}, ["thinking.type"]),
    ({"output_config": {"task_budget": {"total": 5}}}, ["output_config.task_budget"]),
    ({"output_config": {"format": {"type": "grammar"}}}, ["output_config.format.type"]),
    ({"system": [{"type": "picture"}]}, ["system[0]"]),
    ({"messages": [{"role": "critic", "content": "x"}]}, ["messages[0].role"]),
    ({"messages": [{"role": "user", "content": "x", "novelty": 1}]}, ["messages[0].novelty"]),
    (user({"type": "text", "text": "x", "novelty": 1}), ["messages[0].content[0].novelty"]),
    (user({"type": "search_result", "source": "s", "title": "t", "content": []}), ["messages[0].content[0]"]),
    (user({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}), ["messages[0].content[0]"]),
    (
        user({"type": "document", "source": {"type": "content", "content": "x"}, "context": "c"}),
        ["messages[0].content[0].context", "messages[0].content[0].source"],
    ),
    (
        user(
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                "citations": {"enabled": True},
            }
        ),
        ["messages[0].content[0].citations"],
    ),
    (
        user({"type": "image", "source": {"type": "url", "url": "https://a"}, "transformations": {"oversized": "x"}}),
        ["messages[0].content[0].transformations"],
    ),
    (
        user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "x"}]}),
        ["messages[0].content[0].content[0]"],
    ),
    (
        assistant({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
        ["messages[1].content[0]"],
    ),
    (
        assistant(
            {"type": "tool_use", "id": "t", "name": "n", "input": {}, "caller": {"type": "code", "tool_id": "s"}}
        ),
        ["messages[1].content[0].caller"],
    ),
]


@pytest.mark.parametrize(("body", "paths"), _LOSSES)
def test_what_is_lost_is_named_as_the_caller_wrote_it(body: Json, paths: list[str]) -> None:
    assert lost(body) == paths


@pytest.mark.parametrize(
    "body",
    [
        {"container": "cntr_1"},
        {"max_tokens": 0},
        user({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
        user({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        user({"type": "container_upload", "file_id": "file_1"}),
        assistant({"type": "compaction", "content": "secret"}),
    ],
)
def test_what_is_at_the_vendor_is_refused_even_where_losses_are_allowed(body: Json) -> None:
    whole = {"model": "claude-opus-5", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}], **body}
    with pytest.raises(Untranslatable) as caught:
        CODEC.read_request(Asked(whole, "claude-opus-5", stream=False), dropping())
    assert "secret" not in str(caught.value)
    assert "file_1" not in str(caught.value)


def test_nothing_is_lost_at_the_values_that_say_nothing() -> None:
    read(
        {
            "context_management": {},
            "inference_geo": "global",
            "mcp_servers": [],
            "container": None,
            "tools": [{**TOOL, "defer_loading": False, "allowed_callers": ["direct"], "eager_input_streaming": True}],
        }
    )


@pytest.mark.parametrize(
    "body",
    [
        {"messages": "Hi"},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": ["Hi"]},
        {"tools": [{"name": "a"}]},
        {"tools": 5},
        {"tool_choice": "auto"},
        {"tool_choice": {"type": "tool"}},
        {"output_config": "high"},
        {"thinking": {"type": "enabled"}},
    ],
)
def test_another_schema_is_none(body: Json) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        read(json.loads(json.dumps(body)))
