"""What a simulated model does with tools, in each dialect: under the vendors' own SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("google.genai")

import anthropic
import openai
from google import genai

from resilient_ai.testing import Provider, Simulator
from resilient_ai.testing._server.text import until_stop

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 3
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NAMES = ("weather", "time")
FLAT = [{"type": "function", "name": name, "parameters": SCHEMA} for name in NAMES]
CHAT = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES]
MESSAGES = [{"name": name, "input_schema": SCHEMA} for name in NAMES]
CONTENT = [{"function_declarations": [{"name": name, "parameters_json_schema": SCHEMA} for name in NAMES]}]
USER: Any = {"role": "user", "content": "Where?"}


@pytest.fixture(scope="module")
def tools() -> Iterator[Simulator]:
    with Simulator(
        Provider("openai", tool_rounds=ROUNDS),
        Provider("anthropic", dialect="anthropic", tool_rounds=ROUNDS),
        Provider("gemini", dialect="gemini", tool_rounds=ROUNDS),
    ) as simulator:
        yield simulator


@pytest.fixture
def client(tools: Simulator) -> Iterator[openai.OpenAI]:
    provider = tools["openai"]
    with openai.OpenAI(base_url=provider.base_url, api_key=provider.key) as made:
        yield made


def test_chat_calls_all_tools_so_often_then_answers(client: openai.OpenAI) -> None:
    conversation = [USER]
    for _ in range(ROUNDS):
        with client.chat.completions.stream(model="gpt-4o", messages=conversation, tools=CHAT) as stream:
            streamed = stream.get_final_completion().choices[0]
        answer = client.chat.completions.create(model="gpt-4o", messages=conversation, tools=CHAT).choices[0]
        calls = answer.message.tool_calls
        assert answer.finish_reason == streamed.finish_reason == "tool_calls"
        assert [call.function.name for call in calls] == list(NAMES)
        assert [call.id for call in streamed.message.tool_calls] == [call.id for call in calls]
        assert [one.function.arguments for one in streamed.message.tool_calls] == [
            one.function.arguments for one in calls
        ]
        conversation.append(answer.message.model_dump(exclude_none=True))
        conversation += [{"role": "tool", "tool_call_id": call.id, "content": "fine"} for call in calls]
    answer = client.chat.completions.create(model="gpt-4o", messages=conversation, tools=CHAT).choices[0]
    assert answer.finish_reason == "stop"
    assert answer.message.content


def test_chat_calls_one_if_it_may_not_call_more(client: openai.OpenAI) -> None:
    one = client.chat.completions.create(
        model="gpt-4o", messages=[USER], tools=CHAT, tool_choice="required", parallel_tool_calls=False
    )
    assert [call.function.name for call in one.choices[0].message.tool_calls] == ["weather"]
    none = client.chat.completions.create(model="gpt-4o", messages=[USER], tools=CHAT, tool_choice="none")
    assert none.choices[0].message.tool_calls is None
    named = {"type": "function", "function": {"name": "time"}}
    that = client.chat.completions.create(model="gpt-4o", messages=[USER], tools=CHAT, tool_choice=named)
    assert [call.function.name for call in that.choices[0].message.tool_calls] == ["time"]


def test_chat_stops_at_a_sequence(client: openai.OpenAI) -> None:
    """Every answer has several words."""
    said = client.chat.completions.create(model="gpt-4o", messages=[USER], stop=[" "]).choices[0]
    assert said.finish_reason == "stop"
    assert said.message.content.isalpha()


def test_it_stops_at_whichever_sequence_comes_first() -> None:
    assert until_stop(["ab", "cd", "ef"], ["e", "bc", "x"]) == (["a"], "bc")
    assert until_stop(["ab", "cd"], ["x", None]) == (["ab", "cd"], None)


def test_responses_calls_all_tools_so_often_then_answers(client: openai.OpenAI) -> None:
    conversation: list[Any] = [USER]
    for _ in range(ROUNDS):
        with client.responses.stream(model="gpt-4o", input=conversation, tools=FLAT, store=False) as stream:
            streamed = stream.get_final_response().output
        calls = client.responses.create(model="gpt-4o", input=conversation, tools=FLAT, store=False).output
        assert [call.name for call in calls] == list(NAMES)
        assert [call.call_id for call in streamed] == [call.call_id for call in calls]
        conversation += [call.model_dump(exclude_none=True) for call in calls]
        conversation += [{"type": "function_call_output", "call_id": call.call_id, "output": "fine"} for call in calls]
    assert client.responses.create(model="gpt-4o", input=conversation, tools=FLAT, store=False).output_text


def test_messages_calls_all_tools_so_often_then_answers(tools: Simulator) -> None:
    provider = tools["anthropic"]
    conversation: list[Any] = [USER]
    said: Any = {"model": "claude-opus-5-5", "max_tokens": 500, "tools": MESSAGES}
    with anthropic.Anthropic(base_url=provider.base_url, api_key=provider.key) as client:
        for _ in range(ROUNDS):
            with client.messages.stream(messages=conversation, **said) as stream:
                streamed = stream.get_final_message()
            answer = client.messages.create(messages=conversation, **said)
            assert answer.stop_reason == streamed.stop_reason == "tool_use"
            assert [block.name for block in answer.content] == list(NAMES)
            assert [block.input for block in streamed.content] == [block.input for block in answer.content]
            conversation.append({"role": "assistant", "content": [block.model_dump() for block in answer.content]})
            results = [{"type": "tool_result", "tool_use_id": one.id, "content": "fine"} for one in answer.content]
            conversation.append({"role": "user", "content": results})
        assert client.messages.create(messages=conversation, **said).stop_reason == "end_turn"


def test_content_calls_all_tools_so_often_then_answers(tools: Simulator) -> None:
    provider = tools["gemini"]
    conversation: list[Any] = [{"role": "user", "parts": [{"text": "Where?"}]}]
    with genai.Client(api_key=provider.key, http_options={"base_url": provider.base_url}) as client:
        for _ in range(ROUNDS):
            config: Any = {"tools": CONTENT}
            answer = client.models.generate_content(model="gemini-3-pro", contents=conversation, config=config)
            calls = answer.function_calls
            assert [call.name for call in calls] == list(NAMES)
            conversation.append(answer.candidates[0].content)
            results = [
                {"function_response": {"id": call.id, "name": call.name, "response": {"output": "fine"}}}
                for call in calls
            ]
            conversation.append({"role": "user", "parts": results})
        assert client.models.generate_content(model="gemini-3-pro", contents=conversation, config=config).text


@pytest.mark.parametrize("required", [[{}], [["city"]], ["city", {"city": 1}], ["city", "city"]])
def test_a_strict_tool_that_requires_what_has_no_name(client: openai.OpenAI, required: Any) -> None:
    """Regression: it ended the connection, where the vendor answers that the schema is none."""
    parameters = {**SCHEMA, "required": required, "additionalProperties": False}
    tool: Any = {"type": "function", "function": {"name": "f", "strict": True, "parameters": parameters}}
    with pytest.raises(openai.BadRequestError, match="'required' is required"):
        client.chat.completions.create(model="gpt-4o", messages=[USER], tools=[tool])
