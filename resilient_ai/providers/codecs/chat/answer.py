"""A Chat answer, to and from the canonical form; and what its streams say in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Answer, Refusal, Text, ToolCall, Usage, arguments_of
from ..base import Untranslatable, made_up
from ..openai_reading import seconds
from .written import call_id

if TYPE_CHECKING:
    from ...canonical import Stop
    from ..base import Asked

__all__ = [
    "STOPS",
    "nothing_else",
    "read_answer",
    "read_usage",
    "stop_of",
    "words_of",
    "write_answer",
    "write_usage",
]

Json = dict[str, Any]

# Reading. -------------------------------------------------------------------------------------------------------------

STOPS: dict[str, Stop] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    # What hosts say instead: Mistral, Zhipu, Together, TGI and proxies that hand on their vendor's own word.
    "model_length": "length",
    "max_tokens": "length",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "sensitive": "content_filter",
}

_UNTOLD = ("audio", "function_call", "images", "video")
"""Fields of what is answered that the canonical form cannot tell."""


def read_answer(answer: dict[str, Any]) -> Answer:
    """The answer, in the canonical form."""
    choice, *more = answer["choices"]
    if more:
        raise Untranslatable("choices[1]", "one answer was asked for")
    message: Json = choice["message"]
    at = "choices[0].message"
    nothing_else(message, at)
    parts: list[Text | Refusal | ToolCall] = []
    words = words_of(message.get("content"), f"{at}.content")
    if words:
        parts.append(Text(words))
    if message.get("refusal"):
        parts.append(Refusal(message["refusal"]))
    name = answer.get("id") or made_up("chatcmpl-", answer.get("created"), answer.get("model"), message)
    calls: list[Json] = message.get("tool_calls") or []
    parts += [_call(call, f"{at}.tool_calls[{index}]", name) for index, call in enumerate(calls)]
    return Answer(
        id=name,
        model=answer.get("model") or "",
        parts=parts,
        stop=stop_of(choice.get("finish_reason"), called=bool(calls)),
        created=seconds(answer.get("created")),
        usage=read_usage(answer.get("usage")),
    )


def nothing_else(said: Json, at: str) -> None:
    """Refuse what is answered in no words."""
    for name in _UNTOLD:
        if said.get(name):
            raise Untranslatable(f"{at}.{name}", "other dialects answer in words and tool calls")


def words_of(content: Any, at: str) -> str:
    """The words of what is answered; those of Mistral's models that think are in a list, beside their thoughts."""
    if content is None or isinstance(content, str):
        return content or ""
    found: list[str] = []
    for part in content:
        if part["type"] == "text":
            found.append(part["text"])
        elif part["type"] not in ("thinking", "reference"):
            raise Untranslatable(at, "other dialects answer in words and tool calls")
    return "".join(found)


def _call(call: Json, at: str, answer: str) -> ToolCall:
    if (call.get("type") or "function") != "function":
        raise Untranslatable(at, "no other dialect has custom tools")
    function = call["function"]
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = arguments_of({} if arguments is None else arguments)
    return ToolCall(call.get("id") or made_up("call_", answer, at, arguments), function["name"], arguments or "{}")


def stop_of(reason: Any, *, called: bool) -> Stop:
    """Why it ended. Hosts say "stop" of tool calls too, as OpenAI does of a tool that was named."""
    stop = STOPS.get(reason) if isinstance(reason, str) else None
    if stop is None:
        raise Untranslatable("choices[0].finish_reason", "not a reason that is known")
    if called:
        return "tool_calls" if stop == "stop" else stop
    return "stop" if stop == "tool_calls" else stop


def read_usage(usage: Any) -> Usage | None:
    """What it cost; None if that is not told."""
    if not usage:
        return None
    asked, answered = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if asked is None or answered is None:
        return None
    of_input: Json = usage.get("prompt_tokens_details") or {}
    of_output: Json = usage.get("completion_tokens_details") or {}
    cached = of_input.get("cached_tokens")
    # xAI and Gemini count thoughts in the total alone.
    return Usage(
        input=asked,
        output=max(answered, (usage.get("total_tokens") or 0) - asked),
        cached=usage.get("prompt_cache_hit_tokens") if cached is None else cached,  # DeepSeek
        written=of_input.get("cache_write_tokens"),
        reasoning=of_output.get("reasoning_tokens"),
    )


# Writing. -------------------------------------------------------------------------------------------------------------


def write_answer(answer: Answer, asked: Asked) -> dict[str, Any]:
    """The answer, as the SDKs' types have it."""
    del asked  # its answer has one form only
    texts: list[str] = []
    refusals: list[str] = []
    calls: list[Json] = []
    for part in answer.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        elif isinstance(part, Refusal):
            refusals.append(part.text)
        else:
            function = {"name": part.name, "arguments": part.arguments or "{}"}
            calls.append({"id": call_id(part.id), "type": "function", "function": function})
    message: Json = {
        "role": "assistant",
        "content": "".join(texts) if texts or not (refusals or calls) else None,
        "refusal": "".join(refusals) if refusals else None,
        "annotations": [],
    }
    if calls:
        message["tool_calls"] = calls
    written: Json = {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created or 0,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.stop}],
    }
    if answer.usage is not None:
        written["usage"] = write_usage(answer.usage)
    return written


def write_usage(usage: Usage) -> dict[str, Any]:
    """What it cost; of the details, those that are known."""
    of_input: Json = {}
    if usage.cached is not None:
        of_input["cached_tokens"] = usage.cached
    if usage.written is not None:
        of_input["cache_write_tokens"] = usage.written
    written: Json = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
    if of_input:
        written["prompt_tokens_details"] = of_input
    if usage.reasoning is not None:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return written
