"""The Responses API: JSON, its event sequence, stored and background responses."""

from __future__ import annotations

from typing import Any

from .chat import answer_tokens, offer, wanted_schema
from .replies import Event, Json, Refusal, Reply, as_list, as_object, event, ok
from .text import count, seed_of, think
from .tools import called
from .world import MAX_THINGS, Ask, Job, World, now


def create(world: World, ask: Ask) -> Reply:
    """POST /responses."""
    request = ask.json
    previous = request.get("previous_response_id")
    if previous is not None and previous not in world.responses:
        message = f"Previous response with id '{previous}' not found."
        raise Refusal(400, message, param="previous_response_id", code="previous_response_not_found")
    made = world.make("responses", "resp_")
    done, told, thoughts = _whole(request, made, ask)
    job = world.start(done)
    if request.get("store") is not False and len(world.responses) < MAX_THINGS:
        world.responses[made] = job
    if request.get("background"):
        return ok(_waiting(done, "queued"), made=made)
    if request.get("stream"):
        events = _events(done, told, thoughts)
        return Reply(content_type="text/event-stream; charset=utf-8", events=events, named_events=True, made=made)
    return ok(done, made=made)


def get(world: World, ask: Ask) -> Reply:
    """GET /responses/{id}."""
    job = _find(world, ask)
    if job.body["background"] and world.poll(job) < 1:
        return ok(_waiting(job.body, "in_progress"))
    return ok(job.body)


def delete(world: World, ask: Ask) -> Reply:
    """DELETE /responses/{id}."""
    _find(world, ask)
    del world.responses[ask.args[0]]
    return ok({"id": ask.args[0], "object": "response", "deleted": True})


def cancel(world: World, ask: Ask) -> Reply:
    """POST /responses/{id}/cancel."""
    job = _find(world, ask)
    if not job.body["background"]:
        raise Refusal(400, "Cannot cancel a synchronous response.")
    job.body = _waiting(job.body, "cancelled")
    job.body["background"] = False  # it will not go on
    return ok({**job.body, "background": True})


def _find(world: World, ask: Ask) -> Job:
    job = world.responses.get(ask.args[0])
    if job is None:
        raise Refusal(404, f"Response with id '{ask.args[0]}' not found.", param="response_id")
    return job


def _waiting(done: Json, status: str) -> Json:
    return {**done, "status": status, "output": [], "usage": None, "completed_at": None}


def _whole(request: Json, made: str, ask: Ask) -> tuple[Json, list[list[str]], list[str]]:
    """The finished response, the pieces each of its items is streamed in, and those of what it thinks."""
    seed = seed_of({**request, "model": ask.model})
    items, told, cut = _items(request, seed, ask)
    tokens = [piece for pieces in told for piece in pieces]
    thoughts = think(seed, tokens=ask.thoughts)
    asked = count(request.get("input"))
    form: Json = request.get("text") or {"format": {"type": "text"}}
    body: Json = {
        "id": made,
        "object": "response",
        "created_at": now(),
        "completed_at": now(),
        "status": "incomplete" if cut else "completed",
        "background": bool(request.get("background")),
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "metadata": request.get("metadata") or {},
        "model": ask.model,
        "output": [*_reasoning(seed, thoughts), *items],
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "previous_response_id": request.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": request.get("store") is not False,
        "temperature": request.get("temperature", 1.0),
        "text": form,
        "tool_choice": request.get("tool_choice", "auto"),
        "tools": request.get("tools") or [],
        "top_p": request.get("top_p", 1.0),
        "truncation": request.get("truncation") or "disabled",
        "usage": {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": len(tokens) + len(thoughts),
            "output_tokens_details": {"reasoning_tokens": len(thoughts)},
            "total_tokens": asked + len(tokens) + len(thoughts),
        },
    }
    return body, told, thoughts


def _reasoning(seed: int, thoughts: list[str]) -> list[Json]:
    """The item that tells what it thought, if it did."""
    summary = [{"type": "summary_text", "text": "".join(thoughts)}]
    return [{"id": f"rs_{seed:016x}", "type": "reasoning", "summary": summary}] if thoughts else []


def _items(request: Json, seed: int, ask: Ask) -> tuple[list[Json], list[list[str]], bool]:
    """The items of the answer, the pieces each is streamed in, and whether its limit cut it."""
    rounds = _rounds([as_object(item).get("type") for item in as_list(request.get("input"))])
    if calls := called(offer(request, rounds), seed, ask.tool_rounds):
        items: list[Json] = [
            {
                "id": f"fc_{call.mark}",
                "type": "function_call",
                "status": "completed",
                "name": call.name,
                "call_id": f"call_{call.mark}",
                "arguments": call.text,
            }
            for call in calls
        ]
        return items, [call.pieces for call in calls], False
    schema = wanted_schema(as_object(request.get("text")).get("format"))
    tokens, cut = answer_tokens(seed, schema=schema, limit=request.get("max_output_tokens"), length=ask.tokens)
    part: Json = {"type": "output_text", "text": "".join(tokens), "annotations": [], "logprobs": []}
    item: Json = {"id": f"msg_{seed:016x}", "type": "message", "status": "incomplete" if cut else "completed"}
    return [{**item, "role": "assistant", "content": [part]}], [tokens], cut


def _rounds(kinds: list[Any]) -> int:
    """How often tools were called: calls that stand together are one time."""
    calls = [kind == "function_call" for kind in kinds]
    return sum(call and not before for call, before in zip(calls, [False, *calls], strict=False))


def _events(done: Json, pieces: list[list[str]], thoughts: list[str]) -> list[Event]:
    """The whole sequence, numbered."""
    told = [("created", {"response": _waiting(done, "in_progress")})]
    told.append(("in_progress", {"response": _waiting(done, "in_progress")}))
    rest = iter(pieces)
    for place, item in enumerate(done["output"]):
        reasoning = item["type"] == "reasoning"
        told += _thought_events(item, thoughts, place) if reasoning else _item_events(item, next(rest), place)
    told.append((done["status"], {"response": done}))
    return [
        event(
            {"type": f"response.{kind}", **fields, "sequence_number": number},
            content=kind.endswith(".delta"),
            thought=kind == _THOUGHT,
            name=f"response.{kind}",
        )
        for number, (kind, fields) in enumerate(told)
    ]


_THOUGHT = "reasoning_summary_text.delta"


def _thought_events(item: Json, thoughts: list[str], index: int) -> list[tuple[str, Json]]:
    inside: Json = {"item_id": item["id"], "output_index": index, "summary_index": 0}
    (part,) = item["summary"]
    return [
        ("output_item.added", {"output_index": index, "item": {**item, "summary": []}}),
        ("reasoning_summary_part.added", {**inside, "part": {**part, "text": ""}}),
        *((_THOUGHT, {**inside, "delta": thought}) for thought in thoughts),
        ("reasoning_summary_text.done", {**inside, "text": part["text"]}),
        ("reasoning_summary_part.done", {**inside, "part": part}),
        ("output_item.done", {"output_index": index, "item": item}),
    ]


def _item_events(item: Json, tokens: list[str], index: int) -> list[tuple[str, Json]]:
    place: Json = {"item_id": item["id"], "output_index": index}
    begun = {**item, "status": "in_progress"}
    if item["type"] == "function_call":
        return [
            ("output_item.added", {"output_index": index, "item": {**begun, "arguments": ""}}),
            *(("function_call_arguments.delta", {**place, "delta": token}) for token in tokens),
            ("function_call_arguments.done", {**place, "name": item["name"], "arguments": item["arguments"]}),
            ("output_item.done", {"output_index": index, "item": item}),
        ]
    part: Json = item["content"][0]
    inside: Json = {**place, "content_index": 0}
    return [
        ("output_item.added", {"output_index": index, "item": {**begun, "content": []}}),
        ("content_part.added", {**inside, "part": {**part, "text": ""}}),
        *(("output_text.delta", {**inside, "delta": token, "logprobs": []}) for token in tokens),
        ("output_text.done", {**inside, "text": part["text"], "logprobs": []}),
        ("content_part.done", {**inside, "part": part}),
        ("output_item.done", {"output_index": index, "item": item}),
    ]
