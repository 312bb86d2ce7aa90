"""Plain answers of OpenAI's Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...canonical import Answer, Refusal, Text, ToolCall, Usage
from ...streams.base import items, members
from ..base import Untranslatable, made_up
from ..openai_reading import seconds

if TYPE_CHECKING:
    from ...canonical import Stop
    from ..base import Asked

__all__ = [
    "call_id",
    "call_item",
    "frame",
    "message_item",
    "named",
    "read_answer",
    "read_stop",
    "read_usage",
    "refusal_part",
    "text_of",
    "text_part",
    "whole",
    "write_answer",
]

_JSON = dict[str, Any]

# Read


def read_answer(body: _JSON) -> Answer:
    """A plain answer, which may be cut short; one in whose making the vendor is not done, or failed, is none."""
    parts: list[Text | Refusal | ToolCall] = []
    for number, item in enumerate(items(body["output"])):
        kind = item["type"]
        if kind == "message":
            said = [_read_part(part, number) for part in items(item["content"])]
            parts += [part for part in said if part.text]
        elif kind == "function_call":
            parts.append(ToolCall(item.get("call_id") or item["id"], item["name"], text_of(item["arguments"])))
        elif kind != "reasoning":
            raise Untranslatable(f"output[{number}]", "of a tool or a feature that no other vendor has")
    stop = read_stop(body, called=any(isinstance(part, ToolCall) for part in parts))
    return Answer(
        body.get("id") or "", body["model"], parts, stop, seconds(body.get("created_at")), None, read_usage(body)
    )


def text_of(value: Any) -> str:
    """What has to be a text.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, str):
        return value
    raise TypeError("no text")


def _read_part(part: _JSON, number: int) -> Text | Refusal:
    kind = part["type"]
    if kind == "output_text":
        return Text(text_of(part["text"]))
    if kind == "refusal":
        return Refusal(text_of(part["refusal"]))
    raise Untranslatable(f"output[{number}].content", "it is not known what it means")


_REASONS: dict[str, Stop] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def read_stop(body: _JSON, *, called: bool) -> Stop:
    """Why an answer ended.

    Raises:
        Untranslatable: no other vendor's answer ends so.
    """
    status = body["status"]
    if status == "completed":
        return "tool_calls" if called else "stop"
    if status != "incomplete":
        raise Untranslatable("status", "the answer is not whole")
    reason = _REASONS.get(members(body.get("incomplete_details")).get("reason") or "")
    if reason is None:
        raise Untranslatable("incomplete_details.reason", "no other vendor's answer ends so")
    return reason


def read_usage(body: _JSON) -> Usage | None:
    """What it cost, if that is told."""
    usage = body.get("usage")
    if not usage:
        return None
    given, made = members(usage.get("input_tokens_details")), members(usage.get("output_tokens_details"))
    return Usage(
        _count(usage["input_tokens"]),
        _count(usage["output_tokens"]),
        _told(given.get("cached_tokens")),
        _told(given.get("cache_write_tokens")),
        _told(made.get("reasoning_tokens")),
    )


def _count(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise TypeError("no count")


def _told(value: Any) -> int | None:
    return None if value is None else _count(value)


# Written


def write_answer(answer: Answer, asked: Asked) -> _JSON:
    """A plain answer."""
    made = named(answer.id, asked)
    output: list[_JSON] = []
    said: list[_JSON] | None = None
    for part in answer.parts:
        if isinstance(part, ToolCall):
            said = None
            output.append(call_item(made, len(output), part))
            continue
        if said is None:
            said = []
            output.append(message_item(made, len(output), said))
        said.append(text_part(part.text) if isinstance(part, Text) else refusal_part(part.text))
    return whole(frame(asked, made, answer.model, answer.created), output, answer.stop, answer.usage)


def named(given: str, asked: Asked) -> str:
    """An answer's id; one that stands for the request if the vendor gave none."""
    return given or made_up("resp_", asked.body)


def message_item(answer: str, number: int, content: list[_JSON], status: str = "completed") -> _JSON:
    """An item of an answer with words."""
    made = made_up("msg_", answer, number)
    return {"id": made, "type": "message", "status": status, "role": "assistant", "content": content}


_LONGEST_ID = 64
"""Characters of a ``call_id``: OpenAI answers a longer one with 400, and some vendors' own are longer."""


def call_id(given: str) -> str:
    """An id that the vendor takes, in this request as in the program's next one."""
    return given if len(given) <= _LONGEST_ID else made_up("call_", given)


def call_item(answer: str, number: int, call: ToolCall, status: str = "completed") -> _JSON:
    """An item of an answer that has a tool called."""
    made = made_up("fc_", answer, number)
    item = {"id": made, "type": "function_call", "status": status, "call_id": call_id(call.id)}
    return {**item, "name": call.name, "arguments": call.arguments}


def text_part(text: str) -> _JSON:
    """Words inside a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def refusal_part(text: str) -> _JSON:
    """Words of one who will not, inside a message."""
    return {"type": "refusal", "refusal": text}


_ASKED: _JSON = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""What an answer says once more of its request, and what it says of that if the request left it out. What the vendor
who answered took for it then (a temperature) is not known."""


def frame(asked: Asked, made: str, model: str, created: int | None) -> _JSON:
    """An answer that has just begun."""
    body = asked.body
    said = {name: default if body.get(name) is None else body[name] for name, default in _ASKED.items()}
    return {
        "id": made,
        "object": "response",
        "created_at": created or 0,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "previous_response_id": None,
        "store": False,
        "usage": None,
        **said,
    }


_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}


def whole(begun: _JSON, output: list[_JSON], stop: Stop, usage: Usage | None) -> _JSON:
    """The answer that began so, when it has ended."""
    reason = _CUT.get(stop)
    if reason is not None and output:
        output[-1]["status"] = "incomplete"
    return {
        **begun,
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": output,
        "usage": None if usage is None else _used(usage),
    }


def _used(usage: Usage) -> _JSON:
    """Its types want every number; those that a vendor does not tell are 0, as with those who have no such thing."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached or 0, "cache_write_tokens": usage.written or 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.input + usage.output,
    }
