"""How a model is to answer, as each generation takes it."""

from __future__ import annotations

import pytest
from hypothesis import given

from resilient_ai.providers.canonical import (
    Choice,
    Message,
    Request,
    Schema,
    Tool,
    ToolCall,
    ToolResult,
)
from resilient_ai.providers.codecs.base import Untranslatable, dropping
from resilient_ai.providers.codecs.messages import CODEC
from tests.unit.providers.codecs import made
from tests.unit.providers.codecs.messages.writing import (
    CLAUDE3,
    FABLE,
    HAIKU4,
    HI,
    OPUS5,
    OPUS45,
    OPUS47,
    OPUS48,
    OPUS55,
    OTHER,
    SONNET46,
    SONNET55,
    Json,
    body,
    lost,
    request,
    say,
)

# How it is to answer. -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        (OPUS5, None, {}),
        (OPUS5, "none", {"thinking": {"type": "disabled"}}),
        (SONNET55, "none", {"thinking": {"type": "between_tools"}}),
        (OPUS48, "none", {}),
        (HAIKU4, "none", {}),
        (OTHER, "none", {"thinking": {"type": "disabled"}}),
        (OPUS5, "minimal", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        (OPUS5, "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}),
        (SONNET46, "xhigh", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        (FABLE, "max", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        (OPUS45, "max", {"thinking": {"type": "enabled", "budget_tokens": 32768}, "output_config": {"effort": "high"}}),
        (HAIKU4, "medium", {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
        (OTHER, "low", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    ],
)
def test_effort(model: str, effort: str | None, sent: Json) -> None:
    found = body(model=model, effort=effort)
    assert {name: found[name] for name in ("thinking", "output_config") if name in found} == sent


@pytest.mark.parametrize(
    ("model", "budget", "most", "sent"),
    [
        (HAIKU4, 5000, None, {"thinking": {"type": "enabled", "budget_tokens": 5000}}),
        (HAIKU4, 10, None, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (HAIKU4, 5000, 3000, {"thinking": {"type": "enabled", "budget_tokens": 2999}}),
        (HAIKU4, 0, None, {}),
        (SONNET46, 5000, None, {"thinking": {"type": "enabled", "budget_tokens": 5000}}),
        (OPUS5, 0, None, {"thinking": {"type": "disabled"}}),
    ],
)
def test_budgets(model: str, budget: int, most: int | None, sent: Json) -> None:
    found = body(model=model, budget=budget, max_tokens=most)
    assert {name: found[name] for name in ("thinking", "output_config") if name in found} == sent


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        (request(model=OPUS55, effort="none", at={"effort": "reasoning.effort"}), "reasoning.effort"),
        (request(model=FABLE, budget=0), "budget"),
        (request(model=OPUS5, budget=5000, at={"budget": "thinkingBudget"}), "thinkingBudget"),
        (request(model=CLAUDE3, effort="high"), "effort"),
        (request(model=OPUS5, effort="ultra"), "effort"),
        (request(model=HAIKU4, effort="high", tools=[Tool("a")], choice=Choice("any")), "effort"),
        (request(model=HAIKU4, effort="high", max_tokens=1024), "effort"),
        (request(HI, say("assistant", "It is"), model=HAIKU4, effort="high", goes_on=True), "effort"),
        (request(model=HAIKU4, effort="high", temperature=0.2), "temperature"),
        (request(model=OPUS47, temperature=0.2), "temperature"),
        (request(model=OPUS47, top_p=0.2), "top_p"),
        (request(model=OPUS47, top_k=1), "top_k"),
        (request(model=HAIKU4, temperature=1.5, at={"temperature": "config.temperature"}), "config.temperature"),
        (request(model=HAIKU4, temperature=0.5, top_p=0.5), "top_p"),
        (request(seed=1), "seed"),
        (request(presence_penalty=1), "presence_penalty"),
        (request(frequency_penalty=0.5), "frequency_penalty"),
        (request(verbosity="low"), "verbosity"),
        (request(stop=["a", "\n"]), "stop"),
        (request(schema=Schema(None), at={"schema": "response_format"}), "response_format"),
        (request(schema=Schema({"type": "object", "properties": {}}), model=CLAUDE3), "schema"),
        (request(schema=Schema({"type": "integer", "minimum": 1})), "schema"),
        (request(schema=Schema({"type": "object", "properties": {f"m{n}": {} for n in range(25)}})), "schema"),
    ],
)  # fmt: skip
def test_what_is_lost(asked: Request, path: str) -> None:
    paths, sent = lost(asked)
    assert paths == [path]
    last = path.rpartition(".")[2]
    assert last not in sent
    assert sent.get("stop_sequences") in (None, ["a"])


def test_what_says_nothing_is_not_lost() -> None:
    sent = body(temperature=1, top_p=1.0, presence_penalty=0, frequency_penalty=0.0, verbosity="medium", stop=[])
    assert set(sent) == {"model", "max_tokens", "messages"}
    assert body(model=HAIKU4, temperature=1.0, top_p=0.5)["top_p"] == 0.5


def test_a_turn_that_began_with_another_vendor_s_thoughts_goes_on_without() -> None:
    loop = [HI, say("assistant", ToolCall("c", "a", "{}")), Message("tool", [ToolResult("c", "a", [])])]
    for model in (HAIKU4, OTHER):
        found = body(*loop, model=model, tools=[Tool("a")], effort="high", temperature=0.5)
        assert "thinking" not in found, model
        assert found["temperature"] == 0.5
    found = body(*loop, model=OPUS5, tools=[Tool("a")], effort="high")
    assert found["thinking"] == {"type": "adaptive"}, "this one does not ask for them"


def test_a_schema() -> None:
    given = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    found = body(schema=Schema(given, "answer", "What it is", strict=True), effort="low")
    assert found["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {**given, "additionalProperties": False, "description": "What it is"},
        },
        "effort": "low",
    }


@given(made.requests(made.ANYTHING))
def test_the_request_that_was_read_is_left_as_it_is(asked: Request) -> None:
    before = repr(asked)
    refused = 0
    for model in (HAIKU4, OPUS48):
        asked.model = model
        try:
            CODEC.write_request(asked, dropping(), None)
        except Untranslatable:
            refused += 1
    asked.model = before.partition("model='")[2].partition("'")[0]
    assert repr(asked) == before
