"""Anthropic's API through the real SDK, and what the vendor would refuse."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from resilient_ai.testing import Fault, Provider, Simulator

anthropic = pytest.importorskip("anthropic", minversion="2")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from resilient_ai.testing import SimulatedProvider

MODEL = "claude-sonnet-5-5"
ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
TOOL = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
}


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
    with Simulator(Provider("claude", dialect="anthropic", keys=("sk-one", "sk-two"))) as simulator:
        yield simulator


@pytest.fixture
def claude(process: Simulator) -> Iterator[SimulatedProvider]:
    process.reset()
    yield process["claude"]
    process.reset()


@pytest.fixture(scope="module")
def module_client(process: Simulator) -> Iterator[anthropic.Anthropic]:
    provider = process["claude"]
    with anthropic.Anthropic(base_url=provider.base_url, api_key=provider.key, max_retries=0, timeout=5) as opened:
        yield opened


@pytest.fixture
def client(module_client: anthropic.Anthropic, claude: SimulatedProvider) -> anthropic.Anthropic:
    return module_client


@pytest.fixture(scope="module")
def web() -> Iterator[httpx.Client]:
    with httpx.Client(verify=False, timeout=10) as opened:
        yield opened


def post(web: httpx.Client, provider: SimulatedProvider, body: object, path: str = "/v1/messages", **headers: str):
    sent = {"x-api-key": provider.key, "anthropic-version": "2023-06-01", **headers}
    return web.post(provider.origin + path, headers={name: value for name, value in sent.items() if value}, json=body)


def test_a_message(client: anthropic.Anthropic, claude: SimulatedProvider) -> None:
    answer = client.messages.create(**ASK)
    assert (answer.model, answer.role, answer.stop_reason) == (MODEL, "assistant", "end_turn")
    assert "claude" in answer.id
    assert answer.usage.output_tokens == 60
    assert len(answer.content[0].text.split()) == 60
    assert answer._request_id
    (seen,) = claude.requests("messages")
    assert (seen.model, seen.key, seen.status, seen.complaint) == (MODEL, "claude:0", 200, None)
    assert seen.headers["authorization"] == "…"


def test_the_events_are_the_published_ones(client: anthropic.Anthropic) -> None:
    whole = client.messages.create(**ASK).content[0].text
    with client.messages.stream(**ASK) as stream:
        assert stream.get_final_text() == whole
        assert stream.get_final_message().usage.output_tokens == 60
    raw = client.messages.with_raw_response.create(**ASK, stream=True).http_response.read().decode()
    names = [line.removeprefix("event: ") for line in raw.splitlines() if line.startswith("event: ")]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[3:-3] == ["content_block_delta"] * 60
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_async(claude: SimulatedProvider) -> None:
    async def ask() -> str:
        async with (
            anthropic.AsyncAnthropic(base_url=claude.base_url, api_key=claude.key, max_retries=0) as client,
            client.messages.stream(**ASK) as stream,
        ):
            return await stream.get_final_text()

    assert len(asyncio.run(ask()).split()) == 60


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "weather"}])
def test_a_forced_tool(client: anthropic.Anthropic, choice: object) -> None:
    asked = {**ASK, "tools": [TOOL], "tool_choice": choice}
    answer = client.messages.create(**asked)
    (call,) = answer.content
    assert (answer.stop_reason, call.name, call.input.keys()) == ("tool_use", "weather", {"city", "days"})
    with client.messages.stream(**asked) as stream:
        assert stream.get_final_message().content[0].input == call.input
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sun"}
    turns = [*ASK["messages"], {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    assert client.messages.create(**{**ASK, "messages": turns, "tools": [TOOL]}).stop_reason == "end_turn"


def test_thinking_limits_and_schemas(client: anthropic.Anthropic) -> None:
    thought, said = client.messages.create(**ASK, thinking={"type": "adaptive"}).content
    assert (thought.type, bool(thought.signature), said.type) == ("thinking", True, "text")
    with client.messages.stream(**ASK, thinking={"type": "adaptive"}) as stream:
        assert stream.get_final_message().content[0] == thought
    assert client.messages.create(**{**ASK, "max_tokens": 5}).stop_reason == "max_tokens"
    word = said.text.split()[3]
    stopped = client.messages.create(**ASK, thinking={"type": "adaptive"}, stop_sequences=[word])
    assert (stopped.stop_reason, stopped.stop_sequence, word in stopped.content[1].text) == (
        "stop_sequence",
        word,
        False,
    )
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "additionalProperties": False}
    form = {"format": {"type": "json_schema", "schema": schema}}
    assert json.loads(client.messages.create(**ASK, output_config=form).content[0].text).keys() == {"sure"}


def test_counting_and_models(client: anthropic.Anthropic, claude: SimulatedProvider) -> None:
    asked = {"model": MODEL, "messages": ASK["messages"]}
    counted = client.messages.count_tokens(**asked).input_tokens
    assert counted == client.messages.create(**ASK).usage.input_tokens > 0
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).type == "model"
    assert (claude.count("count_tokens"), claude.count("messages"), claude.count("models")) == (1, 1, 2)


def test_batches(client: anthropic.Anthropic, claude: SimulatedProvider) -> None:
    tasks = [
        {"custom_id": "good", "params": ASK},
        {"custom_id": "bad", "params": {**ASK, "model": "none"}},
    ]
    batch = client.messages.batches.create(requests=tasks)
    assert claude.created("batches") == [batch.id]
    assert batch.processing_status == "in_progress"
    assert client.messages.batches.retrieve(batch.id).processing_status == "in_progress"
    assert client.messages.batches.retrieve(batch.id).processing_status == "ended"
    good, bad = client.messages.batches.results(batch.id)
    assert good.result.message.content[0].text == client.messages.create(**ASK).content[0].text
    assert (bad.result.type, bad.result.error.error.type) == ("errored", "not_found_error")
    assert [item.id for item in client.messages.batches.list()] == [batch.id]
    assert client.messages.batches.delete(batch.id).id == batch.id
    other = client.messages.batches.create(requests=tasks)
    assert client.messages.batches.cancel(other.id).processing_status == "canceling"
    for _ in range(2):
        ended = client.messages.batches.retrieve(other.id)
    assert (ended.processing_status, ended.request_counts.canceled) == ("ended", 2)
    assert {item.result.type for item in client.messages.batches.results(other.id)} == {"canceled"}


def test_both_versions(web: httpx.Client, claude: SimulatedProvider) -> None:
    """2026-10-21 refuses temperature, top_p and top_k, even at their defaults; 2023-06-01 takes them."""
    new = {"anthropic-version": "2026-10-21"}
    for more in ({"temperature": 1.0}, {"top_p": 1.0}, {"top_k": 5}):
        assert post(web, claude, {**ASK, **more}).status_code == 200
        refused = post(web, claude, {**ASK, **more}, **new)
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert post(web, claude, ASK, **new).status_code == 200
    assert post(web, claude, ASK, **{"anthropic-version": "1999-01-01"}).status_code == 400
    assert post(web, claude, ASK, **{"anthropic-version": ""}).status_code == 400


def test_keys(web: httpx.Client, claude: SimulatedProvider) -> None:
    """As Bearer (what the SDK sends since 2.0) or as x-api-key."""
    for headers in ({"x-api-key": ""}, {"x-api-key": "sk-other"}, {"x-api-key": "", "authorization": "Bearer sk-no"}):
        answer = post(web, claude, ASK, **headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    assert post(web, claude, ASK, **{"x-api-key": "", "authorization": "Bearer sk-two"}).status_code == 200
    assert post(web, claude, ASK, **{"x-api-key": "sk-two"}).status_code == 200
    assert [request.key for request in claude.requests()] == ["none", "foreign", "foreign", "claude:1", "claude:1"]


USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}
USER = {"role": "user", "content": "x"}


def turns(*messages: object) -> dict[str, object]:
    return {**ASK, "messages": list(messages)}


REFUSED = [
    ({"model": MODEL, "messages": ASK["messages"]}, "max_tokens: Field required"),
    ({**ASK, "n": 2}, "n: Extra inputs are not permitted"),
    ({**ASK, "max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
    ({**ASK, "max_tokens": None}, "max_tokens: Input should be a valid integer"),
    ({**ASK, "max_tokens": -1}, "max_tokens: Input should be greater"),
    ({**ASK, "temperature": 1.5}, "temperature: range: 0..1"),
    ({**ASK, "service_tier": "flex"}, "service_tier: Input should be 'auto'"),
    ({**ASK, "thinking": {"type": "enabled", "budget_tokens": 10}}, "thinking.enabled.budget_tokens"),
    ({**ASK, "thinking": {"type": "enabled", "budget_tokens": 2000}}, "`max_tokens` must be greater"),
    ({**ASK, "thinking": {"type": "deep"}}, "thinking: Input tag"),
    ({**ASK, "tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    ({**ASK, "tools": [TOOL, TOOL]}, "tools: Tool names must be unique"),
    ({**ASK, "tool_choice": {"type": "any"}}, "tool_choice: may only be specified"),
    (turns(), "messages: at least one message"),
    (turns("x"), "messages.0.role: Field required"),
    (turns({"role": "tool", "content": "x"}), "messages: Unexpected role"),
    (turns({"role": ["user"], "content": "x"}), "messages: Unexpected role"),
    (turns({"role": "assistant", "content": "x"}), "messages: first message must use"),
    (turns({"role": "user", "content": ""}), "messages.0: all messages must have non-empty"),
    (turns({"role": "user", "content": [{"type": "text", "text": ""}]}), "messages: text content blocks"),
    (turns({"role": "user", "content": [{"type": "input_text"}]}), "messages.0.content.0: Input tag"),
    (turns({"role": "user", "content": [{"type": "image"}]}), "messages.0.content.0.image.source: Field"),
    (turns(USER, {"role": "assistant", "content": [USE]}, USER), "messages.2: `tool_use` ids were found without"),
    (turns(USER, {"role": "assistant", "content": [USE]}), "messages: final assistant content"),
    (
        turns({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "x"}]}),
        "messages.0: unexpected `tool_use_id`",
    ),
]


@pytest.mark.parametrize(("body", "told"), REFUSED)
def test_refusals(web: httpx.Client, claude: SimulatedProvider, body: object, told: str) -> None:
    answer = post(web, claude, body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"type", "error", "request_id"}
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.json()["error"]["message"].startswith(told)
    assert answer.json()["request_id"] == answer.headers["request-id"]
    assert claude.requests()[-1].complaint == answer.json()["error"]["message"]


def test_what_is_not_there(web: httpx.Client, claude: SimulatedProvider) -> None:
    for path in ("/v1/nothing", "/v1/messages/batches/nothing", "/v1/models/nothing"):
        headers = {"x-api-key": claude.key, "anthropic-version": "2023-06-01"}
        answer = web.get(claude.origin + path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert post(web, claude, {**ASK, "model": "claude-0"}).json()["error"]["message"] == "model: claude-0"


def test_a_system_turn_is_taken(client: anthropic.Anthropic) -> None:
    messages = [*ASK["messages"], {"role": "system", "content": "be brief"}]
    assert client.messages.create(**{**ASK, "messages": messages}).stop_reason == "end_turn"


def test_faults_in_its_own_words(client: anthropic.Anthropic, claude: SimulatedProvider) -> None:
    claude.fault(Fault.status(529))
    with pytest.raises(anthropic.InternalServerError) as overloaded:
        client.messages.create(**ASK)
    assert (overloaded.value.type, overloaded.value.status_code) == ("overloaded_error", 529)
    claude.fault(Fault.rate_limited(retry_after=7))
    with pytest.raises(anthropic.RateLimitError) as limited:
        client.messages.create(**ASK)
    assert (limited.value.type, limited.value.response.headers["retry-after"]) == ("rate_limit_error", "7")
    claude.fault(Fault.error_in_stream(after_tokens=2, code="overloaded_error"))
    got = []
    with pytest.raises(anthropic.APIStatusError) as broken:
        got.extend(event.type for event in client.messages.create(**ASK, stream=True))
    assert got == ["message_start", "content_block_start", "content_block_delta", "content_block_delta"]
    assert (broken.value.status_code, broken.value.type) == (200, "overloaded_error")
    claude.fault(Fault.truncated_clean(after_tokens=2))
    with client.messages.stream(**ASK) as stream:
        assert sum(event.type == "text" for event in stream) == 2


def test_a_client_that_leaves(client: anthropic.Anthropic, claude: SimulatedProvider) -> None:
    claude.fault(Fault.paced(0.01))
    stream = client.messages.create(**ASK, stream=True)
    next(iter(stream))
    stream.close()
    until = time.monotonic() + 5
    while (seen := claude.requests()[0]).ended is None and time.monotonic() < until:
        time.sleep(0.01)
    assert seen.closed_by_client_after > 0
