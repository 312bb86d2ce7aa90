"""OpenAI's Responses: the last event has the whole answer; what comes before tells it item by item.

Source: the event types of openai-python 3.54, and how its stream helper checks them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import Form, Inexact, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["RESPONSES"]

Where = dict[str, Any]
Events = list[dict[str, Any]]

_ENDS = {"completed": "response.completed", "incomplete": "response.incomplete"}
_UNKNOWN_YET = ("usage", "incomplete_details", "completed_at", "error")
_SEARCHES = ("web_search_call", "file_search_call")
_RUNNING = {"status": "in_progress"}


def _told(answer: dict[str, Any], usage: bool) -> list[Told]:  # noqa: ARG001  # it is always told
    end = _ENDS[answer["status"]]
    begun: dict[str, Any] = {
        **answer,
        **_RUNNING,
        "output": [],
        **{name: None for name in _UNKNOWN_YET if name in answer},
    }
    events: Events = [{"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")]
    for index, item in enumerate(answer["output"]):
        events += _item(item, index)
    events.append({"type": end, "response": answer})
    return [Told(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(events)]


def _item(item: dict[str, Any], index: int) -> Events:
    kind: str = item["type"]
    where: Where = {"item_id": item["id"], "output_index": index}
    empty, events = _KINDS[kind](item, where)
    running = _RUNNING if "status" in item else {}
    return [
        {"type": "response.output_item.added", "output_index": index, "item": {**item, **running, **empty}},
        *events,
        {"type": "response.output_item.done", "output_index": index, "item": item},
    ]


def _message(item: dict[str, Any], where: Where) -> tuple[Where, Events]:
    events: Events = []
    for number, part in enumerate(item["content"]):
        events += _part(part, {**where, "content_index": number})
    return {"content": []}, events


def _reasoning(item: dict[str, Any], where: Where) -> tuple[Where, Events]:
    events: Events = []
    for number, part in enumerate(item["summary"]):
        events += _summary(part, {**where, "summary_index": number})
    for number, part in enumerate(item.get("content") or ()):
        events += _part(part, {**where, "content_index": number})
    empty: Where = {"summary": []}
    if "content" in item:
        empty["content"] = []
    if "encrypted_content" in item:
        empty["encrypted_content"] = None
    return empty, events


def _part(part: dict[str, Any], where: Where) -> Events:
    """A part of an item: opened, told, said once more, closed."""
    kind = part["type"]
    field, told = _PARTS[kind]
    text = part[field]
    lists: Where = {name: [] for name in ("annotations", "logprobs") if part.get(name)}
    likely: Where = {"logprobs": part.get("logprobs") or []} if kind == "output_text" else {}
    pieces: Events = [{"type": f"{told}.delta", **where, "delta": text, **likely}] if text else []
    cited: Events = [
        {"type": "response.output_text.annotation.added", **where, "annotation_index": number, "annotation": one}
        for number, one in enumerate(part.get("annotations") or ())
    ]
    return [
        {"type": "response.content_part.added", **where, "part": {**part, field: "", **lists}},
        *pieces,
        *cited,
        {"type": f"{told}.done", **where, field: text, **likely},
        {"type": "response.content_part.done", **where, "part": part},
    ]


_PARTS = {
    "output_text": ("text", "response.output_text"),
    "refusal": ("refusal", "response.refusal"),
    "reasoning_text": ("text", "response.reasoning_text"),
}
"""By type: the field with its text, and the events that tell it."""


def _summary(part: dict[str, Any], where: Where) -> Events:
    text, told = part["text"], "response.reasoning_summary_text"
    return [
        {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}},
        *([{"type": f"{told}.delta", **where, "delta": text}] if text else []),
        {"type": f"{told}.done", **where, "text": text},
        {"type": "response.reasoning_summary_part.done", **where, "part": part},
    ]


def _function_call(item: dict[str, Any], where: Where) -> tuple[Where, Events]:
    given, told = item["arguments"], "response.function_call_arguments"
    done = {"type": f"{told}.done", **where, "name": item["name"], "arguments": given}
    return {"arguments": ""}, [*([{"type": f"{told}.delta", **where, "delta": given}] if given else []), done]


def _custom_call(item: dict[str, Any], where: Where) -> tuple[Where, Events]:
    given, told = item["input"], "response.custom_tool_call_input"
    done = {"type": f"{told}.done", **where, "input": given}
    return {"input": ""}, [*([{"type": f"{told}.delta", **where, "delta": given}] if given else []), done]


def _search(item: dict[str, Any], where: Where) -> tuple[Where, Events]:
    steps = ("in_progress", "searching", "completed")
    if item.get("status") != "completed":
        raise Inexact("a search that did not end")
    return {}, [{"type": f"response.{item['type']}.{step}", **where} for step in steps]


_KINDS: dict[str, Callable[[dict[str, Any], Where], tuple[Where, Events]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    **dict.fromkeys(_SEARCHES, _search),
}
"""By an item's type: how its fields stand when it is opened, and the events that tell them."""

_MAY_DIFFER = frozenset({"status", "encrypted_content"})
"""Fields of an item that may be told otherwise in the whole answer: what is encrypted, is so anew."""


def _read(events: Sequence[Told]) -> dict[str, Any]:
    answer: dict[str, Any] | None = None
    done: dict[int, dict[str, Any]] = {}
    added = 0
    for name, event in events:
        kind = event.get("type") or name
        if kind in _ENDS.values():
            answer = event["response"]
        elif kind == "response.output_item.done":
            done[event["output_index"]] = event["item"]
        added += kind == "response.output_item.added"
    if answer is None or answer["status"] not in _ENDS:
        raise Inexact("it has no end")
    output = answer["output"]
    if len(output) != max(added, len(done)) or not all(map(_same, output, [done[at] for at in sorted(done)])):
        raise Inexact("its end leaves out what was told before")
    return answer


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    names = (one.keys() | other.keys()) - _MAY_DIFFER
    return all(one.get(name) == other.get(name) for name in names)


RESPONSES = Form(told=_told, read=_read)
